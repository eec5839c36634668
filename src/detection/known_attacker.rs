//! Judges sign-ins from addresses that an attacker used in another account, of any tenant.

use audit_log::{AnyRecord, AuditRecord};

use super::evidence::Evidence;
use super::finding::{Finding, FindingKind, Severity};
use super::knowledge::Knowledge;
use super::principals::principals;
use super::reason::ReasonName;
use super::record_facts::is_person;
use super::selection::OperationKind;
use super::sentence::shown;

/// The operation of a sign-in.
const SIGN_IN: &str = "UserLoggedIn";

/// Returns whether records with this operation are looked at while addresses are searched for.
pub fn is_sign_in(operation: &str) -> bool {
    operation.len() == SIGN_IN.len() && operation.eq_ignore_ascii_case(SIGN_IN)
}

/// Judges a successful sign-in. `None` if its address is no attacker's, or the account belongs to the incident itself.
pub(super) fn judge(record: &AuditRecord, known: &Knowledge) -> Option<Finding> {
    let kind = FindingKind::KnownAttackerAddress;
    let (address, attacker) = known.attackers.of(record)?;
    let account = (known.tenant_id, record.user_id.trim().to_lowercase());
    let is_unwanted = known.off.contains(&kind) || attacker.accounts.contains(&account) || !is_person(record);
    if is_unwanted || !has_succeeded(record) {
        return None;
    }
    let mut evidence = Evidence::new(kind);
    evidence.floor = Severity::Medium;
    let sentence = format!(
        "{} signed in from {address}, an address that an attacker used in another account (investigation of {}, {} UTC).",
        shown(record.user_id.trim()),
        attacker.log_id,
        attacker.seen.format("%Y-%m-%d %H:%M"),
    );
    evidence.because(ReasonName::KnownAttackerAddress, sentence);
    evidence.identity.push(address.to_string());
    let principals = principals(record, OperationKind::SignInMethod, known);
    Some(evidence.into_finding(record, &principals, known))
}

/// Returns whether the sign-in got in: the number of its error tells, and not its result.
fn has_succeeded(record: &AuditRecord) -> bool {
    let number = AnyRecord::read(record.text.as_bytes(), |record| record.text("ErrorNumber").map(String::from));
    number.ok().flatten().is_none_or(|number| number.trim() == "0")
}
