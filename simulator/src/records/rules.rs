//! Builds records of cmdlets that set inbox rules. Outlook on the web runs the same cmdlets.

use serde_json::Value;

use crate::world::{Mailbox, Rule};

use super::{Envelope, OUTLOOK_WEB};

/// The client that set a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeWith {
    /// Outlook on the web, which adds two parameters first, `StopProcessingRules` last, an application and a session.
    OutlookWeb,
    /// PowerShell, which adds nothing.
    PowerShell,
}

/// Returns `New-InboxRule`. `parameters` are conditions and actions. A name of spaces is written as an empty parameter.
pub fn new_inbox_rule(
    envelope: &Envelope,
    mailbox: &Mailbox,
    name: &str,
    parameters: &[(&str, &str)],
    made_with: MadeWith,
) -> Value {
    let name_parameter = [("Name", name.trim())];
    let object_id = format!("{}\\{name}", mailbox.identity);
    if made_with == MadeWith::PowerShell {
        let all = [&name_parameter, parameters].concat();
        return Value::Object(envelope.cmdlet("New-InboxRule", &object_id, &all));
    }
    let first = [("AlwaysDeleteOutlookRulesBlob", "False"), ("Force", "False")];
    let all = [&first, parameters, &name_parameter, &[("StopProcessingRules", "True")]].concat();
    let mut record = envelope.cmdlet("New-InboxRule", &object_id, &all);
    record.insert("AppId".to_owned(), OUTLOOK_WEB.into());
    record.insert("SessionId".to_owned(), envelope.session.to_string().into());
    Value::Object(record)
}

/// Returns `Set-InboxRule` with the identity of the rule and the changes only.
pub fn set_inbox_rule(envelope: &Envelope, mailbox: &Mailbox, rule: &Rule, changed: &[(&str, &str)]) -> Value {
    let identity = format!("{}\\{}", mailbox.identity, rule.id);
    let first = [("AlwaysDeleteOutlookRulesBlob", "False"), ("Force", "False"), ("Identity", identity.as_str())];
    let object_id = format!("{}\\{}", mailbox.identity, rule.name);
    let mut record = envelope.cmdlet("Set-InboxRule", &object_id, &[&first, changed].concat());
    record.insert("AppId".to_owned(), OUTLOOK_WEB.into());
    record.insert("SessionId".to_owned(), envelope.session.to_string().into());
    Value::Object(record)
}

/// Returns an ordinary rule that moves the mail of one sender to a folder.
pub fn newsletter_rule(envelope: &Envelope, mailbox: &Mailbox, name: &str, sender: &str, folder: &str) -> Value {
    let parameters = [("From", sender), ("MoveToFolder", folder)];
    new_inbox_rule(envelope, mailbox, name, &parameters, MadeWith::OutlookWeb)
}
