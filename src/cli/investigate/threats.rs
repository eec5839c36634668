//! The threats that `scan` finds for the account, from which an investigation starts.

use std::collections::BTreeSet;

use super::super::scan::{Reading, ScanError};
use crate::detection::{Finding, FindingKind, Reason, ReasonName, can_relate, correlate};
use crate::investigation::Subject;
use base::ids::RecordId;

/// The most findings that are related to each other. An attacker can make hundreds of thousands; each later one counts by itself.
const RELATED: usize = 20_000;

/// The findings while they are read.
#[derive(Default)]
struct Threats {
    /// Threats to the account.
    found: BTreeSet<RecordId>,
    /// Those of `related` that are threats by themselves.
    alone: BTreeSet<RecordId>,
    related: Vec<Finding>,
}

/// Returns the threats that `scan` finds for the account. One that is a threat only because of an earlier one may be the owner's, and a
/// sign-in method that another account changed the response.
pub(super) fn threats(reading: &Reading, subject: &Subject) -> Result<BTreeSet<RecordId>, ScanError> {
    let mut threats = Threats::default();
    reading.judge_each(&mut |finding| threats.add(finding, subject))?;
    Ok(threats.end(subject))
}

impl Threats {
    fn add(&mut self, finding: Finding, subject: &Subject) {
        let has_room = self.related.len() < RELATED;
        // One consent has several records, and only the first of them is the threat.
        let may_join = finding.kind == FindingKind::Consent && has_room;
        if finding.threat && !may_join && concerns(&finding, subject) {
            self.found.insert(finding.record_id);
        }
        if has_room && can_relate(&finding) {
            if finding.threat {
                self.alone.insert(finding.record_id);
            }
            self.related.push(lean(finding));
        }
    }

    fn end(mut self, subject: &Subject) -> BTreeSet<RecordId> {
        correlate(&mut self.related);
        let by_itself = |finding: &&Finding| {
            let is_after = finding.reasons.iter().any(|reason| reason.name == ReasonName::AfterThreat);
            finding.threat && (self.alone.contains(&finding.record_id) || !is_after)
        };
        let own = self.related.iter().filter(by_itself).filter(|finding| concerns(finding, subject));
        self.found.extend(own.map(|finding| finding.record_id));
        self.found
    }
}

fn concerns(finding: &Finding, subject: &Subject) -> bool {
    use FindingKind::{InboxForward, InboxRule, MailboxPermission, MailboxTrust, SignInMethod};
    let is = |name: &str| {
        let name = name.to_lowercase();
        !name.is_empty() && (subject.names.contains(&name) || name == subject.alias)
    };
    let is_of_mailbox = matches!(finding.kind, InboxRule | InboxForward | MailboxPermission | MailboxTrust);
    finding.kind != SignInMethod && (is(&finding.actor) || (is_of_mailbox && is(&finding.mailbox)))
}

/// Returns a finding without the texts that relate it to nothing.
fn lean(finding: Finding) -> Finding {
    let reasons = finding.reasons.iter().map(|reason| Reason::new(reason.name, String::new())).collect();
    Finding {
        reasons,
        operation: String::new(),
        description: String::new(),
        forwarding_status: String::new(),
        subjects: Vec::new(),
        removed: Vec::new(),
        client_ip: None,
        ..finding
    }
}
