use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::*;
use crate::scenario;

fn setting() -> (Tenant, Envelope) {
    let tenant = scenario::tenant(0, "huber.example");
    let at: DateTime<Utc> = "2026-11-22T10:00:00Z".parse().unwrap();
    let envelope = Envelope::new(&tenant, &tenant.mailboxes[0].upn, at, &mut Seeded::new(3));
    (tenant, envelope)
}

fn value_of<'a>(record: &'a Value, list: &str, name: &str) -> &'a Value {
    let pair = record[list].as_array().unwrap().iter().find(|pair| pair["Name"] == name).unwrap();
    &pair["Value"]
}

#[test]
fn blank_rule_has_an_empty_name_and_an_object_with_a_space() {
    let (tenant, envelope) = setting();
    let mailbox = &tenant.mailboxes[0];
    let record = new_inbox_rule(&envelope, mailbox, " ", &[("DeleteMessage", "True")], MadeWith::PowerShell);
    assert_eq!(record["Parameters"][0], json!({"Name": "Name", "Value": ""}));
    assert_eq!(record["ObjectId"], format!("{}\\ ", mailbox.identity));
    assert_eq!(record["CreationTime"], "2026-11-22T10:00:00");
    assert_eq!(record["OrganizationName"], "huber.onmicrosoft.com");
    assert!(record.get("SessionId").is_none());
}

#[test]
fn mailbox_audit_writes_signed_ids_and_omits_unknown_values() {
    let (tenant, envelope) = setting();
    let mailbox = &tenant.mailboxes[0];
    let change = RuleChange::added(15_394_007_230_974_001_153, None);
    let record = update_inbox_rules_a(&envelope, mailbox, &change, &json!([]));
    assert_eq!(value_of(&record, "OperationProperties", "RuleId"), "-3052736842735550463");
    assert!(record["OperationProperties"].as_array().unwrap().contains(&json!({"Name": "RuleName"})));
    assert_eq!(record["LogonType"], 0);
    let record = update_inbox_rules_b(&envelope, mailbox, &change, "RedirectToRecipientsAction", &["x@y.example"]);
    let rule: Value =
        serde_json::from_str(value_of(&record, "OperationProperties", "ServerRule").as_str().unwrap()).unwrap();
    assert_eq!(rule["Actions"][0]["Recipients"][0]["Values"][1]["Value"], "x@y.example");
}

#[test]
fn addresses_have_a_port_in_cmdlets_and_none_in_mailbox_audit() {
    let (tenant, envelope) = setting();
    let envelope = envelope.from_ip("2001:db8::1");
    let mailbox = &tenant.mailboxes[0];
    assert_eq!(forwarding_turned_off(&envelope, mailbox)["ClientIP"], "[2001:db8::1]:52378");
    assert_eq!(send(&envelope, mailbox, "x")["ClientIP"], "2001:db8::1");
    assert!(system_set_mailbox(&envelope, mailbox).get("ClientIP").is_none());
}

#[test]
fn every_builder_writes_the_common_members() {
    let (tenant, envelope) = setting();
    let (mailbox, user) = (&tenant.mailboxes[0], &tenant.users[0]);
    let records = [
        newsletter_rule(&envelope, mailbox, "News", "news@blatt.example", "News"),
        set_inbox_rule(&envelope, mailbox, &mailbox.rules[0], &[("MarkAsRead", "True")]),
        forwarding_to(&envelope, mailbox, "x@y.example", true),
        update_inbox_rules_blank(&envelope, mailbox, 7),
        add_mailbox_permission(&envelope, mailbox, "x", "FullAccess"),
        new_transport_rule(&envelope, ".", &[("BlindCopyTo", "x@y.example")]),
        consent(&envelope, user, envelope.session, "Reader", "Mail.Read", false),
        update_user_strong_auth(&envelope, user, "+49 30 5550 0101"),
        user_logged_in(&envelope),
        auto_reply(&envelope, mailbox, "away"),
        mail_items_accessed(&envelope, mailbox, 2),
        move_to_deleted_items(&envelope, mailbox, "x"),
        file_accessed(&envelope, "plan.docx"),
    ];
    for record in records {
        assert_eq!(record["Id"], envelope.id.to_string(), "{record}");
        assert_eq!(record["OrganizationId"], envelope.tenant.to_string(), "{record}");
        assert_eq!(record["UserId"], envelope.actor, "{record}");
        assert!(record["Operation"].is_string() && record["RecordType"].is_u64(), "{record}");
    }
}

#[test]
fn every_hundredth_line_is_by_a_person() {
    let mut lines = Vec::new();
    json_lines_with_people(7, 400_000, 100, &mut lines).unwrap();
    let text = String::from_utf8(lines).unwrap();
    let records: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_by_a_person = |record: &Value| record["RecordType"] == EXCHANGE_ADMIN && record["UserType"] == 2;
    for (number, record) in records.iter().enumerate() {
        assert_eq!(is_by_a_person(record), number % 100 == 0, "{record}");
    }
    assert!(records.len() > 300);
}
