//! Which mailbox forwards to a mail contact. No record says so: the forwarding may be years old.

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::detection::Finding;
use audit_log::AuditRecord;
use base::ids::TenantId;
use m365::ServiceError;
use m365::exchange::{Anchor, Exchange, Row, is_not_found};

/// What a mailbox can name a contact by in `ForwardingAddress`. What is shown as its name is not its alone.
const NAMES: [&str; 6] = ["Identity", "Name", "Alias", "DistinguishedName", "Guid", "LegacyExchangeDN"];

/// The first mailbox that forwards to the contact of a finding. Two calls, for a record that is rare.
///
/// Source: <https://learn.microsoft.com/powershell/exchange/filter-properties>, `ForwardingAddress`.
///
/// # Errors
/// When Exchange does not say.
pub async fn who_forwards_to(
    exchange: &Exchange,
    tenant: &TenantId,
    finding: &Finding,
) -> Result<Option<String>, ServiceError> {
    let Some(contact) = contact_of(finding) else { return Ok(None) };
    let ask = |cmdlet, parameters| exchange.invoke(tenant, &Anchor::Organization, cmdlet, parameters);
    let recipients = match ask("Get-Recipient", json!({ "Identity": contact })).await {
        Err(error) if is_not_found(&error) => Vec::new(),
        answer => answer?,
    };
    let mut names: HashSet<String> = recipients.iter().flat_map(names_of).collect();
    names.insert(contact.to_lowercase());
    let filter = json!({ "Filter": "ForwardingAddress -ne $null", "ResultSize": "Unlimited" });
    let forwarding = ask("Get-Mailbox", filter).await?;
    let is_it =
        |row: &&Row| text(row, "ForwardingAddress").is_some_and(|target| names.contains(&target.to_lowercase()));
    Ok(forwarding.iter().find(is_it).and_then(|row| text(row, "UserPrincipalName")).map(str::to_owned))
}

/// What the record calls the contact.
fn contact_of(finding: &Finding) -> Option<String> {
    let record = AuditRecord::parse(finding.record.as_bytes()).ok()?;
    record.parameters.get("Identity").or(record.object_id.as_deref()).map(str::to_owned)
}

fn names_of(row: &Row) -> impl Iterator<Item = String> {
    NAMES.iter().filter_map(|name| text(row, name)).map(str::to_lowercase)
}

fn text<'r>(row: &'r Row, name: &str) -> Option<&'r str> {
    row.get(name).and_then(Value::as_str).filter(|text| !text.is_empty())
}
