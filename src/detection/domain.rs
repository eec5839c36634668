//! Evaluates changes of the organization's domains. With a federated domain an attacker signs in as any user; a domain that was
//! added turns external addresses into own ones.
//!
//! Sources: <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities> and New-AcceptedDomain,
//! Set-AcceptedDomain at <https://learn.microsoft.com/powershell/module/exchange/>.

use audit_log::AuditRecord;
use base::ids::Domain;

use super::evidence::Evidence;
use super::finding::{Finding, FindingKind, Severity};
use super::json;
use super::reason::ReasonName::*;
use super::record_facts::{is_person, named};
use super::sentence::shown;

/// The types of accepted domains whose mail for unknown recipients is handed to another mail system.
const RELAYS: [&str; 2] = ["InternalRelay", "ExternalRelay"];

/// Evaluates a change of a domain.
pub(super) fn evidence(record: &AuditRecord) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::Domain);
    let name = name(record);
    let told = shown(&name);
    let operation = record.operation.trim().trim_end_matches('.').to_ascii_lowercase();
    let kind = record.parameters.get("DomainType").map(str::trim).unwrap_or_default();
    if matches!(operation.as_str(), "set domain authentication" | "set federation settings on domain") {
        let sentence = format!(
            "The authentication or federation of the domain {told} was changed. A person who controls it can sign in as its users."
        );
        evidence.because(DomainSignInChanged, sentence);
        evidence.identity.push(format!("sign-in {name}"));
        if is_person(record) {
            evidence.floor = Severity::High;
        }
    }
    if matches!(operation.as_str(), "add verified domain" | "verify domain" | "new-accepteddomain") {
        let sentence = format!(
            "The domain {told} was added to the organization. Tenantwatch treats its addresses as external for 30 days."
        );
        evidence.because(DomainAdded, sentence);
        evidence.identity.push(format!("added {name}"));
    }
    if RELAYS.iter().any(|relay| relay.eq_ignore_ascii_case(kind)) {
        let sentence = format!(
            "The domain {told} was turned into a relay, so mail to unknown recipients leaves the organization."
        );
        evidence.because(DomainRelays, sentence);
        evidence.identity.push(format!("relay {name}"));
    }
    if !evidence.has_reasons() {
        evidence.because(DomainChanged, format!("The domain {told} of the organization was changed."));
        evidence.identity.push(format!("changed {name}"));
    }
    evidence.rule_name = told;
    evidence.describe(record);
    evidence.settle_if_failed(record);
    evidence
}

impl Finding {
    /// Returns the domain that the finding says was added. For 30 days it belongs into [`super::Knowledge::recently_added`].
    pub fn added_domain(&self) -> Option<Domain> {
        let is_added = self.reasons.iter().any(|reason| reason.name == DomainAdded);
        is_added.then(|| self.rule_name.parse().ok()).flatten()
    }
}

/// The domain in lower case: a cmdlet names it in a parameter, the directory in `ObjectId` or among the targets.
fn name(record: &AuditRecord) -> String {
    let is_domain = |text: &&str| text.contains('.') && !text.contains('@') && text.trim().parse::<Domain>().is_ok();
    let given = record.parameters.get("DomainName").into_iter().chain([named(record)]);
    let mut named = given.chain(json::ids(record.target.as_ref()));
    named.find(is_domain).unwrap_or_default().trim().to_lowercase()
}
