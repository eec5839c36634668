//! Audit records of any customer and mailbox.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::collector_fixture::{CollectorFixture, blank_rule_change, forwarding_rule};

/// A rule that sends all mail of a mailbox to `target`. An external target proves a threat by itself.
pub fn forwarding(tenant: Uuid, mailbox: &str, id: u128, target: &str, created: DateTime<Utc>) -> Value {
    let mut record = forwarding_rule(id, "Invoices", target, created);
    record["OrganizationId"] = json!(tenant);
    record["UserId"] = json!(mailbox);
    record["MailboxOwnerUPN"] = json!(mailbox);
    record["ObjectId"] = json!(format!("{mailbox}\\Invoices"));
    record
}

/// A blank record of an Outlook re-sync: only the current rules of the mailbox say whether it is a threat.
pub fn blank(tenant: Uuid, mailbox: &str, id: u128, created: DateTime<Utc>) -> Value {
    let mut record = blank_rule_change(id, created);
    record["OrganizationId"] = json!(tenant);
    record["UserId"] = json!(mailbox);
    record["MailboxOwnerUPN"] = json!(mailbox);
    record["MailboxGuid"] = json!(Uuid::new_v5(&tenant, mailbox.as_bytes()));
    record
}

/// Adds mailboxes `box0`, `box1` and so on to a customer, and returns their names.
pub fn add_mailboxes(fixture: &CollectorFixture, tenant: Uuid, number: usize) -> Vec<String> {
    let mut world = fixture.sim.world();
    let customer = world.tenants.get_mut(&tenant).unwrap();
    (0..number).map(|number| customer.add_person(&format!("box{number}"), "Box").upn.clone()).collect()
}
