//! Adds to findings what only other findings can tell. Severity and score follow and never fall.
//!
//! The collector adds to one finding at a time, as its records arrive. [`correlate`] relates a whole list, for a scan.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};

use base::ids::{RecordId, TenantId};
use table_store::Digest;

use super::consent;
use super::evidence::shown;
use super::finding::{Finding, FindingKind, Severity};
use super::reason::{Reason, ReasonName};
use super::score;
use super::verdict::{Signals, severity};

/// The time within which a change and a threat to the same account belong together.
pub const NEARBY: TimeDelta = TimeDelta::hours(24);

/// The time within which records of one account and application are one consent.
pub const CONSENT_JOINS: TimeDelta = TimeDelta::minutes(10);

/// The time for which a target on another mailbox counts.
const TARGET_COUNTS: TimeDelta = TimeDelta::days(7);

/// The time for which a threat that was reported is not reported again.
const QUIET: TimeDelta = TimeDelta::days(30);

/// A judgement that other findings can add to: a finding, or the row that one was stored as.
pub trait Judged {
    /// The parts that can change.
    fn judgement(&mut self) -> Judgement<'_>;
}

/// The parts of a judgement.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// The type.
    pub kind: FindingKind,
    /// Whether a technician must be notified.
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

/// Relates the findings of a scan: unites the records of one consent, adds `SharedTarget`, `AfterThreat`, `ChangeNearby` and
/// `MethodChangedNearby`, raises contacts that mailboxes forward to, and names the finding that a repeat repeats. Afterwards the findings
/// are in the order of their time. They may come from several tenants.
pub fn correlate(findings: &mut Vec<Finding>) {
    findings.sort_by_key(|finding| (finding.event_time, finding.record_id));
    unite_consents(findings);
    relate_targets(findings);
    relate_contacts(findings);
    relate_accounts(findings);
    mark_repeats(findings);
}

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
pub fn is_change_near_threats(finding: &mut impl Judged) -> bool {
    let finding = finding.judgement();
    *finding.severity == Severity::Low
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

/// Returns the accounts that a finding concerns, in lower case, each once. A threat concerns the mailbox and the actor. A change concerns
/// the account that was changed: an administrator who resets a method of somebody else is not the account with the new method.
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
        InboxRule | InboxForward | AuditTampering | Coverage | Test => "This account was changed",
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
    let is_news = has_new_scope(scopes, later);
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
pub fn has_new_scope(known: &[String], consent: &Finding) -> bool {
    consent.scopes.iter().any(|scope| !has_scope(known, scope))
}

fn has_scope(known: &[String], scope: &str) -> bool {
    known.iter().any(|known| known.eq_ignore_ascii_case(scope))
}

/// Keeps the first finding of each consent, with the scopes of all its records.
fn unite_consents(findings: &mut Vec<Finding>) {
    let mut consents: Vec<usize> = Vec::new();
    let mut united: Vec<Finding> = Vec::with_capacity(findings.len());
    for finding in findings.drain(..) {
        // In the order of time: only the last few consents can be near enough.
        consents
            .retain(|at| united.get(*at).is_some_and(|first| finding.event_time - first.event_time <= CONSENT_JOINS));
        let first = consents.iter().find(|at| united.get(**at).is_some_and(|first| joins_consent(first, &finding)));
        match first.and_then(|at| united.get_mut(*at)) {
            Some(first) => unite(first, &finding),
            None => {
                if finding.kind == FindingKind::Consent {
                    consents.push(united.len());
                }
                united.push(finding);
            }
        }
    }
    *findings = united;
}

fn unite(first: &mut Finding, later: &Finding) {
    let mut scopes = std::mem::take(&mut first.scopes);
    join_consent(first, &mut scopes, later);
    first.scopes = scopes;
    if first.rule_name.is_empty() {
        first.rule_name.clone_from(&later.rule_name);
    }
    for (keys, more) in [(&mut first.application, &later.application)] {
        keys.extend(more.iter().filter(|key| !keys.contains(key)).cloned().collect::<Vec<_>>());
    }
    first.subjects.extend_from_slice(&later.subjects);
}

/// The mailboxes that used a target, with the time at which each was last seen.
type Users = HashMap<(TenantId, String), DateTime<Utc>>;

fn relate_targets(findings: &mut [Finding]) {
    let mut targets: HashMap<String, Users> = HashMap::new();
    for finding in findings.iter_mut().filter(|finding| finding.kind != FindingKind::ContactRetargeted) {
        for target in finding.outside_targets.clone() {
            let users = targets.entry(target).or_default();
            users.retain(|_, seen| finding.event_time - *seen <= TARGET_COUNTS);
            users.insert((finding.tenant_id, finding.mailbox.to_lowercase()), finding.event_time);
            let mut tenants: Vec<TenantId> = users.keys().map(|(tenant, _)| *tenant).collect();
            tenants.sort();
            tenants.dedup();
            if users.len() > 1 {
                add_shared_target(finding, users.len(), tenants.len());
            }
        }
    }
}

/// A contact is a forwarding target when another finding shows a mailbox that forwards to it by one of its names.
fn relate_contacts(findings: &mut [Finding]) {
    use FindingKind::{ContactRetargeted, InboxForward, InboxRule};
    let mut forwarding: HashMap<(TenantId, String), String> = HashMap::new();
    for finding in findings.iter().filter(|finding| matches!(finding.kind, InboxForward | InboxRule)) {
        for target in finding.forwarding_address.split(';').filter(|_| !finding.reasons.is_empty()) {
            forwarding.insert((finding.tenant_id, last_name(target)), finding.mailbox.clone());
        }
    }
    for contact in
        findings.iter_mut().filter(|finding| finding.kind == ContactRetargeted && !finding.outside_targets.is_empty())
    {
        if let Some(mailbox) = forwarding.get(&(contact.tenant_id, last_name(&contact.rule_name))) {
            raise_forwarding_target(contact, mailbox);
        }
    }
}

/// Returns the last part of a path, a distinguished name or an alias, in lower case.
fn last_name(text: &str) -> String {
    let last = text.rsplit(['/', '\\']).next().unwrap_or(text);
    last.rsplit_once("cn=").map_or(last, |(_, name)| name).trim().to_lowercase()
}

/// A change or a threat of one account: the index of the finding and its time.
#[derive(Debug, Default)]
struct OfAccount {
    threats: Vec<(usize, DateTime<Utc>)>,
    changes: Vec<(usize, DateTime<Utc>)>,
}

fn relate_accounts(findings: &mut [Finding]) {
    let mut accounts: HashMap<(TenantId, String), OfAccount> = HashMap::new();
    for (at, finding) in findings.iter_mut().enumerate() {
        let is_change = is_change_near_threats(finding);
        if !finding.threat && !is_change {
            continue;
        }
        for account in concerned_accounts(finding) {
            let of = accounts.entry((finding.tenant_id, account)).or_default();
            let list = if finding.threat { &mut of.threats } else { &mut of.changes };
            list.push((at, finding.event_time));
        }
    }
    for of in accounts.values() {
        relate_account(findings, of);
    }
}

/// Both lists are in the order of time, so each threat meets only the changes of the day before and after it.
fn relate_account(findings: &mut [Finding], of: &OfAccount) {
    for (threat, when) in &of.threats {
        let begin = of.changes.partition_point(|(_, changed)| *changed < *when - NEARBY);
        let near = of.changes.iter().skip(begin).take_while(|(_, changed)| *changed <= *when + NEARBY);
        for (change, changed) in near {
            let kind = findings.get(*change).map(|change| change.kind);
            match (kind, findings.get_mut(*threat), changed <= when) {
                (Some(kind), Some(threat), true) => {
                    add_change_nearby(threat, kind, *changed);
                }
                _ => {
                    if let Some(change) = findings.get_mut(*change) {
                        raise_after_threat(change, *when);
                    }
                }
            }
        }
    }
}

/// What is known of a fingerprint that was reported.
struct Reported {
    record: RecordId,
    since: DateTime<Utc>,
    severity: Severity,
    scopes: Vec<String>,
}

/// Names the earlier threat that a threat repeats: the same fingerprint within 30 days, no worse, without a new scope, and not removed in
/// the meantime.
fn mark_repeats(findings: &mut [Finding]) {
    let mut reported: HashMap<Digest, Reported> = HashMap::new();
    let mut by_subject: HashMap<Digest, Vec<Digest>> = HashMap::new();
    for finding in findings {
        for subject in &finding.removed {
            for fingerprint in by_subject.remove(subject).unwrap_or_default() {
                reported.remove(&fingerprint);
            }
        }
        if !finding.threat {
            continue;
        }
        for subject in &finding.subjects {
            by_subject.entry(subject.clone()).or_default().push(finding.fingerprint.clone());
        }
        match reported.get_mut(&finding.fingerprint).filter(|known| is_repeat(finding, known)) {
            Some(known) => finding.repeat_of = Some(known.record),
            None => {
                reported.insert(finding.fingerprint.clone(), report(finding, &reported));
            }
        }
    }
}

fn is_repeat(finding: &Finding, known: &Reported) -> bool {
    finding.event_time - known.since < QUIET
        && finding.severity <= known.severity
        && !has_new_scope(&known.scopes, finding)
}

fn report(finding: &Finding, reported: &HashMap<Digest, Reported>) -> Reported {
    let mut scopes = finding.scopes.clone();
    scopes.extend(reported.get(&finding.fingerprint).map(|known| known.scopes.clone()).unwrap_or_default());
    Reported { record: finding.record_id, since: finding.event_time, severity: finding.severity, scopes }
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
