//! Persons and their names: one person under several names, several persons through one application, and helpers who are victims themselves.

use serde_json::json;

use super::records::{A, A2, O, OWNER, Records, S, V, W, object_id};
use super::report_of;
use super::situations::of_v;

const ADMIN: &str = "admin@contoso.com";

#[test]
fn application_that_many_use_makes_them_not_one_person() {
    let (mut records, ..) = Records::incident();
    records.directory("17T10:00:00", ADMIN, "Update user.", W);
    records.directory("18T10:00:00", V, "Update user.", V);
    let admins = records.send("19T11:30:00", ADMIN, "198.51.100.30", "", "hello");
    let reset = records.directory("19T12:00:00", ADMIN, "Reset user password.", V);
    let signed_in = records.sign_in("19T12:30:00", ADMIN, A, "dddddddd-1", "0");
    let report = of_v(&records);
    assert_eq!((report.count("SignIns"), report.others()), (1, vec![(ADMIN, "SignedIn")]));
    assert_eq!(report.judged(&reset), ("Response", "OtherActor"));
    assert_eq!(report.whose(&signed_in), "Linked");
    assert!(!report.lists(&admins));
}

#[test]
fn person_of_a_directory_record_is_known_by_the_own_id() {
    let (mut records, ..) = Records::incident();
    records.directory("18T10:00:00", V, "Update user.", W);
    let by_id = records.file("19T10:21:00", &object_id(V), "FileDownloaded", A, S, "pay.xlsx");
    let report = of_v(&records);
    assert_eq!((report.whose(&by_id), report.count("Files"), report.others()), ("Linked", 1, vec![]));
}

#[test]
fn token_in_a_session_names_the_person() {
    let (mut records, ..) = Records::incident();
    records.bind("18T10:00:00", V, V, OWNER, O, &["m"]);
    records.all.last_mut().unwrap()["TokenObjectId"] = json!(object_id(V));
    let by_id = records.file("19T10:21:00", &object_id(V), "FileDownloaded", A, S, "pay.xlsx");
    let report = of_v(&records);
    assert_eq!((report.whose(&by_id), report.count("Files"), report.others()), ("Linked", 1, vec![]));
}

/// In a token without a person `TokenObjectId` is the application's, and it acts in many mailboxes.
#[test]
fn application_of_a_token_is_no_person() {
    let (mut records, ..) = Records::incident();
    for (user, time) in [(V, "18T10:00:00"), (W, "18T11:00:00")] {
        records.bind(time, user, user, "20.190.160.4", "", &["m"]);
        records.all.last_mut().unwrap()["TokenObjectId"] = json!("abababab-0000-4000-8000-00000000000c");
    }
    records.sign_in("19T12:30:00", W, A, "dddddddd-1", "0");
    let report = of_v(&records);
    assert_eq!((report.count("SignIns"), report.others()), (1, vec![(W, "SignedIn")]));
}

#[test]
fn claim_before_a_name_makes_no_other_account() {
    let (mut records, ..) = Records::incident();
    let file = records.file("19T10:20:00", &format!("i:0#.f|membership|{V}"), "FileDownloaded", A, S, "pay.xlsx");
    let report = of_v(&records);
    assert_eq!((report.whose(&file), report.count("Files"), report.others()), ("Linked", 1, vec![]));
}

#[test]
fn spaces_around_an_id_make_no_other_message() {
    let (mut records, ..) = Records::incident();
    records.bind("19T10:20:00", V, V, A, S, &["m"]);
    let mut again = records.bind("19T10:21:00", V, V, A, S, &["m"]);
    again["Folders"][0]["FolderItems"][0]["InternetMessageId"] = json!(" <m@mail> ");
    *records.all.last_mut().unwrap() = again;
    assert_eq!(of_v(&records).count("MessagesRead"), 1);
}

#[test]
fn links_to_files_count_as_shared() {
    let (mut records, ..) = Records::incident();
    records.file("19T10:20:00", V, "SharingLinkCreated", A, S, "plan.docx");
    records.file("19T10:21:00", V, "AnonymousLinkUsed", A, S, "pay.xlsx");
    assert_eq!(of_v(&records).count("Files"), 2);
}

#[test]
fn acts_of_a_second_victim_are_no_response() {
    let (mut records, ..) = Records::incident();
    let grant = json!({"ClientIP": format!("{A2}:1"), "ObjectId": V, "Parameters": [
        {"Name": "Identity", "Value": V}, {"Name": "User", "Value": "evil@contoso.com"}]});
    records.owners_days(W, "198.51.100.20", "w-home", &[16, 17, 18]);
    let before = records.bind("19T10:20:00", W, V, "198.51.100.20", "w-home", &["k"]);
    records.sign_in("19T10:30:00", W, A, "w-stolen", "0");
    let read = records.bind("19T11:00:00", W, V, A2, "", &["m"]);
    let granted = records.add("19T11:01:00", W, "Add-MailboxPermission", 1, grant);
    let own = records.bind("19T11:10:00", W, V, "198.51.100.20", "w-home", &["n"]);
    let report = of_v(&records);
    assert_eq!(report.others(), [(W, "SignedIn")]);
    assert_eq!((report.whose(&read), report.whose(&granted)), ("Unclear", "Unclear"));
    assert_eq!((report.whose(&before), report.whose(&own)), ("Response", "Response"));
    assert_eq!(report.0["Response"], json!([]));
}

#[test]
fn service_of_microsoft_in_the_directory_is_no_response() {
    let (mut records, ..) = Records::incident();
    let service = records.directory("19T12:00:00", "Microsoft Substrate Management", "Update user.", V);
    let report = of_v(&records);
    assert_eq!(report.judged(&service), ("Microsoft", "ServiceClient"));
}

/// Nothing but the records of the account and of the application through which it acts tells who is who, in every order.
#[test]
fn identity_does_not_depend_on_the_order() {
    let (mut records, ..) = Records::incident();
    records.directory("17T10:00:00", ADMIN, "Update user.", W);
    records.directory("18T10:00:00", V, "Update user.", V);
    records.file("19T10:21:00", &object_id(V), "FileDownloaded", A, S, "pay.xlsx");
    records.sign_in("19T12:30:00", ADMIN, A, "dddddddd-1", "0");
    let clean = of_v(&records).without_run();
    records.all.reverse();
    assert_eq!(of_v(&records).without_run(), clean);
    assert_eq!(report_of(&records.all, V, &["--parse-all"]).without_run(), clean);
}
