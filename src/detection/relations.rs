//! Relates a whole list of findings, as a scan has it.

use std::collections::{HashMap, VecDeque};

use base::ids::{RecordId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use table_store::Digest;

use super::correlation::{
    CONSENT_JOINS, NEARBY, add_change_nearby, add_shared_target, concerned_accounts, has_new_scope,
    is_change_near_threats, join_consent, joins_consent, raise_after_threat, raise_forwarding_target,
};
use super::finding::{Finding, FindingKind, Severity};

/// The time for which a target on another mailbox counts.
const TARGET_COUNTS: TimeDelta = TimeDelta::days(7);

/// The time for which a threat that was reported is not reported again.
const QUIET: TimeDelta = TimeDelta::days(30);

/// Relates the findings of a scan: unites the records of one consent, adds `SharedTarget`, `AfterThreat`, `ChangeNearby` and
/// `MethodChangedNearby`, raises contacts that mailboxes forward to, and names the finding that a repeat repeats. Afterwards the findings
/// are in the order of their time. They may come from several tenants.
pub fn correlate(findings: &mut Vec<Finding>) {
    unite_consents(findings);
    relate_targets(findings);
    relate_contacts(findings);
    relate_accounts(findings);
    mark_repeats(findings);
}

/// Returns whether [`correlate`] can change the judgement of this finding, or by it that of another.
pub fn can_relate(finding: &Finding) -> bool {
    use FindingKind::{Consent, ContactRetargeted, InboxForward, InboxRule};
    let is_target_named = matches!(finding.kind, InboxForward | InboxRule) && !finding.forwarding_address.is_empty();
    finding.threat
        || !finding.outside_targets.is_empty()
        || (is_target_named && !finding.reasons.is_empty())
        || matches!(finding.kind, Consent | ContactRetargeted)
        || is_change_near_threats(finding)
}

/// Puts findings in the order of their time, and keeps the first one of each consent, with the scopes of all its records.
pub fn unite_consents(findings: &mut Vec<Finding>) {
    findings.sort_by_key(|finding| (finding.event_time, finding.record_id));
    // In the order of time: only the last few consents can be near enough.
    let mut open: Vec<Finding> = Vec::new();
    let mut united: Vec<Finding> = Vec::with_capacity(findings.len());
    for mut finding in findings.drain(..) {
        if finding.kind != FindingKind::Consent {
            united.push(finding);
            continue;
        }
        united.extend(open.extract_if(.., |first| finding.event_time - first.event_time > CONSENT_JOINS));
        // One record may have a name of each of several: then all of them are one consent.
        for first in open.extract_if(.., |first| joins_consent(first, &finding)).collect::<Vec<_>>().into_iter().rev() {
            finding = unite(first, &finding);
        }
        open.push(finding);
    }
    united.extend(open);
    united.sort_by_key(|finding| (finding.event_time, finding.record_id));
    *findings = united;
}

fn unite(mut first: Finding, later: &Finding) -> Finding {
    let mut scopes = std::mem::take(&mut first.scopes);
    join_consent(&mut first, &mut scopes, later);
    first.scopes = scopes;
    if first.rule_name.is_empty() {
        first.rule_name.clone_from(&later.rule_name);
    }
    let new_keys = later.application.iter().filter(|key| !first.application.contains(key));
    let new_keys: Vec<String> = new_keys.cloned().collect();
    first.application.extend(new_keys);
    first.subjects.extend_from_slice(&later.subjects);
    first
}

/// The mailboxes that used a target within the last days.
#[derive(Default)]
struct Users {
    /// When each was last seen.
    seen: HashMap<(TenantId, String), DateTime<Utc>>,
    /// The number of mailboxes of each tenant.
    tenants: HashMap<TenantId, usize>,
    /// Every use, the oldest first.
    uses: VecDeque<(DateTime<Utc>, (TenantId, String))>,
}

impl Users {
    fn add(&mut self, mailbox: (TenantId, String), now: DateTime<Utc>) {
        while let Some((seen, oldest)) = self.uses.front().filter(|(seen, _)| now - *seen > TARGET_COUNTS).cloned() {
            self.uses.pop_front();
            // A mailbox that used the target again has a later time.
            if self.seen.get(&oldest) == Some(&seen) {
                self.seen.remove(&oldest);
                self.forget_one_of(oldest.0);
            }
        }
        if self.seen.insert(mailbox.clone(), now).is_none() {
            *self.tenants.entry(mailbox.0).or_default() += 1;
        }
        self.uses.push_back((now, mailbox));
    }

    fn forget_one_of(&mut self, tenant: TenantId) {
        if let Some(count) = self.tenants.get_mut(&tenant) {
            *count -= 1;
            if *count == 0 {
                self.tenants.remove(&tenant);
            }
        }
    }
}

fn relate_targets(findings: &mut [Finding]) {
    let mut targets: HashMap<String, Users> = HashMap::new();
    // Findings of one second have no order: each is shared with the others.
    for findings in findings.chunk_by_mut(|one, next| one.event_time == next.event_time) {
        for finding in findings.iter().filter(|finding| forwards(finding)) {
            for target in &finding.outside_targets {
                let users = targets.entry(target.clone()).or_default();
                users.add((finding.tenant_id, finding.mailbox.to_lowercase()), finding.event_time);
            }
        }
        for finding in findings.iter_mut().filter(|finding| forwards(finding)) {
            for target in finding.outside_targets.clone() {
                if let Some(users) = targets.get(&target).filter(|users| users.seen.len() > 1) {
                    add_shared_target(finding, users.seen.len(), users.tenants.len());
                }
            }
        }
    }
}

/// Returns whether a finding shows a mailbox that forwards to its targets. A contact forwards nothing itself.
fn forwards(finding: &Finding) -> bool {
    finding.kind != FindingKind::ContactRetargeted
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
    for (at, finding) in findings.iter().enumerate() {
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

/// The finding of a fingerprint that was reported.
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
        && !has_new_scope(&known.scopes, &finding.scopes)
}

fn report(finding: &Finding, reported: &HashMap<Digest, Reported>) -> Reported {
    let mut scopes = finding.scopes.clone();
    scopes.extend(reported.get(&finding.fingerprint).map(|known| known.scopes.clone()).unwrap_or_default());
    Reported { record: finding.record_id, since: finding.event_time, severity: finding.severity, scopes }
}
