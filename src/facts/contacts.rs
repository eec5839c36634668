//! Finds the mailbox that forwards to a mail contact. No record says so, because the forwarding may be years old.

use crate::detection::Finding;
use audit_log::AuditRecord;
use base::ids::TenantId;
use m365::ServiceError;
use m365::exchange::{Exchange, Mailbox};

/// Returns the first mailbox that forwards to the contact of a finding. It takes two calls, for a record that is rare.
///
/// Source: <https://learn.microsoft.com/powershell/exchange/filter-properties>, `ForwardingAddress`.
///
/// # Errors
/// Returns an error if Exchange does not say it.
pub async fn who_forwards_to(
    exchange: &Exchange,
    tenant: &TenantId,
    finding: &Finding,
) -> Result<Option<String>, ServiceError> {
    let Some(contact) = contact_of(finding) else { return Ok(None) };
    let recipient = exchange.recipient(tenant, &contact).await?;
    let is_contact = |target: &str| {
        target.eq_ignore_ascii_case(&contact) || recipient.as_ref().is_some_and(|recipient| recipient.is_named(target))
    };
    let forwarding = exchange.mailboxes_with_forwarding_address(tenant).await?;
    let forwards_to_it = |mailbox: &Mailbox| mailbox.forwarding.forwarding_address.as_deref().is_some_and(&is_contact);
    Ok(forwarding.into_iter().find(forwards_to_it).and_then(|mailbox| mailbox.user_principal_name))
}

/// Returns the name of the contact in the record.
fn contact_of(finding: &Finding) -> Option<String> {
    let record = AuditRecord::parse(finding.record.as_bytes()).ok()?;
    record.parameters.get("Identity").or(record.object_id.as_deref()).map(str::to_owned)
}
