use serde_json::{Value, json};
use tenantwatch::detection::{Answer, Knowledge, MailboxFacts, Question, judge};

use super::super::fixtures::tenant;
use super::{has, offline, online, parsed, reasons, record};

const GUID: &str = "0f4cc0f3-6b5c-4e5f-8a8e-111111111111";

fn delete_by(members: &Value) -> Value {
    let list = json!([{"Name": "RuleOperation", "Value": "AddMailboxRule"}, {"Name": "RuleName", "Value": "Post"},
        {"Name": "RuleActions", "Value": "[{\"ActionType\":\"Delete\"}]"}, {"Name": "RuleCondition", "Value": "{(Exists(ItemClass))}"}]);
    let mut members = members.clone();
    members["OperationProperties"] = list;
    record("UpdateInboxRules", &members)
}

#[test]
fn an_owner_with_a_suffix_is_the_actor() {
    for owner in ["grady_b5cd7fb7af", "Grady_0123456789", "CN/x/grady_ABCDEF0123"] {
        let members =
            json!({"ObjectId": format!("{owner}\\Post"), "Parameters": [{"Name": "DeleteMessage", "Value": "True"}]});
        let found = offline(&record("Set-InboxRule", &members));
        assert_eq!((found.mailbox.as_str(), has(&found, "ChangedByAnother")), ("grady@contoso.com", false), "{owner}");
    }
    for owner in ["anna_b5cd7fb7af", "grady_b5cd", "grady_team", "gradyb5cd7fb7af"] {
        let members =
            json!({"ObjectId": format!("{owner}\\Post"), "Parameters": [{"Name": "DeleteMessage", "Value": "True"}]});
        assert!(has(&offline(&record("Set-InboxRule", &members)), "ChangedByAnother"), "{owner}");
    }
}

#[test]
fn a_delegates_own_mailbox_is_never_the_owners() {
    for logon_type in [1, 2] {
        for guid in [json!(GUID), json!(null)] {
            let record = delete_by(&json!({"LogonType": logon_type, "MailboxGuid": guid}));
            let found = offline(&record);
            assert_ne!(found.mailbox, "grady@contoso.com", "{record}");
            assert!(has(&found, "ChangedByAnother"), "{:?}", reasons(&found));
        }
    }
    let nobody = offline(&delete_by(&json!({"LogonType": 2})));
    assert!(
        nobody.mailbox.is_empty() && nobody.description.contains("does not name the owner"),
        "{}",
        nobody.description
    );
    let own = offline(&delete_by(&json!({"LogonType": 0, "MailboxGuid": GUID})));
    assert_eq!((own.mailbox.as_str(), has(&own, "ChangedByAnother")), ("grady@contoso.com", false));
}

#[test]
fn the_owner_is_found_by_the_guid_of_the_mailbox() {
    let anna = |question: &Question, known: &mut Knowledge| {
        if let Question::Mailbox(text) = question
            && text == GUID
        {
            let upn = "anna@contoso.com".to_owned();
            let facts = MailboxFacts { addresses: vec![upn.clone()], upn, object_id: Some("anna".to_owned()) };
            known.mailboxes.insert(text.clone(), Answer::Known(facts));
        }
    };
    for logon_type in [0, 1, 2] {
        let found = online(&delete_by(&json!({"LogonType": logon_type, "MailboxGuid": GUID})), anna);
        assert_eq!(found.mailbox, "anna@contoso.com", "{logon_type}");
        assert!(has(&found, "ChangedByAnother"), "{logon_type}");
    }
}

#[test]
fn a_guid_that_no_mailbox_has_names_no_owner() {
    let nobody = |question: &Question, known: &mut Knowledge| {
        if let Question::Mailbox(text) = question {
            known.mailboxes.insert(text.clone(), Answer::Unknown);
        }
    };
    let of = |guid: &str| online(&delete_by(&json!({"LogonType": 2, "MailboxGuid": guid})), nobody);
    let (found, other) = (of(GUID), of("0f4cc0f3-6b5c-4e5f-8a8e-222222222222"));
    assert_eq!(found.mailbox, "");
    assert!(found.description.contains("does not name the owner"), "{}", found.description);
    assert!(has(&found, "ChangedByAnother"));
    assert_ne!(found.fingerprint, other.fingerprint, "the id still tells the mailboxes apart");
}

