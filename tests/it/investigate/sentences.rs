//! The sentences and numbers of a report are true, whatever was recorded and whatever was not.

use serde_json::json;

use super::records::{A, A2, O, OWNER, Records, S, V, W};
use super::situations::of_v;
use super::{Report, report_of, run};

fn owners_week() -> Records {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    records
}

fn lines(records: &Records) -> Vec<u8> {
    records.all.iter().map(|record| format!("{record}\n")).collect::<String>().into_bytes()
}

fn written(records: &Records, arguments: &[&str], format: &str) -> String {
    let output = run(&[&["--account", V, "--format", format], arguments, &["-"]].concat(), &lines(records));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The value of a tile of the page.
fn tile(page: &str, title: &str) -> String {
    let value = page.split(&format!("<dt>{title}</dt><dd>")).nth(1).unwrap_or_else(|| panic!("{title}: {page}"));
    value.split("</dd>").next().unwrap().to_owned()
}

fn beginning(report: &Report) -> String {
    report.0["Beginning"].as_array().unwrap().iter().map(|text| text.as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

fn text<'a>(report: &'a Report, member: &str) -> &'a str {
    report.0[member].as_str().unwrap()
}

#[test]
fn many_wrong_passwords_hide_no_sign_in() {
    let mut records = owners_week();
    for second in 10..59 {
        records.sign_in(&format!("19T07:00:{second}"), V, A, "", "50126");
    }
    records.sign_in("19T10:00:00", V, A, S, "0");
    records.rule("19T10:05:00", V, A, S);
    let report = of_v(&records);
    let told = beginning(&report);
    assert!(told.contains("the password was probably guessed") && !told.contains("no successful sign-in"), "{told}");
    assert_eq!(report.0["Access"]["First"], "2026-11-19T10:00:00Z", "a refused password is no access");
    assert!(text(&report, "Verdict").contains("from 2026-11-19 10:00 to 2026-11-19 10:05 UTC (5 min)"));
}

#[test]
fn attempts_without_success_are_no_access_and_no_theft() {
    for error in ["50126", "50140", "65001", "53003", "50173"] {
        let mut records = owners_week();
        records.sign_in("19T10:00:00", V, A, S, error);
        records.sign_in("19T10:20:00", V, A, S, error);
        let report = report_of(&records.all, V, &["--ip", A]);
        let told = beginning(&report) + &report.not_logged();
        assert!(!told.contains("successful sign-in"), "{error}: {told}");
        let page = written(&records, &["--ip", A], "html");
        assert_eq!(tile(&page, "Access lasted"), "not proven", "{error}");
    }
}

#[test]
fn sign_in_of_the_delegate_explains_a_shared_mailbox() {
    let (shared, d) = ("shared@contoso.com", "d@contoso.com");
    let mut records = Records::default();
    records.owners_days(d, OWNER, O, &[16, 17, 18]);
    records.sign_in("19T10:00:00", d, A, S, "0");
    records.bind("19T10:03:00", d, shared, A, S, &["m", "n"]);
    let rule = records.rule("19T10:05:00", d, A, S);
    let mut rule_on_shared = rule.clone();
    rule_on_shared["ObjectId"] = json!(format!("{shared}\\."));
    rule_on_shared["Parameters"].as_array_mut().unwrap().push(json!({"Name": "Mailbox", "Value": shared}));
    *records.all.last_mut().unwrap() = rule_on_shared;
    let report = report_of(&records.all, shared, &["--log-id", rule["Id"].as_str().unwrap()]);
    let told = beginning(&report);
    assert!(told.contains("signed in as d@contoso.com at 2026-11-19 10:00"), "{told}");
    assert!(!told.contains("no successful sign-in") && !report.not_logged().contains("sign-in"), "{report:?}");
    assert!(!text(&report, "Verdict").contains("sign-in"), "{}", text(&report, "Verdict"));
    assert!(text(&report, "Origin").starts_with("Before 2026-11-19 10:03 UTC"), "{}", text(&report, "Origin"));
}

#[test]
fn stolen_session_is_said_only_before_the_first_act_inside() {
    let mut records = owners_week();
    records.bind("19T10:00:00", V, V, A, S, &["m"]);
    records.rule("19T10:05:00", V, A, S);
    assert!(beginning(&of_v(&records)).contains("No successful sign-in comes before"));
    records.sign_in("19T09:59:00", V, A, S, "0");
    assert!(!beginning(&of_v(&records)).contains("No successful sign-in"));
    let since = report_of(&records.all, V, &["--since", "2026-11-19T10:00:00Z"]);
    let told = beginning(&since) + &since.not_logged();
    assert!(!told.contains("successful sign-in"), "it is in the data, only not in the report: {told}");
}

#[test]
fn exit_is_not_an_earlier_place_of_the_account() {
    let (mut records, ..) = Records::incident();
    for (number, user) in ["p", "q", "r"].into_iter().enumerate() {
        let session = format!("x-{number}");
        records.owners_days(&format!("{user}@contoso.com"), A, &session, &[16, 17, 18]);
    }
    let report = of_v(&records);
    let origin = text(&report, "Origin");
    assert_eq!(report.address(A), Some("Unclear"));
    assert_eq!(origin, format!("Before 2026-11-19 10:00 UTC {V} was not seen from {A}, the address of the threat."));
}

#[test]
fn earlier_use_of_the_address_is_dated() {
    let (mut records, ..) = Records::incident();
    records.sign_in("19T09:30:00", V, A, "", "50126");
    let origin = of_v(&records).0["Origin"].to_string();
    assert!(origin.contains("Before 2026-11-19 09:30 UTC"), "an attempt is seen too: {origin}");
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    records.rule("19T10:05:00", V, OWNER, S);
    let origin = of_v(&records).0["Origin"].to_string();
    assert!(origin.contains("on earlier days, since 2026-11-16 08:00 UTC"), "{origin}");
    let bounded = report_of(&records.all, V, &["--since", "2026-11-19"]).0["Origin"].to_string();
    assert_eq!(bounded, origin, "the bounds of the report do not change it");
}

#[test]
fn reading_outside_of_the_report_is_logged_all_the_same() {
    let (mut records, ..) = Records::incident();
    records.bind("17T10:00:00", W, W, "198.51.100.8", "w-1", &["m"]);
    let report = report_of(&records.all, V, &["--since", "2026-11-19T09:30:00Z"]);
    assert!(!report.not_logged().contains("Reading of mail"), "{}", report.not_logged());
    assert!(text(&report, "Verdict").contains("0 messages read"), "{}", text(&report, "Verdict"));
}

#[test]
fn unknown_numbers_are_not_zero() {
    let mut records = Records::default();
    for day in 16..19 {
        records.sign_in(&format!("{day}T08:00:00"), V, OWNER, O, "0");
    }
    records.sign_in("19T10:00:00", V, A, S, "0");
    records.rule("19T10:05:00", V, A, S);
    let table = written(&records, &[], "table");
    assert!(!table.contains("0 messages read") && !table.contains("0 files"), "{table}");
    assert!(table.contains("reading of mail not logged") && table.contains("files not logged"), "{table}");
    let page = written(&records, &[], "html");
    assert_eq!(
        (tile(&page, "Messages read"), tile(&page, "Files")),
        ("not logged".to_owned(), "not logged".to_owned())
    );
    assert!(!page.contains("<h2>Files</h2>\n<p>Nothing is recorded."), "{page}");
}

#[test]
fn throttled_and_copied_mail_is_not_zero() {
    let (mut records, ..) = Records::incident();
    let throttled = records.bind("19T10:01:00", V, V, OWNER, O, &["own"]);
    let flag = json!({"Name": "IsThrottled", "Value": "True"});
    records.all.last_mut().unwrap()["OperationProperties"].as_array_mut().unwrap().push(flag);
    let report = of_v(&records);
    assert_eq!((report.whose(&throttled), report.count("MessagesRead")), ("Owner", 0));
    assert!(text(&report, "Verdict").contains("reading of mail unknown"), "{}", text(&report, "Verdict"));
    assert_eq!(tile(&written(&records, &[], "html"), "Messages read"), "unknown");
    records.bind("19T10:02:00", V, V, A, S, &["m"]);
    assert!(text(&of_v(&records), "Verdict").contains("at least 1 message read"));

    let (mut records, ..) = Records::incident();
    records.synchronise("19T10:10:00", V, A, S);
    let report = of_v(&records);
    let verdict = text(&report, "Verdict");
    assert!(!verdict.contains("0 messages read") && verdict.contains("1 folder copied as a whole"), "{verdict}");
    assert_eq!(tile(&written(&records, &[], "html"), "Messages read"), "whole folders");
}

#[test]
fn time_without_records_is_refused() {
    let (records, ..) = Records::incident();
    for arguments in [["--since", "2027-01-01"], ["--until", "2026-11-01"]] {
        let output = run(&[&["--account", V][..], &arguments, &["-"]].concat(), &lines(&records));
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), output.stdout.len(), told.lines().count()), (Some(2), 0, 1), "{told}");
        assert!(told.contains(arguments[0]), "{told}");
    }
}

#[test]
fn acts_are_named_in_words_and_addresses_are_those_of_sign_ins() {
    let (mut records, ..) = Records::incident();
    records.sign_in("19T09:50:00", V, A, "", "50126");
    records.bind("19T10:30:00", V, V, A2, S, &["m"]);
    let report = of_v(&records);
    let told = beginning(&report);
    assert!(
        told.starts_with(&format!("The first act of the attacker in the data is a refused sign-in from {A} at")),
        "{told}"
    );
    assert!(text(&report, "Verdict").contains("1 sign-in from 1 address"), "{}", text(&report, "Verdict"));
    assert_eq!(report.count("Addresses"), 2);
    assert_eq!(tile(&written(&records, &[], "html"), "Signed in"), "1 × from 1 address");
    let mut records = owners_week();
    records.rule("19T10:05:00", V, A, S);
    let report = of_v(&records);
    assert!(beginning(&report).contains("is a new inbox rule from"), "{}", beginning(&report));
    assert!(text(&report, "Verdict").contains("no sign-in seen"), "{}", text(&report, "Verdict"));
}
