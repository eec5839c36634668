//! Incidents in which the days before decide: an attacker who stays, an owner with habits of their own, an old attempt.

use serde_json::Value;

use super::records::{A, A2, O, OWNER, Records, S, V};
use super::situations::of_v;
use super::{Report, report_of};

const HOME: [u32; 5] = [14, 15, 16, 17, 18];

fn at_home() -> Records {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &HOME);
    records
}

/// No record from the owner's address is the attacker's.
fn assert_owner_is_free(records: &Records, report: &Report) {
    let is_owners = |record: &&Value| record["ClientIP"] == OWNER || record["ClientIPAddress"] == OWNER;
    for record in records.all.iter().filter(is_owners) {
        assert!(["Owner", "Unclear"].contains(&report.whose(record)), "{record}: {:?}", report.judged(record));
    }
}

fn log_id(record: &Value) -> &str {
    record["Id"].as_str().unwrap()
}

/// A wrong password from the attacker's address came days before; then the attacker got a token of the owner's session.
fn refused_before() -> (Records, Value) {
    let mut records = Records::default();
    records.sign_in("12T03:00:00", V, A, "", "50126");
    records.owners_days(V, OWNER, O, &HOME);
    records.sign_in("19T08:00:00", V, A, O, "0");
    records.bind("19T09:00:00", V, V, OWNER, O, &["own"]);
    let read = records.bind("19T09:05:00", V, V, A, O, &["m"]);
    records.rule("19T09:10:00", V, A, O);
    (records, read)
}

#[test]
fn refused_sign_in_is_no_beginning_of_an_address() {
    let (records, read) = refused_before();
    let report = report_of(&records.all, V, &["--ip", A]);
    assert_owner_is_free(&records, &report);
    assert_eq!((report.whose(&read), report.address(OWNER)), ("Linked", Some("Owner")));
    assert_eq!((report.count("SignIns"), report.count("MessagesRead"), report.count("Addresses")), (1, 1, 1));
}

/// The owner's rule and, days later, the attacker's. Returns the attacker's rule.
fn two_rules(records: &mut Records, own_day: u32, own_session: &str) -> (Value, Value) {
    let own = records.rule(&format!("{own_day}T09:30:00"), V, OWNER, own_session);
    records.sign_in("19T10:00:00", V, A, S, "0");
    let rule = records.rule("19T10:05:00", V, A, S);
    records.bind("19T10:10:00", V, V, A, S, &["m"]);
    records.bind("19T11:00:00", V, V, OWNER, O, &["own"]);
    (own, rule)
}

#[test]
fn early_threat_of_the_owner_makes_home_not_the_attackers() {
    for (own_day, home) in [(14, "Unclear"), (16, "Owner"), (18, "Owner")] {
        for own_session in [O, "own-1", ""] {
            let mut records = at_home();
            let (own, rule) = two_rules(&mut records, own_day, own_session);
            let report = of_v(&records);
            assert_owner_is_free(&records, &report);
            assert_eq!((report.whose(&own), report.address(OWNER)), (home, Some(home)), "{own_day} {own_session}");
            assert_eq!((report.whose(&rule), report.count("MessagesRead")), ("Proven", 1), "{own_day} {own_session}");
            let told = report.0["Beginning"].to_string();
            assert!(told.contains(&format!("a threat from {OWNER} at 2026-11-{own_day} 09:30 UTC")), "{told}");
        }
    }
}

#[test]
fn later_threat_of_the_owner_makes_home_not_the_attackers() {
    let mut records = at_home();
    records.sign_in("19T10:00:00", V, A, S, "0");
    records.rule("19T10:05:00", V, A, S);
    records.bind("20T08:00:00", V, V, OWNER, "own-2", &["own"]);
    records.rule("20T09:00:00", V, OWNER, "own-2");
    let report = of_v(&records);
    assert_owner_is_free(&records, &report);
    assert_eq!(report.address(A), Some("Proven"));
}

#[test]
fn named_records_are_never_set_aside() {
    let mut records = at_home();
    let (own, rule) = two_rules(&mut records, 16, "own-1");
    let report = report_of(&records.all, V, &["--log-id", log_id(&own), "--log-id", log_id(&rule)]);
    assert_eq!((report.whose(&own), report.whose(&rule)), ("Proven", "Proven"));
}

