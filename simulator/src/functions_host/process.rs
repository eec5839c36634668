//! The handler's process: started, polled until it answers, listened to, started again or given up.

use std::net::{Ipv4Addr, TcpListener};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::{GLANCE, Host, Readiness, locked};

/// How long the host waits for the first answer.
const START_LIMIT: Duration = Duration::from_secs(30);

/// Crashes older than this are forgotten.
const CRASH_MEMORY: Duration = Duration::from_secs(30 * 60);

/// What the process can be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// Die, as in a crash.
    Kill,
    /// The host replaces the process; no crash.
    Restart,
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
    /// What the host makes of it.
    pub level: Level,
    /// The line.
    pub text: String,
}

/// How a process ended.
#[derive(Debug)]
enum End {
    Exited(ExitStatus),
    Replaced,
    Never(String),
}

/// Keeps one handler running, by the rules of the host: exit code 0 is never restarted, 200 always, any other is a crash,
/// and three of those within 30 minutes stop the host.
pub(super) async fn supervise(host: Arc<Host>, mut orders: mpsc::Receiver<Order>) {
    let mut crashes: Vec<Instant> = Vec::new();
    loop {
        host.readiness.send_replace(Readiness::Starting);
        let why = match run(&host, &mut orders).await {
            End::Replaced => continue,
            End::Never(why) => why,
            End::Exited(status) if status.code() == Some(0) => {
                "the handler exited with 0; it is never restarted".into()
            }
            End::Exited(status) if status.code() == Some(200) => continue,
            End::Exited(status) => {
                crashes.retain(|crash| crash.elapsed() < CRASH_MEMORY);
                crashes.push(Instant::now());
                if crashes.len() < host.options.crashes_that_stop {
                    continue;
                }
                format!("the handler crashed {} times within 30 minutes, last with {status}", crashes.len())
            }
        };
        host.readiness.send_replace(Readiness::Stopped(why));
        return;
    }
}

/// One life of the process.
async fn run(host: &Arc<Host>, orders: &mut mpsc::Receiver<Order>) -> End {
    let (mut child, port) = match start(host) {
        Ok(started) => started,
        Err(error) => return End::Never(format!("the handler cannot be started: {error}")),
    };
    host.starts.fetch_add(1, Ordering::SeqCst);
    if let Some(output) = child.stdout.take() {
        tokio::spawn(keep_lines(Arc::clone(host), output, |_| Level::Information));
    }
    if let Some(errors) = child.stderr.take() {
        tokio::spawn(keep_lines(Arc::clone(host), errors, level_of_error));
    }
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
            status = child.wait() => return status.map_or_else(|error| End::Never(error.to_string()), End::Exited),
            order = orders.recv() => {
                if order != Some(Order::Kill) {
                    let _ = child.kill().await;
                    return End::Replaced;
                }
                let _ = child.start_kill();
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

/// Polls `GET /` until any answer comes. Whether one came in time.
async fn first_answer(host: &Host, port: u16) -> bool {
    let end = Instant::now() + START_LIMIT;
    let url = format!("http://127.0.0.1:{port}/");
    while Instant::now() < end {
        if host.http.get(&url).send().await.is_ok() {
            return true;
        }
        tokio::time::sleep(GLANCE).await;
    }
    false
}

async fn keep_lines(host: Arc<Host>, stream: impl AsyncRead + Unpin, level: fn(&str) -> Level) {
    let mut lines = BufReader::new(stream).lines();
    while let Ok(Some(text)) = lines.next_line().await {
        locked(&host.logs).push(LogLine { level: level(&text), text });
    }
}

/// The host looks for the word in any case.
fn level_of_error(line: &str) -> Level {
    if line.to_lowercase().contains("warn") { Level::Warning } else { Level::Error }
}
