//! The page and the table of the terminal: what they show and how.

use serde_json::json;

use super::records::{A, OWNER, Records, S, V, W};
use super::{lines, report_of, run};

const LONG_ADDRESS: &str = "2001:db8:85a3:8d3:1319:8a2e:370:7348";

fn written(records: &Records, format: &str) -> String {
    let output = run(&["--account", V, "--format", format, "-"], &lines(records));
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the value of an attribute in a piece of the page.
fn attribute<'a>(piece: &'a str, name: &str) -> &'a str {
    piece.split(&format!(" {name}=\"")).nth(1).unwrap_or_else(|| panic!("{name} in {piece}")).split('"').next().unwrap()
}

/// The marks of the time line: class, title, and place.
fn marks(page: &str) -> Vec<(&str, &str, f64, f64)> {
    let drawing = page.split("<svg").nth(1).unwrap().split("</svg>").next().unwrap();
    let mark = |piece| {
        let place = attribute(piece, "transform").trim_start_matches("translate(").trim_end_matches(')');
        let (x, y) = place.split_once(' ').unwrap();
        let title = piece.split("<title>").nth(1).unwrap().split("</title>").next().unwrap();
        (attribute(piece, "class"), title, x.parse().unwrap(), y.parse().unwrap())
    };
    drawing.split("<path").skip(1).map(mark).collect()
}

#[test]
fn annex_is_open_so_that_a_print_has_it() {
    let (records, ..) = Records::incident();
    let (page, report) = (written(&records, "html"), report_of(&records.all, V, &[]));
    assert!(!page.contains("<details"), "a print leaves out what is folded");
    let annex = page.split("Annex: every record").nth(1).unwrap();
    for row in report.0["Activities"].as_array().unwrap() {
        assert!(annex.contains(row["Id"].as_str().unwrap()), "{row}");
    }
}

#[test]
fn time_line_hides_no_mark_under_another() {
    let (mut records, ..) = Records::incident();
    for minute in 0..30 {
        let time = format!("19T10:{minute:02}:30");
        records.bind(&time, V, V, A, S, &[&format!("a{minute}")]);
        records.bind(&time, V, V, OWNER, super::records::O, &[&format!("o{minute}")]);
        records.bind(&time, V, V, "192.0.2.150", "", &[&format!("u{minute}")]);
    }
    let page = written(&records, "html");
    let marks = marks(&page);
    for (at, mark) in marks.iter().enumerate() {
        for other in &marks[at + 1..] {
            let is_apart = (mark.2 - other.2).abs() > 4.0 || (mark.3 - other.3).abs() > 4.0;
            assert!(mark.0 == other.0 || is_apart, "{mark:?} {other:?}");
        }
    }
    for whose in ["Linked", "Owner", "Unclear"] {
        assert!(marks.iter().any(|mark| mark.0 == whose), "{whose}: {marks:?}");
    }
}

#[test]
fn mark_of_the_threat_is_on_its_line() {
    for (minute, length) in [("05", 0), ("17", 3), ("59", 40)] {
        let mut records = Records::default();
        records.owners_days(V, OWNER, super::records::O, &[16, 17, 18]);
        records.sign_in("19T09:00:00", V, A, S, "0");
        records.rule(&format!("19T10:{minute}:00"), V, A, S);
        records.send(&format!("{}T{:02}:00:00", 20 + length / 24, length % 24), V, A, S, "later");
        let page = written(&records, "html");
        let line: f64 = attribute(page.split("class=\"alarm\"").nth(1).unwrap(), "x1").parse().unwrap();
        let rule = marks(&page).into_iter().find(|mark| mark.1.contains("New-InboxRule")).unwrap();
        assert!((rule.2 - line).abs() < 0.2, "{rule:?} {line}");
    }
}

#[test]
fn whose_column_answers_the_question() {
    let (mut records, ..) = Records::incident();
    records.bind("19T10:20:00", V, V, "192.0.2.150", "", &["u"]);
    let page = written(&records, "html");
    for answer in ["attacker (proven)", "attacker (linked)", "owner", "unclear"] {
        assert!(page.contains(&format!("\">{answer}</")), "{answer}: {page}");
    }
    let table = written(&records, "table");
    assert!(table.contains("attacker") && !table.contains("Proven"), "{table}");
}

