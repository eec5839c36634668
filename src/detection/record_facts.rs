//! Facts that a record states by itself: who made it, whether the attempt failed, and its object.

use audit_log::AuditRecord;

/// Returns whether Microsoft's own systems made the record. A record that forwards externally is evaluated anyway.
///
/// Sources: `UserType` 3 (data centre administrator) and 4 (system) of the Office 365 Management Activity API schema
/// (<https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#user-type>), and the
/// accounts that write most of the records of a tenant.
pub(super) fn is_noise(record: &AuditRecord) -> bool {
    is_system(record.user_type, &record.user_id)
}

/// The same of `UserType` and `UserId`.
pub(super) fn is_system(user_type: Option<i64>, user_id: &str) -> bool {
    const SYSTEM_ACTORS: &[&str] = &["NT AUTHORITY\\", "NT SERVICE\\", "SpoolsProvisioning"];
    let actor = user_id.trim();
    let begins = |prefix: &&str| actor.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix));
    matches!(user_type, Some(3 | 4)) || SYSTEM_ACTORS.iter().any(begins)
}

/// Returns whether the record is about an attempt that failed.
pub fn has_failed(record: &AuditRecord) -> bool {
    let status = record.result_status.as_deref().unwrap_or_default().trim();
    ["False", "Failed", "Failure", "Fail", "Error", "Denied"].iter().any(|failure| status.eq_ignore_ascii_case(failure))
}

/// Returns whether a person made the record, and not an application or a policy.
pub(super) fn is_person(record: &AuditRecord) -> bool {
    !is_noise(record)
        && !matches!(record.user_type, Some(5..=8))
        && !record.user_id.to_ascii_lowercase().starts_with("serviceprincipal_")
}

/// Returns the name of the object that a cmdlet of the organization creates or changes; empty if the record gives none.
pub(super) fn named(record: &AuditRecord) -> &str {
    let object = record.object_id.as_deref();
    let given = [record.parameters.get("Name"), record.parameters.get("Identity"), object];
    given.into_iter().flatten().map(str::trim).find(|name| !name.is_empty()).unwrap_or_default()
}
