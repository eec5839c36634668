//! The prefilter skips system noise, but never a record in which the detections find something.

use audit_log::AuditRecord;
use base::ids::TenantId;
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantwatch::detection::{Finding, Knowledge, judge, system_noise};
use uuid::Uuid;

use crate::json_encodings::styles;

const ID: &str = "7d2f7f3b-6a44-4c38-9d23-6ad7d1f2b001";

/// An ordinary record by Exchange itself, with further parameters.
fn by_the_system(further: &[(&str, &str)]) -> String {
    let parameters = [("Identity", "clara"), ("ProhibitSendQuota", "99 GB")].iter().chain(further);
    let parameters: Vec<_> = parameters.map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    json!({
        "CreationTime": "2026-11-22T10:00:00", "Id": "f9d3b8e1-6c1c-4a3f-9f0e-08d92fe5d2a1", "Operation": "Set-Mailbox",
        "OrganizationId": ID, "OrganizationName": "contoso.onmicrosoft.com", "RecordType": 1, "ResultStatus": "True",
        "UserType": 3, "UserId": "NT AUTHORITY\\SYSTEM", "ObjectId": "clara", "Parameters": parameters,
    })
    .to_string()
}

fn judged(record: &str) -> Option<Finding> {
    let known = Knowledge::new(TenantId::new(Uuid::nil()), "contoso.com".parse().unwrap());
    judge(&AuditRecord::parse(record.as_bytes()).ok()?, &known)
}

fn is_passed_over(record: &str) -> bool {
    system_noise(record.as_bytes()).is_some()
}

#[test]
fn quota_changes_by_the_system_are_skipped() {
    assert!(is_passed_over(&by_the_system(&[])));
    assert_eq!(judged(&by_the_system(&[])), None);
}

#[test]
fn system_change_with_an_address_is_not_skipped() {
    for name in ["ForwardingSmtpAddress", "forwardingsmtpaddress", "ForwardingAddress"] {
        let record = by_the_system(&[(name, "smtp:thief@evil.example")]);
        assert!(!is_passed_over(&record), "{record}");
        assert!(judged(&record).is_some_and(|finding| finding.threat), "{record}");
    }
}

/// Returns the record with `by` letters before everything else, so that all of it is at other positions in its blocks.
fn moved(record: &str, by: usize) -> String {
    record.replacen('{', &format!("{{\"Moved\":\"{}\",", "x".repeat(by)), 1)
}

#[test]
fn forbidden_name_is_seen_at_any_position() {
    for name in ["ForwardingSmtpAddress", "forwardingaddress", "GrantSendOnBehalfTo", "USER", "Trustee"] {
        let record = by_the_system(&[(name, "thief@evil.example")]);
        for by in 0..130 {
            assert!(!is_passed_over(&moved(&record, by)), "{name}, moved by {by}");
            assert!(is_passed_over(&moved(&by_the_system(&[]), by)), "moved by {by}");
        }
    }
}

#[test]
fn a_name_behind_escapes_is_read_as_what_it_is() {
    let record = by_the_system(&[("ForwardingSmtpAddress", "smtp:thief@evil.example")]);
    let hidden = record.replace("ForwardingSmtpAddress", "\\u0046orwardingSmtp\\u0041ddress");
    assert!(!is_passed_over(&hidden));
    assert!(judged(&hidden).is_some());
}

#[test]
fn change_by_a_person_is_not_skipped() {
    let record = by_the_system(&[]).replace("NT AUTHORITY\\\\SYSTEM", "clara@contoso.com");
    assert!(!is_passed_over(&record.replace("\"UserType\":3", "\"UserType\":2")));
    assert!(is_passed_over(&record), "UserType 3 is the system, whatever its name");
}

#[test]
fn a_record_that_is_written_unusually_is_parsed() {
    let plain = by_the_system(&[]);
    for (from, to) in [
        ("\"UserType\":3", "\"UserType\":\"3\""),
        ("\"UserType\":3", "\"UserType\":3.0"),
        ("\"UserType\":3", "\"UserType\":2,\"UserType\":3"),
        ("\"UserType\"", "\"usertype\""),
        ("\"Operation\"", "\"operation\""),
        ("\"Parameters\"", "\"PARAMETERS\""),
        ("99 GB", "99\u{1}GB"),
        ("\"Parameters\":[", "\"Parameters\":\"-ForwardingSmtpAddress thief@evil.example\",\"Other\":["),
        ("{\"CreationTime\"", "{\"item\":{},\"CreationTime\""),
        ("{\"CreationTime\"", "{\"MailboxOwnerUPN\":\"a@contoso.com\",\"CreationTime\""),
        ("{\"CreationTime\"", "{\"auditData\":{},\"CreationTime\""),
    ] {
        let record = plain.replace(from, to);
        assert_ne!(record, plain);
        assert!(!is_passed_over(&record), "{record}");
    }
}

