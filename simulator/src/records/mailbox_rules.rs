//! Builds records of mailbox auditing about inbox rules, which Outlook for Windows or Exchange Web Services set.

use serde_json::{Map, Value, json};

use crate::world::Mailbox;

use super::{EXCHANGE_ITEM, Envelope, members};

/// A change of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RuleChange<'a> {
    /// `AddMailboxRule`, `ModifyMailboxRule`, `RemoveMailboxRule`
    pub operation: &'a str,
    /// The id as Exchange shows it. The record has the same 64 bits as a signed number.
    pub rule_id: u64,
    /// The name. If it is `None`, the property exists without a value.
    pub name: Option<&'a str>,
    /// `Enabled, ExitAfterExecution`
    pub state: &'a str,
    /// `{(Exists(ItemClass))}`
    pub condition: &'a str,
}

impl<'a> RuleChange<'a> {
    /// Returns the addition of a rule for all mail.
    pub fn added(rule_id: u64, name: Option<&'a str>) -> Self {
        let (operation, state) = ("AddMailboxRule", "Enabled, ExitAfterExecution");
        Self { operation, rule_id, name, state, condition: "{(Exists(ItemClass))}" }
    }
}

/// Returns `UpdateInboxRules` with the rule in separate properties. `actions` is a list of `{"ActionType": …}`.
pub fn update_inbox_rules_a(envelope: &Envelope, mailbox: &Mailbox, change: &RuleChange<'_>, actions: &Value) -> Value {
    let properties = [
        ("RuleOperation", Some(change.operation.to_owned())),
        ("RuleId", Some(change.rule_id.cast_signed().to_string())),
        ("RuleState", Some(change.state.to_owned())),
        ("RuleCondition", Some(change.condition.to_owned())),
        ("RuleName", change.name.map(str::to_owned)),
        ("RuleProvider", Some("RuleOrganizer".to_owned())),
        ("RuleActions", Some(actions.to_string())),
    ];
    let mut record = of_outlook(envelope, mailbox);
    record.insert("OperationProperties".to_owned(), properties.into_iter().map(property).collect());
    Value::Object(record)
}

/// Returns the record that Outlook writes a thousand times when it synchronizes its rules again: only the rule's id.
pub fn update_inbox_rules_blank(envelope: &Envelope, mailbox: &Mailbox, rule_id: u64) -> Value {
    let change = RuleChange { operation: "ModifyMailboxRule", rule_id, name: None, state: "Enabled", condition: "{}" };
    update_inbox_rules_a(envelope, mailbox, &change, &json!([]))
}

/// Returns `UpdateInboxRules` with the rule as JSON in one property. `action` is `ForwardToRecipientsAction` and so on.
pub fn update_inbox_rules_b(
    envelope: &Envelope,
    mailbox: &Mailbox,
    change: &RuleChange<'_>,
    action: &str,
    recipients: &[&str],
) -> Value {
    let recipients: Vec<Value> = recipients
        .iter()
        .map(|address| json!({"Values": [{"Name": "AddressType", "Value": "SMTP"}, {"Name": "EmailAddress", "Value": address}]}))
        .collect();
    let rule = json!({
        "Name": change.name,
        "RuleId": change.rule_id.cast_signed(),
        "IsEnabled": change.state.contains("Enabled"),
        "Actions": [{"ActionType": action, "Recipients": recipients}],
    });
    let properties = [("RuleOperation", Some(change.operation.to_owned())), ("ServerRule", Some(rule.to_string()))];
    let mut record = of_outlook(envelope, mailbox);
    record.insert("ClientInfoString".to_owned(), "Client=WebServices;ExchangeServicesClient/15.00.0913.015;".into());
    record.remove("ClientProcessName");
    record.insert("OperationProperties".to_owned(), properties.into_iter().map(property).collect());
    Value::Object(record)
}

fn of_outlook(envelope: &Envelope, mailbox: &Mailbox) -> Map<String, Value> {
    let mut record = envelope.item(EXCHANGE_ITEM, "UpdateInboxRules", mailbox, "Client=MSExchangeRPC");
    record.extend(members(json!({
        "ClientProcessName": "OUTLOOK.EXE",
        "ClientVersion": "16.0.14334.20244",
        "Item": {
            "Id": "LgAAAADq",
            "ImmutableId": "ErrorDuringIdConversion",
            "ParentFolder": {"Id": "LgAAAADr", "Name": "Inbox", "Path": "\\Inbox"},
        },
    })));
    record
}

/// Returns a property. Without a value it has no member `Value`.
fn property((name, value): (&str, Option<String>)) -> Value {
    value.map_or_else(|| json!({"Name": name}), |value| json!({"Name": name, "Value": value}))
}