/// An attacker who comes again for days, and makes another rule from another address.
fn rules_on_several_days(second: &str) -> (Records, Vec<Value>) {
    let mut records = at_home();
    let mut acts = vec![records.sign_in("16T20:00:00", V, A, "s-1", "0"), records.rule("16T20:05:00", V, A, "s-1")];
    for (day, session) in [(17, "s-2"), (18, "s-3")] {
        acts.push(records.sign_in(&format!("{day}T20:00:00"), V, A, session, "0"));
        acts.push(records.bind(&format!("{day}T20:10:00"), V, V, A, session, &["m"]));
    }
    records.sign_in("19T20:00:00", V, A2, second, "0");
    records.rule("19T20:05:00", V, A2, second);
    (records, acts)
}

#[test]
fn attacker_with_threats_on_several_days_is_no_owner() {
    let (records, acts) = rules_on_several_days("s-3");
    let report = of_v(&records);
    assert_owner_is_free(&records, &report);
    assert_eq!((report.address(A), report.address(A2)), (Some("Proven"), Some("Proven")));
    for act in &acts {
        assert!(["Proven", "Linked"].contains(&report.whose(act)), "{act}");
    }
}

/// A new place of the owner looks the same as an attacker of whom nothing leads to the other threat.
#[test]
fn new_place_that_nothing_links_to_the_other_threat_is_unclear() {
    let (records, acts) = rules_on_several_days("s-4");
    let report = of_v(&records);
    assert_owner_is_free(&records, &report);
    assert_eq!((report.address(A), report.address(A2)), (Some("Unclear"), Some("Proven")));
    for act in &acts {
        assert_eq!(report.judged(act), ("Unclear", "NoEvidence"), "{act}");
    }
    assert!(report.0["Beginning"].to_string().contains("give --log-id of both"), "{}", report.0["Beginning"]);
    let named = report_of(&records.all, V, &["--log-id", log_id(&acts[1])]);
    assert_eq!(named.address(A), Some("Proven"));
}

/// A consent that the owner gave when nothing was ordinary yet, and an attack later in a session that the owner uses too.
#[test]
fn early_consent_of_the_owner_is_no_alarm() {
    let app = "99999999-aaaa-4bbb-8ccc-999999999999";
    let mut records = Records::default();
    let scope = "[] => [[Id: x, ClientId: 12345678-0000-4000-8000-00000000000b, ConsentType: Principal, Scope: Mail.ReadWrite Mail.Send offline_access]]";
    records.add("14T07:00:00", V, "Consent to application.", 8, serde_json::json!({
        "ObjectId": app, "Target": [{"ID": "ServicePrincipal_12345678-0000-4000-8000-00000000000b", "Type": 2}, {"ID": "Mail Backup", "Type": 1}],
        "ModifiedProperties": [{"Name": "ConsentAction.Permissions", "NewValue": scope, "OldValue": ""}]}));
    records.owners_days(V, OWNER, O, &HOME);
    records.sign_in("19T08:00:00", V, A, O, "0");
    records.rule("19T09:10:00", V, A, O);
    let report = of_v(&records);
    assert_owner_is_free(&records, &report);
    assert_eq!((report.address(A), report.address(OWNER)), (Some("Proven"), Some("Owner")));
}

/// An attacker who came from the address in another session on two days, and then made the rule.
fn in_two_sessions() -> (Records, Value, Value) {
    let mut records = at_home();
    records.sign_in("17T20:00:00", V, A, "s-1", "0");
    let read = records.bind("18T20:00:00", V, V, A, "s-1", &["m"]);
    records.sign_in("19T20:00:00", V, A, S, "0");
    let rule = records.rule("19T20:05:00", V, A, S);
    (records, read, rule)
}

#[test]
fn named_address_is_nobodys_home() {
    let (mut records, read, rule) = in_two_sessions();
    let moved = records.bind("18T21:00:00", V, V, A2, "s-1", &["n"]);
    for with_record in [false, true] {
        let mut arguments = vec!["--ip", A];
        if with_record {
            arguments.extend(["--log-id", log_id(&rule)]);
        }
        let report = report_of(&records.all, V, &arguments);
        assert_owner_is_free(&records, &report);
        assert_eq!((report.whose(&read), report.whose(&moved)), ("Linked", "Linked"), "{with_record}");
        assert_eq!((report.address(A), report.address(A2)), (Some("Proven"), Some("Linked")), "{with_record}");
    }
}

