//! Situations in which the ordinary places of people decide.

use serde_json::Value;

use super::records::{A, O, OWNER, Records, S, V, W};
use super::situations::of_v;

#[test]
fn owners_phone_on_the_way_stays_the_owners() {
    let (mut records, ..) = Records::incident();
    let phone = "eeeeeeee-1";
    for (time, ip) in [
        ("17T07:00:00", "100.20.1.1"),
        ("18T07:00:00", "100.20.9.9"),
        ("19T10:03:00", "100.21.7.7"),
        ("19T12:00:00", OWNER),
    ] {
        records.bind(time, V, V, ip, phone, &[time]);
    }
    let report = of_v(&records);
    let of_phone = |record: &&Value| record["AppAccessContext"]["AADSessionId"] == phone;
    for record in records.all.iter().filter(of_phone) {
        assert_eq!(report.whose(record), "Owner", "{record}");
    }
    assert_eq!(report.count("MessagesRead"), 0);
}

#[test]
fn vpn_exit_of_the_owner_proves_nothing_by_itself() {
    let mut records = Records::default();
    records.owners_days(V, A, O, &[14, 15, 16, 17, 18]);
    records.sign_in("19T10:00:00", V, A, S, "0");
    records.rule("19T10:05:00", V, A, S);
    let in_session = records.bind("19T10:10:00", V, V, A, S, &["m"]);
    let owners = records.bind("19T10:11:00", V, V, A, O, &["n"]);
    let without = records.bind("19T10:12:00", V, V, A, "", &["o"]);
    let earlier = records.bind("18T10:12:00", V, V, A, "", &["p"]);
    let report = of_v(&records);
    assert_eq!((report.whose(&in_session), report.whose(&owners)), ("Linked", "Owner"));
    assert_eq!(report.judged(&without), ("Unclear", "SharedAddress"));
    assert_eq!((report.whose(&earlier), report.count("MessagesRead")), ("Owner", 1));
}

#[test]
fn exit_of_the_office_makes_no_victims() {
    let mut records = Records::default();
    for (number, user) in [W, "x@contoso.com", "y@contoso.com"].into_iter().enumerate() {
        records.owners_days(user, A, &format!("office-{number}"), &[16, 17]);
    }
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    records.rule("19T10:05:00", V, A, S);
    let colleague = records.bind("19T10:06:00", W, W, A, "office-0", &["m"]);
    let report = of_v(&records);
    assert_eq!((report.others(), report.address(A)), (vec![], Some("Unclear")));
    assert!(!report.lists(&colleague));
}

#[test]
fn attacker_of_two_days_is_no_owner() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[14, 15, 16, 17, 18]);
    let first = records.sign_in("17T22:00:00", V, A, S, "0");
    let read = records.bind("18T22:00:00", V, V, A, S, &["m"]);
    records.rule("19T22:00:00", V, A, S);
    let report = of_v(&records);
    assert_eq!((report.whose(&first), report.whose(&read), report.address(A)), ("Linked", "Linked", Some("Proven")));
}

#[test]
fn attacker_who_works_over_midnight_is_no_owner() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[14, 15, 16, 17, 18]);
    let before = records.sign_in("18T23:56:00", V, A, "eeeeeeee-9", "0");
    let after = records.bind("19T00:02:00", V, V, A, "eeeeeeee-9", &["m"]);
    records.rule("19T00:10:00", V, A, S);
    let report = of_v(&records);
    assert_eq!((report.whose(&before), report.whose(&after), report.address(A)), ("Linked", "Linked", Some("Proven")));
}

#[test]
fn victims_over_midnight_make_no_exit_of_the_office() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    let victims = [W, "x@contoso.com", "y@contoso.com"];
    for (number, user) in victims.into_iter().enumerate() {
        records.sign_in(&format!("18T23:5{number}:00"), user, A, &format!("stolen-{number}"), "0");
        records.bind(&format!("19T00:0{number}:00"), user, user, A, &format!("stolen-{number}"), &["m"]);
    }
    records.rule("19T00:10:00", V, A, S);
    let report = of_v(&records);
    assert_eq!((report.others().len(), report.address(A)), (victims.len(), Some("Proven")));
}

/// Days of an owner whose computer has another address of the network at home every day.
fn owner_with_daily_addresses(records: &mut Records) {
    for day in 14..=18 {
        records.owners_days(V, &format!("2001:db8:77:1::{day}"), &format!("home-{day}"), &[day]);
    }
}

#[test]
fn owner_with_another_ipv6_address_every_day_is_at_home() {
    let mut records = Records::default();
    owner_with_daily_addresses(&mut records);
    let owners = records.bind("19T07:30:00", V, V, "2001:db8:77:1::19", S, &["own"]);
    records.sign_in("19T08:00:00", V, A, S, "0");
    records.rule("19T08:05:00", V, A, S);
    let read = records.bind("19T08:10:00", V, V, A, S, &["m"]);
    let report = of_v(&records);
    assert_eq!((report.whose(&owners), report.whose(&read)), ("Owner", "Linked"));
    assert_eq!((report.count("SignIns"), report.count("MessagesRead"), report.count("Addresses")), (1, 1, 1));
}

#[test]
fn threat_from_home_makes_no_day_of_the_owner_the_attackers() {
    let mut records = Records::default();
    owner_with_daily_addresses(&mut records);
    records.rule("19T08:05:00", V, "2001:db8:77:1::19", "home-19");
    let report = of_v(&records);
    assert_eq!((report.count("SignIns"), report.count("MessagesRead")), (0, 0));
}

#[test]
fn attacker_with_another_ipv6_address_every_day_is_no_owner() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[14, 15, 16, 17, 18]);
    let first = records.sign_in("17T22:00:00", V, "2001:db8:bad:1::17", S, "0");
    records.rule("19T22:00:00", V, "2001:db8:bad:1::19", S);
    let next = records.bind("19T22:10:00", V, V, "2001:db8:bad:1::20", "", &["m"]);
    let report = of_v(&records);
    assert_eq!((report.whose(&first), report.judged(&next)), ("Linked", ("Likely", "SameNetwork")));
}
