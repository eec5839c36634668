//! `tenantwatch run`: all three functions on this machine. Own timer, SQLite in a data folder, RemediateAccount on 127.0.0.1.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::App;
use crate::host::standalone;

use super::bootstrap::{self, OpenError};
use super::{EXIT_USAGE, cycle, report};

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
enum RunError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("port {0} on 127.0.0.1 cannot be used: {1}")]
    Port(u16, #[source] std::io::Error),
    #[error("the HTTP server ended: {0}")]
    Server(String),
    #[error("signals cannot be received: {0}")]
    Signal(#[source] std::io::Error),
    #[error("GetDomainSchedule never comes due again: {0}")]
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
        ended = server => return Err(RunError::Server(format!("{ended:?}"))),
        asked = asked_to_stop() => asked.map_err(RunError::Signal)?,
    }
    tracing::info!("stopped; whatever was under way goes on in the next run");
    Ok(ExitCode::SUCCESS)
}

/// Ctrl-C and, where there is one, the signal with which service managers and containers stop a process.
async fn asked_to_stop() -> std::io::Result<()> {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate())?;
        tokio::select! {
            pressed = tokio::signal::ctrl_c() => pressed,
            _ = terminate.recv() => Ok(()),
        }
    }
    #[cfg(not(unix))]
    tokio::signal::ctrl_c().await
}

/// One cycle; fails when GetDomain or any tenant failed.
async fn once(app: &App) -> ExitCode {
    if log_cycle(cycle(app).await) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A cycle now and one at every time of the schedule.
async fn keep_cycling(app: &App) -> Result<(), RunError> {
    loop {
        log_cycle(cycle(app).await);
        let now = app.clock.now();
        let schedule = &app.settings.collection.schedule;
        let next = schedule.find_next_occurrence(&now, false).map_err(|error| RunError::Schedule(error.to_string()))?;
        app.clock.sleep((next - now).to_std().unwrap_or_default()).await;
    }
}

/// Logs what went wrong in a cycle. Whether nothing did.
fn log_cycle(outcome: Result<super::Cycle, crate::functions::FunctionError>) -> bool {
    let cycle = match outcome {
        Ok(cycle) => cycle,
        Err(error) => {
            tracing::error!(%error, "GetDomain failed");
            return false;
        }
    };
    // ProcessAuditLog itself logs what it has read.
    for (message, outcome) in &cycle.tenants {
        if let Err(error) = outcome {
            tracing::error!(tenant = %message.domain, %error, "not read");
        }
    }
    cycle.tenants.iter().all(|(_, outcome)| outcome.is_ok())
}
