//! Attacks mailboxes: each attack changes a mailbox and returns the record that Microsoft 365 writes of the change.

use serde_json::{Value, json};

use crate::records::{self, Envelope, MadeWith, RuleChange, Seeded};
use crate::world::{Contact, Mailbox, Permission, Tenant};

/// The address of an attacker, who uses it for more than one mailbox.
const COLLECTOR: &str = "sammelstelle@postablage.example";
const SECOND_COLLECTOR: &str = "buero.archiv@freepost.example";

/// An attack.
#[derive(Debug)]
pub(super) struct Attack {
    /// Its name.
    pub(super) shape: &'static str,
    /// Attacks the mailbox. Returns `None` if there is no such mailbox.
    pub(super) plant: fn(&mut Tenant, &Envelope, &str, &mut Seeded) -> Option<Value>,
}

/// All attacks, in the order of the demo.
pub(super) const ATTACKS: [Attack; 8] = [
    Attack { shape: SHAPES[0], plant: forwards_and_deletes },
    Attack { shape: SHAPES[1], plant: deletes_all_without_a_name },
    Attack { shape: SHAPES[2], plant: delegate_forwards_in_outlook },
    Attack { shape: SHAPES[3], plant: forwards_by_web_services },
    Attack { shape: SHAPES[4], plant: mailbox_forwards },
    Attack { shape: SHAPES[5], plant: mailbox_forwards_to_a_contact },
    Attack { shape: SHAPES[6], plant: hides_invoices },
    Attack { shape: SHAPES[7], plant: retargets_a_rule },
];

/// The names of the attacks.
pub const SHAPES: [&str; 8] = [
    "New-InboxRule: forwards outside and deletes",
    "New-InboxRule: blank name, deletes everything",
    "UpdateInboxRules (A): delegate forwards outside",
    "UpdateInboxRules (B): ServerRule forwards outside",
    "Set-Mailbox: forwards outside, keeps no copy",
    "Set-Mailbox: forwards to an outside contact",
    "New-InboxRule: hides invoices in RSS-Feeds",
    "Set-InboxRule: retargets a rule that deletes",
];

fn forwards_and_deletes(tenant: &mut Tenant, envelope: &Envelope, upn: &str, seeded: &mut Seeded) -> Option<Value> {
    let mailbox = tenant.mailbox_mut(upn)?;
    let properties = json!({"ForwardTo": [live(COLLECTOR)], "DeleteMessage": true, "StopProcessingRules": true});
    let actions = [forwards(COLLECTOR), "delete the message".to_owned(), STOPS.to_owned()];
    mailbox.add_rule(seeded.rule_id(), "Sync", properties).description = description(None, &actions);
    let parameters = [("ForwardTo", COLLECTOR), ("DeleteMessage", "True")];
    Some(records::new_inbox_rule(envelope, mailbox, "Sync", &parameters, MadeWith::OutlookWeb))
}

fn deletes_all_without_a_name(
    tenant: &mut Tenant,
    envelope: &Envelope,
    upn: &str,
    seeded: &mut Seeded,
) -> Option<Value> {
    let mailbox = tenant.mailbox_mut(upn)?;
    let rule = mailbox.add_rule(seeded.rule_id(), " ", json!({"DeleteMessage": true}));
    rule.description = description(None, &["delete the message".to_owned()]);
    Some(records::new_inbox_rule(envelope, mailbox, " ", &[("DeleteMessage", "True")], MadeWith::PowerShell))
}

/// Adds the rule from the account of a colleague with full access, which was taken over.
fn delegate_forwards_in_outlook(
    tenant: &mut Tenant,
    envelope: &Envelope,
    upn: &str,
    seeded: &mut Seeded,
) -> Option<Value> {
    let delegate = tenant.mailboxes.iter().rev().nth(1).map(|mailbox| mailbox.upn.clone())?;
    let mailbox = tenant.mailbox_mut(upn)?;
    let id = seeded.rule_id() | 1 << 63;
    let properties = json!({"ForwardTo": [live(SECOND_COLLECTOR)], "StopProcessingRules": true});
    let actions = [forwards(SECOND_COLLECTOR), STOPS.to_owned()];
    mailbox.add_rule(id, "Ablage", properties).description = description(None, &actions);
    mailbox.permissions.push(Permission { user: delegate.clone(), rights: "FullAccess".to_owned(), folder: None });
    let actions = json!([{"ActionType": "Forward", "Recipients": [SECOND_COLLECTOR], "ForwardFlags": "None"}]);
    let envelope = envelope.clone().by(&delegate);
    Some(records::update_inbox_rules_a(&envelope, mailbox, &RuleChange::added(id, None), &actions))
}

