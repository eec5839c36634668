//! Adds to findings what only other findings can tell. Severity and score follow and never fall.
//!
//! The collector adds to one finding at a time, as its records arrive. [`super::correlate`] relates a whole list, for a scan.

use chrono::{DateTime, TimeDelta, Utc};

use super::consent;
use super::finding::{Finding, FindingKind, Severity};
use super::judgement::{Judged, Judgement};
use super::reason::{Reason, ReasonName};
use super::score;
use super::sentence::shown;
use super::verdict::{Signals, severity};

/// The time within which a change and a threat to the same account belong together.
pub const NEARBY: TimeDelta = TimeDelta::hours(24);

/// The time within which records of one account and application are one consent.
pub const CONSENT_JOINS: TimeDelta = TimeDelta::minutes(10);

/// Adds that the same external target was seen on other mailboxes within 7 days. `mailboxes` and `tenants` count all that forward there,
/// including this one.
pub fn add_shared_target(finding: &mut impl Judged, mailboxes: usize, tenants: usize) {
    let sentence = format!(
        "The same external address was the target of {} in {} within 7 days.",
        counted(mailboxes, "mailbox", "mailboxes"),
        counted(tenants, "tenant", "tenants"),
    );
    add(&mut finding.judgement(), ReasonName::SharedTarget, sentence);
}

/// Returns whether a finding is a change that counts near a threat: Low alone, and of a type whose changes attackers make too. An attempt
/// that failed and a removal are none, because their reasons are empty.
pub fn is_change_near_threats(finding: &Finding) -> bool {
    finding.severity == Severity::Low
        && is_related_kind(finding.kind)
        && finding.reasons.iter().any(|reason| tells_of_a_change(reason.name))
}

fn is_related_kind(kind: FindingKind) -> bool {
    use FindingKind::*;
    !matches!(kind, InboxRule | InboxForward | AuditTampering | Coverage | Test)
}

fn tells_of_a_change(name: ReasonName) -> bool {
    use ReasonName::*;
    matches!(
        name,
        GrantsAccess
            | TransportRuleChanged
            | JournalRuleChanged
            | ConnectorChanged
            | MailTrustChanged
            | AutoReplySet
            | ClientAccessOpened
            | AppConsented
            | MethodChanged
            | DomainChanged
            | ContactPointsElsewhere
    )
}

/// Returns the names of a consent: its account with each key of its application, in lower case. Records with a name in common belong
/// together. Empty for other findings, and for a consent that was removed or failed.
pub fn consent_names(finding: &Finding) -> Vec<[String; 2]> {
    let account = concerned_accounts(finding).into_iter().next().unwrap_or_default();
    let is_consent = finding.kind == FindingKind::Consent && !finding.reasons.is_empty();
    let keys = finding.application.iter().filter(|_| is_consent);
    keys.map(|key| [account.clone(), key.to_lowercase()]).collect()
}

/// Returns the accounts that a finding concerns, in lower case, each once. A threat concerns the mailbox and the actor. A change
/// concerns the account that was changed: an administrator who resets another user's method is not the account with the new
/// method.
pub fn concerned_accounts(finding: &Finding) -> Vec<String> {
    let mut accounts = vec![finding.mailbox.to_lowercase(), finding.actor.to_lowercase()];
    accounts.retain(|account| !account.is_empty());
    accounts.dedup();
    if !finding.threat {
        accounts.truncate(1);
    }
    accounts
}

/// Adds to a threat that the same account was changed at `changed`, within 24 h before it. `change` is the type of that finding. Returns
/// whether the threat did not have the reason.
pub fn add_change_nearby(threat: &mut impl Judged, change: FindingKind, changed: DateTime<Utc>) -> bool {
    let (name, what) = nearby(change);
    add(&mut threat.judgement(), name, format!("{what} shortly before, at {}.", at(changed)))
}

