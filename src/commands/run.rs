//! `tenantwatch run`: all three functions on this machine. Own timer, SQLite in a data folder, RemediateAccount on 127.0.0.1.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::app::App;
use crate::clock::{Clock, SystemClock};
use crate::host::standalone;
use crate::settings::{Needs, Settings};
use crate::store::SqliteStore;

use super::{EXIT_USAGE, cycle};

/// The file in the data folder that holds the `ACTION_KEY` made by us.
const ACTION_KEY_FILE: &str = "action-key";

/// Where and how to run.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Run one cycle, then stop
    #[arg(long)]
    pub once: bool,
    /// The folder that holds the database and, when ACTION_KEY is unset, the key that is made
    #[arg(long, value_name = "DIR", default_value = "tenantwatch-data")]
    pub data: PathBuf,
    /// The port on 127.0.0.1 where RemediateAccount listens; 0 takes a free one
    #[arg(long, value_name = "N", default_value_t = 7071)]
    pub port: u16,
}

/// Why it could not start, or stopped.
#[derive(Debug, thiserror::Error)]
pub(super) enum RunError {
    #[error(transparent)]
    Settings(#[from] crate::settings::SettingsError),
    #[error("the data folder {0} cannot be used: {1}")]
    Data(PathBuf, std::io::Error),
    #[error("port {0} on 127.0.0.1 cannot be used: {1}")]
    Port(u16, std::io::Error),
    #[error(transparent)]
    Store(#[from] crate::store::StoreError),
    #[error(transparent)]
    App(#[from] crate::app::AppError),
    #[error("GetDomainSchedule never comes due again: {0}")]
    Schedule(String),
}

/// Runs until it is stopped, or one cycle.
pub async fn run(args: RunArgs) -> ExitCode {
    match run_until_stopped(args).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("tenantwatch: {error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

async fn run_until_stopped(args: RunArgs) -> Result<ExitCode, RunError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let app = open(&args.data, std::env::vars(), Arc::clone(&clock))?;
    if args.once {
        return Ok(once(&app).await);
    }
    let listener =
        tokio::net::TcpListener::bind(("127.0.0.1", args.port)).await.map_err(|e| RunError::Port(args.port, e))?;
    let address = listener.local_addr().map_err(|e| RunError::Port(args.port, e))?;
    tracing::info!(%address, "RemediateAccount listens");
    let server = tokio::spawn(standalone::serve(listener, app.clone()));
    let timer = keep_cycling(&app);
    tokio::select! {
        result = timer => result?,
        ended = server => tracing::error!(?ended, "the HTTP server ended"),
        _ = tokio::signal::ctrl_c() => tracing::info!("stopped; whatever was under way goes on in the next run"),
    }
    Ok(ExitCode::SUCCESS)
}

/// The functions over the embedded store in `data`.
pub(super) fn open(
    data: &Path,
    environment: impl Iterator<Item = (String, String)>,
    clock: Arc<dyn Clock>,
) -> Result<App, RunError> {
    let refuse = |error| RunError::Data(data.to_owned(), error);
    let mut environment: BTreeMap<String, String> = environment.collect();
    std::fs::create_dir_all(data).map_err(refuse)?;
    if environment.get("ACTION_KEY").is_none_or(|key| key.trim().is_empty()) {
        environment.insert("ACTION_KEY".to_owned(), kept_action_key(&data.join(ACTION_KEY_FILE)).map_err(refuse)?);
    }
    let settings = Settings::from_environment(environment, Needs::LOCAL)?;
    let store = Arc::new(SqliteStore::open(&data.join("tenantwatch.db"), Arc::clone(&clock))?);
    Ok(App::new(settings, store, clock)?)
}

/// The action key in `file`; made there, readable by its owner alone, when there is none yet.
fn kept_action_key(file: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(file) {
        Ok(key) if !key.trim().is_empty() => return Ok(key.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let key = BASE64.encode(bytes);
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(file)?.write_all(key.as_bytes())?;
    Ok(key)
}

/// One cycle; fails when GetDomain or any tenant failed.
async fn once(app: &App) -> ExitCode {
    if report(cycle(app).await) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A cycle now and one at every time of the schedule.
async fn keep_cycling(app: &App) -> Result<(), RunError> {
    loop {
        report(cycle(app).await);
        let now = app.clock.now();
        let schedule = &app.settings.collection.schedule;
        let next = schedule.find_next_occurrence(&now, false).map_err(|error| RunError::Schedule(error.to_string()))?;
        app.clock.sleep((next - now).to_std().unwrap_or_default()).await;
    }
}

/// Logs what a cycle did. Whether all of it went well.
fn report(outcome: Result<super::Cycle, crate::functions::FunctionError>) -> bool {
    let cycle = match outcome {
        Ok(cycle) => cycle,
        Err(error) => {
            tracing::error!(%error, "GetDomain failed");
            return false;
        }
    };
    let mut all_well = true;
    for (message, outcome) in &cycle.tenants {
        match outcome {
            Ok(done) => tracing::info!(
                tenant = %message.domain, blobs = done.blobs, records = done.records, findings = done.findings,
                threats = done.threats, notified = done.notified, owed = done.owed, "read"
            ),
            Err(error) => {
                all_well = false;
                tracing::error!(tenant = %message.domain, %error, "not read");
            }
        }
    }
    all_well
}
