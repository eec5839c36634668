use serde_json::json;
use tenantwatch::detection::Severity::{High, Low};

use super::{check, has, offline, outlook_rule, reasons, record};

const DELETE: (&str, &str) = ("DeleteMessage", "True");

#[test]
fn conditions_that_all_mail_meets_count_as_none() {
    check(&[
        ("Post", &[DELETE], High),
        ("Post", &[DELETE, ("BodyContainsWords", "\0")], High),
        ("Post", &[DELETE, ("SubjectOrBodyContainsWords", "a;e;i;o;u")], High),
        ("Post", &[DELETE, ("FromAddressContainsWords", "@")], High),
        ("Post", &[DELETE, ("BodyContainsWords", ".")], High),
        ("Post", &[DELETE, ("SubjectContainsWords", " ")], High),
        ("Post", &[DELETE, ("SubjectContainsWords", "\u{200B}")], High),
        ("Post", &[DELETE, ("WithinSizeRangeMinimum", "1023")], High),
        ("Post", &[DELETE, ("WithinSizeRangeMinimum", "1 KB (1,024 bytes)")], High),
        ("Post", &[DELETE, ("MyNameInToBox", "True")], High),
        ("Post", &[DELETE, ("MyNameInToOrCcBox", "True")], High),
        ("Post", &[DELETE, ("SentTo", "grady@contoso.com")], High),
        ("Post", &[DELETE, ("RecipientAddressContainsWords", "contoso.com")], High),
        ("Post", &[DELETE, ("RecipientAddressContainsWords", "grady")], High),
        ("Post", &[DELETE, ("ExceptIfFrom", "boss@contoso.com")], High),
    ]);
}

#[test]
fn conditions_that_narrow_are_conditions() {
    check(&[
        ("Post", &[DELETE, ("MyNameInCcBox", "True")], Low),
        ("Post", &[DELETE, ("MyNameNotInToBox", "True")], Low),
        ("Post", &[DELETE, ("SentOnlyToMe", "True")], Low),
        ("Post", &[DELETE, ("SubjectContainsWords", "会")], Low),
        ("Post", &[DELETE, ("SubjectContainsWords", "💰")], Low),
        ("Post", &[DELETE, ("WithinSizeRangeMinimum", "5 MB (5,242,880 bytes)")], Low),
        ("Post", &[DELETE, ("RecipientAddressContainsWords", "sales@contoso.com")], Low),
        ("Post", &[DELETE, ("From", "news@shop.example")], Low),
        ("Post", &[DELETE, ("HasAttachment", "True")], Low),
    ]);
}

#[test]
fn restrictions_of_all_mail_are_known() {
    let delete = r#"[{"ActionType":"Delete"}]"#;
    for condition in ["{(Exists(ItemClass))}", "{}", "{(SubString IgnoreCase(BodyProperty)=.)}", "{(Size > 1023)}"] {
        let found = offline(&outlook_rule("Post", condition, delete));
        assert!(has(&found, "AppliesToAllMail") && found.severity == High, "{condition}: {:?}", reasons(&found));
    }
    for condition in ["{(Size > 5000000)}", "{(SubString IgnoreCase(SubjectProperty)=Alpha)}", "{(Exists(HasAttach))}"]
    {
        let found = offline(&outlook_rule("Post", condition, delete));
        assert!(!has(&found, "AppliesToAllMail") && !found.threat, "{condition}: {:?}", reasons(&found));
    }
}

#[test]
fn a_change_alone_never_applies_to_all_mail() {
    let parameters = json!([{"Name": "Identity", "Value": "grady\\15394007230974001153"}, {"Name": "DeleteMessage", "Value": "True"}]);
    let change = record("Set-InboxRule", &json!({"ObjectId": "grady\\15394007230974001153", "Parameters": parameters}));
    let found = offline(&change);
    assert!(!has(&found, "AppliesToAllMail") && !found.threat, "{:?}", reasons(&found));
    assert_eq!(found.rule_id, "15394007230974001153");
}
