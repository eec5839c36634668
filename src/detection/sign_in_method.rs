//! Evaluates sign-in methods and devices that were added or removed. Alone they are only recorded; near a threat to the same
//! account they are part of it.
//!
//! Source: <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities>.

use audit_log::{AuditRecord, ModifiedProperty};

use super::evidence::Evidence;
use super::finding::FindingKind;
use super::json;
use super::principals::account_of_method;
use super::reason::ReasonName::MethodChanged;
use super::sentence::shown;

/// Evaluates a change of sign-in methods. `None` for an `Update user.` that changes something else.
pub(super) fn evidence(record: &AuditRecord) -> Option<Evidence> {
    let operation = record.operation.trim().trim_end_matches('.');
    let changed: Vec<&ModifiedProperty> =
        record.modified_properties.iter().filter(|property| is_method(property)).collect();
    if operation.eq_ignore_ascii_case("Update user") && changed.is_empty() {
        return None;
    }
    let mut evidence = Evidence::new(FindingKind::SignInMethod);
    let what = what_changed(operation, &changed);
    let whose = account_of_method(record).map(|account| format!(" for {}", shown(&account))).unwrap_or_default();
    evidence.because(MethodChanged, format!("{what}{whose}."));
    evidence.note(&format!("{what}{whose}."));
    evidence.identity.push(operation.to_lowercase());
    evidence.identity.extend(changed.iter().map(|property| format!("{}={}", property.name, property.new)));
    if names_device(operation) {
        // Several devices of one user are several findings.
        evidence.identity.extend(json::ids(record.target.as_ref()).map(str::to_lowercase));
    }
    evidence.settle_if_failed(record);
    Some(evidence)
}

fn what_changed(operation: &str, changed: &[&ModifiedProperty]) -> String {
    let is_access_pass = changed.iter().any(|property| is_access_pass(property))
        || operation.to_ascii_lowercase().contains("temporary access pass");
    if is_access_pass {
        "A Temporary Access Pass was created".to_owned()
    } else if names_device(operation) {
        format!("A device was registered ({})", shown(operation))
    } else {
        format!("A sign-in method was added, removed or changed ({})", shown(operation))
    }
}

fn names_device(operation: &str) -> bool {
    operation.to_ascii_lowercase().contains("device")
}

fn is_method(property: &ModifiedProperty) -> bool {
    let name = property.name.to_ascii_lowercase();
    (name.starts_with("strongauthentication") || is_access_pass(property)) && property.old != property.new
}

fn is_access_pass(property: &ModifiedProperty) -> bool {
    property.name.eq_ignore_ascii_case("SecuredAccessPassData") && property.new.contains("PassId")
}