#[test]
fn earlier_records_stand_in_for_the_current_rule_offline() {
    let made = json!({"ObjectId": "grady\\Copies", "Parameters": [{"Name": "Name", "Value": "Copies"},
        {"Name": "ForwardTo", "Value": "drop@evil.example"}, {"Name": "Enabled", "Value": "False"}]});
    let enabled = json!({"ObjectId": "grady\\Copies", "Parameters": [{"Name": "Identity", "Value": "grady\\Copies"}]});
    let (made, mut enabled) = (record("New-InboxRule", &made), record("Enable-InboxRule", &enabled));
    enabled["CreationTime"] = json!("2026-11-20T09:15:30");
    let mut known = tenant();
    known.offline = true;
    assert!(!judge(&parsed(&enabled), &known).unwrap().threat, "nothing is known of the rule");
    assert!(!judge(&parsed(&made), &known).unwrap().threat, "it is made disabled");
    known.note_rule(&parsed(&made));
    let found = judge(&parsed(&enabled), &known).unwrap();
    assert!(has(&found, "ForwardsExternally"), "{:?}", reasons(&found));
}

/// The path of a mailbox that has only a GUID as its name.
fn path(guid: &str) -> String {
    format!("EURPR01A001.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/{guid}")
}

const OTHER: &str = "0f4cc0f3-6b5c-4e5f-8a8e-222222222222";

fn by(user: &str, operation: &str, members: &Value) -> Value {
    let mut record = record(operation, members);
    record["UserId"] = json!(user);
    record
}

fn forwarding(guid: &str) -> Value {
    let list = json!([{"Name": "Identity", "Value": path(guid)}, {"Name": "ForwardingSmtpAddress", "Value": "smtp:drop@evil.example"}]);
    by("admin@contoso.com", "Set-Mailbox", &json!({"ObjectId": path(guid), "Parameters": list}))
}

#[test]
fn mailbox_with_only_a_guid_is_not_the_administrators() {
    let (one, other) = (offline(&forwarding(GUID)), offline(&forwarding(OTHER)));
    assert_eq!((one.mailbox.as_str(), other.mailbox.as_str()), (GUID, OTHER));
    assert!(has(&one, "ChangedByAnother") && one.fingerprint != other.fingerprint);
    for (operation, parameter) in [("Set-CASMailbox", "ImapEnabled"), ("Add-MailboxPermission", "AutoMapping")] {
        let list = json!([{"Name": "Identity", "Value": path(GUID)}, {"Name": "User", "Value": "lee@contoso.com"},
            {"Name": "AccessRights", "Value": "FullAccess"}, {"Name": parameter, "Value": "True"}]);
        let found = offline(&by("admin@contoso.com", operation, &json!({"Parameters": list})));
        assert_eq!(found.mailbox, GUID, "{operation}");
    }
    let own = by(
        "grady@contoso.com",
        "New-InboxRule",
        &json!({"ObjectId": format!("{}\\Post", path(GUID)),
        "Parameters": [{"Name": "Name", "Value": "Post"}, {"Name": "DeleteMessage", "Value": "True"}]}),
    );
    assert_eq!(offline(&own).mailbox, "grady@contoso.com");
}

#[test]
fn other_records_tell_whose_mailbox_a_guid_is() {
    let rule = |user: &str, guid: &str| {
        by(
            user,
            "New-InboxRule",
            &json!({"ObjectId": format!("{}\\Post", path(guid)),
            "Parameters": [{"Name": "Name", "Value": "Post"}, {"Name": "DeleteMessage", "Value": "True"}]}),
        )
    };
    let mailbox_of = |records: &[Value], judged: &Value| {
        let mut known = tenant();
        known.offline = true;
        records.iter().for_each(|record| known.mailbox_ids.note(&parsed(record)));
        judge(&parsed(judged), &known).unwrap().mailbox
    };
    let own = rule("grady@contoso.com", GUID);
    assert_eq!(mailbox_of(std::slice::from_ref(&own), &forwarding(GUID)), "grady@contoso.com");
    let audited = delete_by(&json!({"MailboxOwnerUPN": "lee@contoso.com", "MailboxGuid": OTHER, "LogonType": 0}));
    assert_eq!(mailbox_of(&[audited], &forwarding(OTHER)), "lee@contoso.com");
    // A user who works in two mailboxes is the owner of neither, as far as the records show.
    let both = [rule("admin@contoso.com", GUID), rule("admin@contoso.com", OTHER)];
    assert_eq!(mailbox_of(&both, &both[0]), GUID);
    assert_eq!(mailbox_of(&both, &forwarding(OTHER)), OTHER);
}
