//! Runs the handler's process: starts it, polls until it answers, reads its output, and restarts it or gives up.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::{Host, POLL_INTERVAL, Readiness, locked};

/// The time that the host waits for the first answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// The age after which a crash no longer counts.
const CRASH_MEMORY: Duration = Duration::from_secs(30 * 60);

/// The time that the rest of an ended process's output has to arrive.
const OUTPUT_LIMIT: Duration = Duration::from_secs(1);

/// The number of lines of standard error in the host's exception.
const LAST_LINES: usize = 3;

/// An order about the process.
#[derive(Debug)]
pub(super) enum Order {
    /// Kills the process as a crash would.
    Kill,
    /// Replaces the process. This does not count as a crash.
    Restart,
    /// Leaves the process alone, as a host that is killed does, and hands it over.
    Abandon(oneshot::Sender<Orphan>),
}

/// A handler whose host was killed. It still runs, without anyone who reads its output. Dropping it kills it.
#[derive(Debug)]
pub struct Orphan(Child);

impl Orphan {
    /// Returns whether the process ends within this time.
    pub async fn ends(&mut self, within: Duration) -> bool {
        tokio::time::timeout(within, self.0.wait()).await.is_ok()
    }
}

/// The level that the host gives a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// From standard output.
    Information,
    /// From standard error, with `warn` in it.
    Warning,
    /// From standard error.
    Error,
}

/// One line of the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// The level that the host gives the line.
    pub level: Level,
    /// The line.
    pub text: String,
}

/// The end of a process.
#[derive(Debug)]
enum End {
    /// The process ended by itself; with the last lines of its standard error.
    Exited(ExitStatus, String),
    Replaced,
    Never(String),
}

/// Keeps one handler running by the rules of the host.
///
/// Exit code 0 is never restarted, 200 always. Any other is a crash, and three crashes within 30 minutes stop the host. Its
/// exception then holds the last lines of standard error.
pub(super) async fn supervise(host: Arc<Host>, mut orders: mpsc::Receiver<Order>) {
    let mut crashes: Vec<Instant> = Vec::new();
    loop {
        host.readiness.send_replace(Readiness::Starting);
        let why = match run(&host, &mut orders).await {
            End::Replaced => continue,
            End::Never(why) => why,
            End::Exited(status, _) if status.code() == Some(0) => {
                "the handler exited with 0; it is never restarted".into()
            }
            End::Exited(status, _) if status.code() == Some(200) => continue,
            End::Exited(status, lines) => {
                crashes.retain(|crash| crash.elapsed() < CRASH_MEMORY);
                crashes.push(Instant::now());
                if crashes.len() < host.options.crashes_that_stop {
                    continue;
                }
                format!("the handler crashed {} times within 30 minutes, last with {status}: {lines}", crashes.len())
            }
        };
        host.readiness.send_replace(Readiness::Stopped(why));
        return;
    }
}

/// Runs the process once.
async fn run(host: &Arc<Host>, orders: &mut mpsc::Receiver<Order>) -> End {
    let (mut child, port) = match start(host) {
        Ok(started) => started,
        Err(error) => return End::Never(format!("the handler cannot be started: {error}")),
    };
    host.starts.fetch_add(1, Ordering::SeqCst);
    let output = child.stdout.take().map(|stream| keep_lines(host, stream, |_| Level::Information));
    let mut errors = child.stderr.take().map(|stream| keep_lines(host, stream, level_of_error));
    let mut answered = false;
    loop {
        tokio::select! {
            alive = first_answer(host, port), if !answered => {
                if !alive {
                    let _ = child.kill().await;
                    return End::Never("the handler gave no answer within 30 s".to_owned());
                }
                answered = true;
                host.readiness.send_replace(Readiness::Ready { port });
            }
            status = child.wait() => return match status {
                Ok(status) => End::Exited(status, last_lines(errors.take()).await),
                Err(error) => End::Never(error.to_string()),
            },
            order = orders.recv() => match order {
                Some(Order::Kill) => drop(child.start_kill()),
                Some(Order::Abandon(heir)) => {
                    // The pipes of a killed host close, and the process meets that when it writes.
                    output.into_iter().chain(errors).for_each(|lines| lines.abort());
                    let _ = heir.send(Orphan(child));
                    return End::Never("the host was killed".to_owned());
                }
                Some(Order::Restart) | None => {
                    let _ = child.kill().await;
                    return End::Replaced;
                }
            }
        }
    }
}

fn start(host: &Host) -> std::io::Result<(Child, u16)> {
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let root = host.options.app_root.canonicalize()?;
    let executable = host.options.executable.clone().unwrap_or_else(|| root.join(&host.app.host.executable));
    let inherited = ["PATH", "HOME", "TMPDIR"].into_iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
    let child = Command::new(executable)
        .args(&host.app.host.arguments)
        .current_dir(root)
        .env_clear()
        .envs(inherited)
        .env("AzureWebJobsStorage", &host.options.connection_string)
        .envs(&host.options.environment)
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
        .env("FUNCTIONS_HTTPWORKER_PORT", port.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    Ok((child, port))
}

/// Polls `GET /` until any answer comes. Returns whether one came in time.
async fn first_answer(host: &Host, port: u16) -> bool {
    let end = Instant::now() + START_LIMIT;
    while Instant::now() < end {
        if host.handler.is_ready(port).await {
            return true;
        }
        tokio::time::sleep(POLL_INTERVAL).await;
    }
    false
}

/// Records every line of a stream, and returns the lines when the stream ends.
fn keep_lines(
    host: &Arc<Host>,
    stream: impl AsyncRead + Unpin + Send + 'static,
    level: fn(&str) -> Level,
) -> JoinHandle<Vec<String>> {
    let host = Arc::clone(host);
    tokio::spawn(async move {
        let mut lines = BufReader::new(stream).lines();
        let mut all = Vec::new();
        while let Ok(Some(text)) = lines.next_line().await {
            all.push(text.clone());
            locked(&host.logs).push(LogLine { level: level(&text), text });
        }
        all
    })
}

async fn last_lines(errors: Option<JoinHandle<Vec<String>>>) -> String {
    let Some(errors) = errors else { return String::new() };
    let lines = tokio::time::timeout(OUTPUT_LIMIT, errors).await.ok().and_then(Result::ok).unwrap_or_default();
    lines[lines.len().saturating_sub(LAST_LINES)..].join(", ")
}

/// Returns the level of a line of standard error. The host looks for the word in any case.
fn level_of_error(line: &str) -> Level {
    if line.to_lowercase().contains("warn") { Level::Warning } else { Level::Error }
}
