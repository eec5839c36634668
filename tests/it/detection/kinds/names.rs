use tenantwatch::detection::Severity::{High, Low, Medium};

use super::{Parameters, check, has, offline, reasons, record, rule};
use serde_json::json;

const FROM: (&str, &str) = ("From", "ap@fabrikam.example");

#[test]
fn nameless_rules_are_threats_whatever_they_do() {
    check(&[
        (".", &[FROM, ("DeleteMessage", "True")], High),
        (";;;", &[("MoveToFolder", "Archive")], High),
        ("...", &[FROM, ("MoveToFolder", "Inbox\\old")], Medium),
        ("\u{200B}", &[FROM, ("MarkAsRead", "True")], Medium),
        ("\u{3164}", &[FROM, ("CopyToFolder", "Old")], Medium),
        ("_", &[FROM, ("ForwardTo", "anna@contoso.com")], Medium),
        ("- -", &[FROM, ("MoveToFolder", "RSS Feeds")], High),
        (" ", &[FROM, ("MoveToFolder", "Archive")], Medium),
        ("..", &[FROM, ("ApplyCategory", "Red")], Low),
        ("💰", &[FROM, ("MoveToFolder", "Inbox\\old")], Low),
        ("财", &[FROM, ("MarkAsRead", "True")], Low),
        (".net", &[FROM, ("MoveToFolder", "Inbox\\net")], Low),
    ]);
}

#[test]
fn short_names_join_deletion_or_filing_unread() {
    check(&[
        ("a", &[FROM, ("DeleteMessage", "True")], Medium),
        ("7", &[FROM, ("MoveToFolder", "Old"), ("MarkAsRead", "True")], Medium),
        ("zzz", &[FROM, ("DeleteMessage", "True")], Medium),
        ("1111", &[FROM, ("MoveToFolder", "Deleted Items")], Medium),
        ("é", &[FROM, ("DeleteMessage", "True")], Medium),
        ("ö.", &[FROM, ("DeleteMessage", "True")], Medium),
        ("Ж", &[FROM, ("DeleteMessage", "True")], Low),
        ("a", &[FROM, ("MoveToFolder", "Old")], Low),
        ("CC", &[FROM, ("DeleteMessage", "True")], Low),
        ("AAA", &[FROM, ("DeleteMessage", "True")], Low),
        ("aa", &[FROM, ("DeleteMessage", "True")], Low),
        ("C#", &[FROM, ("DeleteMessage", "True")], Low),
    ]);
}

#[test]
fn disguised_names_join_deletion() {
    check(&[
        ("Νewsletter", &[FROM, ("DeleteMessage", "True")], Medium),
        ("Updаtes", &[FROM, ("DeleteMessage", "True")], Medium),
        ("up\u{200B}dates", &[FROM, ("DeleteMessage", "True")], Medium),
        ("Updаtes", &[FROM, ("MoveToFolder", "Old")], Low),
        ("Обновления", &[FROM, ("DeleteMessage", "True")], Low),
        ("Πελάτες 2026", &[FROM, ("DeleteMessage", "True")], Low),
        ("Café", &[FROM, ("DeleteMessage", "True")], Low),
    ]);
}

#[test]
fn a_name_without_a_value_is_unknown() {
    let parameters: Parameters<'_> = &[FROM, ("MoveToFolder", "Inbox\\old")];
    let list: Vec<_> = parameters.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect();
    let blank = json!([{"Name": "RuleOperation", "Value": "AddMailboxRule"}, {"Name": "RuleName"},
        {"Name": "RuleActions", "Value": "[{\"ActionType\":\"MarkAsRead\"}]"}]);
    let unknown =
        record("UpdateInboxRules", &json!({"MailboxOwnerUPN": "grady@contoso.com", "OperationProperties": blank}));
    assert!(!has(&offline(&unknown), "NamelessRule"));
    let by_object = record("New-InboxRule", &json!({"ObjectId": "grady\\ ", "Parameters": list}));
    assert!(has(&offline(&by_object), "NamelessRule"), "{:?}", reasons(&offline(&by_object)));
}

#[test]
fn a_name_in_a_sentence_shows_no_invisible_characters() {
    let found = offline(&rule(".\u{202E}\u{7}.", &[FROM, ("DeleteMessage", "True")]));
    let sentence = &found.reasons.iter().find(|reason| reason.name.as_str() == "NamelessRule").unwrap().sentence;
    assert_eq!(sentence, "The rule is named '..', a name that users do not normally give their own rules.");
}
