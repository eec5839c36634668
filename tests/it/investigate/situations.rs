//! The situations of an incident: each with its records and what the report says of them.

use serde_json::{Value, json};

use super::records::{A, A2, BROWSER, O, OWNER, Records, S, V, W};
use super::{Report, report_of};

pub fn of_v(records: &Records) -> Report {
    report_of(&records.all, V, &[])
}

#[test]
fn owner_and_attacker_in_one_minute_are_told_apart() {
    let (mut records, sign_in, rule) = Records::incident();
    let owners = records.bind("19T10:06:10", V, V, OWNER, O, &["m"]);
    let attackers = records.bind("19T10:06:40", V, V, A, S, &["m"]);
    let report = of_v(&records);
    assert_eq!(report.judged(&rule), ("Proven", "ThreatRecord"));
    assert_eq!(
        (report.whose(&sign_in), report.whose(&attackers), report.whose(&owners)),
        ("Linked", "Linked", "Owner")
    );
    assert_eq!((report.count("MessagesRead"), report.count("SignIns"), report.count("Addresses")), (1, 1, 1));
    assert_eq!((report.address(A), report.address(OWNER)), (Some("Proven"), Some("Owner")));
}

#[test]
fn second_address_of_the_session_is_linked() {
    let (mut records, ..) = Records::incident();
    let moved = records.bind("19T10:30:00", V, V, A2, S, &["m"]);
    let other = records.sign_in("19T10:40:00", W, A2, "", "50126");
    let report = of_v(&records);
    assert_eq!((report.whose(&moved), report.address(A2)), ("Linked", Some("Linked")));
    assert_eq!((report.count("Addresses"), report.0["Sessions"].as_array().unwrap().len()), (2, 1));
    assert_eq!(report.others(), [(W, "Tried")]);
    assert!(report.lists(&other));
}

#[test]
fn same_network_of_64_bits_is_likely_and_no_ground_for_more() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    records.rule("19T10:05:00", V, "2001:db8:1:2::a", S);
    let near = records.sign_in("19T10:10:00", V, "2001:db8:1:2::b", "cccccccc-1", "0");
    let by_near = records.bind("19T10:20:00", V, V, A2, "cccccccc-1", &["m"]);
    let far = records.sign_in("19T10:30:00", V, "2001:db8:1:3::a", "", "0");
    let report = of_v(&records);
    assert_eq!(report.judged(&near), ("Likely", "SameNetwork"));
    assert_eq!((report.whose(&by_near), report.whose(&far)), ("Unclear", "Unclear"));
    assert_eq!((report.count("SignIns"), report.count("MessagesRead")), (1, 0));
}

#[test]
fn other_accounts_are_signed_in_stopped_or_tried() {
    let (mut records, ..) = Records::incident();
    let second = records.sign_in("19T11:00:00", W, A, "dddddddd-1", "0");
    let seconds = records.bind("19T11:05:00", W, W, A2, "dddddddd-1", &["x"]);
    records.sign_in("19T11:10:00", "x@contoso.com", A, "", "50126");
    records.sign_in("19T11:11:00", "y@contoso.com", A, "", "50126");
    records.sign_in("19T11:12:00", "y@contoso.com", A, "", "50074");
    records.bind("19T11:13:00", "z@contoso.com", "z@contoso.com", A, "", &["y"]);
    let report = of_v(&records);
    let expected =
        [(W, "SignedIn"), ("z@contoso.com", "SignedIn"), ("y@contoso.com", "Stopped"), ("x@contoso.com", "Tried")];
    assert_eq!(report.others(), expected);
    assert_eq!(report.count("OtherAccounts"), 4);
    assert_eq!((report.whose(&second), report.whose(&seconds)), ("Linked", "Linked"));
    assert_eq!(
        (report.count("SignIns"), report.count("MessagesRead")),
        (1, 0),
        "a second victim has a report of his own"
    );
    assert!(report.0["Verdict"].as_str().unwrap().contains("2 other accounts"), "{}", report.0["Verdict"]);
}

#[test]
fn synchronised_folder_counts_as_a_whole() {
    let (mut records, ..) = Records::incident();
    for time in ["19T10:10:00", "19T11:10:00"] {
        records.synchronise(time, V, A, S);
    }
    let report = of_v(&records);
    assert_eq!((report.count("FoldersSynchronised"), report.count("MessagesRead")), (1, 0));
    assert_eq!(report.0["Synchronised"], json!([{"Mailbox": V, "Folder": "Inbox"}]));
    assert!(report.0["Verdict"].as_str().unwrap().contains("1 folder copied as a whole"));
}