/// Parameters of which judging makes something, in any case.
const NAMING_SOMEBODY: &[&str] =
    &["ForwardingSmtpAddress", "forwardingaddress", "GrantSendOnBehalfTo", "User", "user", "TRUSTEE"];

/// Short pieces of text that change the meaning of a record.
const CHANGES: &[&str] = &[
    "\"",
    "\\",
    "\\\"",
    "\\\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\\u0041",
    "\"User\"",
    ",\"Operation\":\"x\"",
    ",\"UserType\":2",
    "\",\"ForwardingAddress\":\"",
];

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts)
}

/// Members as they may stand in a record, right, doubled, misspelt or of another kind.
fn member() -> impl Strategy<Value = String> {
    let name = one_of(&["Operation", "UserType", "UserId", "Parameters", "parameters", "userId", "Item", "item", "X"]);
    let value = one_of(&[
        "\"Set-Mailbox\"",
        "\"set-mailbox\"",
        "2",
        "3",
        "\"3\"",
        "\"NT SERVICE\\\\x\"",
        "\"clara@contoso.com\"",
        "[]",
        "[{\"Name\":\"ForwardingSmtpAddress\",\"Value\":\"thief@evil.example\"}]",
        "[{\"Name\":\"\\u0046orwardingSmtpAddress\",\"Value\":\"thief@evil.example\"}]",
        "[{\"Name\":\"x\",\"name\":\"ForwardingSmtpAddress\",\"Value\":\"thief@evil.example\"}]",
        "[{\"Name\":\"grantSendOnBehalfTo\",\"Value\":\"thief@evil.example\"}]",
        "[{\"Name\":\"User\",\"Value\":\"thief@evil.example\"}]",
        "\"-ForwardingSmtpAddress thief@evil.example\"",
        "{\"ForwardingSmtpAddress\":\"thief@evil.example\"}",
        "{\"ParentFolder\":{\"MemberUpn\":\"thief@evil.example\",\"MemberRights\":\"Owner\"}}",
    ]);
    (name, value).prop_map(|(name, value)| format!("\"{name}\":{value}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_passed_over_of_which_judging_makes_something(
        members in prop::collection::vec(member(), 0..4),
        turn in 0_usize..12,
    ) {
        let plain = by_the_system(&[]);
        let ordinary = ["CreationTime", "OrganizationId", "OrganizationName", "Operation", "UserId", "UserType", "Parameters"];
        let value: serde_json::Value = serde_json::from_str(&plain).unwrap();
        let ordinary = ordinary.iter().map(|name| format!("\"{name}\":{}", value[name]));
        let mut members: Vec<String> = members.into_iter().chain(ordinary).collect();
        let length = members.len();
        members.rotate_left(turn % length);
        let record = format!("{{{}}}", members.join(","));
        if is_passed_over(&record) {
            prop_assert_eq!(judged(&record), None, "{}", record);
        }
    }

    #[test]
    fn prefilter_skips_only_records_without_a_finding(
        style in styles(),
        target in prop::option::of(one_of(NAMING_SOMEBODY)),
        by in 0_usize..130,
    ) {
        let confusing = ("DisplayName", "a/b \",\"UserType\":2,\"User\":[{ \\\"Trustee\" \\");
        let further: Vec<_> = [confusing].into_iter().chain(target.map(|name| (name, "thief@evil.example"))).collect();
        let value: Value = serde_json::from_str(&by_the_system(&further)).unwrap();
        let record = moved(&style.write(&value), by);
        if target.is_none() {
            prop_assert_eq!(judged(&record), None, "{}", record);
        }
        // The prefilter recognizes the form that services write. Without this, one that skips nothing would succeed here.
        let is_ordinary = !record.contains(['\n', '\r', '\t']) && !record.contains("\\u");
        prop_assert_eq!(is_passed_over(&record), target.is_none() && is_ordinary, "{}", record);
    }

    #[test]
    fn prefilter_members_equal_the_parsed_record(
        by in 0_usize..130,
        changes in prop::collection::vec((any::<prop::sample::Index>(), one_of(CHANGES)), 0..4),
    ) {
        let mut record = moved(&by_the_system(&[]), by);
        for (at, change) in changes {
            record.insert_str(at.index(record.len()), change);
        }
        if let (Some(prefilter), Ok(parsed)) = (system_noise(record.as_bytes()), AuditRecord::parse(record.as_bytes())) {
            let shown = (prefilter.operation, Some(prefilter.user_type), Some(prefilter.organization_name));
            prop_assert_eq!(shown, (parsed.operation.as_str(), parsed.user_type, parsed.organization_name.as_deref()));
            prop_assert_eq!(judged(&record), None, "{}", record);
        }
    }
}