#[test]
fn addresses_of_attackers_are_defanged_but_versions_and_names_of_files_are_not() {
    let (mut records, ..) = Records::incident();
    records.send("19T10:30:00", V, A, S, "https://evil.example/login");
    records.file("19T10:31:00", V, "FileDownloaded", A, S, "Plan 2.1 final.xlsx");
    records.sign_in_with("19T10:32:00", V, A, S, "0", "axios/1.7.9");
    for format in ["html", "table"] {
        let text = written(&records, format);
        assert!(!text.contains("https://evil") && !text.contains("evil.example"), "{text}");
        assert!(text.contains("https:[//]evil[.]example/login"), "{text}");
        assert!(text.contains("Plan 2.1 final.xlsx"), "{text}");
    }
    assert!(written(&records, "html").contains("axios/1.7.9"));
}

#[test]
fn acts_after_the_response_say_what_they_are_about() {
    let (mut records, ..) = Records::incident();
    records.add("19T10:30:00", W, "Reset user password.", 8, json!({"Target": [{"ID": V, "Type": 5}], "ObjectId": V}));
    records.bind("19T11:00:00", V, V, A, S, &["a", "b"]);
    records.send("19T11:01:00", V, A, S, "money");
    records.file("19T11:02:00", V, "FileDownloaded", A, S, "pay.xlsx");
    let report = report_of(&records.all, V, &[]);
    let rows = report.0["AfterResponse"].as_array().unwrap().iter();
    let texts: Vec<&str> = rows.map(|row| row["Text"].as_str().unwrap()).collect();
    assert_eq!(texts, ["2 messages in Inbox", "About money", "pay.xlsx"]);
}

#[test]
fn consent_names_application_and_permissions() {
    let (mut records, ..) = Records::incident();
    let id = "11111111-2222-4333-8444-555555555555";
    let grant = |scope: &str| {
        format!(
            "[Id: {}, ClientId: {id}, PrincipalId: {id}, ResourceId: {id}, ConsentType: Principal, Scope: {scope}, CreatedDateTime: , LastModifiedDateTime: ]",
            "x".repeat(43)
        )
    };
    let permissions =
        format!("[] => [{}, {}]; ", grant("Mail.ReadWrite Mail.Send offline_access"), grant("Contacts.Read"));
    records.add("19T10:20:00", V, "Consent to application.", 8, json!({
        "ClientIP": A, "ActorIpAddress": A, "ObjectId": id,
        "Target": [{"ID": format!("ServicePrincipal_{id}"), "Type": 2}, {"ID": "Mail Tool", "Type": 1}, {"ID": id, "Type": 4}],
        "ModifiedProperties": [
            {"Name": "ConsentContext.IsAdminConsent", "NewValue": "False", "OldValue": ""},
            {"Name": "ConsentAction.Permissions", "NewValue": permissions, "OldValue": ""},
            {"Name": "TargetId.ServicePrincipalNames", "NewValue": id, "OldValue": ""},
        ],
    }));
    let report = report_of(&records.all, V, &[]);
    let rows = report.0["Changes"].as_array().unwrap();
    let consent = rows.iter().find(|row| row["Operation"] == "Consent to application.").unwrap();
    let text = consent["Text"].as_str().unwrap();
    assert!(text.contains("Mail Tool") && text.contains(id), "{text}");
    assert!(text.contains("Permissions: Mail.ReadWrite Mail.Send offline_access Contacts.Read"), "{text}");
    assert!(!text.contains("ConsentAction") && !text.contains('…') && !text.contains("=>"), "{text}");
}

#[test]
fn clients_have_a_row_of_their_own_below_their_address() {
    let (mut records, ..) = Records::incident();
    records.sign_in_with("19T10:06:00", V, LONG_ADDRESS, S, "0", "axios/1.7.9");
    let page = written(&records, "html").replace("<wbr>", "");
    let table = page.split("<h3>Addresses</h3>").nth(1).unwrap().split("</table>").next().unwrap();
    let heading = table.split("</thead>").next().unwrap();
    assert!(!heading.contains("Clients"), "a narrow column of long texts fills pages: {heading}");
    let row = table.split("<tr").find(|row| row.contains("axios")).unwrap();
    assert!(row.contains("colspan=") && row.matches("<td").count() == 2, "{row}");
    let cells: Vec<&str> = page.split("<td ").filter(|cell| cell.contains(LONG_ADDRESS)).collect();
    assert!(cells.len() >= 3 && cells.iter().all(|cell| attribute(&format!(" {cell}"), "class") == "ip"), "{cells:?}");
}
