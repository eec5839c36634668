//! The same records in other forms of export give the same report.

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;

use super::records::{A, Records, S, V, W};
use super::{report, report_of};

fn story() -> Vec<Value> {
    let (mut records, ..) = Records::incident();
    records.bind("19T10:20:00", V, V, A, S, &["m", "n"]);
    records.send("19T10:30:00", V, A, S, "Überweisung 😀");
    records.file("19T10:40:00", V, "FileDownloaded", A, S, "pläne.docx");
    records.sign_in("19T11:00:00", W, A, "w-1", "0");
    records.all
}

/// Every letter that is not ASCII as an escape, and slashes too.
fn escaped(record: &Value) -> String {
    let mut out = String::new();
    for unit in record.to_string().encode_utf16() {
        match u8::try_from(unit).ok().filter(u8::is_ascii) {
            Some(byte) => out.push(char::from(byte)),
            None => out.push_str(&format!("\\u{unit:04X}")),
        }
    }
    out.replace('/', "\\/")
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[test]
fn every_form_of_export_gives_the_same_report() {
    let records = story();
    let clean = report_of(&records, V, &[]).without_run();
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let cell = |record: &Value| format!("1,\"{}\"\r\n", record.to_string().replace('"', "\"\""));
    let csv = format!("RecordId,AuditData\r\n{}", records.iter().map(cell).collect::<String>());
    let graph: Vec<Value> =
        records.iter().map(|record| json!({"operation": record["Operation"], "auditData": record})).collect();
    let utf16: Vec<u8> = std::iter::once(0xFEFF).chain(csv.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let forms: [(&str, Vec<u8>); 7] = [
        ("an array", Value::Array(records.clone()).to_string().into_bytes()),
        ("indented", serde_json::to_vec_pretty(&records).unwrap()),
        ("escapes", records.iter().map(|record| escaped(record) + "\n").collect::<String>().into_bytes()),
        ("gzip", gzip(lines.as_bytes())),
        ("CSV", csv.clone().into_bytes()),
        ("CSV in UTF-16", utf16),
        ("the Graph audit search", json!({"value": graph}).to_string().into_bytes()),
    ];
    for (name, input) in forms {
        assert_ne!(input, lines.as_bytes(), "{name}");
        assert_eq!(report(&input, &["--account", V]).without_run(), clean, "{name}");
    }
}

/// Elasticsearch makes a column of each member.
#[test]
fn flattened_documents_give_the_same_numbers() {
    let (mut records, ..) = Records::incident();
    records.bind("19T10:20:00", V, V, A, S, &["m", "n"]);
    let clean = report_of(&records.all, V, &[]);
    let documents: String = records.all.iter().map(|record| format!("{}\n", flattened(record))).collect();
    let flat = report(documents.as_bytes(), &["--account", V]);
    assert_eq!(flat.0["Counts"], clean.0["Counts"]);
    assert_eq!(flat.0["Activities"], clean.0["Activities"]);
}

/// Lists of names and values and small objects as columns; longer lists as they are.
fn flattened(record: &Value) -> Value {
    let mut document = serde_json::Map::new();
    for (name, value) in record.as_object().unwrap() {
        let pairs = value.as_array().filter(|_| name.ends_with("Properties"));
        match (pairs, value.as_object()) {
            (Some(pairs), _) => {
                for pair in pairs {
                    let key = format!("o365.audit.{name}.{}", pair["Name"].as_str().unwrap());
                    document.insert(key, pair["Value"].clone());
                }
            }
            (None, Some(members)) => {
                for (member, value) in members {
                    document.insert(format!("o365.audit.{name}.{member}"), value.clone());
                }
            }
            _ => {
                document.insert(format!("o365.audit.{name}"), value.clone());
            }
        }
    }
    Value::Object(document)
}

#[test]
fn folders_and_clients_of_an_attacker_are_no_links_on_the_page() {
    let (mut records, ..) = Records::incident();
    let link = "https://evil.example/verify";
    let place =
        json!({"ClientIPAddress": A, "MailboxOwnerUPN": V, "LogonType": 0, "SessionId": S, "ClientInfoString": link});
    let with = |more: Value| {
        let mut members = place.clone();
        members.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        members
    };
    let folder = format!("\\{link}");
    let sync = json!([{"Name": "MailAccessType", "Value": "Sync"}]);
    let items = json!([{"InternetMessageId": "<a@mail>", "Subject": "x", "ParentFolder": {"Path": folder}}]);
    let read = json!({"Folders": [{"Path": folder, "FolderItems": [{"InternetMessageId": "<b@mail>"}]}],
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}]});
    records.add(
        "19T10:20:00",
        V,
        "MailItemsAccessed",
        50,
        with(json!({"Item": {"ParentFolder": {"Path": folder}}, "OperationProperties": sync})),
    );
    records.add("19T10:21:00", V, "MailItemsAccessed", 50, with(read));
    records.add("19T10:22:00", V, "HardDelete", 3, with(json!({"AffectedItems": items})));
    let lines: String = records.all.iter().map(|record| format!("{record}\n")).collect();
    let page = super::run(&["--account", V, "--format", "html", "-"], lines.as_bytes());
    let page = String::from_utf8(page.stdout).unwrap();
    assert!(page.matches("evil[.]example/verify").count() >= 4, "{page}");
    assert!(!page.contains("evil.example/verify"), "{page}");
}