#[test]
fn throttled_reading_is_unknown_for_a_day() {
    let (mut records, ..) = Records::incident();
    let plain = of_v(&records);
    assert!(!plain.not_logged().contains("stopped recording"));
    let mut bind = records.bind("19T10:20:00", V, V, A, S, &["m"]);
    bind["OperationProperties"].as_array_mut().unwrap().push(json!({"Name": "IsThrottled", "Value": "True"}));
    *records.all.last_mut().unwrap() = bind;
    let report = of_v(&records);
    assert!(report.not_logged().contains("from 2026-11-19 10:20 to 2026-11-20 10:20"), "{}", report.not_logged());
    assert_eq!(report.count("MessagesRead"), 1);
}

#[test]
fn equal_content_under_two_ids_counts_once() {
    let (mut records, ..) = Records::incident();
    for _ in 0..2 {
        records.bind("19T10:20:00", V, V, A, S, &["m", "n"]);
        records.send("19T10:30:00", V, A, S, "out");
    }
    records.send("19T10:31:00", V, A, S, "out-2");
    let clean = of_v(&records);
    assert_eq!((clean.count("MessagesRead"), clean.count("MessagesSent")), (2, 2));
    let (mut mixed, again) = (records.all.clone(), records.all.clone());
    mixed.reverse();
    mixed.extend(again);
    assert_eq!(report_of(&mixed, V, &[]).without_run(), clean.without_run());
}

#[test]
fn rule_without_a_session_is_linked_by_its_address() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    let sign_in = records.sign_in("19T10:02:00", V, A, S, "0");
    let rule = records.rule("19T10:05:00", V, A, "");
    let read = records.bind("19T10:09:00", V, V, A2, S, &["m"]);
    let report = of_v(&records);
    assert_eq!((report.whose(&rule), report.judged(&sign_in)), ("Proven", ("Linked", "ProvenAddress")));
    assert_eq!(report.judged(&read), ("Linked", "LinkedSession"));

    let mut alone = Records::default();
    alone.owners_days(V, OWNER, O, &[16, 17, 18]);
    alone.rule("19T10:05:00", V, A, "");
    let report = of_v(&alone);
    assert!(report.not_logged().contains("may be before the data begins"), "{}", report.not_logged());
    assert_eq!(report.0["Access"]["First"], "2026-11-19T10:05:00Z");
}

#[test]
fn replayed_token_splits_the_session_by_address() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    let replay = records.sign_in_with("19T10:00:00", V, A, O, "0", "node");
    let read = records.bind("19T10:01:00", V, V, A, O, &["m"]);
    records.rule("19T10:05:00", V, A, O);
    let owners = records.bind("19T10:06:00", V, V, OWNER, O, &["n"]);
    let report = of_v(&records);
    assert_eq!((report.whose(&replay), report.whose(&read), report.whose(&owners)), ("Linked", "Linked", "Owner"));
    assert_eq!(report.0["Sessions"][0]["IsShared"], true);
}

#[test]
fn admitted_application_reads_on_after_the_reset() {
    let app = "99999999-aaaa-4bbb-8ccc-999999999999";
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    let refused = records.sign_in("19T08:59:00", V, A, S, "65001");
    let signed_in = records.sign_in("19T09:00:10", V, A, S, "0");
    for record in records.all.iter_mut().rev().take(2) {
        record["ApplicationId"] = json!(app);
    }
    let actor = json!([{"ID": V, "Type": 5}]);
    let consent = records.add("19T09:00:00", V, "Consent to application.", 8, json!({
        "ObjectId": app, "Target": [{"ID": "ServicePrincipal_12345678-0000-4000-8000-00000000000b", "Type": 2}, {"ID": "Mail Backup Pro", "Type": 1}],
        "Actor": actor, "ModifiedProperties": [{"Name": "ConsentAction.Permissions",
            "NewValue": "[] => [[Id: x, ClientId: 12345678-0000-4000-8000-00000000000b, Scope: Mail.ReadWrite Mail.Send offline_access]]", "OldValue": ""}],
    }));
    let grant = records.add("19T09:00:01", V, "Add delegated permission grant.", 8, json!({
        "Actor": actor, "Target": [{"ID": "Microsoft Graph", "Type": 1}], "ModifiedProperties": [
            {"Name": "DelegatedPermissionGrant.Scope", "NewValue": " Mail.ReadWrite", "OldValue": ""},
            {"Name": "ServicePrincipal.ObjectID", "NewValue": "12345678-0000-4000-8000-00000000000b", "OldValue": ""}],
    }));
    let reset = records.add(
        "19T10:00:00",
        "admin@contoso.com",
        "Reset user password.",
        8,
        json!({
        "ObjectId": V, "Target": [{"ID": V, "Type": 5}], "Actor": [{"ID": "admin@contoso.com", "Type": 5}]}),
    );
    let mut read = records.bind("19T11:00:00", V, V, "20.190.160.4", "", &["m"]);
    read["ClientInfoString"] = json!("Client=REST;;");
    read["AppId"] = json!("00000003-0000-0000-c000-000000000000");
    read["ClientAppId"] = json!(app);
    *records.all.last_mut().unwrap() = read.clone();
    let report = of_v(&records);
    assert_eq!((report.whose(&consent), report.judged(&grant)), ("Proven", ("Proven", "ConsentSibling")));
    assert_eq!((report.whose(&refused), report.whose(&signed_in)), ("Proven", "Proven"));
    assert_eq!((report.judged(&reset), report.judged(&read)), (("Response", "OtherActor"), ("Likely", "ConsentedApp")));
    assert_eq!((report.address(A), report.address("20.190.160.4")), (Some("Proven"), Some("Microsoft")));
    assert_eq!((report.count("MessagesRead"), report.count("Addresses")), (1, 1));
    assert_eq!(report.0["AfterResponse"][0]["Id"], read["Id"]);
}

