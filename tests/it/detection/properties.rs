use std::collections::BTreeSet;

use audit_log::{AuditRecord, Properties};
use proptest::prelude::*;
use serde_json::{Map, Value};
use tenantwatch::detection::{Finding, ReasonName, Signs, judge, questions, severity};

use super::fixtures::{Situation, situations};

fn signs() -> impl Strategy<Value = Signs> {
    let names = proptest::sample::subsequence(ReasonName::ALL.to_vec(), 0..=ReasonName::ALL.len());
    (names, any::<bool>(), any::<bool>()).prop_map(|(names, moves, security_words)| Signs {
        reasons: names.into_iter().collect(),
        moves,
        security_words,
    })
}

proptest! {
    #[test]
    fn adding_a_reason_never_lowers_the_severity(signs in signs(), added in proptest::sample::select(ReasonName::ALL.to_vec())) {
        let mut more = signs.clone();
        more.reasons.insert(added);
        prop_assert!(severity(&more) >= severity(&signs));
        let moving = severity(&Signs { moves: true, ..more.clone() });
        let warning = severity(&Signs { security_words: true, ..more.clone() });
        prop_assert!(moving >= severity(&more) && warning >= severity(&more));
    }

    #[test]
    fn no_value_makes_judging_panic(
        at in 0usize..10_000,
        values in proptest::collection::vec((name(), proptest::option::of(value())), 0..8),
        texts in proptest::collection::vec(proptest::option::of(value()), 4),
    ) {
        let all = situations();
        let (_, situation) = &all[at % all.len()];
        let known = situation.knowledge();
        let mut record = situation.record();
        record.parameters = Properties::new(values.clone());
        record.operation_properties = Properties::new(values);
        record.object_id = texts[0].clone();
        record.mailbox_owner = texts[1].clone();
        record.user_id = texts[2].clone().unwrap_or_default();
        record.result_status = texts[3].clone();
        questions(&record, &known);
        judge(&record, &known);
    }

    #[test]
    fn an_encoding_of_a_record_makes_no_other_finding(at in 0usize..10_000, seed in any::<u64>()) {
        let all = situations();
        let (_, situation) = &all[at % all.len()];
        let again = encoded(&situation.json, seed);
        let record = AuditRecord::parse(again.as_bytes()).unwrap();
        prop_assert_eq!(finding(situation, &situation.record()), finding(situation, &record), "{}", again);
    }
}

/// The finding without its copy of the record, whose members may stand in another order.
fn finding(situation: &Situation, record: &AuditRecord) -> Option<Finding> {
    let known = situation.knowledge();
    judge(record, &known).map(|mut finding| {
        finding.record = String::new();
        finding
    })
}

fn name() -> impl Strategy<Value = String> {
    let known = [
        "Name",
        "Identity",
        "Mailbox",
        "ForwardTo",
        "RedirectTo",
        "DeleteMessage",
        "MoveToFolder",
        "CopyToFolder",
        "From",
        "SentTo",
        "SubjectContainsWords",
        "WithinSizeRangeMinimum",
        "ForwardingSmtpAddress",
        "ForwardingAddress",
        "User",
        "AccessRights",
        "RuleOperation",
        "RuleId",
        "RuleState",
        "RuleCondition",
        "RuleName",
        "RuleActions",
        "ServerRule",
        "ExternalEmailAddress",
        "GrantSendOnBehalfTo",
        "BlindCopyTo",
        "ExceptIfFrom",
        "AuditOwner",
        "Enabled",
    ];
    prop_oneof![4 => proptest::sample::select(known.to_vec()).prop_map(str::to_owned), 1 => any::<String>()]
}

fn value() -> impl Strategy<Value = String> {
    let sharp = [
        "True",
        "",
        " ",
        "\0",
        "[",
        "]",
        "\"",
        "[SMTP:",
        "\"a\" [SMTP:b@c.example]",
        "a@[",
        "@",
        ";;;",
        "\\",
        ":\\",
        "{",
        "{(",
        ")=",
        "{(SubString(X)=",
        "[[[[[[[[",
        "[{\"ActionType\":\"Forward\",\"Recipients\":{\"a\":[[[]]]}}]",
        "-9223372036854775808",
        "18446744073709551615",
        "99999999999999999999",
        "1e400 MB",
        "(bytes",
        "smtp:",
        "smtp:é@é",
        "ß",
        "💥",
        "/o=x/cn=y",
        "NaN",
    ];
    prop_oneof![
        2 => proptest::sample::select(sharp.to_vec()).prop_map(str::to_owned),
        1 => any::<String>(),
        1 => (proptest::sample::select(sharp.to_vec()), any::<String>()).prop_map(|(a, b)| format!("{a}{b}{a}")),
    ]
}

/// The value as JSON with members in another order, other white space and other escapes, by `seed`.
fn encoded(value: &Value, mut seed: u64) -> String {
    let mut out = String::new();
    encode(value, &mut seed, &mut out);
    out
}

fn next(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

fn encode(value: &Value, seed: &mut u64, out: &mut String) {
    match value {
        Value::Object(members) => encode_object(members, seed, out),
        Value::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                out.push_str(if at == 0 { "" } else { "," });
                space(seed, out);
                encode(item, seed, out);
            }
            out.push(']');
        }
        Value::String(text) => encode_text(text, seed, out),
        other => out.push_str(&other.to_string()),
    }
}

fn encode_object(members: &Map<String, Value>, seed: &mut u64, out: &mut String) {
    let mut order: Vec<&String> = members.keys().collect();
    order.sort_by_cached_key(|_| next(seed));
    out.push('{');
    for (at, name) in order.into_iter().enumerate() {
        out.push_str(if at == 0 { "" } else { "," });
        space(seed, out);
        encode_text(name, seed, out);
        out.push(':');
        space(seed, out);
        encode(&members[name], seed, out);
    }
    out.push('}');
}

fn space(seed: &mut u64, out: &mut String) {
    out.push_str(["", " ", "\n\t", "\r\n"][(next(seed) % 4) as usize]);
}

fn encode_text(text: &str, seed: &mut u64, out: &mut String) {
    out.push('"');
    for ch in text.chars() {
        match (ch, next(seed) % 6) {
            ('/', 0..=2) => out.push_str("\\/"),
            (_, 0) => {
                let mut units = [0; 2];
                for unit in ch.encode_utf16(&mut units) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            }
            ('"' | '\\', _) => out.extend(['\\', ch]),
            _ if ch.is_control() => out.push_str(&format!("\\u{:04x}", ch as u32)),
            _ => out.push(ch),
        }
    }
    out.push('"');
}

#[test]
fn a_hundred_thousand_parameters_are_judged() {
    let (_, situation) = situations().into_iter().next().unwrap();
    let mut record = situation.record();
    record.operation = "New-InboxRule".to_owned();
    let many = (0..100_000).map(|at| (format!("ForwardTo{}", at % 7), Some("a@evil.example".to_owned())));
    record.parameters =
        Properties::new(many.chain([("ForwardTo".to_owned(), Some("a@evil.example;".repeat(20_000)))]).collect());
    let found = judge(&record, &super::fixtures::tenant()).unwrap();
    let names: BTreeSet<ReasonName> = found.reasons.iter().map(|reason| reason.name).collect();
    assert!(names.contains(&ReasonName::ForwardsExternally));
}
