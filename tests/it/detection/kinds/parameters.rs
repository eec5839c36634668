//! Parameters in the forms that exporters leave: read, or told and never harmless, in every family.

use serde_json::{Value, json};

use super::{has, offline, reasons, record};

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// The pairs in every form that is known.
fn read_forms(pairs: Pairs<'_>) -> Vec<Value> {
    let joined = |sign: &str, separator: &str| {
        let parts: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}{sign}{value}")).collect();
        json!(parts.join(separator))
    };
    let each = |form: &dyn Fn(&str, &str) -> Value| {
        json!(pairs.iter().map(|(name, value)| form(name, value)).collect::<Vec<_>>())
    };
    let list = each(&|name, value| json!({"Name": name, "Value": value}));
    let names: Vec<&str> = pairs.iter().map(|(name, _)| *name).collect();
    let values: Vec<&str> = pairs.iter().map(|(_, value)| *value).collect();
    vec![
        joined("=", "|"),
        joined("=", " | "),
        joined("=", ", "),
        joined(": ", ", "),
        joined("=", "&"),
        joined("=", "\t"),
        joined("=", " / "),
        each(&|name, value| json!(format!("@{{Name={name}; Value={value}}}"))),
        each(&|name, value| json!(format!("@{{Value={value}; Name={name}}}"))),
        each(&|name, value| json!(format!("@{{Name='{name}'; Value='{value}'}}"))),
        each(&|name, value| json!(format!("@{{Name=\"{name}\"; Value=\"{value}\"}}"))),
        each(&|name, value| json!({"Name": name, "Value": {"value": value}})),
        each(&|name, value| json!({"Key": name, "Value": value})),
        each(&|name, value| json!({"n": name, "v": value})),
        each(&|name, value| json!({"Name ": name, "Value ": value})),
        each(&|name, value| json!({"attributes": {"Name": name, "Value": value}})),
        json!({"Parameters": list}),
        json!({"value": list}),
        json!({"$values": list}),
        json!({"Length": 4, "Items": list}),
        json!({"Name": names, "Value": values}),
    ]
}

/// Forms that are not known.
fn unread_forms(pairs: Pairs<'_>) -> Vec<Value> {
    let parts: Vec<String> = pairs.iter().map(|(name, value)| format!("{name} {value}")).collect();
    let swallowed: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
    vec![
        json!(parts.join(" ")),
        json!(parts.join(" then ")),
        json!(swallowed.join("##")),
        json!(pairs.iter().map(|(name, value)| json!({"first": name, "second": value})).collect::<Vec<_>>()),
    ]
}

#[test]
fn rule_is_judged_in_every_form_of_its_parameters() {
    let pairs =
        [("Name", "Sort"), ("ForwardTo", "drop@evil.example"), ("DeleteMessage", "True"), ("From", "x@fabrikam.com")];
    for form in read_forms(&pairs) {
        let found = offline(&record("New-InboxRule", &json!({"ObjectId": "grady\\Sort", "Parameters": form})));
        assert!(has(&found, "ForwardsExternally") && !has(&found, "AppliesToAllMail"), "{form}: {:?}", reasons(&found));
    }
    for form in unread_forms(&pairs) {
        let found = offline(&record("New-InboxRule", &json!({"ObjectId": "grady\\Sort", "Parameters": form})));
        assert!(found.threat && has(&found, "ContentNotVisible"), "{form}: {:?}", reasons(&found));
        assert!(!has(&found, "AppliesToAllMail"), "{form}: {:?}", reasons(&found));
    }
    let benign = [("Name", "News"), ("MoveToFolder", "Newsletters"), ("From", "n@shop.example")];
    for form in read_forms(&benign).into_iter().chain(unread_forms(&benign)) {
        let found = offline(&record("New-InboxRule", &json!({"ObjectId": "grady\\News", "Parameters": form})));
        assert!(!found.threat && !has(&found, "AppliesToAllMail"), "{form}: {:?}", reasons(&found));
    }
}

#[test]
fn folder_and_words_survive_every_form() {
    let pairs = [("Name", "Sort"), ("SubjectContainsWords", "invoice;payroll"), ("MoveToFolder", "RSS Feeds")];
    for form in read_forms(&pairs) {
        let found = offline(&record("New-InboxRule", &json!({"ObjectId": "grady\\Sort", "Parameters": form})));
        assert!(has(&found, "HidesInFolder") && has(&found, "SensitiveWords"), "{form}: {:?}", reasons(&found));
    }
}

#[test]
fn other_families_tell_of_parameters_that_cannot_be_read() {
    for (operation, parameter) in [
        ("Set-Mailbox", "ForwardingSmtpAddress"),
        ("New-TransportRule", "RedirectMessageTo"),
        ("New-TransportRule", "BlindCopyTo"),
        ("New-JournalRule", "JournalEmailAddress"),
    ] {
        let pairs = |address: &'static str| [("Identity", "grady@contoso.com"), (parameter, address)];
        let judged =
            |form: &Value| offline(&record(operation, &json!({"UserId": "admin@contoso.com", "Parameters": form})));
        for form in unread_forms(&pairs("drop@evil.example")) {
            let found = judged(&form);
            assert!(found.threat && has(&found, "ContentNotVisible"), "{operation} {form}: {:?}", reasons(&found));
            assert!(has(&found, "TargetUnresolved"), "{operation} {form}: {:?}", reasons(&found));
        }
        for form in read_forms(&pairs("drop@evil.example")) {
            assert!(judged(&form).forwarding_externally, "{operation} {form}");
        }
        for form in read_forms(&pairs("lee@contoso.com")) {
            assert!(!judged(&form).threat, "{operation} {form}");
        }
    }
    let text = json!({"UserId": "admin@contoso.com", "Parameters": [{"Name": "Identity", "Value": "grady@contoso.com"},
        {"Name": "MailTip", "Value": "Please forward mail to info@fabrikam.com"}]});
    let found = offline(&record("Set-Mailbox", &text));
    assert!(!found.threat && !has(&found, "ContentNotVisible"), "{:?}", reasons(&found));
}

#[test]
fn rights_that_are_taken_are_no_grant() {
    let granted = |user: &str, rights: &str, deny: &str| {
        let list = json!([{"Name": "Identity", "Value": "grady@contoso.com:\\Inbox"}, {"Name": "User", "Value": user},
            {"Name": "AccessRights", "Value": rights}, {"Name": "Deny", "Value": deny}]);
        offline(&record("Set-MailboxFolderPermission", &json!({"Parameters": list})))
    };
    for found in [granted("Default", "None", "False"), granted("lee@contoso.com", "Reviewer", "True")] {
        assert!(!found.threat && reasons(&found).is_empty() && !found.removed.is_empty(), "{:?}", reasons(&found));
    }
    for user in ["Default", "Anonym", "Standard"] {
        assert!(has(&granted(user, "Reviewer", "False"), "GrantsBroadly"), "{user}");
    }
    let list = |value: &str| {
        let list = json!([{"Name": "Identity", "Value": "grady@contoso.com"}, {"Name": "TrustedSendersAndDomains", "Value": value}]);
        offline(&record("Set-MailboxJunkEmailConfiguration", &json!({"Parameters": list})))
    };
    assert!(reasons(&list("@{Remove=\"a.example\"}")).is_empty());
    assert!(has(&list("@{Add=\"a.example\"}"), "MailTrustChanged"));
}
