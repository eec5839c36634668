//! `tenantwatch token`: creates an action token if the one of the notification has expired or was lost. Anyone who can read the
//! settings can create one.

use std::process::ExitCode;

use chrono::TimeDelta;
use secrecy::{ExposeSecret, SecretString};

use crate::notify::can_be_acted_on;
use crate::notify::token::{ActionTokens, Scope, UNDO_LIFE};
use crate::settings::{ActionKey, ActionSettings};
use crate::tables::stored_finding;
use base::ids::RecordId;
use table_store::StoreError;

use super::bootstrap::BootstrapError;
use super::{EXIT_USAGE, SettingsArgs, Tables, report};

/// The threat and the scope of the token.
#[derive(Debug, clap::Args)]
pub struct TokenArgs {
    /// Log id of a notified threat
    #[arg(value_name = "LOG_ID")]
    pub log_id: RecordId,
    /// Actions that the token allows: act (Remediate, Preview, Dismiss), undo, or force (Undo with Force)
    #[arg(long, value_enum, default_value = "act")]
    pub scope: ScopeArg,
    /// The source of the settings and of the tables.
    #[command(flatten)]
    pub source: SettingsArgs,
}

/// The scope as it is written on the command line.
#[derive(Debug, Clone, Copy, clap::ValueEnum)]
pub enum ScopeArg {
    /// Remediate, Preview, Dismiss
    Act,
    /// Undo
    Undo,
    /// Undo with Force: restores what a threat names, too
    Force,
}

impl From<ScopeArg> for Scope {
    fn from(scope: ScopeArg) -> Self {
        match scope {
            ScopeArg::Act => Self::Act,
            ScopeArg::Undo => Self::Undo,
            ScopeArg::Force => Self::Force,
        }
    }
}

/// Why no token was created.
#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No tenant has this threat.
    #[error("no threat is stored under log id {0}")]
    Unknown(RecordId),
    /// There is no key to sign with.
    #[error(
        "ACTION_KEY is not set, so no token can be signed; set ACTION_KEY for this command and for RemediateAccount"
    )]
    NoKey,
    /// No token is needed.
    #[error("ACTION_KEY is off, so RemediateAccount requires no token")]
    NotRequired,
}

/// Why no token is printed.
#[derive(Debug, thiserror::Error)]
enum TokenError {
    #[error(transparent)]
    Open(#[from] BootstrapError),
    #[error(transparent)]
    Issue(#[from] IssueError),
}

/// Prints a token that holds as long as that of a button, or 30 days for `undo`.
pub async fn run(args: TokenArgs) -> ExitCode {
    match open_and_issue(&args).await {
        Ok(token) => {
            use std::io::Write as _;
            // Fails only if the reader has closed the pipe.
            let _ = writeln!(std::io::stdout(), "{}", token.expose_secret());
            ExitCode::SUCCESS
        }
        Err(error) => {
            report(&error.to_string());
            ExitCode::from(EXIT_USAGE)
        }
    }
}

async fn open_and_issue(args: &TokenArgs) -> Result<SecretString, TokenError> {
    let (tables, actions) = args.source.tables_and_action_key()?;
    Ok(issue(&tables, &actions, &args.log_id, args.scope.into()).await?)
}

/// Creates a token for the threat with this log id, in whichever tenant it is.
///
/// # Errors
/// Returns [`IssueError`] if there is no such threat, no key, or the store cannot be read.
pub async fn issue(
    tables: &Tables,
    actions: &ActionSettings,
    log_id: &RecordId,
    scope: Scope,
) -> Result<SecretString, IssueError> {
    match actions.key {
        ActionKey::Unset => return Err(IssueError::NoKey),
        ActionKey::Off => return Err(IssueError::NotRequired),
        ActionKey::Signing(_) => {}
    }
    let tokens = ActionTokens::new(actions);
    let finding = stored_finding::by_log_id(tables.store.as_ref(), log_id).await?;
    let finding = finding.filter(can_be_acted_on).ok_or(IssueError::Unknown(*log_id))?;
    let life = match scope {
        Scope::Act | Scope::Force => TimeDelta::from_std(actions.token_life).unwrap_or(TimeDelta::zero()),
        Scope::Undo => UNDO_LIFE,
    };
    tokens.mint(&finding, scope, tables.clock.now(), life).ok_or(IssueError::NoKey)
}
