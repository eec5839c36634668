//! `tenantwatch serve`: the custom handler that the Azure Functions host starts, as `host.json` says.

use std::convert::Infallible;
use std::net::Ipv4Addr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::net::TcpListener;
use tokio::sync::SetOnce;

use crate::app::App;
use crate::functions::remediate_account::Answer;
use crate::functions::{FunctionError, TenantMessage, get_domain, process_audit_log, remediate_account};
use crate::host::{Functions, Limits, router};
use crate::logging::PORT_VARIABLES;
use base::clock::Deadline;

use super::bootstrap::{self, BootstrapError};
use super::{EXIT_USAGE, report};

/// Why the command could not start, or ended.
#[derive(Debug, thiserror::Error)]
enum ServeError {
    #[error(
        "no port: the Functions host sets {}; without the host use `tenantwatch run`",
        PORT_VARIABLES[0]
    )]
    NoPort,
    #[error("{variable} is not a port number")]
    NotAPort { variable: &'static str },
    #[error("port {0} on 127.0.0.1 cannot be used: {1}")]
    Port(u16, #[source] std::io::Error),
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    #[error("an internal error ended the start: {0}")]
    Start(String),
    #[error("the HTTP server ended: {0}")]
    Server(String),
}

/// Serves until the host kills the process, which is how a host ends its handler. Never returns success, because the host does
/// not restart a handler that exited with 0.
pub async fn run() -> ExitCode {
    let Err(error) = serve().await;
    report(&error.to_string());
    ExitCode::from(EXIT_USAGE)
}

/// Listens first and opens everything else afterwards, because the host waits at most 30 s for a response to `GET /`.
async fn serve() -> Result<Infallible, ServeError> {
    let port = port_of(|name| std::env::var(name).ok())?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.map_err(|e| ServeError::Port(port, e))?;
    let functions = Arc::new(LazyFunctions::default());
    let server = tokio::spawn(axum::serve(listener, router(functions.clone(), Limits::default())).into_future());
    functions.open().await?;
    tracing::info!(port, "ready");
    match server.await {
        Ok(Ok(())) => Err(ServeError::Server("no reason given".to_owned())),
        Ok(Err(error)) => Err(ServeError::Server(error.to_string())),
        Err(error) => Err(ServeError::Server(error.to_string())),
    }
}

/// Returns the port that the host sets in an environment variable. An empty value counts as unset.
fn port_of(variable: impl Fn(&str) -> Option<String>) -> Result<u16, ServeError> {
    let set = PORT_VARIABLES.into_iter().find_map(|name| {
        let text = variable(name)?;
        (!text.trim().is_empty()).then_some((name, text))
    });
    let (name, text) = set.ok_or(ServeError::NoPort)?;
    match text.trim().parse() {
        Ok(port) if port != 0 => Ok(port),
        _ => Err(ServeError::NotAPort { variable: name }),
    }
}

/// The functions over an [`App`] that is built after the start; calls wait for it.
#[derive(Debug, Default)]
struct LazyFunctions {
    app: SetOnce<App>,
}

impl LazyFunctions {
    /// Builds the app on a thread of its own, so that the threads that respond to the host are not blocked.
    async fn open(&self) -> Result<(), ServeError> {
        let app =
            tokio::task::spawn_blocking(bootstrap::in_azure).await.map_err(|e| ServeError::Start(e.to_string()))??;
        bootstrap::log_warnings(&app);
        tokio::spawn({
            let app = app.clone();
            async move { bootstrap::send_warnings(&app).await }
        });
        self.app.set(app).map_err(|_| ServeError::Start("the app was built twice".to_owned()))
    }

    async fn deadline(&self, seconds: u64) -> (&App, Deadline) {
        let app = self.app.wait().await;
        (app, Deadline::after(Arc::clone(&app.clock), Duration::from_secs(seconds)))
    }
}

#[async_trait]
impl Functions for LazyFunctions {
    async fn get_domain(&self) -> Result<Vec<TenantMessage>, FunctionError> {
        let (app, deadline) = self.deadline(get_domain::DEADLINE_SECONDS).await;
        get_domain::run(app, &deadline).await
    }

    async fn process_audit_log(&self, message: &TenantMessage) -> Result<(), FunctionError> {
        let (app, deadline) = self.deadline(process_audit_log::DEADLINE_SECONDS).await;
        process_audit_log::run(app, message, &deadline).await.map(drop)
    }

    async fn remediate_account(&self, body: &[u8]) -> Answer {
        remediate_account::run(self.app.wait().await, body).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn port(newer: &str, older: &str) -> Result<u16, ServeError> {
        let values = [newer, older];
        port_of(|name| PORT_VARIABLES.iter().position(|own| *own == name).map(|at| values[at].to_owned()))
    }

    #[test]
    fn newer_port_variable_wins_and_empty_one_counts_as_unset() {
        assert_eq!(port("7001", "7002").unwrap(), 7001);
        assert_eq!(port(" ", "7002").unwrap(), 7002);
        assert!(matches!(port("", ""), Err(ServeError::NoPort)));
    }

    #[test]
    fn invalid_port_is_rejected_with_its_variable_name() {
        for text in ["0", "65536", "-1", "http"] {
            let error = port(text, "").unwrap_err();
            assert_eq!(error.to_string(), "FUNCTIONS_CUSTOMHANDLER_PORT is not a port number");
        }
    }
}