fn forwards_by_web_services(tenant: &mut Tenant, envelope: &Envelope, upn: &str, seeded: &mut Seeded) -> Option<Value> {
    let mailbox = tenant.mailbox_mut(upn)?;
    let id = seeded.rule_id();
    mailbox.add_rule(id, "Kopie", json!({"ForwardTo": [live(COLLECTOR)]})).description =
        description(None, &[forwards(COLLECTOR)]);
    let change = RuleChange { state: "Enabled", ..RuleChange::added(id, Some("Kopie")) };
    Some(records::update_inbox_rules_b(envelope, mailbox, &change, "ForwardToRecipientsAction", &[COLLECTOR]))
}

fn mailbox_forwards(tenant: &mut Tenant, envelope: &Envelope, upn: &str, _: &mut Seeded) -> Option<Value> {
    let target = "k.weiterleitung@freepost.example";
    let mailbox = tenant.mailbox_mut(upn)?;
    mailbox.forwarding_smtp_address = Some(format!("smtp:{target}"));
    mailbox.deliver_and_forward = false;
    Some(records::forwarding_to(envelope, mailbox, target, false))
}

/// Forwards to a recipient of the tenant. Only a look-up of the contact shows where its mail is delivered.
fn mailbox_forwards_to_a_contact(tenant: &mut Tenant, envelope: &Envelope, upn: &str, _: &mut Seeded) -> Option<Value> {
    let alias = "steuerbuero-extern";
    tenant.contacts.push(Contact::new(alias, "postfach7@postablage.example"));
    let mailbox = tenant.mailbox_mut(upn)?;
    mailbox.forwarding_address = Some(alias.to_owned());
    mailbox.deliver_and_forward = true;
    let parameters = [("ForwardingAddress", alias), ("DeliverToMailboxAndForward", "True")];
    Some(records::set_mailbox(envelope, mailbox, &parameters))
}

fn hides_invoices(tenant: &mut Tenant, envelope: &Envelope, upn: &str, seeded: &mut Seeded) -> Option<Value> {
    let words = ["Rechnung", "Überweisung", "Zahlung"];
    let mailbox = tenant.mailbox_mut(upn)?;
    let properties = json!({
        "SubjectOrBodyContainsWords": words,
        "MoveToFolder": "RSS-Feeds",
        "MarkAsRead": true,
        "StopProcessingRules": true,
    });
    let condition = format!("the message includes specific words in the subject or body '{}'", words.join("' or '"));
    let actions =
        ["move the message to folder 'RSS-Feeds'".to_owned(), "mark the message as Read".to_owned(), STOPS.to_owned()];
    mailbox.add_rule(seeded.rule_id(), "Buchhaltung", properties).description = description(Some(&condition), &actions);
    let words = words.join(";");
    let parameters =
        [("SubjectOrBodyContainsWords", words.as_str()), ("MoveToFolder", "RSS-Feeds"), ("MarkAsRead", "True")];
    Some(records::new_inbox_rule(envelope, mailbox, "Buchhaltung", &parameters, MadeWith::OutlookWeb))
}

/// Changes the target of a rule. The record shows the new target and none of the rule's other actions.
fn retargets_a_rule(tenant: &mut Tenant, envelope: &Envelope, upn: &str, seeded: &mut Seeded) -> Option<Value> {
    let target = "angebote@zweitpost.example";
    let mailbox: &mut Mailbox = tenant.mailbox_mut(upn)?;
    let properties = json!({"SubjectContainsWords": ["Angebot"], "ForwardTo": [live(target)], "DeleteMessage": true});
    let rule = mailbox.add_rule(seeded.rule_id() | 1 << 63, "Angebote", properties);
    let condition = "the message includes specific words in the subject 'Angebot'";
    rule.description = description(Some(condition), &[forwards(target), "delete the message".to_owned()]);
    let rule = rule.clone();
    Some(records::set_inbox_rule(envelope, mailbox, &rule, &[("ForwardTo", target)]))
}

const STOPS: &str = "stop processing more rules on this message";

/// Returns an address as `Get-InboxRule` writes it.
fn live(address: &str) -> String {
    format!("\"{address}\" [SMTP:{address}]")
}

fn forwards(address: &str) -> String {
    format!("forward the message to '{address}'")
}

/// Returns the description of a rule in the words of Exchange.
fn description(condition: Option<&str>, actions: &[String]) -> String {
    let actions = actions.join("\r\n\tand ");
    let condition = condition.map(|condition| format!("If the message:\r\n\t{condition}\r\n")).unwrap_or_default();
    format!("{condition}Take the following actions:\r\n\t{actions}\r\n")
}
