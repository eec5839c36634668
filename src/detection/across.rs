//! What only other records can tell. Whoever has them adds it to a finding that is already judged; severity and score follow and
//! never fall.

use chrono::{DateTime, Utc};

use super::finding::{Finding, FindingKind, Severity};
use super::reason::{Reason, ReasonName};
use super::score;
use super::verdict::{Signs, severity};

/// A judgement that others can add to: a finding, or the row that one was stored as.
pub trait Judged {
    /// What can change.
    fn judgement(&mut self) -> Judgement<'_>;
}

/// What a judgement consists of.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// What it is about.
    pub kind: FindingKind,
    /// Whether a person must be told.
    pub threat: &'a mut bool,
    /// How bad it is.
    pub severity: &'a mut Severity,
    /// 0 to 100.
    pub score: &'a mut u8,
    /// Every cause, the weightiest first.
    pub reasons: &'a mut Vec<Reason>,
}

impl Judged for Finding {
    fn judgement(&mut self) -> Judgement<'_> {
        Judgement {
            kind: self.kind,
            threat: &mut self.threat,
            severity: &mut self.severity,
            score: &mut self.score,
            reasons: &mut self.reasons,
        }
    }
}

/// The same outside target was seen on other mailboxes within 7 days. `mailboxes` and `tenants` count all that forward there, this
/// one included.
pub fn add_shared_target(finding: &mut impl Judged, mailboxes: usize, tenants: usize) {
    let sentence = format!(
        "The same external address was the target of {} in {} within 7 days.",
        counted(mailboxes, "mailbox", "mailboxes"),
        counted(tenants, "tenant", "tenants"),
    );
    add(&mut finding.judgement(), ReasonName::SharedTarget, sentence);
}

/// A way to sign in was changed at `changed`, within 24 h before this threat of the same user. Whether that was news.
pub fn add_method_changed_nearby(threat: &mut impl Judged, changed: DateTime<Utc>) -> bool {
    let sentence = format!("A way to sign in to this account was changed shortly before, at {}.", at(changed));
    add(&mut threat.judgement(), ReasonName::MethodChangedNearby, sentence)
}

/// This change of a sign-in method came within 24 h after a threat of the same user, at `threat`. Nothing happens to findings of
/// other kinds and to changes that failed. Whether it was news.
pub fn raise_after_threat(change: &mut impl Judged, threat: DateTime<Utc>) -> bool {
    let mut change = change.judgement();
    let is_change = change.reasons.iter().any(|reason| reason.name == ReasonName::MethodChanged);
    if change.kind != FindingKind::SignInMethod || !is_change {
        return false;
    }
    let sentence = format!("The change came within 24 hours after a threat on the same account, at {}.", at(threat));
    add(&mut change, ReasonName::MethodChangedAfterThreat, sentence)
}

/// The contact that was given another address is one that `mailbox` forwards to. Nothing happens to findings of other kinds.
pub fn raise_forwarding_target(finding: &mut impl Judged, mailbox: &str) {
    if finding.judgement().kind != FindingKind::ContactRetargeted {
        return;
    }
    let sentence = format!("The mailbox {} forwards its mail to this contact.", super::evidence::shown(mailbox));
    add(&mut finding.judgement(), ReasonName::SharedTarget, sentence);
}

/// Adds a reason, or says it anew with the newer facts. Whether it is a new one.
fn add(judged: &mut Judgement<'_>, name: ReasonName, sentence: String) -> bool {
    let known = judged.reasons.iter_mut().find(|reason| reason.name == name);
    let is_new = known.is_none();
    match known {
        Some(reason) => reason.sentence = sentence,
        None => judged.reasons.push(Reason::new(name, sentence)),
    }
    let signs = Signs { reasons: judged.reasons.iter().map(|reason| reason.name).collect(), ..Signs::default() };
    *judged.severity = severity(&signs).max(*judged.severity);
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