#[test]
fn services_of_microsoft_are_not_the_attacker() {
    let (mut records, ..) = Records::incident();
    let mut service = records.bind("19T10:10:00", V, V, "2603:10a6:10::1", "", &["m", "n"]);
    service["ClientInfoString"] = json!("Client=REST;Client=RESTSystem;;");
    *records.all.last_mut().unwrap() = service.clone();
    let background = records.bind("19T10:11:00", V, V, "::1", S, &["o"]);
    let report = of_v(&records);
    assert_eq!(report.judged(&service), ("Microsoft", "ServiceClient"));
    assert_eq!(report.judged(&background), ("Linked", "ProvenSession"));
    assert_eq!((report.count("MessagesRead"), report.count("Addresses"), report.address("::1")), (1, 1, None));
}

#[test]
fn device_code_shares_session_and_device_but_not_the_address() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    records.sign_in("19T09:00:00", V, OWNER, S, "0");
    let attackers = records.sign_in("19T09:00:30", V, A, S, "0");
    let owners = records.bind("19T09:10:00", V, V, OWNER, S, &["mine"]);
    for record in &mut records.all {
        if let Some(properties) = record.get_mut("DeviceProperties").and_then(Value::as_array_mut) {
            properties.push(json!({"Name": "Id", "Value": "12121212-0000-4000-8000-000000000000"}));
        }
    }
    let read = records.bind("19T09:20:00", V, V, A, S, &["m"]);
    let unknown = records.bind("19T09:30:00", V, V, "20.190.160.9", S, &["n"]);
    records.rule("19T09:40:00", V, A, S);
    let report = of_v(&records);
    assert_eq!((report.whose(&attackers), report.whose(&read), report.whose(&owners)), ("Linked", "Linked", "Owner"));
    assert_eq!(report.judged(&unknown), ("Unclear", "SharedSession"));
    assert_eq!(report.count("MessagesRead"), 1);
    assert_eq!(report.0["Sessions"][0]["IsShared"], true);
}

#[test]
fn accepted_password_without_a_sign_in_is_no_access() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    let accepted = records.sign_in("19T10:00:00", V, A, "", "50140");
    let report = report_of(&records.all, V, &["--ip", A]);
    assert_eq!((report.whose(&accepted), report.count("SignIns")), ("Linked", 0));
    let verdict = report.0["Verdict"].as_str().unwrap();
    assert!(verdict.contains("password") && verdict.contains("access is not proven"), "{verdict}");

    let asked = records.sign_in("19T10:01:00", V, A, "", "65001");
    let report = report_of(&records.all, V, &["--ip", A]);
    let row = report.0["Activities"].as_array().unwrap().iter().find(|row| row["Id"] == asked["Id"]).unwrap();
    assert_eq!((&row["Result"], report.count("SignIns")), (&json!("signed in, application needs a consent"), 0));
}

#[test]
fn absent_reading_is_not_logged_and_never_zero() {
    let mut records = Records::default();
    for day in 16..19 {
        records.sign_in(&format!("{day}T08:00:00"), V, OWNER, O, "0");
    }
    records.sign_in("19T10:00:00", V, A, S, "0");
    records.rule("19T10:05:00", V, A, S);
    let nowhere = of_v(&records);
    assert!(nowhere.not_logged().contains("not logged in this tenant"), "{}", nowhere.not_logged());
    records.bind("17T10:00:00", W, W, "198.51.100.8", "w-1", &["m"]);
    let elsewhere = of_v(&records);
    assert!(elsewhere.not_logged().contains(&format!("not logged for the mailbox {V}")), "{}", elsewhere.not_logged());
    for report in [nowhere, elsewhere] {
        assert!(report.0["Verdict"].as_str().unwrap().contains("reading of mail not logged"));
    }
}

