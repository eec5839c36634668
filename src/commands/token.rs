//! `tenantwatch token`: mints an action token for whoever holds the settings, when the one of the notification has expired or
//! was lost.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::clock::SystemClock;
use crate::ledger::{self, CoverageRow, ProcessedRow};
use crate::names::RecordId;
use crate::notify::can_be_acted_on;
use crate::notify::token::{ActionTokens, Scope, UNDO_LIFE};
use crate::store::{Key, PartitionKey, Query, RowKey, StoreError};

use super::{EXIT_USAGE, run, serve};

/// Nothing was found to mint a token for.
const EXIT_MISSING: u8 = 1;

/// What the token is for.
#[derive(Debug, clap::Args)]
pub struct TokenArgs {
    /// The log id of the threat, as notified
    #[arg(value_name = "LOG_ID")]
    pub log_id: RecordId,
    /// `act` for Remediate, Preview and Dismiss; `undo` for Undo
    #[arg(long, value_name = "SCOPE", default_value = "act")]
    pub scope: Scope,
    /// The data folder of `tenantwatch run`, used when no Azure storage is set
    #[arg(long, value_name = "DIR", default_value = "tenantwatch-data")]
    pub data: PathBuf,
}

/// Why there is no token.
#[derive(Debug, thiserror::Error)]
pub enum TokenCommandError {
    /// The settings or the store cannot be used.
    #[error("{0}")]
    Start(String),
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is nothing to sign with.
    #[error("ACTION_KEY is not set, so RemediateAccount demands no token")]
    NoKey,
    /// No tenant has such a finding.
    #[error("no threat is stored under the log id {0} in any tenant")]
    NoSuchThreat(RecordId),
}

/// Prints a token.
pub async fn run(args: TokenArgs) -> ExitCode {
    let outcome = match open(&args) {
        Ok(app) => mint(&app, &args.log_id, args.scope).await,
        Err(error) => Err(TokenCommandError::Start(error)),
    };
    match outcome {
        Ok(token) => {
            println!("{}", token.expose_secret());
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tenantwatch: {error}");
            let is_missing = matches!(error, TokenCommandError::NoSuchThreat(_));
            ExitCode::from(if is_missing { EXIT_MISSING } else { EXIT_USAGE })
        }
    }
}

/// Mints a token for the threat with this log id, whichever tenant it is of.
///
/// # Errors
/// When there is no such threat, no key, or no store.
pub async fn mint(app: &App, log_id: &RecordId, scope: Scope) -> Result<SecretString, TokenCommandError> {
    let tokens = ActionTokens::new(&app.settings.actions);
    if !tokens.are_demanded() {
        return Err(TokenCommandError::NoKey);
    }
    let finding = find(app, log_id).await?.ok_or(TokenCommandError::NoSuchThreat(*log_id))?;
    let life = match scope {
        Scope::Act => TimeDelta::from_std(app.settings.actions.token_life).unwrap_or(TimeDelta::zero()),
        Scope::Undo => UNDO_LIFE,
    };
    tokens.mint(&finding, scope, app.clock.now() + life).ok_or(TokenCommandError::NoKey)
}

/// A log id does not say whose it is, so every known tenant is asked.
async fn find(app: &App, log_id: &RecordId) -> Result<Option<ProcessedRow>, StoreError> {
    let store = app.store.as_ref();
    let tenants: Vec<(CoverageRow, _)> = ledger::list(store, Query::partition(PartitionKey::tenants())).await?;
    for (tenant, _) in tenants {
        let key = Key::new(PartitionKey::domain(&tenant.domain), RowKey::record(log_id));
        let found: Option<(ProcessedRow, _)> = ledger::load(store, &key).await?;
        if let Some((row, _)) = found.filter(|(row, _)| can_be_acted_on(row)) {
            return Ok(Some(row));
        }
    }
    Ok(None)
}

/// The store of `serve` when Azure storage is set, else that of `run`.
fn open(args: &TokenArgs) -> Result<App, String> {
    let is_set = |name: &str| std::env::var(name).is_ok_and(|value| !value.trim().is_empty());
    let azure = ["AzureWebJobsStorage", "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__tableServiceUri"];
    if azure.into_iter().any(is_set) {
        return serve::open_app().map_err(|error| error.to_string());
    }
    if !args.data.is_dir() {
        return Err(format!("no Azure storage is set, and there is no data folder {}", args.data.display()));
    }
    run::open(&args.data, std::env::vars(), Arc::new(SystemClock)).map_err(|error| error.to_string())
}
