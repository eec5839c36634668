//! `tenantwatch token`: an action token for whoever holds the settings.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::app::App;
use crate::ledger::{CoverageRow, ProcessedRow};
use crate::names::RecordId;
use crate::notify::token::{ActionTokens, Scope};
use crate::store::{Key, PartitionKey, Query, RowKey, StoreError, Table};

use super::EXIT_USAGE;
use super::opening::{self, OpenError};

/// Which token.
#[derive(Debug, clap::Args)]
pub struct TokenArgs {
    /// The log id of a notified threat
    #[arg(value_name = "LOG_ID")]
    pub log_id: RecordId,
    /// What the token allows: act (Remediate, Preview, Dismiss) or undo
    #[arg(long, value_enum, default_value = "act")]
    pub scope: ScopeArg,
    /// The data folder of `tenantwatch run`; without it the tables that AzureWebJobsStorage names
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// The scope as it is written.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ScopeArg {
    /// Remediate, Preview, Dismiss
    Act,
    /// Undo
    Undo,
}

/// Why no token was minted.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("no threat is stored under log id {0}")]
    Unknown(RecordId),
    #[error("ACTION_KEY is not set, so RemediateAccount demands no token")]
    NoKey,
}

/// Prints a token that lives as long as a button's.
pub async fn run(args: TokenArgs) -> ExitCode {
    match mint(&args).await {
        Ok(token) => {
            println!("{token}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("tenantwatch: {error}");
            ExitCode::from(EXIT_USAGE)
        }
    }
}

async fn mint(args: &TokenArgs) -> Result<String, TokenError> {
    use secrecy::ExposeSecret as _;
    let app = match &args.data {
        Some(folder) => opening::in_folder(folder)?,
        None => opening::in_azure()?,
    };
    let row = find(&app, &args.log_id).await?.filter(|row| row.threat).ok_or(TokenError::Unknown(args.log_id))?;
    let scope = match args.scope {
        ScopeArg::Act => Scope::Act,
        ScopeArg::Undo => Scope::Undo,
    };
    let expiry = app.clock.now() + app.settings.actions.token_life;
    let token = ActionTokens::new(&app.settings.actions).mint(&row, scope, expiry).ok_or(TokenError::NoKey)?;
    Ok(token.expose_secret().to_owned())
}

/// The finding, looked for under the domain of every known tenant.
async fn find(app: &App, log_id: &RecordId) -> Result<Option<ProcessedRow>, StoreError> {
    let mut query = Query::partition(PartitionKey::tenants());
    loop {
        let page = app.store.list(Table::Coverage, &query).await?;
        for stored in &page.rows {
            let (tenant, _) = CoverageRow::from_stored(stored)?;
            let key = Key::new(PartitionKey::domain(&tenant.domain), RowKey::record(log_id));
            if let Some(found) = app.store.get(Table::Processed, &key).await? {
                return Ok(Some(ProcessedRow::from_stored(&found)?.0));
            }
        }
        match page.next {
            Some(next) => query.after = Some(next),
            None => return Ok(None),
        }
    }
}
