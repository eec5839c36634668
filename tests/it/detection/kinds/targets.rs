use tenantwatch::detection::{Answer, GroupKind, Knowledge, Question, RecipientFacts, Severity, judge, questions};

use super::super::fixtures::tenant;
use super::{Parameters, has, offline, online, parsed, reasons, rule};

fn forward_to(target: &str) -> serde_json::Value {
    rule("Copies", &[("SubjectContainsWords", "Alpha"), ("ForwardTo", target)])
}

fn facts(addresses: &[&str], group: Option<GroupKind>) -> Answer<RecipientFacts> {
    Answer::Known(RecipientFacts { addresses: addresses.iter().map(|address| (*address).to_owned()).collect(), group })
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
            let members = members.unwrap_or_default().iter().map(|member| (*member).to_owned()).collect();
            known.groups.insert(identity.clone(), Answer::Known(members));
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
    assert_eq!((reasons(&refused), refused.rejudge), (vec!["ForwardsInternally"], false));
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