#[test]
fn delegate_of_a_shared_mailbox_is_the_account_taken_over() {
    let (shared, d) = ("shared@contoso.com", "d@contoso.com");
    let mut records = Records::default();
    records.owners_days(d, OWNER, O, &[16, 17, 18]);
    let before = records.bind("18T10:00:00", d, shared, OWNER, O, &["k"]);
    records.sign_in("19T10:00:00", d, A, S, "0");
    let read = records.bind("19T10:01:00", d, shared, A, S, &["m", "n"]);
    let rule = records.rule("19T10:05:00", d, A, S);
    let of_delegate = report_of(&records.all, d, &[]);
    assert_eq!((of_delegate.whose(&read), of_delegate.count("MessagesRead")), ("Linked", 2));
    assert_eq!(of_delegate.0["Read"][0]["Mailbox"], shared);
    let of_mailbox = report_of(&records.all, shared, &["--ip", A]);
    assert_eq!((of_mailbox.whose(&read), of_mailbox.count("MessagesRead")), ("Linked", 2));
    assert_eq!((of_mailbox.others(), of_mailbox.whose(&before)), (vec![(d, "SignedIn")], "Unclear"));
    assert_eq!(of_mailbox.whose(&rule), "Linked");
}

#[test]
fn spellings_of_one_account_are_one_and_services_no_victims() {
    let id = "12121212-3434-4565-8787-909090909090";
    let (mut records, ..) = Records::incident();
    records.all[0]["UserKey"] = json!(id);
    let spelled = records.bind("19T10:20:00", "V@Contoso.com", "V@Contoso.com", A, S, &["m"]);
    let by_id = records.file("19T10:21:00", id, "FileDownloaded", A, S, "pay.xlsx");
    for service in ["app@sharepoint", "SHAREPOINT\\system", "ServicePrincipal_12121212-0000-4000-8000-000000000001"] {
        records.file("19T10:22:00", service, "FileAccessed", A, S, "pay.xlsx");
    }
    let report = report_of(&records.all, "V@CONTOSO.com", &[]);
    assert_eq!((report.whose(&spelled), report.whose(&by_id)), ("Linked", "Linked"));
    assert_eq!((report.count("Files"), report.count("MessagesRead"), report.count("OtherAccounts")), (1, 1, 0));
    assert_eq!(report.0["Account"], V);
}

#[test]
fn clean_up_is_the_response_and_a_later_retry_is_kept_out() {
    let (mut records, ..) = Records::incident();
    let admin = "admin@contoso.com";
    let removal = records.add("19T12:00:00", admin, "Remove-InboxRule", 1, json!({
        "ClientIP": "198.51.100.20:1", "ObjectId": format!("{V}\\."), "Parameters": [{"Name": "Identity", "Value": format!("{V}\\.")}]}));
    let directory = ["Reset user password.", "Update StsRefreshTokenValidFrom Timestamp."].map(|operation| {
        records.add("19T12:01:00", admin, operation, 8, json!({"ObjectId": V, "Target": [{"ID": V, "Type": 5}]}))
    });
    let own = "abababab-0000-4000-8000-000000000000";
    let ours = records.add("19T12:02:00", V, "Set-Mailbox", 1, json!({"ObjectId": V, "AppId": own}));
    let retry = records.sign_in("19T15:00:00", V, A, "", "50173");
    let report = report_of(&records.all, V, &["--app-id", own]);
    for record in directory.iter().chain([&removal]) {
        assert_eq!(report.judged(record), ("Response", "OtherActor"), "{record}");
    }
    assert_eq!(report.judged(&ours), ("Response", "OwnApp"));
    assert_eq!((report.whose(&retry), report.count("SignIns")), ("Linked", 1));
    let after = &report.0["AfterResponse"];
    assert!(after[0]["Text"].as_str().unwrap().contains("kept out"), "{after}");
    assert_eq!(report.address("198.51.100.20"), Some("Response"));
}

#[test]
fn automation_client_counts_within_the_time_of_the_attack() {
    let mut records = Records::default();
    records.owners_days(V, OWNER, O, &[16, 17, 18]);
    let before = records.sign_in_with("18T23:00:00", V, "192.0.2.1", "k-0", "0", "axios/1.7.9");
    records.sign_in_with("19T10:00:00", V, A, S, "0", "axios/1.7.9");
    let same = records.sign_in_with("19T10:01:00", V, "192.0.2.2", "k-1", "0", "axios/1.7.9");
    let browser = records.sign_in_with("19T10:02:00", V, "192.0.2.3", "k-2", "0", BROWSER);
    records.rule("19T10:05:00", V, A, S);
    let report = of_v(&records);
    assert_eq!(report.judged(&same), ("Likely", "AutomationClient"));
    assert_eq!((report.whose(&before), report.whose(&browser)), ("Unclear", "Unclear"));
}
