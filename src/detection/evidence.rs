//! Collects what a detection found in one record, and turns it into a finding.

use std::collections::BTreeSet;

use audit_log::AuditRecord;
use table_store::Digest;

use super::finding::{Finding, FindingKind, Severity};
use super::judgement::Judged as _;
use super::knowledge::Knowledge;
use super::principals::Principals;
use super::reason::{Reason, ReasonName};
use super::record_facts::has_failed;
use super::score;
use super::sentence::shown;
use super::targets::Destination;
use super::verdict::{self, Signals};

/// The evidence that a detection found, before the verdict.
#[derive(Debug, Clone)]
pub(super) struct Evidence {
    pub(super) kind: FindingKind,
    reasons: Vec<Reason>,
    signals: Signals,
    /// At least this severe.
    pub(super) floor: Severity,
    /// Recorded, no threat, whatever the reasons: it failed, or it took something away.
    pub(super) is_settled: bool,
    pub(super) applies_to_all_mail: bool,
    pub(super) deletes: bool,
    pub(super) description: String,
    pub(super) rule_id: String,
    pub(super) rule_name: String,
    pub(super) forwarding_status: String,
    /// The destinations of the mail.
    destinations: Vec<Destination>,
    /// The values that distinguish this finding from others of the same tenant, mailbox and type. They are part of the
    /// fingerprint.
    pub(super) identity: Vec<String>,
    /// The objects that the record creates or changes: a rule by its id and by its name, a grant, an application.
    subjects: Vec<(FindingKind, String)>,
    /// The objects that the record removes or disables.
    removed: Vec<(FindingKind, String)>,
    /// The permissions that a consent grants.
    pub(super) scopes: Vec<String>,
    /// Every key of the application of a consent.
    pub(super) application: Vec<String>,
    /// `true` if a transient error withheld a fact that was needed.
    pub(super) rejudge: bool,
}

impl Evidence {
    pub(super) fn new(kind: FindingKind) -> Self {
        Self {
            kind,
            reasons: Vec::new(),
            signals: Signals::default(),
            floor: Severity::Low,
            is_settled: false,
            applies_to_all_mail: false,
            deletes: false,
            description: String::new(),
            rule_id: String::new(),
            rule_name: String::new(),
            forwarding_status: String::new(),
            destinations: Vec::new(),
            identity: Vec::new(),
            subjects: Vec::new(),
            removed: Vec::new(),
            scopes: Vec::new(),
            application: Vec::new(),
            rejudge: false,
        }
    }

    /// Adds a reason; a second one of the same name is left out.
    pub(super) fn because(&mut self, name: ReasonName, sentence: impl Into<String>) {
        if self.signals.reasons.insert(name) {
            self.reasons.push(Reason::new(name, sentence));
        }
    }

    pub(super) fn has(&self, name: ReasonName) -> bool {
        self.signals.reasons.contains(&name)
    }

    /// The signals that the verdict depends on. Reasons are added with [`Evidence::because`].
    pub(super) fn signals(&mut self) -> &mut Signals {
        &mut self.signals
    }

    /// Mail goes there. A target that was withheld is to be looked up again.
    pub(super) fn leads_to(&mut self, destinations: &[Destination]) {
        self.rejudge |=
            destinations.iter().any(|reach| matches!(reach, Destination::Unresolved { withheld: true, .. }));
        self.destinations.extend_from_slice(destinations);
        self.destinations.sort();
        self.destinations.dedup();
    }

    /// Returns whether mail goes to a proven external address.
    pub(super) fn leads_outside(&self) -> bool {
        self.destinations.iter().any(|reach| matches!(reach, Destination::Outside(_)))
    }

    /// Notes an object that the record creates or changes.
    pub(super) fn is_about(&mut self, object: impl Into<String>) {
        self.subjects.push((self.kind, object.into()));
    }

    /// Records a failed attempt as no threat.
    pub(super) fn settle_if_failed(&mut self, record: &AuditRecord) {
        if has_failed(record) {
            self.is_settled = true;
            self.note("The attempt failed; nothing was changed.");
        }
    }

    pub(super) fn has_reasons(&self) -> bool {
        !self.reasons.is_empty()
    }

    /// Describes the record by its parameters.
    pub(super) fn describe(&mut self, record: &AuditRecord) {
        const MOST: usize = 40;
        for (name, value) in record.parameters.iter().take(MOST) {
            self.note(&format!("{}: {}", shown(name), shown(value.unwrap_or_default())));
        }
    }

    /// Notes an object that the record removes or disables. An attempt that failed removes nothing.
    pub(super) fn removes(&mut self, object: impl Into<String>) {
        self.removed.push((self.kind, object.into()));
    }

    /// Adds what another detection found in the same record. The kind stays.
    pub(super) fn absorb(&mut self, other: Self) {
        self.floor = self.floor.max(other.verdict());
        for reason in other.reasons {
            self.because(reason.name, reason.sentence);
        }
        self.signals.absorb(&other.signals);
        self.is_settled &= other.is_settled;
        self.rejudge |= other.rejudge;
        self.leads_to(&other.destinations);
        self.identity.extend(other.identity);
        self.subjects.extend(other.subjects);
        self.removed.extend(other.removed);
        if !other.description.is_empty() {
            self.description = format!("{}\r\n{}", self.description, other.description).trim().to_owned();
        }
    }

