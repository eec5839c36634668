//! Files that people export: CSV, compressed, and files that are no audit log.

use std::io::Write as _;

use audit_log::{Broken, export};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::{Seen, is_wanted, rule_record};

fn read(content: &[u8]) -> (Vec<Seen>, Result<(), export::ExportError>) {
    let mut seen = Vec::new();
    let outcome = export::read(content, is_wanted, |event| seen.push(event.into()));
    (seen, outcome)
}

fn csv_of(record: &Value, separator: char) -> String {
    let cell = format!("{record:#}").replace('"', "\"\"");
    format!(
        "RecordId{separator}\"auditdata\"{separator}Note\r\n1{separator}\"{cell}\"{separator}\"a\r\nb\"\r\n2{separator}oops{separator}\r\n"
    )
}

fn utf16(text: &str) -> Vec<u8> {
    std::iter::once(0xFEFF).chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

#[test]
fn csv_is_read_with_any_separator_and_encoding() {
    for separator in [',', ';', '\t'] {
        let text = csv_of(&rule_record(), separator);
        for bytes in [text.clone().into_bytes(), format!("\u{feff}{text}").into_bytes(), utf16(&text)] {
            let (seen, outcome) = read(&bytes);
            outcome.unwrap();
            let [Seen::Selected(json, 2), Seen::Broken(Broken::NotARecord, _)] = &seen[..] else { panic!("{seen:?}") };
            assert_eq!(serde_json::from_slice::<Value>(json).unwrap(), rule_record());
        }
    }
}

#[test]
fn truncated_gzip_is_reported_after_its_readable_part() {
    let line = format!("{}\n", rule_record());
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(line.repeat(500).as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    let (seen, outcome) = read(&bytes);
    assert!(outcome.is_ok() && seen.len() == 500);
    let (_, outcome) = read(&bytes[..bytes.len() - 9]);
    assert!(matches!(outcome, Err(export::ExportError::Io(_))), "{outcome:?}");
}

#[test]
fn file_without_audit_records_is_rejected() {
    for content in [&b"hello"[..], b"a,b\n1,2\n", b"\x89PNG"] {
        assert!(matches!(read(content).1, Err(export::ExportError::NotAnAuditLog)));
    }
    assert!(read(b"").1.is_ok());
}

#[test]
fn a_quotation_mark_that_never_closes_does_not_take_the_memory() {
    let endless = format!("AuditData\n\"{}", "x\n".repeat(20 << 20));
    assert!(matches!(read(endless.as_bytes()).1, Err(export::ExportError::RowTooLong { line: 2 })));
}
