//! Records and files that end before their end. What could not be evaluated never looks clean.

use serde_json::{Value, json};

use super::{gzip, rule, scan_input};

/// A record that is not selected.
fn ordinary() -> Value {
    let mut record = rule(7);
    record["Operation"] = json!("MailItemsAccessed");
    record
}

/// A record whose operation is its first member.
fn operation_first(operation: &str) -> String {
    let members = rule(9).to_string();
    format!("{{\"Operation\":\"{operation}\",\"Cut\":1,{}", &members[1..])
}

fn exit_code(input: &[u8], line: u64) -> Option<i32> {
    let output = scan_input(&["--format", "json", "-"], input);
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
    assert_eq!((&answer["BrokenCount"], &answer["Broken"][0]["Line"]), (&json!(1), &json!(line)), "{answer}");
    output.status.code()
}

#[test]
fn a_selected_record_that_is_cut_means_exit_code_2() {
    let (selected, other) = (operation_first("Set-Mailbox"), operation_first("Send"));
    for (record, code) in [(&selected, 2), (&other, 0)] {
        let cut = &record[..record.len() / 2];
        assert_eq!(exit_code(format!("{}\n{cut}", ordinary()).as_bytes(), 2), Some(code), "at the end: {cut}");
        assert_eq!(exit_code(format!("{cut}\n{}\n", ordinary()).as_bytes(), 1), Some(code), "in the middle: {cut}");
        assert_eq!(exit_code(format!("[{},\n{cut}", ordinary()).as_bytes(), 2), Some(code), "in an array: {cut}");
    }
}

#[test]
fn a_cell_that_is_cut_is_known_by_the_columns_beside_it() {
    let cell = |record: &str| record.replace('"', "\"\"");
    for (operation, code) in [("New-InboxRule", 2), ("Send", 0)] {
        for cut in ["{\"CreationTime\":\"2026-09-1", "{\"CreationTime\":\"2026-09-14T08:00:00\",\"Id\":\"x\",\"Para"] {
            let file = format!(
                "RecordId,Operation,AuditData\r\n1,MailItemsAccessed,\"{}\"\r\n2,{operation},\"{}\"\r\n",
                cell(&ordinary().to_string()),
                cell(cut)
            );
            assert_eq!(exit_code(file.as_bytes(), 3), Some(code), "{operation}: {cut}");
        }
    }
}

#[test]
fn a_file_that_cannot_be_read_to_its_end_means_exit_code_2() {
    let lines: String = (0..50).map(|_| format!("{}\n", ordinary())).collect();
    let packed = gzip(lines.as_bytes());
    let output = scan_input(&["-"], &packed[..packed.len() - 12]);
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    assert!(String::from_utf8_lossy(&output.stdout).contains("cannot be read further"), "{output:?}");
}

#[test]
fn lines_that_end_with_a_carriage_return_alone_are_read() {
    let cell = |record: Value| record.to_string().replace('"', "\"\"");
    let file = format!("\"CreationDate\",\"AuditData\"\r\"1\",\"{}\"\r\"2\",\"{}\"\r", cell(ordinary()), cell(rule(1)));
    for bytes in [file.as_bytes().to_vec(), gzip(file.as_bytes())] {
        let output = scan_input(&["--format", "json", "-"], &bytes);
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        assert_eq!((&answer["Records"], &answer["BrokenCount"]), (&json!(2), &json!(0)), "{answer}");
        assert_eq!(output.status.code(), Some(1));
    }
}

#[test]
fn flat_rows_are_read_as_json_and_as_csv() {
    let mut row = rule(1);
    let parameters = row.as_object_mut().unwrap().remove("Parameters").unwrap();
    for parameter in parameters.as_array().unwrap() {
        row[format!("Param_{}", parameter["Name"].as_str().unwrap())] = parameter["Value"].clone();
    }
    let columns: Vec<(String, String)> = row
        .as_object()
        .unwrap()
        .iter()
        .map(|(name, value)| (name.clone(), value.as_str().map_or_else(|| value.to_string(), str::to_owned)))
        .collect();
    let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
    let cells: Vec<&str> = columns.iter().map(|(_, value)| value.as_str()).collect();
    let csv = format!("{}\n{}\n", names.join(","), cells.join(","));
    for input in [row.to_string(), json!([row]).to_string(), csv] {
        let output = scan_input(&["--format", "json", "-"], input.as_bytes());
        let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
        let finding = &answer["Findings"][0];
        assert_eq!((&finding["Severity"], &finding["Delete"]), (&json!("High"), &json!(true)), "{input}: {answer}");
    }
}