fn nearby(change: FindingKind) -> (ReasonName, &'static str) {
    use FindingKind::*;
    let what = match change {
        SignInMethod => return (ReasonName::MethodChangedNearby, "A sign-in method of this account was changed"),
        MailboxPermission => "Access to this account's mailbox was granted",
        TransportRule => "This account created or changed a mail flow rule",
        JournalRule => "This account created or changed a journal rule",
        Connector => "This account created or changed a connector",
        MailboxTrust => "The safe or blocked senders of this account were changed",
        AutoReply => "An automatic reply of this account was set",
        ClientAccess => "A mail protocol was enabled for this account",
        Consent => "This account granted consent to an application",
        Domain => "This account changed a domain of the organization",
        ContactRetargeted => "This account pointed a contact to another address",
        InboxRule | InboxForward | AuditTampering | KnownAttackerAddress | Investigation | Coverage | Test => {
            "This account was changed"
        }
    };
    (ReasonName::ChangeNearby, what)
}

/// Adds to a change that it came within 24 h after a threat to the same account, at `threat`. Nothing happens to other findings. Returns
/// whether the change did not have the reason.
pub fn raise_after_threat(change: &mut impl Judged, threat: DateTime<Utc>) -> bool {
    let mut change = change.judgement();
    if !is_related_kind(change.kind) || !change.reasons.iter().any(|reason| tells_of_a_change(reason.name)) {
        return false;
    }
    let sentence =
        format!("The change was made within 24 hours after a threat to the same account (threat at {}).", at(threat));
    add(&mut change, ReasonName::AfterThreat, sentence)
}

/// Adds to a contact with a new address that `mailbox` forwards to it. Nothing happens to findings of other kinds.
pub fn raise_forwarding_target(finding: &mut impl Judged, mailbox: &str) {
    if finding.judgement().kind != FindingKind::ContactRetargeted {
        return;
    }
    let sentence = format!("The mailbox {} forwards its mail to this contact.", shown(mailbox));
    add(&mut finding.judgement(), ReasonName::SharedTarget, sentence);
}

/// Returns whether `later` is another record of the consent `first`: the same tenant, account and application, within 10 minutes.
pub fn joins_consent(first: &Finding, later: &Finding) -> bool {
    let is_consent = |finding: &Finding| finding.kind == FindingKind::Consent && !finding.reasons.is_empty();
    is_consent(first)
        && is_consent(later)
        && first.tenant_id == later.tenant_id
        && concerned_accounts(first).first() == concerned_accounts(later).first()
        && first.application.iter().any(|key| later.application.contains(key))
        && (later.event_time - first.event_time).abs() <= CONSENT_JOINS
}

/// Joins a later record of a consent to the finding of the first one: its scopes are added to `scopes`, its reasons to the judgement.
/// The fingerprint stays that of the first record. Returns whether there was a new scope.
pub fn join_consent(first: &mut impl Judged, scopes: &mut Vec<String>, later: &Finding) -> bool {
    let is_news = has_new_scope(scopes, &later.scopes);
    scopes.extend(later.scopes.iter().filter(|scope| !has_scope(scopes, scope)).cloned().collect::<Vec<_>>());
    let mut first = first.judgement();
    for reason in &later.reasons {
        let sentence = match reason.name {
            ReasonName::AppReadsMail => consent::reads_mail(&later.rule_name, &later.application, scopes),
            _ => reason.sentence.clone(),
        };
        add(&mut first, reason.name, sentence);
    }
    *first.severity = later.severity.max(*first.severity);
    *first.threat |= later.threat;
    score::weigh(&mut first);
    is_news
}

/// Returns whether a consent grants a permission that is not among the known ones. No mute and no earlier notification covers that.
pub fn has_new_scope(known: &[String], scopes: &[String]) -> bool {
    scopes.iter().any(|scope| !has_scope(known, scope))
}

fn has_scope(known: &[String], scope: &str) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(scope))
}

/// Adds a reason, or replaces its sentence with newer facts. Returns whether the reason is new.
fn add(judged: &mut Judgement<'_>, name: ReasonName, sentence: String) -> bool {
    let known = judged.reasons.iter_mut().find(|reason| reason.name == name);
    let is_new = known.is_none();
    match known {
        Some(reason) => reason.sentence = sentence,
        None => judged.reasons.push(Reason::new(name, sentence)),
    }
    let reasons = judged.reasons.iter().map(|reason| reason.name).collect();
    let signals = Signals { reasons, ..Signals::default() };
    *judged.severity = severity(&signals).max(*judged.severity);
    *judged.threat |= *judged.severity > Severity::Low;
    score::weigh(judged);
    is_new
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn at(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}
