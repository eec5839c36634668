use std::collections::{BTreeSet, HashMap};

use audit_log::AuditRecord;
use serde_json::{Value, json};
use tenantwatch::detection::{Answer, Finding, FindingKind, Question, Severity, is_selected, judge, questions};
use uuid::Uuid;

use super::fixtures::{Situation, situations, tenant};

#[test]
fn every_record_shape_gives_the_finding_that_it_should() {
    let mut wrong = Vec::new();
    let mut alike: HashMap<String, (String, Finding)> = HashMap::new();
    let judged: Vec<_> = situations().into_iter().filter(|(shape, _)| shape != "ordinary_week").collect();
    assert!(judged.len() > 100, "the fixtures are there");
    for (shape, situation) in judged {
        let found = judge(&situation.record(), &situation.knowledge());
        wrong.extend(differences(&shape, &situation, found.as_ref()));
        let group = situation.expect.as_ref().and_then(|expect| expect.get("same_as")).and_then(Value::as_str);
        if let (Some(group), Some(found)) = (group, found)
            && let Some((other, first)) = alike.insert(group.to_owned(), (situation.name.clone(), found.clone()))
            && first.fingerprint != found.fingerprint
        {
            wrong.push(format!("{}: is another finding than {other}", situation.name));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Returns the differences between a finding and the expectation of its fixture.
fn differences(shape: &str, situation: &Situation, found: Option<&Finding>) -> Vec<String> {
    let name = &situation.name;
    let (expect, found) = match (&situation.expect, found) {
        (None, None) => return Vec::new(),
        (None, Some(found)) => return vec![format!("{name}: of no interest, but found {:?}", found.reasons)],
        (Some(_), None) => return vec![format!("{name}: nothing was found")],
        (Some(expect), Some(found)) => (expect.as_object().unwrap(), found),
    };
    let mut wrong = Vec::new();
    let mut same = |what: &str, is: String, should: String| {
        if is != should {
            wrong.push(format!("{name}: {what} is {is}, not {should}"));
        }
    };
    for (what, should) in expect {
        let text = || should.as_str().unwrap().to_owned();
        match what.as_str() {
            "severity" => {
                same("severity", found.severity.as_str().to_owned(), text());
                same("threat", found.threat.to_string(), (text() != "Low").to_string());
            }
            "reasons" => same(
                "reasons",
                sorted(found.reasons.iter().map(|r| r.name.as_str())),
                sorted(should.as_array().unwrap().iter().filter_map(Value::as_str)),
            ),
            "kind" => same("kind", found.kind.as_str().to_owned(), text()),
            "mailbox" => same("mailbox", found.mailbox.clone(), text()),
            "actor" => same("actor", found.actor.clone(), text()),
            "rule_id" => same("rule id", found.rule_id.clone(), text()),
            "rule_name" => same("rule name", found.rule_name.clone(), text()),
            "forwarding_status" => same("status", found.forwarding_status.clone(), text()),
            "forwarding_address" => same("address", found.forwarding_address.clone(), text()),
            "outside" => same(
                "outside targets",
                sorted(found.outside_targets.iter().map(String::as_str)),
                sorted(should.as_array().unwrap().iter().filter_map(Value::as_str)),
            ),
            "forwarding_externally" => same("forwarding", found.forwarding_externally.to_string(), should.to_string()),
            "applies_to_all" => same("applies to all", found.applies_to_all_mail.to_string(), should.to_string()),
            "deletes" => same("deletes", found.deletes.to_string(), should.to_string()),
            "rejudge" => same("rejudge", found.rejudge.to_string(), should.to_string()),
            "says" => {
                for word in should.as_array().unwrap() {
                    let said = found.reasons.iter().any(|reason| reason.sentence.contains(word.as_str().unwrap()));
                    same(&format!("a sentence with {word}"), said.to_string(), "true".to_owned());
                }
            }
            "description" => {
                for word in should.as_array().unwrap() {
                    let said = found.description.contains(word.as_str().unwrap());
                    same(
                        &format!("a description with {word} ({})", found.description),
                        said.to_string(),
                        "true".to_owned(),
                    );
                }
            }
            "same_as" => {}
            other => panic!("{name}: the fixture expects {other:?}, which nobody checks"),
        }
    }
    if !expect.contains_key("kind") {
        same("kind", found.kind.as_str().to_owned(), kind_of(shape).as_str().to_owned());
    }
    if !expect.contains_key("rejudge") {
        same("rejudge", found.rejudge.to_string(), "false".to_owned());
    }
    wrong
}

fn kind_of(shape: &str) -> FindingKind {
    match shape {
        "mailbox_permission" => FindingKind::MailboxPermission,
        "transport_rule" => FindingKind::TransportRule,
        "audit_tampering" => FindingKind::AuditTampering,
        "consent" => FindingKind::Consent,
        "sign_in_method" => FindingKind::SignInMethod,
        "contact_retargeted" => FindingKind::ContactRetargeted,
        _ => FindingKind::InboxRule,
    }
}

fn sorted<'a>(texts: impl Iterator<Item = &'a str>) -> String {
    texts.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(" ")
}

#[test]
fn a_week_of_an_ordinary_tenant_raises_no_threat() {
    let week: Vec<_> = situations().into_iter().filter(|(shape, _)| shape == "ordinary_week").collect();
    assert!(week.len() >= 40, "only {} situations", week.len());
    for (_, situation) in week {
        if let Some(found) = judge(&situation.record(), &situation.knowledge()) {
            assert!(!found.threat, "{}: {:?} {:?}", situation.name, found.severity, found.reasons);
            assert_eq!(found.severity, Severity::Low, "{}", situation.name);
        }
    }
}

#[test]
fn nothing_is_asked_offline() {
    for (_, situation) in situations() {
        let mut known = tenant();
        known.offline = true;
        let record = situation.record();
        assert!(questions(&record, &known).is_empty(), "{}", situation.name);
        assert!(judge(&record, &known).is_none_or(|found| !found.rejudge), "{}", situation.name);
    }
}

#[test]
fn a_switched_off_detection_asks_and_finds_nothing() {
    for (_, situation) in situations() {
        let record = situation.record();
        let mut known = situation.knowledge();
        known.off = FindingKind::ALL.iter().copied().collect();
        assert!(judge(&record, &known).is_none(), "{}", situation.name);
        let mut unasked = tenant();
        unasked.off = known.off;
        assert!(questions(&record, &unasked).is_empty(), "{}", situation.name);
    }
}

#[test]
fn mailbox_rules_are_queried_once_for_many_records() {
    let (_, blank) =
        situations().into_iter().find(|(_, s)| s.name.contains("blank record whose live rule is ordinary")).unwrap();
    let known = blank.knowledge();
    assert!(matches!(known.live.get("grady@contoso.com"), Some(Answer::Known(_))));
    assert!(questions(&blank.record(), &known).is_empty());
}

#[test]
fn system_record_needs_no_question_unless_it_forwards() {
    for (_, situation) in situations().into_iter().filter(|(_, s)| s.json["UserType"] == 3 || s.json["UserType"] == 4) {
        let asked = questions(&situation.record(), &tenant());
        assert!(!asked.iter().any(|question| matches!(question, Question::LiveRules(_))), "{}", situation.name);
    }
}

#[test]
fn changed_target_changes_the_fingerprint() {
    let by_name = |part: &str| {
        let (_, found) =
            situations().into_iter().find(|(_, s)| s.name.ends_with(part)).unwrap_or_else(|| panic!("{part}"));
        judge(&found.record(), &found.knowledge()).unwrap()
    };
    let blank = by_name("a blank record is judged by the live rule of its id");
    let other = by_name("forwards everything outside");
    assert_eq!(blank.fingerprint, by_name("a blank record is judged by the live rule of its id").fingerprint);
    assert_ne!(blank.fingerprint, other.fingerprint);
}

/// A cmdlet of the organization, with these parameters.
fn by_cmdlet(operation: &str, parameters: &[(&str, &str)]) -> AuditRecord {
    let parameter = |(name, value): &(&str, &str)| json!({ "Name": name, "Value": value });
    let record = json!({
        "Id": Uuid::from_u128(1), "CreationTime": "2026-11-20T10:00:00", "RecordType": 1, "UserType": 2, "Workload": "Exchange",
        "Operation": operation, "UserId": "admin@contoso.com", "ResultStatus": "True",
        "Parameters": parameters.iter().map(parameter).collect::<Vec<_>>(),
    });
    AuditRecord::parse(record.to_string().as_bytes()).unwrap()
}

#[test]
fn other_change_of_a_mail_flow_rule_is_not_a_repeat() {
    let print = |operation: &str, parameters: &[(&str, &str)]| {
        judge(&by_cmdlet(operation, parameters), &tenant()).unwrap().fingerprint
    };
    let rule = |more: &[(&str, &str)]| print("New-TransportRule", &[&[("Name", "..")], more].concat());
    let (named, words) = (rule(&[]), rule(&[("DeleteMessage", "True"), ("SubjectContainsWords", "invoice")]));
    assert_eq!(named, rule(&[("Priority", "3")]), "what does not matter");
    assert_eq!(words, rule(&[("DeleteMessage", "True"), ("SubjectContainsWords", "Invoice")]));
    assert_ne!(words, rule(&[("DeleteMessage", "True"), ("SubjectContainsWords", "payment")]));
    assert_ne!(named, rule(&[("DeleteMessage", "True")]));
    assert_ne!(named, words);
    let switch = |name: &str| print("Set-AdminAuditLogConfig", &[(name, "False")]);
    assert_ne!(switch("AdminAuditLogEnabled"), switch("UnifiedAuditLogIngestionEnabled"));
}

#[test]
fn operations_are_selected_with_and_without_their_full_stop() {
    for selected in
        ["New-InboxRule", "updateinboxrules", "Consent to application.", "Consent to application", " Set-Mailbox "]
    {
        assert!(is_selected(selected), "{selected}");
    }
    for other in ["MailItemsAccessed", "Get-InboxRule", "", "Set-MailboxX", "."] {
        assert!(!is_selected(other), "{other}");
    }
}
