//! Files that programs have damaged: each record of them is read, or the exit code says that one was not.

use serde_json::{Value, json};

use super::{json_of, rule, scan_input};

/// A rule that forwards to an address outside.
fn threat() -> Value {
    let mut record = rule(7);
    record["Parameters"] =
        json!([{"Name": "Name", "Value": "Post"}, {"Name": "ForwardTo", "Value": "drop@evil.example"}]);
    record
}

fn ordinary() -> Value {
    let mut record = rule(8);
    record["Parameters"] = json!([{"Name": "Name", "Value": "News"}, {"Name": "From", "Value": "n@x.example"}, {"Name": "MarkAsRead", "Value": "True"}]);
    record
}

fn threats(input: &[u8]) -> usize {
    json_of(input)["Findings"].as_array().unwrap().iter().filter(|finding| finding["Threat"] == json!(true)).count()
}

#[test]
fn record_behind_a_mark_or_junk_is_read() {
    let (one, other) = (ordinary().to_string(), threat().to_string());
    for between in [
        "\n\u{FEFF}",
        "\n\u{FEFF}\u{FEFF}",
        "\n\0",
        "\n\u{200B}",
        "\nx ",
        "\n<134>Sep 14 host ",
        "\n{ x } ",
        "\njunk {{ ",
    ] {
        let input = format!("{one}{between}{other}\n");
        assert_eq!(threats(input.as_bytes()), 1, "{between:?}");
        let alone = format!("{}{other}\n", between.trim_start_matches('\n'));
        assert_eq!(threats(alone.as_bytes()), usize::from(alone.contains('{')), "{between:?}");
    }
    for array in
        [format!("[{one},\u{FEFF}{other}]"), format!("[{one}]\n\u{FEFF}[{other}]"), format!("[{one},\nx {other}]")]
    {
        assert_eq!(threats(array.as_bytes()), 1, "{array}");
    }
    assert_eq!(threats(format!("{one}\n\u{FEFF}{one}\n").as_bytes()), 0);
}

#[test]
fn braces_in_junk_swallow_no_record() {
    for junk in ["VERBOSE: {", "x {[", "x {,", "{ y: {", "x {}"] {
        let input = format!("{}\n{junk}\n{}\n", ordinary(), threat());
        assert_eq!(threats(input.as_bytes()), 1, "{junk}");
    }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('"', "\"\""))
}

#[test]
fn csv_column_of_any_name_is_read() {
    let record = threat().to_string();
    let pretty = serde_json::to_string_pretty(&threat()).unwrap().replace('\n', "\r\n");
    for cell in [record.clone(), pretty, format!(" {record}"), format!("[{record}]"), record.replacen('{', "{ ", 1)] {
        let cell = quoted(&cell);
        for csv in [
            format!("\"Data\"\r\n{cell}\r\n"),
            format!("When,What,Details\r\nx,y,{cell}\r\n"),
            format!("Details;When\r\n{cell};x\r\n"),
            format!("A\tB\tC\r\nx\t{cell}\ty\r\n"),
        ] {
            assert_eq!(threats(csv.as_bytes()), 1, "{csv}");
        }
    }
    assert_eq!(threats(format!("When\tDetails\r\nx\t{record}\r\n").as_bytes()), 1);
    assert_eq!(threats(format!("VERBOSE: connecting\n[{}]", json!({"AuditData": record})).as_bytes()), 1);
    let other = scan_input(&["-"], b"name,value\r\na,b\r\n");
    assert!(String::from_utf8_lossy(&other.stderr).contains("not an audit log"));
}

#[test]
fn zip_archive_is_refused_by_name() {
    let output = scan_input(&["-"], b"PK\x03\x04 and the rest");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("unpack it"), "{output:?}");
}

#[test]
fn change_without_parameters_is_reported() {
    for lost in [json!(null), json!([]), json!(""), json!("System.Object[]"), json!(["System.Collections.Hashtable"])] {
        let mut record = threat();
        record["Parameters"] = lost.clone();
        let output = scan_input(&["--format", "json", "-"], format!("{record}\n").as_bytes());
        assert_eq!(output.status.code(), Some(2), "{lost}");
        // The fuller copy of the record counts, in either order.
        for pair in [format!("{record}\n{}\n", threat()), format!("{}\n{record}\n", threat())] {
            let output = scan_input(&["--format", "json", "-"], pair.as_bytes());
            assert_eq!(output.status.code(), Some(1), "{lost}");
        }
    }
    for operation in ["New-InboxRule", "Set-Mailbox", "Add-MailboxPermission"] {
        let mut record = threat();
        record["Operation"] = json!(operation);
        record.as_object_mut().unwrap().remove("Parameters");
        let output = scan_input(&["--format", "json", "-"], format!("{record}\n").as_bytes());
        assert_eq!(output.status.code(), Some(2), "{operation}");
    }
    let mut enabled = threat();
    enabled["Operation"] = json!("Enable-InboxRule");
    enabled.as_object_mut().unwrap().remove("Parameters");
    for whole in [ordinary(), enabled] {
        assert_eq!(scan_input(&["--format", "json", "-"], format!("{whole}\n").as_bytes()).status.code(), Some(0));
    }
}

#[test]
fn user_types_by_name_count_as_their_numbers() {
    let conclusion = |user_type: Value| {
        let mut record = threat();
        record["UserType"] = user_type;
        record["Parameters"] = json!([{"Name": "Name", "Value": "."}, {"Name": "DeleteMessage", "Value": "True"}]);
        json_of(format!("{record}\n").as_bytes())["Findings"].as_array().unwrap().len()
    };
    for (name, number) in [("Regular", 0), ("Admin", 2), ("DcAdmin", 3), ("System", 4), ("Application", 5)] {
        assert_eq!(conclusion(json!(name)), conclusion(json!(number)), "{name}");
    }
    assert_eq!((conclusion(json!("System")), conclusion(json!("regular"))), (0, 1));
}
