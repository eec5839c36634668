//! What only other records can tell. Whoever has them adds it to a finding that is already judged; severity and score follow and
//! never fall.

use chrono::{DateTime, Utc};

use super::finding::{Finding, FindingKind, Severity};
use super::reason::{Reason, ReasonName};
use super::verdict::{Signs, severity};

/// The same outside target was seen on other mailboxes within 7 days. `mailboxes` and `tenants` count all that forward there, this
/// one included.
pub fn add_shared_target(finding: &mut Finding, mailboxes: usize, tenants: usize) {
    if finding.outside_targets.is_empty() {
        return;
    }
    let sentence = format!(
        "The same outside address was the target of {} in {} within 7 days.",
        counted(mailboxes, "mailbox", "mailboxes"),
        counted(tenants, "tenant", "tenants"),
    );
    add(finding, ReasonName::SharedTarget, sentence);
}

/// A way to sign in was changed at `changed`, within 24 h before this threat of the same user.
pub fn add_method_changed_nearby(finding: &mut Finding, changed: DateTime<Utc>) {
    let sentence = format!("A way to sign in to this account was changed shortly before, at {}.", at(changed));
    add(finding, ReasonName::MethodChangedNearby, sentence);
}

/// This change of a sign-in method came within 24 h after a threat of the same user, at `threat`. Nothing happens to findings of
/// other kinds and to changes that failed.
pub fn raise_after_threat(finding: &mut Finding, threat: DateTime<Utc>) {
    let is_change = finding.reasons.iter().any(|reason| reason.name == ReasonName::MethodChanged);
    if finding.kind != FindingKind::SignInMethod || !is_change {
        return;
    }
    let sentence = format!("The change came within 24 hours after a threat on the same account, at {}.", at(threat));
    add(finding, ReasonName::MethodChangedAfterThreat, sentence);
}

/// The contact that was given another address is one that `mailbox` forwards to. Nothing happens to findings of other kinds.
pub fn raise_forwarding_target(finding: &mut Finding, mailbox: &str) {
    if finding.kind != FindingKind::ContactRetargeted || finding.outside_targets.is_empty() {
        return;
    }
    let sentence = format!("The mailbox {} forwards its mail to this contact.", super::evidence::shown(mailbox));
    add(finding, ReasonName::SharedTarget, sentence);
}

/// Adds a reason, or says it anew with the newer facts.
fn add(finding: &mut Finding, name: ReasonName, sentence: String) {
    match finding.reasons.iter_mut().find(|reason| reason.name == name) {
        Some(reason) => reason.sentence = sentence,
        None => finding.reasons.push(Reason::new(name, sentence)),
    }
    let signs = Signs { reasons: finding.reasons.iter().map(|reason| reason.name).collect(), ..Signs::default() };
    finding.severity = finding.severity.max(severity(&signs));
    finding.threat |= finding.severity > Severity::Low;
    finding.weigh();
}

fn counted(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

fn at(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M UTC").to_string()
}
