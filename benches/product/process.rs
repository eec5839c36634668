//! The product as a process, and what the kernel says that it took (Linux: `proc(5)`).

use std::ffi::OsString;
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Returns the binary to measure: the one that `TENANTWATCH_BINARY` names, for example from `scripts/package`, or the one that
/// was built with the benchmark.
pub fn binary() -> OsString {
    std::env::var_os("TENANTWATCH_BINARY").unwrap_or_else(|| env!("CARGO_BIN_EXE_tenantwatch").into())
}

/// The time and memory that a process took from its start to its end.
#[derive(Debug, Clone, Copy)]
pub struct Taken {
    pub wall: Duration,
    /// User and system time, in steps of 10 ms.
    pub cpu: Duration,
    /// The most memory that was resident at once, in KiB.
    pub peak: u64,
}

impl Taken {
    /// The least of each that the same took in two passes, and the most memory.
    pub fn least(self, other: Self) -> Self {
        Self { wall: self.wall.min(other.wall), cpu: self.cpu.min(other.cpu), peak: self.peak.max(other.peak) }
    }

    pub fn mebibytes(self) -> f64 {
        self.peak as f64 / 1024.0
    }
}

/// `tenantwatch` with nothing in its environment but this.
pub fn tenantwatch<'a>(arguments: &[&str], environment: impl IntoIterator<Item = &'a (String, String)>) -> Command {
    let mut command = Command::new(binary());
    let environment = environment.into_iter().map(|(name, value)| (name, value));
    command.args(arguments).env_clear().envs(environment).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// One cycle over all tenants, with this data folder.
pub async fn run_once(environment: Vec<(String, String)>, data: &Path) -> Taken {
    run_apart(one_cycle(&environment, data)).await
}

/// The same, with everything that it logs in this file.
pub async fn run_logged(environment: Vec<(String, String)>, data: &Path, log: &Path) -> Taken {
    let mut command = one_cycle(&environment, data);
    let file = File::create(log).unwrap();
    command.stdout(file.try_clone().unwrap()).stderr(file);
    run_apart(command).await
}

fn one_cycle(environment: &[(String, String)], data: &Path) -> Command {
    tenantwatch(&["run", "--once", "--data", data.to_str().unwrap()], environment)
}

/// Runs it beside the simulator, which is in this process.
async fn run_apart(mut command: Command) -> Taken {
    tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap()
}

/// Runs it to its end, which has to be a good one.
pub fn run(command: &mut Command) -> Taken {
    let started = Instant::now();
    let mut child = command.spawn().expect("the binary starts");
    let mut peak = 0;
    while !has_ended(&child) {
        peak = peak_of(&child).unwrap_or_default().max(peak);
        std::thread::sleep(Duration::from_millis(2));
    }
    let taken = Taken { wall: started.elapsed(), cpu: cpu(&child.id().to_string()), peak };
    let status = child.wait().unwrap();
    assert!(status.success(), "{command:?} ended with {status}");
    taken
}

/// The time that a process, ended or not, has taken. Needs no `wait`, after which it would be gone.
pub fn cpu(process: &str) -> Duration {
    // Linux reports in hundredths of a second to every reader.
    const TICK: Duration = Duration::from_millis(10);
    let fields = stat(process).unwrap_or_default();
    let ticks = |at: usize| fields.get(at).and_then(|field| field.parse::<u32>().ok()).unwrap_or_default();
    TICK * (ticks(11) + ticks(12))
}

fn has_ended(child: &Child) -> bool {
    stat(&child.id().to_string()).is_none_or(|fields| fields[0] == "Z")
}

/// The fields behind the name, which is in brackets and may hold anything.
fn stat(process: &str) -> Option<Vec<String>> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, behind) = text.rsplit_once(") ")?;
    Some(behind.split(' ').map(str::to_owned).collect())
}

fn peak_of(child: &Child) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}
