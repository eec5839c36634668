//! Is inside a mailbox, and so chooses the text, the number and the time of rules.

use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use table_store::Entity;
use tenantwatch::detection::Severity;
use tenantwatch::tables::{COVERAGE, FindingState, NotifiedFingerprintRow, PendingRow, ProcessedRow, pending};
use tenantwatch_simulator::{Fault, Service};

use crate::channels::{mail::mails, only, with};
use crate::collector_fixture::{CollectorFixture, forwarding_rule};
use crate::containment::{VICTOR, acting, add_person, all_told, enabled_rules, ready, robbing_rule, runs, told, user};
use crate::detection::kinds::{has, offline, outlook_rule, rule};
use crate::remediation::remediation_fixture::{BOB, RULE, Ward, detail, outcome, threat};

/// Text that is a link, an order, markup or a hidden mark in one of the places where notifications are read.
const TEXTS: [&str; 7] = [
    "[Reset your password](https://evil.example/reset)",
    "<a href='https://evil.example'>ok</a><script>alert(1)</script>",
    "<!channel> <https://evil.example|pay>",
    "{\"type\":\"Action.OpenUrl\",\"url\":\"https://evil.example\"}",
    "${triggerBody()} @{variables('token')}",
    "invoice\u{202e}gpj.exe\u{200b}\u{2066}",
    "line\r\nBcc: eve@evil.example\r\n\r\nbody",
];

