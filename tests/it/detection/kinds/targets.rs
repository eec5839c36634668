use serde_json::json;
use tenantwatch::detection::{
    Answer, GroupFacts, GroupKind, Knowledge, Question, RecipientFacts, Severity, judge, questions,
};

use super::super::fixtures::tenant;
use super::{Parameters, has, offline, online, outlook_rule, parsed, reasons, record, rule};

fn forward_to(target: &str) -> serde_json::Value {
    rule("Copies", &[("SubjectContainsWords", "Alpha"), ("ForwardTo", target)])
}

fn facts(addresses: &[&str], group: Option<GroupKind>) -> Answer<RecipientFacts> {
    Answer::Known(RecipientFacts { addresses: addresses.iter().map(|address| (*address).to_owned()).collect(), group })
}

fn group(addresses: &[&str], groups: &[&str]) -> GroupFacts {
    GroupFacts {
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        groups: groups.iter().map(|group| ((*group).to_owned(), GroupKind::Distribution)).collect(),
    }
}

/// Answers about one recipient and, if it is a group, about its members.
fn knows<'a>(
    asked: &'a str,
    addresses: &'a [&'a str],
    members: Option<&'a [&'a str]>,
) -> impl Fn(&Question, &mut Knowledge) + 'a {
    move |question, known| match question {
        Question::Recipient(text) if text == asked => {
            let group = members.map(|_| GroupKind::Distribution);
            known.recipients.insert(text.clone(), facts(addresses, group));
        }
        Question::GroupMembers { identity, .. } if identity == asked => {
            known.groups.insert(identity.clone(), Answer::Known(group(members.unwrap_or_default(), &[])));
        }
        _ => {}
    }
}

#[test]
fn encapsulated_addresses_count_by_what_they_contain() {
    for (target, reason) in [
        ("IMCEASMTP-drop+40evil+2Eexample@contoso.com", "ForwardsExternally"),
        ("imceasmtp-drop+40evil.example@fabrikam.com", "ForwardsExternally"),
        ("\"A\" [SMTP:IMCEASMTP-drop+40evil+2eexample@contoso.com]", "ForwardsExternally"),
        ("IMCEASMTP-anna+40contoso+2Ecom@contoso.com", "ForwardsInternally"),
        ("IMCEASMTP-anna+40contoso+2Ecom@elsewhere.example", "ForwardsExternally"),
        ("imcea@contoso.com", "ForwardsInternally"),
        ("IMCEASMTP-IMCEASMTP+2Ddrop+2B40evil+2Eexample+40contoso+2Ecom@contoso.com", "ForwardsExternally"),
        ("IMCEASMTP-IMCEASMTP+2Danna+2B40contoso+2Ecom+40contoso+2Ecom@contoso.com", "ForwardsInternally"),
    ] {
        let found = offline(&forward_to(target));
        assert_eq!(reasons(&found).into_iter().find(|name| name.starts_with("Forwards")), Some(reason), "{target}");
    }
    let found = offline(&forward_to("IMCEASMTP-drop+40evil+2Eexample@contoso.com"));
    assert_eq!(found.outside_targets, ["drop@evil.example"]);
}

#[test]
fn contact_in_an_accepted_domain_counts_by_external_address() {
    let external = online(&forward_to("anna@contoso.com"), knows("anna@contoso.com", &["drop@evil.example"], None));
    assert_eq!((external.severity, external.outside_targets), (Severity::High, vec!["drop@evil.example".to_owned()]));
    let inside = online(&forward_to("anna@contoso.com"), knows("anna@contoso.com", &["anna@contoso.com"], None));
    assert_eq!(reasons(&inside), ["ForwardsInternally"]);
    let nobody = online(&forward_to("nobody@contoso.com"), |_, _| {});
    assert_eq!(reasons(&nobody), ["ForwardsInternally"], "it bounces");
    let refused = online(&forward_to("anna@contoso.com"), |question, known| {
        if let Question::Recipient(text) = question {
            known.recipients.insert(text.clone(), Answer::Refused);
        }
    });
    assert_eq!(
        (reasons(&refused), refused.rejudge, refused.severity),
        (vec!["TargetUnresolved"], false, Severity::Medium)
    );
    let withheld = online(&forward_to("anna@contoso.com"), |question, known| {
        if let Question::Recipient(text) = question {
            known.recipients.insert(text.clone(), Answer::Withheld);
        }
    });
    assert!(withheld.rejudge && !withheld.threat, "{:?}", reasons(&withheld));
}

