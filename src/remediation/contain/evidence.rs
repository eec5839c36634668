//! Reads what the conditions of automatic containment are about.

use futures::future::join_all;
use futures::join;

use crate::detection::{FindingKind, ReasonName, is_high_without_forwarding, shows_whole_rule};
use crate::notify::seal::Seals;
use crate::remediation::accounts::{Account, Accounts};
use crate::remediation::boundary::{Boundary, Recipient, smtp_target};
use crate::remediation::context::RemediationContext;
use crate::remediation::history::History;
use crate::remediation::request::AccountChoice;
use crate::remediation::steps::{clear_forwarding, rules};
use crate::settings::ProtectedUser;
use crate::tables::{CoverageRow, ProcessedRow};
use audit_log::AuditRecord;
use chrono::{DateTime, TimeDelta, Utc};
use m365::exchange::MailboxId;

use super::conditions::{AccountFacts, Origin, Ours, Theirs};

/// The most targets that are looked up. One that is external is enough.
const TARGETS: usize = 10;

/// The length of one window of the log. A run with more to read is catching up.
const ONE_WINDOW: TimeDelta = TimeDelta::hours(24);

/// The type of a mailbox that belongs to a person
/// (<https://learn.microsoft.com/powershell/module/exchange/get-mailbox>).
const PERSONAL: &str = "UserMailbox";

/// Returns the facts about the row of a threat, which somebody else may have written.
pub fn of_row(row: &CoverageRow, finding: &ProcessedRow, seals: &Seals) -> Origin {
    let is_of_tenant = finding.tenant_id == row.tenant_id && finding.domain == row.domain;
    Origin { is_of_tenant, is_sealed: seals.hold_finding(finding) }
}

/// Returns the facts from the tables about a threat.
pub fn of_tables(row: &CoverageRow, finding: &ProcessedRow, now: DateTime<Utc>) -> Ours {
    let last_gap = row.gaps.iter().map(|gap| gap.to).max();
    let is_behind = row.covered_until.map(|covered| now - covered > ONE_WINDOW);
    Ours {
        now,
        event_time: finding.event_time,
        // A version that does not know the column may have noted a gap in the meantime.
        read_since: row.read_since.map(|since| last_gap.map_or(since, |gap| since.max(gap))),
        has_backlog: is_behind.map(|is_behind| is_behind || row.owed > 0 || !row.ahead.is_empty()),
    }
}

/// The accounts that a remediation of the finding would secure. `was_enabled` as [`Accounts::compromised`].
pub fn accounts_of(accounts: &Accounts, history: &History) -> Vec<Account> {
    accounts.compromised(AccountChoice::Auto, |id| history.was_enabled(id))
}

/// Reads the facts about a threat from the services of the tenant.
pub async fn of_tenant(context: &RemediationContext<'_>, history: &History, now: DateTime<Utc>) -> Theirs {
    let accounts = accounts_of(context.accounts, history);
    let facts = join_all(accounts.iter().map(|account| account_facts(context, account, history)));
    let (facts, (change_is_whole, targets), boundary) = join!(facts, change(context), context.boundary());
    let boundary = boundary.ok();
    let target_is_external = match is_high_without_forwarding(reasons(context.finding)) {
        true => None,
        false => Some(has_external_target(context, boundary, targets).await),
    };
    Theirs {
        now,
        accounts_are_known: actor_is_known(context) && accounts.iter().all(|account| account.object_id.is_some()),
        change_is_whole,
        domains_are_known: boundary.is_some(),
        target_is_external,
        accounts: facts,
        last_undo: Some(history.last_undo()),
    }
}

/// Returns whether the actor is the owner or another account of the tenant. Somebody else, such as an administrator of the provider,
/// may have made the change, and then the owner's account is not taken over.
fn actor_is_known(context: &RemediationContext<'_>) -> bool {
    let (finding, accounts) = (context.finding, context.accounts);
    let is_owner = finding.actor.trim().is_empty() || accounts.owner.has_name(&finding.actor);
    is_owner || accounts.actor.as_ref().is_some_and(|actor| actor.object_id.is_some())
}

