//! `tenantwatch run`: all three functions on this machine, with a built-in timer, SQLite in a data folder, and RemediateAccount
//! on 127.0.0.1.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::App;
use crate::functions::FunctionError;
use crate::host::standalone;

use super::bootstrap::{self, BootstrapError};
use super::{Cycle, EXIT_USAGE, cycle, health, report};

/// The arguments of `run`.
#[derive(Debug, clap::Args)]
pub struct RunArgs {
    /// Run one cycle, then stop; exit code 1 if a tenant or channel needs attention
    #[arg(long)]
    pub once: bool,
    /// Folder for the database and, if ACTION_KEY is not set, the generated key
    #[arg(long, value_name = "DIR", default_value = "tenantwatch-data")]
    pub data: PathBuf,
    /// Port on 127.0.0.1 where RemediateAccount listens; 0 selects a free port
    #[arg(long, value_name = "N", default_value_t = 7071)]
    pub port: u16,
}

/// Why the command could not start, or stopped.
#[derive(Debug, thiserror::Error)]
enum RunError {
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    #[error("port {0} on 127.0.0.1 cannot be used: {1}; choose another one with --port")]
    Port(u16, #[source] std::io::Error),
    #[error("the HTTP server ended: {0}")]
    Server(String),
    #[error("signals cannot be received: {0}")]
    Signal(#[source] std::io::Error),
    #[error("GetDomainSchedule: the next time cannot be calculated: {0}")]
    Schedule(String),
}

/// Runs until it is stopped, or one cycle.
pub async fn run(args: RunArgs) -> ExitCode {
    match run_until_stopped(args).await {
        Ok(code) => code,
        Err(error) => {
            report(&error.to_string());
            ExitCode::from(EXIT_USAGE)
        }
    }
}

async fn run_until_stopped(args: RunArgs) -> Result<ExitCode, RunError> {
    let app = bootstrap::in_folder(&args.data)?;
    bootstrap::log_warnings(&app);
    if args.once {
        return Ok(run_once(&app).await);
    }
    let listener =
        tokio::net::TcpListener::bind(("127.0.0.1", args.port)).await.map_err(|e| RunError::Port(args.port, e))?;
    let address = listener.local_addr().map_err(|e| RunError::Port(args.port, e))?;
    tracing::info!(%address, "RemediateAccount listens");
    let server = tokio::spawn(standalone::serve(listener, app.clone()));
    let timer = run_on_schedule(&app);
    tokio::select! {
        result = timer => result?,
        ended = server => return Err(RunError::Server(format!("{ended:?}"))),
        requested = stop_requested() => requested.map_err(RunError::Signal)?,
    }
    tracing::info!("stopped; the next run continues");
    Ok(ExitCode::SUCCESS)
}

/// Waits for Ctrl-C or, on Unix, for the signal with which service managers and containers stop a process.
async fn stop_requested() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            interrupted = tokio::signal::ctrl_c() => interrupted,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// Runs one cycle. Exit code 1 if the cycle or the stored states show a problem.
async fn run_once(app: &App) -> ExitCode {
    let cycle = match cycle(app).await {
        Ok(cycle) => cycle,
        Err(error) => {
            tracing::error!("GetDomain failed: {error}");
            return ExitCode::FAILURE;
        }
    };
    let problems = match health::problems(app, &cycle).await {
        Ok(problems) => problems,
        Err(error) => vec![error.to_string()],
    };
    for problem in &problems {
        tracing::error!("{problem}");
    }
    if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a cycle now and another one whenever the schedule is due.
async fn run_on_schedule(app: &App) -> Result<(), RunError> {
    loop {
        log_failures(&cycle(app).await);
        let now = app.clock.now();
        let schedule = &app.settings.collection.schedule;
        let next = schedule.find_next_occurrence(&now, false).map_err(|error| RunError::Schedule(error.to_string()))?;
        app.clock.sleep((next - now).to_std().unwrap_or_default()).await;
    }
}

/// Logs the runs of a cycle that failed. ProcessAuditLog logs the others itself.
fn log_failures(outcome: &Result<Cycle, FunctionError>) {
    match outcome {
        Err(error) => tracing::error!("GetDomain failed: {error}"),
        Ok(cycle) => cycle.unread().iter().for_each(|problem| tracing::error!("{problem}")),
    }
}