#[test]
fn a_group_counts_by_its_members() {
    let group = "all@contoso.com";
    for (members, severity) in [
        (&["anna@contoso.com", "drop@evil.example"][..], Severity::Medium),
        (&["guest@partner.example"][..], Severity::Medium),
        (&["anna@contoso.com", "bob@fabrikam.com"][..], Severity::Low),
        (&["desk@tickets.example"][..], Severity::Low),
        (&[][..], Severity::Low),
    ] {
        let found = online(&forward_to(group), knows(group, &[group], Some(members)));
        assert_eq!(found.severity, severity, "{members:?}: {:?}", reasons(&found));
        assert_eq!(has(&found, "TargetUnresolved"), severity > Severity::Low, "{members:?}");
    }
    let unread = online(&forward_to(group), |question, known| {
        if let Question::Recipient(text) = question {
            known.recipients.insert(text.clone(), facts(&[group], Some(GroupKind::Dynamic)));
        }
    });
    assert!(has(&unread, "TargetUnresolved"));
}

#[test]
fn under_a_relay_domain_only_known_recipients_are_inside() {
    let target = "someone@relay.example";
    assert!(has(&online(&forward_to(target), |_, _| {}), "TargetUnresolved"));
    assert!(has(&online(&forward_to(target), knows(target, &[target], None)), "ForwardsInternally"));
    assert!(has(&offline(&forward_to(target)), "ForwardsInternally"), "no one can be asked");
}

#[test]
fn a_domain_that_was_added_a_short_time_ago_is_external() {
    let mut known = tenant();
    known.offline = true;
    known.recently_added = [("contoso.onmicrosoft.com".parse().unwrap(), chrono::Utc::now())].into();
    let found = judge(&parsed(&forward_to("drop@contoso.onmicrosoft.com")), &known).unwrap();
    assert_eq!(found.severity, Severity::High);
    assert!(!judge(&parsed(&forward_to("anna@contoso.com")), &known).unwrap().threat);
}