/// Without a session on the record the session of the days before may be the record's own, or the owner's.
#[test]
fn record_without_a_session_leaves_a_long_stay_unclear() {
    let mut records = at_home();
    let mut acts = Vec::new();
    for day in [16, 17, 18] {
        acts.push(records.sign_in(&format!("{day}T20:00:00"), V, A, S, "0"));
        acts.push(records.bind(&format!("{day}T20:10:00"), V, V, A, S, &["m"]));
    }
    let rule = records.rule("19T20:05:00", V, A, "");
    let report = of_v(&records);
    assert_owner_is_free(&records, &report);
    for act in &acts {
        assert_eq!(report.judged(act), ("Unclear", "NoEvidence"), "{act}");
    }
    assert_eq!(
        (report.whose(&rule), report.address(A), report.address(OWNER)),
        ("Proven", Some("Unclear"), Some("Owner"))
    );
    assert!(report.0["Beginning"].to_string().contains(&format!("give --ip {A}")), "{}", report.0["Beginning"]);
    let named = report_of(&records.all, V, &["--ip", A]);
    assert_eq!((named.whose(&acts[0]), named.count("MessagesRead")), ("Linked", 1));
}

/// The rule comes from the owner's own address, as from a program on the owner's computer.
#[test]
fn rule_from_home_without_a_session_makes_no_act_the_attackers() {
    let mut one = at_home();
    let at_once = one.bind("19T08:00:00", V, V, OWNER, O, &["own"]);
    one.rule("19T09:00:00", V, OWNER, "");
    let report = of_v(&one);
    assert_owner_is_free(&one, &report);
    assert_eq!((report.whose(&at_once), report.count("MessagesRead")), ("Unclear", 0));

    let mut several = Records::default();
    for day in HOME {
        several.owners_days(V, OWNER, &format!("own-{day}"), &[day]);
    }
    several.rule("19T09:00:00", V, OWNER, "");
    let report = of_v(&several);
    assert_owner_is_free(&several, &report);
    assert_eq!(report.address(OWNER), Some("Owner"));
}

#[test]
fn evening_and_midnight_are_not_two_days() {
    let mut records = at_home();
    let first = records.sign_in("18T17:50:00", V, A, "s-1", "0");
    let last = records.bind("19T00:10:00", V, V, A, "s-1", &["m"]);
    records.sign_in("19T02:00:00", V, A, S, "0");
    records.rule("19T02:05:00", V, A, S);
    let report = of_v(&records);
    assert_eq!((report.whose(&first), report.whose(&last), report.address(A)), ("Linked", "Linked", Some("Proven")));
}

#[test]
fn second_address_of_a_linked_session_is_no_home() {
    let mut records = at_home();
    records.sign_in("17T10:00:00", V, A, "s-1", "0");
    let reads = ["17T10:01:00", "18T10:01:00"].map(|time| records.bind(time, V, V, A2, "s-1", &[time]));
    records.sign_in("19T08:00:00", V, A, S, "0");
    records.rule("19T08:05:00", V, A, S);
    let report = of_v(&records);
    assert_owner_is_free(&records, &report);
    assert_eq!((report.whose(&reads[0]), report.whose(&reads[1])), ("Linked", "Linked"));
    assert_eq!((report.address(A2), report.count("MessagesRead")), (Some("Linked"), 2));
}

/// After a stolen token the rule has the attacker's address and no session.
#[test]
fn stolen_session_is_shared_although_the_rule_names_none() {
    let mut records = at_home();
    records.sign_in("19T08:00:00", V, A, O, "0");
    records.rule("19T08:05:00", V, A, "");
    let read = records.bind("19T08:06:00", V, V, A, O, &["m"]);
    let moved = records.bind("19T08:20:00", V, V, A2, O, &["n"]);
    let by_graph = records.bind("19T08:25:00", V, V, "20.190.160.5", O, &["o"]);
    let owners = records.bind("19T09:25:00", V, V, OWNER, O, &["own"]);
    let report = of_v(&records);
    assert_owner_is_free(&records, &report);
    assert_eq!((report.whose(&read), report.whose(&owners)), ("Linked", "Owner"));
    assert_eq!(
        (report.judged(&moved), report.judged(&by_graph)),
        (("Unclear", "SharedSession"), ("Unclear", "SharedSession"))
    );
    assert_eq!(report.0["Sessions"][0]["IsShared"], true);
    assert!(report.0["Beginning"].to_string().contains("shares a session"), "{}", report.0["Beginning"]);
}
