//! Generated streams: the selector finds the same as a plain one, however the bytes are divided.

use audit_log::{AuditRecord, export};
use proptest::prelude::*;
use serde_json::json;
use tenantwatch_simulator::records::ordinary_json_lines;

use super::plain;
use super::{Seen, is_wanted, rule_record, select_in};
use crate::json_encodings::styles;

/// Pieces that make interesting streams when they are put together at random.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "\\",
        "\n",
        " ",
        "\r\n",
        "\u{feff}",
        "{\"Operation\":\"New-InboxRule\"}",
        "{\"Operation\":\"MailItemsAccessed\"}",
        "\"Operation\"",
        "\"operation\"",
        "\"New-InboxRule\"",
        "\"x\"",
        "\\\"",
        "1",
        "\"\\u004fperation\"",
        "\"Op\\u0065ration\":",
        "\"Set-Inbox\\u0052ule\"",
        "{\"a\":{\"Operation\":\"New-InboxRule\"}",
        "\"braces } ] { [ in text\"",
        "null",
        "{\"Id\":1,\n",
        "{\"a\":\"cut",
    ])
    .prop_map(|text: &str| text.as_bytes().to_vec());
    prop_oneof![8 => known, 1 => prop::collection::vec(any::<u8>(), 0..4)]
}

/// Generates short pieces of text that change the meaning of a record.
fn change() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "\"",
        "\\",
        "\\\"",
        "\\\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\n",
        " ",
        "u",
        "x",
        "\"Operation\"",
        "\"Operation\":",
        ",\"Operation\":\"New-InboxRule\",",
        ",\"operation\" : \"New-InboxRule\",",
        "\\u004f",
        "\"\\u004fperation\":\"x\",",
        ",\"Operation\" :\t\"Set-Inbox\\u0052ule\",",
        "{\"Operation\":\"New-InboxRule\"}",
    ])
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(piece(), 0..24).prop_map(|pieces| pieces.concat())
}

pub fn chunks<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
    let mut rest = bytes;
    let mut chunks = Vec::new();
    for size in sizes.iter().cycle() {
        if rest.is_empty() {
            break;
        }
        let (chunk, more) = rest.split_at((*size).min(rest.len()));
        chunks.push(chunk);
        rest = more;
    }
    chunks
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn selector_equals_plain_form_on_any_bytes_and_chunks(
        bytes in stream(),
        sizes in prop::collection::vec(1_usize..9, 1..5),
    ) {
        let expected = plain::select(&bytes);
        prop_assert_eq!(&select_in(&[&bytes]), &expected);
        prop_assert_eq!(&select_in(&chunks(&bytes, &sizes)), &expected);
    }

    #[test]
    fn selector_equals_plain_form_on_slightly_changed_records(
        seed in any::<u64>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_u8..3, change()), 0..5),
        size in prop::sample::select(vec![7, 64, 100, 500, usize::MAX]),
    ) {
        let mut bytes = Vec::new();
        ordinary_json_lines(seed, 1_200, &mut bytes).unwrap();
        bytes.extend_from_slice(rule_record().to_string().as_bytes());
        for (at, how, change) in changes {
            let at = at.index(bytes.len());
            let replaced = if how == 0 { at..at } else { at..at + 1 };
            bytes.splice(replaced, change.bytes());
        }
        prop_assert_eq!(select_in(&chunks(&bytes, &[size])), plain::select(&bytes));
    }

    #[test]
    fn record_is_selected_and_parsed_alike_in_any_spelling(
        style in styles(),
        around in any::<u64>(),
        size in prop::sample::select(vec![1, 7, 39, 64, 500]),
    ) {
        let written = style.write(&rule_record());
        let mut stream = Vec::new();
        ordinary_json_lines(around, 1_200, &mut stream).unwrap();
        stream.extend_from_slice(written.as_bytes());
        let seen = select_in(&[&stream]);
        prop_assert_eq!(&seen, &plain::select(&stream));
        prop_assert_eq!(&select_in(&chunks(&stream, &[size])), &seen);
        let is_it = |seen: &&Seen| matches!(seen, Seen::Selected(json, _) if json == written.as_bytes());
        prop_assert_eq!(seen.iter().filter(is_it).count(), 1);
        let parsed = |text: &str| {
            let mut record = AuditRecord::parse(text.as_bytes()).unwrap();
            record.text = record.json();
            format!("{record:?}")
        };
        prop_assert_eq!(parsed(&written), parsed(&rule_record().to_string()));
    }

    #[test]
    fn first_operation_member_counts_in_any_spelling(
        style in styles(),
        of_key in styles(),
        key in prop::sample::select(vec!["Operation", "operation", "OPERATION", "Operations"]),
        operation in prop::sample::select(vec!["New-InboxRule", "MailItemsAccessed"]),
        size in prop::sample::select(vec![1, 7, 39, 64, 500]),
    ) {
        let first = format!("{{{}:{},", of_key.write(&key.into()), style.write(&operation.into()));
        let written = style.write(&rule_record()).replacen('{', &first, 1);
        let expected = plain::select(written.as_bytes());
        prop_assert_eq!(&select_in(&[written.as_bytes()]), &expected);
        prop_assert_eq!(&select_in(&chunks(written.as_bytes(), &[size])), &expected);
        prop_assert_eq!(expected == [Seen::Skipped], key == "Operation" && operation == "MailItemsAccessed");
    }

    #[test]
    fn parsing_never_panics(bytes in stream(), command in "[-a-z \"'(),:$`@\\\\é]{0,40}") {
        let _ = AuditRecord::parse(&bytes);
        let record = json!({"CreationTime": "2021-06-15T10:11:53Z", "Operation": "x", "Parameters": command});
        prop_assert!(AuditRecord::parse(record.to_string().as_bytes()).is_ok());
    }

    #[test]
    fn no_file_content_makes_reading_panic(bytes in stream(), head in prop::sample::select(vec![
        &b""[..], b"\x1f\x8b", b"\xff\xfe", b"AuditData\n", b"a;AuditData\r\n", b"{}",
    ])) {
        let _ = export::read([head, &bytes].concat().as_slice(), is_wanted, |_| {});
    }
}
