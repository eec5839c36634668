//! A record is parsed in any spelling.

use audit_log::AuditRecord;
use serde_json::{Value, json};

use super::rule_record;

fn parse(record: &Value) -> AuditRecord {
    AuditRecord::parse(record.to_string().as_bytes()).unwrap()
}

#[test]
fn stored_record_is_the_same_for_any_spelling() {
    let record = rule_record();
    let escaped = record.to_string().replace("Operation", "\\u004fperation");
    for written in [
        format!("{record:#}"),
        escaped,
        json!({"id": "x", "auditData": record}).to_string(),
        json!({"AuditData": record.to_string()}).to_string(),
    ] {
        let parsed = AuditRecord::parse(written.as_bytes()).unwrap();
        assert_eq!((parsed.text.as_str(), parsed.json()), (written.as_str(), record.to_string()));
    }
}

#[test]
fn a_hundred_thousand_parameters_are_read() {
    let parameters: Vec<_> = (0..100_000).map(|n| json!({"Name": format!("P{n}"), "Value": n})).collect();
    let record = parse(&json!({"CreationTime": "2021-06-15T10:11:53", "Operation": "x", "Parameters": parameters}));
    assert_eq!(record.parameters.iter().count(), 100_000);
    assert_eq!(record.parameters.get("p99999"), Some("99999"));
}

#[test]
fn parameters_may_be_the_text_of_a_command() {
    let text = r#"-StartReceivedDate "6/1/2021 1:00 ""PM""" -QuarantineTypes ("Bulk","Spam") -Force:$true -Page -1 -Quiet -Empty "" -To 'a b'"#;
    let record = parse(&json!({"CreationTime": "2021-06-15T10:11:53", "Operation": "x", "Parameters": text}));
    let expected = [
        ("StartReceivedDate", "6/1/2021 1:00 \"PM\""),
        ("QuarantineTypes", "Bulk;Spam"),
        ("Force", "True"),
        ("Page", "-1"),
        ("Quiet", "True"),
        ("Empty", ""),
        ("To", "a b"),
    ];
    assert_eq!(record.parameters.iter().map(|(n, v)| (n, v.unwrap_or("none"))).collect::<Vec<_>>(), expected);
}

#[test]
fn a_missing_value_is_known_from_an_empty_one() {
    let properties = json!([{"Name": "RuleName"}, {"Name": "A", "Value": ""}, {"Name": "B", "Value": null}, {"name": "C", "value": true}]);
    let record =
        parse(&json!({"CreationTime": "2021-06-15T10:11:53", "Operation": "x", "OperationProperties": properties}));
    let found = record.operation_properties;
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        [("RuleName", None), ("A", Some("")), ("B", None), ("C", Some("true"))]
    );
}

#[test]
fn members_are_found_in_any_case_and_numbers_in_text() {
    let record = parse(&json!({
        "creationtime": "2021-06-15T10:11:53.5Z", "operation": "x", "Operation": "y", "recordtype": "2", "USERTYPE": 2,
        "clientip": "", "ClientIPAddress": "192.0.2.1", "Parameters@odata.type": "#Collection(x)", "userid": "a@b.c",
    }));
    assert_eq!((record.operation.as_str(), record.record_type, record.user_type), ("y", Some(2), Some(2)));
    assert_eq!((record.client_ip.as_deref(), record.user_id.as_str()), (Some("192.0.2.1"), "a@b.c"));
    assert!(record.parameters.is_empty());
}

#[test]
fn creation_time_is_utc_with_and_without_zone_and_fraction() {
    for text in
        ["2021-06-15T10:11:53", "2021-06-15T10:11:53Z", "2021-06-15T10:11:53.000", "2021-06-15T12:11:53.0+02:00"]
    {
        assert_eq!(
            parse(&json!({"CreationTime": text, "Operation": "x"})).created.to_rfc3339(),
            "2021-06-15T10:11:53+00:00"
        );
    }
    assert!(AuditRecord::parse(b"{\"Operation\":\"x\",\"CreationTime\":\"yesterday\"}").is_err());
}

#[test]
fn derived_record_id_is_the_same_for_any_spelling() {
    let first = AuditRecord::parse(br#"{"CreationTime":"2021-06-15T10:11:53","Operation":"x","Id":"7"}"#).unwrap();
    let second =
        AuditRecord::parse(br#"{ "Id": "\u0037", "Operation": "x", "CreationTime": "2021-06-15T10:11:53" }"#).unwrap();
    assert!(first.id_is_derived && first.id == second.id);
    assert_eq!(first.id.as_uuid().get_version_num(), 5);
}

#[test]
fn record_is_unwrapped_from_the_graph_search_envelope() {
    let record = parse(&json!({"id": "x", "operation": "New-InboxRule", "auditData": rule_record()}));
    assert_eq!((record.object_id.as_deref(), record.id_is_derived), (Some("joey\\ "), false));
}