    /// Returns the severity.
    pub(super) fn verdict(&self) -> Severity {
        if self.is_settled { Severity::Low } else { verdict::severity(&self.signals).max(self.floor) }
    }

    /// Returns whether it is a threat only because a transient error withheld a target.
    fn hinges_on_withheld_target(&self) -> bool {
        let is_withheld = |reach: &Destination| matches!(reach, Destination::Unresolved { withheld: true, .. });
        let is_unresolved = |reach: &Destination| matches!(reach, Destination::Unresolved { withheld: false, .. });
        if !self.destinations.iter().any(is_withheld) || self.destinations.iter().any(is_unresolved) {
            return false;
        }
        let mut resolved = self.signals.clone();
        resolved.reasons.remove(&ReasonName::TargetUnresolved);
        verdict::severity(&resolved).max(self.floor) == Severity::Low
    }

    /// The finding.
    pub(super) fn into_finding(mut self, record: &AuditRecord, principals: &Principals, known: &Knowledge) -> Finding {
        if self.is_settled {
            self.forget_reasons();
        }
        if principals.changed_by_another && self.kind.is_about_mailbox() {
            self.because(ReasonName::ChangedByAnother, changed_by_another(principals));
        }
        if record.id_is_derived {
            self.note("The record has no id; Tenantwatch derived one from its content.");
        }
        let severity = self.verdict();
        let threat = severity > Severity::Low;
        let outside_targets = self.outside_targets();
        let subjects = if self.is_settled { Vec::new() } else { self.digests(&self.subjects, principals, known) };
        let removed = self.digests(&self.removed, principals, known);
        let mut finding = Finding {
            record_id: record.id,
            tenant_id: known.tenant_id,
            kind: self.kind,
            threat,
            hinges_on_withheld_target: threat && self.hinges_on_withheld_target(),
            severity,
            score: 0,
            operation: record.operation.clone(),
            mailbox: principals.mailbox.clone(),
            actor: principals.actor.clone(),
            event_time: record.created,
            forwarding_externally: !outside_targets.is_empty() && self.kind != FindingKind::ContactRetargeted,
            applies_to_all_mail: self.applies_to_all_mail,
            deletes: self.deletes,
            rule_id: self.rule_id.clone(),
            rule_name: self.rule_name.clone(),
            forwarding_status: self.forwarding_status.clone(),
            forwarding_address: joined(self.destinations.iter().map(Destination::text)),
            outside_targets,
            client_ip: record.client_ip.clone(),
            fingerprint: self.fingerprint(principals, known),
            subjects,
            removed,
            scopes: self.scopes,
            application: self.application,
            repeat_of: None,
            rejudge: self.rejudge && !self.is_settled,
            record: record.json(),
            description: self.description,
            reasons: self.reasons,
        };
        score::weigh(&mut finding.judgement());
        finding
    }

    /// One more line of the description.
    pub(super) fn note(&mut self, sentence: &str) {
        if !self.description.is_empty() {
            self.description.push_str("\r\n");
        }
        self.description.push_str(sentence);
    }

    fn forget_reasons(&mut self) {
        self.reasons.clear();
        self.signals = Signals::default();
    }

    fn outside_targets(&self) -> Vec<String> {
        let outside = |reach: &Destination| match reach {
            Destination::Outside(text) => Some(text.clone()),
            _ => None,
        };
        if self.is_settled { Vec::new() } else { self.destinations.iter().filter_map(outside).collect() }
    }

    /// Returns the digests of objects. A mailbox counts by its object id and by its address, because a removal may be recorded while
    /// Exchange does not respond.
    fn digests(&self, objects: &[(FindingKind, String)], principals: &Principals, known: &Knowledge) -> Vec<Digest> {
        let mut digests = Vec::new();
        for (kind, object) in objects {
            let mailboxes = match &principals.object_id {
                _ if !kind.is_about_mailbox() => vec![String::new()],
                Some(id) if principals.mailbox.is_empty() => vec![id.to_lowercase()],
                Some(id) => vec![id.to_lowercase(), principals.mailbox.clone()],
                None => vec![principals.mailbox.clone()],
            };
            let of = |mailbox: String| {
                Digest::of(&["subject", &known.tenant_id.to_string(), &mailbox, kind.as_str(), object])
            };
            digests.extend(mailboxes.into_iter().map(of));
        }
        digests
    }

    /// Tenant, mailbox, type, and what the detection says makes the finding another one.
    fn fingerprint(&self, principals: &Principals, known: &Knowledge) -> Digest {
        let mut parts = vec![known.tenant_id.to_string(), principals.fingerprint_key(), self.kind.as_str().to_owned()];
        parts.extend(self.identity.iter().cloned());
        parts.extend(self.destinations.iter().map(|reach| format!("target={}", reach.text().to_lowercase())));
        Digest::of(&parts)
    }
}

fn changed_by_another(principals: &Principals) -> String {
    match principals.mailbox.as_str() {
        "" => format!("Changed by {}, in a mailbox whose owner is unknown.", shown(&principals.actor)),
        mailbox => {
            format!("Changed by {}, who is not the mailbox owner ({}).", shown(&principals.actor), shown(mailbox))
        }
    }
}

/// Every text once, `;`-joined, for a column.
fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    let mut seen = BTreeSet::new();
    let texts = texts.map(|text| text.replace(|ch: char| ch.is_control(), ""));
    texts.filter(|text| seen.insert(text.clone())).collect::<Vec<_>>().join(";")
}
