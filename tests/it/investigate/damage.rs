//! Exports that are damaged: the report says so in every format, and so do standard error and the exit code.

use serde_json::Value;

use super::records::{A, Records, S, V};
use super::{lines, run};
use crate::scan::gzip;

/// An incident with mail that was read, and ordinary records behind it.
fn incident() -> Vec<u8> {
    let (mut records, ..) = Records::incident();
    for minute in 10..50 {
        records.bind(&format!("19T10:{minute}:00"), V, V, A, S, &[&format!("m{minute}")]);
    }
    lines(&records)
}

/// Runs the command in each format, and returns its exit code, standard output and standard error.
fn in_formats(input: &[u8]) -> Vec<(&'static str, Option<i32>, String, String)> {
    let of = |format: &'static str| {
        let output = run(&["--account", V, "--format", format, "-"], input);
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (format, output.status.code(), text(output.stdout), text(output.stderr))
    };
    ["json", "table", "html"].map(of).into()
}

#[test]
fn export_without_its_end_is_reported_and_ends_with_2() {
    let whole = incident();
    let packed = gzip(&whole);
    let array = format!("[{}", String::from_utf8(whole.clone()).unwrap().trim_end().replace('\n', ","));
    let inputs: [(&str, &[u8], &str); 3] = [
        ("gzip", &packed[..packed.len() - 12], "cannot be read further"),
        ("lines", &whole[..whole.len() - 100], "the file ends before"),
        ("array", array.as_bytes(), "the file ends before"),
    ];
    for (form, input, expected) in inputs {
        for (format, code, out, err) in in_formats(input) {
            assert_eq!(code, Some(2), "{form}, {format}: {err}");
            assert!(err.starts_with("investigate: -:") && err.contains(expected), "{form}, {format}: {err}");
            assert!(out.contains("of the files could not be read"), "{form}, {format}: {out}");
        }
    }
}

#[test]
fn malformed_records_are_reported_and_counted() {
    let text = String::from_utf8(incident()).unwrap();
    let damaged: String = text.lines().map(|line| format!("{{\"Operation\":\"Send\",x\n{line}\n")).collect();
    let [(_, code, json, err), (_, _, table, _), (_, _, page, _)] = &in_formats(damaged.as_bytes())[..] else {
        panic!("three formats")
    };
    let report: Value = serde_json::from_str(json).unwrap();
    let malformed = report["Run"]["Malformed"].as_u64().unwrap();
    assert_eq!((*code, malformed), (Some(0), text.lines().count() as u64), "{err}");
    let told = format!("{malformed} parts of the files could not be read");
    assert!(report["NotLogged"][0].as_str().unwrap().starts_with(&told), "{}", report["NotLogged"]);
    // Directly under the verdict, and among what the data cannot show.
    assert!(table.lines().nth(1).unwrap().starts_with(&told), "{table}");
    let head = page.split("Time line").next().unwrap();
    assert!(head.contains(&told) && page.matches(&told).count() == 2, "{head}");
    assert!(err.lines().next().unwrap().starts_with("investigate: -:1: "), "{err}");
    assert_eq!(err.lines().count(), 21, "twenty are named, the rest is counted: {err}");
    assert!(err.contains(&format!("{} more", malformed - 20)), "{err}");
}

#[test]
fn cell_that_is_cut_in_the_middle_of_a_table_is_a_malformed_record() {
    let text = String::from_utf8(incident()).unwrap();
    let cell = |line: &str| format!("1,\"{}\"\r\n", line.replace('"', "\"\""));
    let mut rows: Vec<String> = text.lines().map(cell).collect();
    rows.insert(2, cell(&text.lines().next().unwrap()[..80]));
    for (format, code, out, err) in in_formats(format!("RecordId,AuditData\r\n{}", rows.concat()).as_bytes()) {
        assert_eq!((code, err.lines().count()), (Some(0), 1), "{format}: {err}");
        assert!(out.contains("1 part of the files could not be read"), "{format}: {out}");
    }
}

#[test]
fn sound_export_is_reported_without_a_warning() {
    for (format, code, out, err) in in_formats(&incident()) {
        assert_eq!((code, err.as_str()), (Some(0), ""), "{format}");
        assert!(!out.contains("of the files could not be read"), "{format}: {out}");
    }
}
