//! Inbox rules made and changed with cmdlets, which is also what Outlook on the web does.

use serde_json::Value;

use crate::world::{Mailbox, Rule};

use super::{Envelope, OUTLOOK_WEB};

/// What a rule was made with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MadeWith {
    /// Outlook on the web: two more parameters first, `StopProcessingRules` last, an application and a session.
    OutlookWeb,
    /// PowerShell: only what was typed.
    PowerShell,
}

/// `New-InboxRule`. `parameters` are conditions and actions; a name of spaces is written as an empty parameter.
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

/// `Set-InboxRule`: which rule, and only what was changed.
pub fn set_inbox_rule(envelope: &Envelope, mailbox: &Mailbox, rule: &Rule, changed: &[(&str, &str)]) -> Value {
    let identity = format!("{}\\{}", mailbox.identity, rule.id);
    let first = [("AlwaysDeleteOutlookRulesBlob", "False"), ("Force", "False"), ("Identity", identity.as_str())];
    let object_id = format!("{}\\{}", mailbox.identity, rule.name);
    let mut record = envelope.cmdlet("Set-InboxRule", &object_id, &[&first, changed].concat());
    record.insert("AppId".to_owned(), OUTLOOK_WEB.into());
    record.insert("SessionId".to_owned(), envelope.session.to_string().into());
    Value::Object(record)
}

/// The rule that everybody has: what one sender writes goes to a folder.
pub fn newsletter_rule(envelope: &Envelope, mailbox: &Mailbox, name: &str, sender: &str, folder: &str) -> Value {
    let parameters = [("From", sender), ("MoveToFolder", folder)];
    new_inbox_rule(envelope, mailbox, name, &parameters, MadeWith::OutlookWeb)
}
