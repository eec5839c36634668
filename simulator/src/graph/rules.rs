//! Lists, changes and deletes inbox rules as Graph shows them: visible ones only, under ids of their own.

use serde_json::{Map, Value, json};

use super::{OfUser, Paging, failure};
use crate::reply::Reply;
use crate::world::{Rule, Tenant};

/// Answers one request under `/users/{user}/mailFolders/inbox/messageRules`. `rule` holds the segments after that.
pub(super) fn answer(tenant: &mut Tenant, paging: &Paging<'_>, call: &OfUser<'_>, rule: &[&str]) -> Reply {
    let upn = tenant.user(call.user).map(|user| user.upn.clone()).unwrap_or_default();
    let Some(mailbox) = tenant.mailbox_mut(&upn) else {
        let text = "The mailbox is either inactive, soft-deleted, or is hosted on-premise.";
        return failure(404, "MailboxNotEnabledForRESTAPI", text);
    };
    let id = match (call.method, rule) {
        ("GET", []) => {
            let visible = mailbox.rules.iter().filter(|rule| !rule.hidden).enumerate();
            return paging.page(visible.map(|(at, rule)| row(rule, at + 1)).collect());
        }
        ("GET" | "PATCH" | "DELETE", [id]) => *id,
        _ => return failure(400, "BadRequest", "Resource not found for the segment."),
    };
    let Some(at) = mailbox.rules.iter().position(|rule| !rule.hidden && id_of(rule) == id) else {
        return failure(404, "ErrorItemNotFound", "The specified object was not found in the store.");
    };
    if call.method != "GET" && is_read_only(&mailbox.rules[at]) {
        return failure(400, "ErrorMessageRuleReadOnly", "The rule is read-only and cannot be changed.");
    }
    if call.method == "DELETE" {
        mailbox.rules.remove(at);
        return Reply::empty(204);
    }
    let rule = &mut mailbox.rules[at];
    if let ("PATCH", Some(enabled)) = (call.method, call.body["isEnabled"].as_bool()) {
        rule.enabled = enabled;
    }
    Reply::json(200, &row(rule, at + 1))
}

/// Returns the id of a rule, which is another than in Exchange and in audit records.
fn id_of(rule: &Rule) -> String {
    format!("AQ{:016x}=", rule.id)
}

fn is_read_only(rule: &Rule) -> bool {
    rule.name.starts_with("Delegate Rule ")
}

fn row(rule: &Rule, sequence: usize) -> Value {
    json!({
        "id": id_of(rule),
        "displayName": rule.name,
        "sequence": sequence,
        "isEnabled": rule.enabled,
        "hasError": false,
        "isReadOnly": is_read_only(rule),
        "conditions": words(&rule.properties),
        "actions": actions(&rule.properties),
    })
}

/// Returns the conditions that are lists of words or senders.
fn words(properties: &Map<String, Value>) -> Value {
    let names = [
        ("SubjectContainsWords", "subjectContains"),
        ("BodyContainsWords", "bodyContains"),
        ("SubjectOrBodyContainsWords", "bodyOrSubjectContains"),
        ("FromAddressContainsWords", "senderContains"),
    ];
    let found = names.iter().filter_map(|(cmdlets, graphs)| Some(((*graphs).to_owned(), list(properties, cmdlets)?)));
    Value::Object(found.collect())
}

/// Returns the targets, the folder and the switches of a rule in Graph's words.
fn actions(properties: &Map<String, Value>) -> Value {
    let targets =
        [("ForwardTo", "forwardTo"), ("ForwardAsAttachmentTo", "forwardAsAttachmentTo"), ("RedirectTo", "redirectTo")];
    let plain = [
        ("DeleteMessage", "delete"),
        ("MarkAsRead", "markAsRead"),
        ("StopProcessingRules", "stopProcessingRules"),
        ("MoveToFolder", "moveToFolder"),
    ];
    let mut actions = json!({});
    for (cmdlets, graphs) in targets {
        let Some(Value::Array(targets)) = list(properties, cmdlets) else { continue };
        let address = |target: &str| target.rsplit("SMTP:").next().unwrap_or_default().trim_end_matches(']').to_owned();
        let row = |target: &Value| Some(json!({"emailAddress": {"address": address(target.as_str()?)}}));
        actions[graphs] = targets.iter().filter_map(row).collect();
    }
    for (cmdlets, graphs) in plain {
        if let Some(value) = properties.get(cmdlets).filter(|value| !value.is_null()) {
            actions[graphs] = value.clone();
        }
    }
    actions
}

fn list(properties: &Map<String, Value>, name: &str) -> Option<Value> {
    properties.get(name).filter(|value| value.as_array().is_some_and(|list| !list.is_empty())).cloned()
}
