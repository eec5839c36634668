//! Evaluates connectors, through which mail enters or leaves the organization past its ordinary way.
//!
//! Sources: New-InboundConnector and New-OutboundConnector at <https://learn.microsoft.com/powershell/module/exchange/>; Microsoft's report
//! on connectors in compromised tenants (<https://www.microsoft.com/security/blog/2022/09/22/malicious-oauth-applications-used-to-compromise-email-servers-and-spread-spam/>).

use audit_log::AuditRecord;

use super::evidence::Evidence;
use super::finding::{FindingKind, Severity};
use super::reason::ReasonName::ConnectorChanged;
use super::record_facts::{has_failed, is_person, named};
use super::sentence::shown;

/// The parameters that say where mail comes from or goes to.
const ENDS: [&str; 5] =
    ["SmartHosts", "RecipientDomains", "SenderIPAddresses", "SenderDomains", "TlsSenderCertificateName"];

/// Evaluates a connector. A person sets one up rarely, so each one is a threat; hybrid setups of applications are only recorded.
pub(super) fn evidence(record: &AuditRecord) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::Connector);
    let name = named(record);
    let is_outbound = record.operation.to_ascii_lowercase().contains("outbound");
    let kind = if is_outbound { "outbound" } else { "inbound" };
    evidence.rule_name = shown(name);
    evidence.describe(record);
    let object = format!("{kind} {}", name.to_lowercase());
    if is_disabled(record) {
        evidence.is_settled = true;
        evidence.identity.push(format!("disabled {object}"));
        evidence.note(&format!("The {kind} connector '{}' was disabled.", shown(name)));
        evidence.settle_if_failed(record);
        if !has_failed(record) {
            evidence.removes(object);
        }
        return evidence;
    }
    let ends = ENDS.iter().filter_map(|end| record.parameters.get(end)).filter(|value| !value.trim().is_empty());
    let ends: Vec<String> = ends.map(shown).collect();
    let way = if ends.is_empty() { String::new() } else { format!(" ({})", ends.join("; ")) };
    let what = if is_outbound { "can take mail out of" } else { "can bring mail into" };
    evidence.because(
        ConnectorChanged,
        format!("The {kind} connector '{}' was created or changed{way}; it {what} the organization.", shown(name)),
    );
    if is_person(record) {
        evidence.floor = Severity::Medium;
    }
    evidence.identity.push(object.clone());
    evidence.identity.extend(ends.iter().map(|end| end.to_lowercase()));
    evidence.is_about(object);
    evidence.settle_if_failed(record);
    evidence
}

fn is_disabled(record: &AuditRecord) -> bool {
    let is_change = record.operation.trim().get(..4).is_some_and(|verb| verb.eq_ignore_ascii_case("Set-"));
    is_change && record.parameters.flag("Enabled") == Some(false)
}