#[tokio::test]
async fn text_of_a_rule_is_dead_in_every_channel() {
    for text in TEXTS {
        let mut fixture = CollectorFixture::start().await;
        let urls = fixture.sim.urls().clone();
        fixture.set_up_again(|settings| {
            only(settings, &urls, &["flow", "webhook", "slack", "mail"]);
            settings.channels.teams_url = Some(urls.teams.clone().into());
        });
        fixture.publish(vec![forwarding_rule(1, text, "eve@evil.example", fixture.now())]);
        fixture.read().await.unwrap();
        let flow = fixture.notified("InboxRule").remove(0);
        let card = flow["Card"].to_string();
        let mail = mails(&fixture).remove(0);
        assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
        // A TextRun of a card shows markup as it is; Slack and the HTML of a mail would obey it.
        const HOSTS_AND_MARKS: &[&str] = &["https://evil", "evil.example", "\u{202e}", "\u{200b}"];
        const MARKUP: &[&str] = &["<script", "<a href='", "<!channel>"];
        let bodies = [
            ("card", card, &[][..]),
            ("Teams", fixture.sim.teams_messages().remove(0).to_string(), &[]),
            ("Slack", fixture.sim.slack_messages().remove(0).to_string(), MARKUP),
            ("mail", mail, MARKUP),
        ];
        for (channel, body, markup) in bodies {
            for live in HOSTS_AND_MARKS.iter().chain(markup) {
                assert!(!body.contains(live), "{channel} shows {live:?} of {text:?}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn many_threats_of_one_mailbox_hide_no_threat_of_another() {
    let fixture = with(&["webhook"]).await;
    let mut records: Vec<_> =
        (1..=400).map(|id| forwarding_rule(id, &format!("Rule {id}"), "eve@evil.example", fixture.now())).collect();
    let mut other = forwarding_rule(999, "Payments", "mallory@evil.example", fixture.now());
    let text = other.to_string().replace("victor@contoso.com", "wanda@contoso.com");
    other = serde_json::from_str(&text).unwrap();
    records.push(other);
    fixture.contoso(|tenant| {
        tenant.add_person("wanda", "Wanda Weber");
    });
    fixture.publish(records);
    fixture.read().await.unwrap();
    let bodies: Vec<String> =
        fixture.sim.webhooks().iter().map(|webhook| String::from_utf8_lossy(&webhook.body).into_owned()).collect();
    assert!(bodies.iter().any(|body| body.contains("wanda@contoso.com")), "{bodies:?}");
    assert!(bodies.len() <= 7, "{} notifications", bodies.len());
}

/// A ward with a threat behind more rows than a press reads, and the body that presses it.
async fn behind_many_repeats(count: u128) -> (Ward, Value) {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.rules.clear();
        bob.sweep_rules.clear();
        bob.add_rule(12_345, "Archive old", json!({ "MoveToFolder": "Archive" }));
        bob.add_rule(7, "Newsletters", json!({ "MoveToFolder": "News" }));
    });
    let named = |id: u128, rule: u64, name: &str| ProcessedRow {
        rule_id: rule.to_string(),
        rule_name: name.to_owned(),
        ..threat(id, ward.now())
    };
    let last = named(u128::MAX, 12_345, "Archive old");
    ward.keep(&last).await;
    for id in 100..100 + count {
        ward.keep(&ProcessedRow { state: FindingState::Repeat, ..named(id, 777, "Other") }).await;
    }
    (ward, json!({ "Domain": "contoso.com", "User": BOB, "ID": last.record_id }))
}

fn with_action(body: &Value, action: &str, force: bool) -> Value {
    let mut body = body.clone();
    (body["Action"], body["Force"]) = (json!(action), json!(force));
    body
}

#[tokio::test]
async fn ten_thousand_repeats_bring_no_rule_back() {
    for (count, is_back) in [(100, true), (10_000, false)] {
        let (ward, press) = behind_many_repeats(count).await;
        let secured = ward.send(&with_action(&press, "Remediate", false)).await;
        let removal = if is_back { "Skipped" } else { "Failed" };
        assert_eq!(outcome(&secured, "RemoveDelegates"), removal, "{:#}", secured.body);
        let undone = ward.send(&with_action(&press, "Undo", false)).await;
        assert_eq!(undone.body["Status"], "Undone", "{:#}", undone.body);
        let on = |ward: &Ward| {
            let rules = ward.mailbox().rules;
            rules.into_iter().filter(|rule| rule.enabled).map(|rule| rule.name).collect::<Vec<_>>()
        };
        let expected: &[&str] = if is_back { &["Newsletters"] } else { &[] };
        assert_eq!(on(&ward), expected, "{count}: {:#}", undone.body);
        if !is_back {
            assert!(detail(&undone, "DisableInboxRules").contains("Force"), "{:#}", undone.body);
        }
    }
}

#[tokio::test]
async fn forcing_brings_rules_back_among_ten_thousand_repeats() {
    let (ward, press) = behind_many_repeats(10_000).await;
    ward.send(&with_action(&press, "Remediate", false)).await;
    ward.send(&with_action(&press, "Undo", true)).await;
    assert!(ward.mailbox().rules.iter().all(|rule| rule.enabled));
}

#[tokio::test]
async fn rules_of_one_mailbox_hold_back_no_threat_of_another() {
    let fixture = ready(acting).await;
    add_person(&fixture, "walter");
    // The request that blocks victor's account gets no response.
    fixture.sim.inject(Fault::hang(Service::Graph, "PATCH ").on_mailbox(VICTOR));
    let mut records: Vec<Value> = (0..120).map(|id| robbing_rule(100 + id, &format!("Rule {id}"), &fixture)).collect();
    let other = robbing_rule(999, "Payroll", &fixture).to_string().replace("victor", "walter");
    records.push(serde_json::from_str(&other).unwrap());
    fixture.publish(records);
    let is_told = async {
        while !all_told(&fixture).iter().any(|told| told["SourceMailbox"] == "walter@contoso.com") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        () = is_told => {}
        outcome = fixture.while_hanging(fixture.read()) => panic!("walter was not told of: {outcome:?}"),
    }
    let begun = runs(&fixture).await.len();
    assert!(begun < 10, "{begun} containments came before");
}

#[tokio::test]
async fn harmless_target_beside_deletion_prevents_no_containment() {
    for target in [None, Some("walter@contoso.com")] {
        let fixture = ready(acting).await;
        add_person(&fixture, "walter");
        let mut rule = robbing_rule(8, ".", &fixture);
        let parameters = rule["Parameters"].as_array_mut().unwrap();
        parameters.retain(|parameter| parameter["Name"] != "ForwardTo");
        parameters.extend(target.map(|target| json!({ "Name": "ForwardTo", "Value": target })));
        let mut actions = json!({ "DeleteMessage": true });
        if let Some(target) = target {
            actions["ForwardTo"] = json!([target]);
        }
        fixture.set_rule(8, ".", actions);
        fixture.publish(vec![rule]);
        fixture.read().await.unwrap();
        let told = told(&fixture);
        assert_eq!((&told["Severity"], &told["Containment"]), (&json!("High"), &json!("Done")), "{told:#}");
        assert!(!user(&fixture).account_enabled && enabled_rules(&fixture).is_empty());
    }
}

/// Severities of rules that delete mail and look as if they were limited.
#[test]
fn condition_that_nearly_all_mail_meets_limits_no_rule() {
    let delete = ("DeleteMessage", "True");
    for (name, value) in [
        ("ReceivedAfterDate", "1/1/2000 12:00:00 AM"),
        ("ReceivedBeforeDate", "1/1/2099 12:00:00 AM"),
        ("WithinSizeRangeMaximum", "140 MB (146,800,640 bytes)"),
        ("WithinSizeRangeMaximum", "5MB"),
        ("WithinSizeRangeMinimum", "2 KB (2,048 bytes)"),
        ("WithImportance", "Normal"),
        ("WithSensitivity", "Normal"),
        ("BodyContainsWords", "the"),
        ("BodyContainsWords", "th"),
        ("SubjectOrBodyContainsWords", "invoice;https://"),
        ("HeaderContainsWords", "X-MS-Exchange"),
        ("HeaderContainsWords", "return-path:"),
        ("HeaderContainsWords", "MIME"),
        ("HeaderContainsWords", "outlook.com"),
    ] {
        let found = offline(&rule("Post", &[delete, (name, value)]));
        assert!(has(&found, "AppliesToAllMail") && found.severity == Severity::High, "{name} {value}");
    }
    for (name, value) in [
        ("WithinSizeRangeMaximum", "100 KB (102,400 bytes)"),
        ("WithinSizeRangeMinimum", "1 MB (1,048,576 bytes)"),
        ("ReceivedBeforeDate", "2020-01-01"),
        ("WithImportance", "High"),
        ("WithSensitivity", "Private"),
        ("BodyContainsWords", "unsubscribe"),
        ("SubjectContainsWords", "the"),
        ("HeaderContainsWords", "List-Unsubscribe"),
        ("HeaderContainsWords", "X-Mailer: Bulk"),
    ] {
        let found = offline(&rule("Post", &[delete, (name, value)]));
        assert!(!has(&found, "AppliesToAllMail") && !found.threat, "{name} {value}");
    }
}

#[test]
fn restriction_that_nearly_all_mail_meets_limits_no_rule() {
    let delete = r#"[{"ActionType":"Delete"}]"#;
    let rare = "(SubString IgnoreCase(SubjectProperty)=qqqq)";
    let all = [
        format!("{{(Not{rare})}}"),
        format!("{{(Not({rare}))}}"),
        format!("{{(And((Exists(ItemClass)),(Not({rare}))))}}"),
        format!("{{((Exists(ItemClass)) And (Not({rare})))}}"),
        format!("{{(Or({rare},(Size > 100)))}}"),
        format!("{{(Or((Not({rare})),{rare}))}}"),
        "{(Size < 1000000000)}".to_owned(),
        "{(MessageDeliveryTime > 1/1/2000 12:00:00 AM)}".to_owned(),
        "{(MessageDeliveryTime < 1/1/2099 12:00:00 AM)}".to_owned(),
        "{(Exists(SubjectProperty))}".to_owned(),
        "{(Exists(SenderEmailAddress))}".to_owned(),
        "{(And((Exists(ItemClass)),(Size >= 500)))}".to_owned(),
        "{(SubString IgnoreCase(BodyProperty)=the)}".to_owned(),
    ];
    for condition in all {
        let found = offline(&outlook_rule("Post", &condition, delete));
        assert!(has(&found, "AppliesToAllMail") && found.severity == Severity::High, "{condition}");
    }
    let some = [
        format!("{{(And((Not{rare}),(SubString IgnoreCase(SubjectProperty)=Alpha)))}}"),
        format!("{{((Not{rare}) And (SubString IgnoreCase(SubjectProperty)=Alpha))}}"),
        "{(Not(Exists(HasAttach)))}".to_owned(),
        format!("{{(Not(Not{rare}))}}"),
        "{(MessageDeliveryTime < 1/1/2020 12:00:00 AM)}".to_owned(),
        "{(Size > 5000000)}".to_owned(),
        "{(SubString IgnoreCase(SubjectProperty)=a) (b)}".to_owned(),
    ];
    for condition in some {
        let found = offline(&outlook_rule("Post", &condition, delete));
        assert!(!has(&found, "AppliesToAllMail") && !found.threat, "{condition}");
    }
}

/// Everything that turns a terminal or the direction of text, in what an attacker chooses and in the name of a file.
#[test]
fn no_output_of_a_command_contains_control_characters() {
    const EVIL: &str = "\u{1b}]0;x\u{7}\u{9b}31m\u{202e}\u{2066}\u{200b}\u{ad}\u{2062}\u{e0041}<img src=x>";
    let mut made = rule(&format!("Post{EVIL}"), &[("DeleteMessage", "True"), ("MoveToFolder", EVIL)]);
    made["ClientIP"] = json!("203.0.113.5");
    let mut act = made.clone();
    act["Id"] = json!(uuid::Uuid::from_u128(9));
    act["Operation"] = json!(format!("Act{EVIL}"));
    act["ClientInfoString"] = json!(format!("Client={EVIL}"));
    act["SessionId"] = json!(EVIL);
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log\u{1b}[31m.jsonl");
    std::fs::write(&file, format!("{made}\n{act}\n{{\u{1b}[2J\n")).unwrap();
    let formats = [("scan", &["table", "json", "html"][..]), ("investigate", &["table", "json", "csv", "html"])];
    for (command, formats) in formats {
        for format in formats {
            let mut call = std::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
            call.args([command, "--format", format]).arg(&file);
            if command == "investigate" {
                call.args(["--account", "grady@contoso.com", "--ip", "203.0.113.5"]);
            }
            let output = call.output().unwrap();
            let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert!(text.contains("Post") || text.contains("Act"), "{command} {format}: {text}");
            let is_evil = |c: &char| {
                let turns = "\u{202e}\u{2066}\u{200b}\u{ad}\u{2062}\u{e0041}".contains(*c);
                turns || (c.is_control() && !matches!(c, '\n' | '\r' | '\t'))
            };
            assert_eq!(text.chars().find(is_evil), None, "{command} {format}");
        }
    }
}

/// Whoever makes many large records while Exchange does not respond decides how much waits. Nobody reads all of it at once.
#[tokio::test]
async fn listing_of_unfinished_findings_reads_no_record() {
    let ward = Ward::open().await;
    let record = format!("{{\"Text\":\"{}\"}}", "x".repeat(300_000));
    let mut row = PendingRow {
        tenant_id: ward.threat.tenant_id,
        record_id: ward.threat.record_id,
        domain: ward.threat.domain.clone(),
        since: ward.now(),
        record: Some(record.clone()),
    };
    ward.put(COVERAGE, &row.to_entity()).await;
    // An earlier version did not say what a row holds.
    row.record_id = uuid::Uuid::from_u128(77).to_string().parse().unwrap();
    let mut old = Entity::new(row.to_entity().key);
    row.to_entity().columns().iter().filter(|(name, _)| *name != "Holds").for_each(|(name, value)| {
        old.set(name, value.clone());
    });
    ward.put(COVERAGE, &old).await;
    let notes = pending::list(ward.app.store.as_ref(), &row.tenant_id).await.unwrap();
    assert_eq!(ward.lists().pop().unwrap().columns, ["Domain", "Since", "Holds"]);
    assert_eq!(notes.len(), 2);
    for note in notes {
        assert!(note.has_record() && note.text().is_none(), "{note:?}");
        let kept = pending::record(ward.app.store.as_ref(), &note).await.unwrap();
        assert_eq!(kept, Some(record.clone()));
    }
}

#[tokio::test]
async fn rule_of_the_threat_is_off_before_400_others_are_tried() {
    let ward = Ward::open().await;
    ward.contoso(|tenant| {
        let bob = tenant.mailbox_mut(BOB).unwrap();
        bob.add_rule(99, "Copies", json!({ "RedirectTo": ["eve@evil.example"] }));
        for rule in 0..400 {
            bob.add_rule(1_000 + rule, &format!("Project {rule}"), json!({ "MoveToFolder": "Inbox\\Projects" }));
        }
        // Exchange lists them in an order that the attacker chooses.
        bob.rules.reverse();
    });
    // Every look at the clock is later, so the time of the press is over among the rules.
    ward.tick(TimeDelta::milliseconds(100));
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.body["Status"], "Incomplete", "{:#}", answer.body);
    assert_eq!(outcome(&answer, "DisableClientAccess"), "Done", "{:#}", answer.body);
    let mailbox = ward.mailbox();
    assert!(!mailbox.client_access["OWAEnabled"] && !mailbox.client_access["ImapEnabled"]);
    let is_on = |id: u64| mailbox.rules.iter().any(|rule| rule.id == id && rule.enabled);
    assert!((1_000..1_400).any(is_on), "some are left for the next press");
    assert!(!is_on(RULE) && !is_on(99), "the one of the threat and those that send mail come first");
}

/// A dismissal is for what was dismissed, and for 180 days: not for something worse, and not for ever.
#[tokio::test]
async fn dismissal_covers_nothing_worse_and_ends() {
    let cases = [(Severity::High, 1, 1), (Severity::Medium, 1, 2), (Severity::High, 181, 2)];
    for (dismissed, days, told) in cases {
        let fixture = CollectorFixture::start().await;
        fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
        fixture.read().await.unwrap();
        let row = fixture.findings().await.remove(0);
        let muted = NotifiedFingerprintRow {
            tenant_id: row.tenant_id,
            fingerprint: row.fingerprint.clone(),
            record_id: row.record_id,
            severity: dismissed,
            since: fixture.now() - TimeDelta::days(days),
            event_time: Some(row.event_time),
            scopes: Vec::new(),
            muted: true,
        };
        fixture.write(COVERAGE, &muted.to_entity()).await;
        fixture.wait(TimeDelta::minutes(10));
        fixture.publish(vec![forwarding_rule(2, "Invoices", "eve@evil.example", fixture.now())]);
        fixture.read().await.unwrap();
        assert_eq!(fixture.notified("InboxRule").len(), told, "{dismissed:?}, {days} days ago");
    }
}
