//! RemediateAccount: secures one account because of one stored record. The caller's word is never enough: it acts only on a
//! threat that is stored for that domain and that account, in the tenant that the stored row names.

use std::time::Duration;

use serde_json::{Value, json};
use tracing::Instrument as _;

use crate::app::App;
use crate::casework::note_secured;
use crate::notify::can_be_acted_on;
use crate::notify::token::{ActionTokens, CheckedToken, Claim, TokenRefusal};
use crate::remediation::accounts::Accounts;
use crate::remediation::remediate::{self, RemediationRequest};
use crate::remediation::{Action, Refusal, Report, Request, RunStatus, dismiss, told, undo};
use crate::tables::RowVersion;
use crate::tables::{self, CoverageRow, ProcessedRow};
use base::clock::Deadline;
use table_store::{Key, PartitionKey, RowKey, StoreError};

use super::tenant_span;

/// The time limit of one request, in seconds. Azure cuts a request off at 230, some callers earlier.
pub const DEADLINE_SECONDS: u64 = 100;

/// The part of [`DEADLINE_SECONDS`] that is reserved for storing the end of the run in a slow store.
const RESERVE_SECONDS: u64 = 13;

/// The response to the caller: an HTTP status and a JSON body.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// JSON body; `{"Error": …}` for a refusal.
    pub body: Value,
}

/// Answers one POST with this body, and logs the outcome in one line.
pub async fn run(app: &App, body: &[u8]) -> Answer {
    let deadline = Deadline::after(app.clock.clone(), Duration::from_secs(DEADLINE_SECONDS - RESERVE_SECONDS));
    match answer(app, body, &deadline).await {
        Ok(report) => {
            tracing::info!(
                domain = report.domain,
                action = report.action,
                run_id = report.run_id,
                outcome = report.status.as_str(),
                "RemediateAccount finished"
            );
            Answer { status: 200, body: json!(report) }
        }
        Err(refusal) => {
            let status = refusal.status();
            // A rejected request is the caller's error; a store or tenant that did not respond is one to look into.
            match status {
                500.. => tracing::error!(status, "RemediateAccount failed: {refusal}"),
                _ => tracing::info!(status, "RemediateAccount rejected the request: {refusal}"),
            }
            Answer { status, body: json!({ "Error": refusal.to_string() }) }
        }
    }
}

/// Refusals come in the order of this function, and before anything is changed but where they say what was.
async fn answer(app: &App, body: &[u8], deadline: &Deadline) -> Result<Report, Refusal> {
    let request = Request::parse(body)?;
    let token = check_token(app, &request)?;
    let slow = || StoreError::Unavailable("no answer in time".to_owned());
    let (finding, etag) = deadline.limit(Box::pin(find_threat(app, &request))).await.ok_or_else(slow)??;
    ActionTokens::new(&app.settings.actions).check_finding(&token, &finding, request.scope())?;
    if token.names_no_tenant() {
        deadline.limit(check_tenant(app, &finding)).await.ok_or_else(slow)??;
    }
    let span = tenant_span(&finding.tenant_id, &finding.domain, &finding.organization);
    let press = async {
        let mut report = act(app, &request, &finding, etag, deadline).await?;
        told::note_press(app, &finding, &mut report).await;
        let is_secured = matches!(report.status, RunStatus::Completed | RunStatus::CompletedWithErrors);
        if report.action == Action::Remediate.as_str() && is_secured {
            note_secured(app, &finding).await;
        }
        Ok(report)
    };
    press.instrument(span).await
}

async fn act(
    app: &App,
    request: &Request,
    finding: &ProcessedRow,
    etag: RowVersion,
    deadline: &Deadline,
) -> Result<Report, Refusal> {
    if request.action == Action::Dismiss {
        let dismissal = deadline.limit(Box::pin(dismiss::dismiss(app, finding, etag, request))).await;
        return dismissal.unwrap_or(Err(Refusal::Unsure));
    }
    let accounts = resolve(app, finding, deadline).await?;
    let compromised = accounts.compromised(request.account, |_| false);
    accounts.refuse_protected(&compromised, &app.settings.actions.protected_users)?;
    let press = RemediationRequest { app, finding, request, accounts: &accounts, deadline };
    match request.action {
        Action::Remediate => Box::pin(remediate::remediate(press)).await,
        Action::Preview => Box::pin(remediate::preview(press)).await,
        Action::Undo | Action::Dismiss | Action::Contain => Box::pin(undo::undo(press)).await,
    }
}

/// A token of the first version does not say which tenant it is for: then the row must name the one that is monitored under its domain.
async fn check_tenant(app: &App, finding: &ProcessedRow) -> Result<(), Refusal> {
    let key = CoverageRow::key(&finding.tenant_id);
    let tenant: Option<(CoverageRow, RowVersion)> = tables::load(app.store.as_ref(), &key).await?;
    match tenant.is_some_and(|(tenant, _)| tenant.domain == finding.domain) {
        true => Ok(()),
        false => Err(TokenRefusal::Changed.into()),
    }
}

fn check_token(app: &App, request: &Request) -> Result<CheckedToken, Refusal> {
    let claim = Claim {
        domain: &request.domain,
        account: &request.user,
        record_id: &request.record_id,
        scope: request.scope(),
    };
    let tokens = ActionTokens::new(&app.settings.actions);
    Ok(tokens.check(request.token.as_ref(), &claim, app.clock.now())?)
}

/// The stored threat that the request names.
async fn find_threat(app: &App, request: &Request) -> Result<(ProcessedRow, RowVersion), Refusal> {
    let key = Key::new(PartitionKey::domain(&request.domain), RowKey::record(&request.record_id));
    let (finding, etag): (ProcessedRow, RowVersion) =
        tables::load(app.store.as_ref(), &key).await?.ok_or(Refusal::NoSuchThreat(""))?;
    let user = request.user.to_lowercase();
    let is_account = |name: &str| !name.is_empty() && name.to_lowercase() == user;
    if !can_be_acted_on(&finding) || !(is_account(&finding.source_mailbox) || is_account(&finding.actor)) {
        return Err(Refusal::NoSuchThreat(""));
    }
    if finding.is_original() {
        return Err(Refusal::NoSuchThreat(": the runbooks of 2019 stored it, and it names no tenant"));
    }
    Ok((finding, etag))
}

async fn resolve(app: &App, finding: &ProcessedRow, deadline: &Deadline) -> Result<Accounts, Refusal> {
    let accounts = deadline.limit(Box::pin(Accounts::resolve(app, finding))).await;
    accounts.unwrap_or_else(|| Err(Refusal::Unreachable("no answer in time".to_owned())))
}