async fn account_facts(context: &RemediationContext<'_>, account: &Account, history: &History) -> AccountFacts {
    let user = account.user.as_ref();
    let was_enabled = account.object_id.as_deref().is_some_and(|id| history.was_enabled(id));
    let (has_role, mailbox_is_personal) = join!(has_role(context, account), mailbox_is_personal(context, account));
    let protected: &[ProtectedUser] = &context.app.settings.actions.protected_users;
    AccountFacts {
        is_enabled: user.and_then(|user| user.account_enabled).map(|enabled| enabled || was_enabled),
        is_member: user.and_then(|user| user.user_type.as_deref()).map(|kind| kind.eq_ignore_ascii_case("Member")),
        is_protected: account.is_among(protected),
        has_role,
        mailbox_is_personal,
    }
}

async fn has_role(context: &RemediationContext<'_>, account: &Account) -> Option<bool> {
    let call = context.app.graph.has_directory_role(context.tenant(), account.key());
    context.ask_graph("transitiveMemberOf", call).await.ok()
}

async fn mailbox_is_personal(context: &RemediationContext<'_>, account: &Account) -> Option<bool> {
    let id = MailboxId { name: account.key().to_owned(), object_id: account.object_id.clone() };
    let limit = std::time::Duration::from_secs(20);
    let mailbox = context.within(limit, Box::pin(context.app.exchange.mailbox(context.tenant(), &id))).await?;
    Some(mailbox.ok()?.is_none_or(|mailbox| mailbox.recipient_type_details.eq_ignore_ascii_case(PERSONAL)))
}

fn reasons(finding: &ProcessedRow) -> impl Iterator<Item = ReasonName> {
    finding.reasons.iter().map(|reason| reason.name)
}

/// Returns whether the whole change is known, and whom the current settings send mail to.
async fn change(context: &RemediationContext<'_>) -> (bool, Vec<String>) {
    let finding = context.finding;
    let is_clear =
        !reasons(finding).any(|name| matches!(name, ReasonName::ContentNotVisible | ReasonName::TargetUnresolved));
    if finding.kind == FindingKind::InboxForward {
        return match clear_forwarding::read(context).await {
            Ok(Some(forwarding)) => (true, forwarding.targets().into_iter().map(str::to_owned).collect()),
            Ok(None) | Err(_) => (is_clear, Vec::new()),
        };
    }
    let is_unambiguous = || is_clear && record_shows_whole_rule(finding);
    let Ok(read) = rules::read(context).await else { return (is_unambiguous(), Vec::new()) };
    let offending = rules::offending(&read.known, finding);
    let is_whole = match (offending.is_empty(), read.unread()) {
        (false, _) => true,
        // It is gone, so what it did is known as far as the finding says so.
        (true, None) => is_clear,
        (true, Some(_)) => is_unambiguous(),
    };
    (is_whole, offending.into_iter().flat_map(|rule| rule.targets.clone()).collect())
}

/// A record that is cut says nothing.
fn record_shows_whole_rule(finding: &ProcessedRow) -> bool {
    AuditRecord::parse(finding.record.as_bytes()).is_ok_and(|record| shows_whole_rule(&record))
}

async fn has_external_target(
    context: &RemediationContext<'_>,
    boundary: Option<&Boundary>,
    current: Vec<String>,
) -> bool {
    let Some(boundary) = boundary else { return false };
    let stored = context.finding.forwarding_address.split(';').map(|target| target.trim().to_owned());
    let targets: Vec<String> = stored.chain(current).filter(|target| !target.is_empty()).take(TARGETS).collect();
    for target in &targets {
        if is_external(context, boundary, target).await {
            return true;
        }
    }
    false
}

async fn is_external(context: &RemediationContext<'_>, boundary: &Boundary, target: &str) -> bool {
    let is_external = |address| !boundary.is_inside(address) && !boundary.is_trusted(address);
    match smtp_target(target) {
        Some(address) if !boundary.is_inside(&address) => is_external(&address),
        _ => match context.recipient(target).await {
            Recipient::Mailbox(address) | Recipient::Other(address) => is_external(&address),
            Recipient::None | Recipient::Unread => false,
        },
    }
}