#[test]
fn offline_an_unresolved_target_needs_another_sign() {
    let cases: [(&str, Parameters<'_>, Severity); 7] = [
        ("Copies", &[("From", "x@y.example"), ("ForwardTo", "anna")], Severity::Low),
        ("Copies", &[("ForwardTo", "/o=X/cn=ann"), ("MarkAsRead", "True")], Severity::Low),
        ("Copies", &[("From", "x@y.example"), ("ForwardTo", "anna"), ("DeleteMessage", "True")], Severity::Medium),
        ("Copies", &[("SubjectContainsWords", "invoice"), ("ForwardTo", "anna")], Severity::Medium),
        ("..", &[("From", "x@y.example"), ("ForwardTo", "anna")], Severity::Medium),
        ("x", &[("From", "x@y.example"), ("ForwardTo", "anna")], Severity::Medium),
        ("Cоpies", &[("From", "x@y.example"), ("ForwardTo", "anna")], Severity::Medium),
    ];
    for (name, parameters, severity) in cases {
        let record = rule(name, parameters);
        let found = offline(&record);
        assert!(has(&found, "TargetUnresolved"), "{name} {parameters:?}");
        assert_eq!(found.severity, severity, "{name} {parameters:?}: {:?}", reasons(&found));
        assert!(online(&record, |_, _| {}).threat, "{name} {parameters:?}: it was looked up and not found");
    }
}

#[test]
fn one_record_asks_about_at_most_fifty_targets() {
    let own = (0..60).map(|number| format!("person{number:02}@contoso.com"));
    let names = (0..60).map(|number| format!("\"N\" [EX:/o=X/cn=n{number:02}]"));
    let list = names.chain(own).chain(["drop@evil.example".to_owned()]).collect::<Vec<_>>().join(";");
    let record = forward_to(&list);
    let mut known = tenant();
    known.mailboxes.insert("grady".to_owned(), Answer::Refused);
    let asked: Vec<Question> = questions(&parsed(&record), &known);
    let recipients: Vec<&String> = asked
        .iter()
        .filter_map(|question| match question {
            Question::Recipient(text) => Some(text),
            _ => None,
        })
        .collect();
    assert_eq!(recipients.len(), 50);
    assert!(recipients.iter().all(|text| text.ends_with("@contoso.com")), "addresses come first");
    let found = online(&record, |_, _| {});
    assert_eq!(found.severity, Severity::High, "the external address waits for nothing");
    assert!(has(&found, "TargetUnresolved") && !found.rejudge);
}

#[test]
fn every_address_in_a_text_is_a_target() {
    for between in [",", ", ", " ", "\t", "\r\n", "|", "/", ";", ",\u{a0}"] {
        for (first, second) in [
            ("drop@evil.example", "anna@contoso.com"),
            ("anna@contoso.com", "drop@evil.example"),
            ("drop@evil.example", "desk@tickets.example"),
            ("<drop@evil.example>", "<anna@contoso.com>"),
            ("smtp:drop@evil.example", "SMTP:anna@contoso.com"),
            ("\"N\" [SMTP:drop@evil.example]", "\"M\" [SMTP:anna@contoso.com]"),
        ] {
            let text = format!("{first}{between}{second}");
            let found = offline(&forward_to(&text));
            assert_eq!(found.severity, Severity::High, "{text:?}: {:?}", reasons(&found));
            assert_eq!(found.outside_targets, ["drop@evil.example"], "{text:?}");
        }
    }
    let inside = offline(&forward_to("anna@contoso.com, bob@fabrikam.com"));
    assert_eq!(reasons(&inside), ["ForwardsInternally"]);
}

#[test]
fn lists_of_addresses_are_read_in_every_parameter() {
    let given = |operation: &str, name: &str, value: &str| {
        record(
            operation,
            &json!({"ObjectId": "x", "Parameters": [{"Name": "Name", "Value": "x y"}, {"Name": name, "Value": value}]}),
        )
    };
    let list = "drop@evil.example,anna@contoso.com";
    for (operation, parameter) in [
        ("Set-Mailbox", "ForwardingSmtpAddress"),
        ("New-InboxRule", "RedirectTo"),
        ("New-InboxRule", "ForwardAsAttachmentTo"),
        ("New-TransportRule", "BlindCopyTo"),
        ("New-TransportRule", "RedirectMessageTo"),
        ("Set-TransportRule", "CopyTo"),
        ("Set-TransportRule", "ModerateMessageByUser"),
        ("New-JournalRule", "JournalEmailAddress"),
    ] {
        for value in [list, "[\"drop@evil.example\",\"anna@contoso.com\"]"] {
            let found = offline(&given(operation, parameter, value));
            assert_eq!(found.severity, Severity::High, "{operation} {parameter} {value}: {:?}", reasons(&found));
        }
    }
    for command in
        ["-ForwardTo drop@evil.example,anna@contoso.com", "-ForwardTo 'drop@evil.example', 'anna@contoso.com'"]
    {
        let text = record("New-InboxRule", &json!({"Parameters": format!("-Name Post {command} -From x@y.example")}));
        assert_eq!(offline(&text).outside_targets, ["drop@evil.example"], "{command}");
    }
    for recipients in [
        json!([list]),
        json!(["drop@evil.example;anna@contoso.com"]),
        json!({"Name": "anna@contoso.com", "Address": "drop@evil.example"}),
    ] {
        let actions = json!([{"ActionType": "Forward", "Recipients": recipients}]).to_string();
        let found = offline(&outlook_rule("Post", "{(Exists(ItemClass))}", &actions));
        assert_eq!(found.outside_targets, ["drop@evil.example"], "{actions}");
    }
}

#[test]
fn texts_that_are_not_one_address_are_never_internal() {
    for text in [
        "a@x@contoso.com",
        "partner, anna@contoso.com",
        "drop@evil.example [SMTP:anna@contoso.com]",
        "evil@x.example%anna@contoso.com",
    ] {
        let found = offline(&forward_to(text));
        assert!(has(&found, "TargetUnresolved") && !has(&found, "ForwardsInternally"), "{text}: {:?}", reasons(&found));
        assert_eq!(online(&forward_to(text), |_, _| {}).severity, Severity::Medium, "{text}");
    }
}

#[test]
fn an_encapsulated_address_of_a_contact_is_decoded() {
    let contact = knows("anna@contoso.com", &["imceasmtp-drop+40evil+2eexample@contoso.com"], None);
    let found = online(&forward_to("anna@contoso.com"), contact);
    assert_eq!((found.severity, found.outside_targets), (Severity::High, vec!["drop@evil.example".to_owned()]));
}

#[test]
fn groups_in_groups_are_looked_into() {
    let judged = |members: &dyn Fn(&str) -> Answer<GroupFacts>| {
        online(&forward_to("all@contoso.com"), |question, known| match question {
            Question::Recipient(text) => {
                known.recipients.insert(text.clone(), facts(&[text], Some(GroupKind::Distribution)));
            }
            Question::GroupMembers { identity, .. } => {
                known.groups.insert(identity.clone(), members(identity));
            }
            _ => {}
        })
    };
    let outside = judged(&|name| match name {
        "all@contoso.com" => Answer::Known(group(&["anna@contoso.com"], &["sales@contoso.com"])),
        _ => Answer::Known(group(&["drop@evil.example"], &["all@contoso.com"])),
    });
    assert!(has(&outside, "TargetUnresolved"), "{:?}", reasons(&outside));
    let inside = judged(&|name| match name {
        "all@contoso.com" => Answer::Known(group(&[], &["sales@contoso.com"])),
        _ => Answer::Known(group(&["anna@contoso.com"], &["all@contoso.com"])),
    });
    assert_eq!(reasons(&inside), ["ForwardsInternally"]);
    let refused = judged(&|name| match name {
        "all@contoso.com" => Answer::Known(group(&[], &["sales@contoso.com"])),
        _ => Answer::Refused,
    });
    assert!(has(&refused, "TargetUnresolved"));
    let endless = judged(&|name| Answer::Known(group(&[], &[&format!("a{name}")])));
    assert!(has(&endless, "TargetUnresolved"));
}

#[test]
fn a_mail_user_with_an_outside_address_is_external_as_grantee() {
    let grant = record(
        "Add-MailboxPermission",
        &json!({"UserId": "admin@contoso.com", "Parameters": [
            {"Name": "Identity", "Value": "grady@contoso.com"}, {"Name": "User", "Value": "temp@contoso.com"},
            {"Name": "AccessRights", "Value": "FullAccess"}]}),
    );
    let outside = online(&grant, knows("temp@contoso.com", &["drop@evil.example"], None));
    assert!(has(&outside, "GrantsBroadly"), "{:?}", reasons(&outside));
    let inside = online(&grant, knows("temp@contoso.com", &["temp@contoso.com"], None));
    assert_eq!(inside.severity, Severity::Low, "{:?}", reasons(&inside));
}

#[test]
fn a_refused_look_up_leaves_the_target_unresolved() {
    let refuse = |question: &Question, known: &mut Knowledge| {
        if let Question::Recipient(text) = question {
            known.recipients.insert(text.clone(), Answer::Refused);
        }
    };
    let forwarding = record(
        "Set-Mailbox",
        &json!({"Parameters": [{"Name": "Identity", "Value": "grady@contoso.com"}, {"Name": "ForwardingAddress", "Value": "partner"}]}),
    );
    for record in [forward_to("anna@contoso.com"), forward_to("anna"), forwarding] {
        let found = online(&record, refuse);
        assert!(has(&found, "TargetUnresolved") && !found.rejudge, "{record}: {:?}", reasons(&found));
        assert_eq!(found.severity, Severity::Medium, "{record}");
    }
}
