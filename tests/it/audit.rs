//! Audit records: split, selected and parsed.

use std::io::Write as _;

use audit_log::{AuditRecord, Broken, Event, Selector, export, select};
use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use serde_json::{Value, json};
use tenantwatch_simulator::records::ordinary_json_lines;

use crate::json_encodings::styles;

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Selected(Vec<u8>, u64),
    Skipped,
    Broken(Broken, u64),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Selected { json, line } => Self::Selected(json.to_vec(), line),
            Event::Skipped { .. } => Self::Skipped,
            Event::Broken { error, line, .. } => Self::Broken(error, line),
            Event::Envelope { .. } | Event::Traced { .. } => panic!("only exports have envelopes and traces"),
        }
    }
}

fn is_wanted(operation: &str) -> bool {
    operation.ends_with("InboxRule")
}

fn select_in(chunks: &[&[u8]]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut selector = Selector::new(is_wanted);
    for chunk in chunks {
        selector.push(chunk, |event| seen.push(event.into()));
    }
    selector.finish(|event| seen.push(event.into()));
    seen
}

/// The selector as it would be written without a thought for speed: whole input, byte by byte.
mod plain {
    use super::*;

    enum End {
        Closed(usize),
        Cut(usize),
        Open,
    }

    pub fn select(bytes: &[u8]) -> Vec<Seen> {
        let mut seen = Vec::new();
        let line = |at: usize| 1 + bytes[..at].iter().filter(|b| **b == b'\n').count() as u64;
        let mut at = 0;
        let (mut arrays, mut item, mut comma) = (0, false, false);
        while at < bytes.len() {
            match bytes[at] {
                b' ' | b'\t' | b'\r' | b'\n' => at += 1,
                0xEF if bytes[at + 1..].is_empty() || bytes[at..] == [0xEF, 0xBB] => at = bytes.len(),
                0xEF if bytes[at..].starts_with(&[0xEF, 0xBB, 0xBF]) => at += 3,
                b'[' => {
                    (arrays, item, comma) = (arrays + 1, false, false);
                    at += 1;
                }
                b']' if arrays > 0 => {
                    if comma {
                        seen.push(Seen::Broken(Broken::StrayComma, line(at)));
                    }
                    (arrays, item, comma) = (arrays - 1, true, false);
                    at += 1;
                }
                b',' => {
                    if arrays == 0 || !item {
                        seen.push(Seen::Broken(Broken::StrayComma, line(at)));
                    } else {
                        comma = true;
                    }
                    item = false;
                    at += 1;
                }
                b'{' => {
                    (item, comma) = (true, false);
                    match end(bytes, at) {
                        End::Closed(end) => {
                            seen.push(judge(&bytes[at..end], line(at)));
                            at = end;
                        }
                        End::Cut(end) => {
                            seen.push(Seen::Broken(Broken::Unfinished, line(at)));
                            at = end;
                        }
                        End::Open => {
                            seen.push(Seen::Broken(Broken::CutOff, line(at)));
                            return seen;
                        }
                    }
                }
                _ => {
                    (item, comma) = (true, false);
                    seen.push(Seen::Broken(Broken::NotARecord, line(at)));
                    at = end_of_junk(bytes, at, arrays > 0);
                }
            }
        }
        if arrays > 0 {
            seen.push(Seen::Broken(Broken::CutOff, line(bytes.len())));
        }
        seen
    }

    /// Junk ends with its line, in an array at a comma or bracket, and before a brace that a name follows.
    fn end_of_junk(bytes: &[u8], from: usize, in_array: bool) -> usize {
        let stops: &[u8] = if in_array { b"\n,]" } else { b"\n" };
        // The beginning of a byte-order mark that does not go on.
        let mut at = from + [0xEF, 0xBB].iter().zip(&bytes[from..]).take_while(|(want, have)| want == have).count();
        while at < bytes.len() && !stops.contains(&bytes[at]) {
            if bytes[at] != b'{' {
                at += 1;
                continue;
            }
            let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
            let Some(length) = bytes[at + 1..].iter().position(|byte| !is_space(byte)) else { return at };
            let next = at + 1 + length;
            if bytes[next] == b'"' {
                return at;
            }
            let line_ended = bytes[at..next].contains(&b'\n');
            at = next;
            if line_ended {
                return at;
            }
        }
        at
    }

    fn end(bytes: &[u8], from: usize) -> End {
        let (mut depth, mut text, mut previous, mut line_ended) = (0, false, b':', false);
        let mut at = from;
        while at < bytes.len() {
            let byte = bytes[at];
            if text {
                match byte {
                    b'\n' => return End::Cut(at),
                    b'\\' if bytes.get(at + 1) == Some(&b'\n') => return End::Cut(at + 1),
                    b'\\' => at += 1,
                    b'"' => text = false,
                    _ => {}
                }
            } else {
                let object_may_follow = previous == b':' || depth > 1 && matches!(previous, b',' | b'[');
                match byte {
                    b'{' if depth > 0 && line_ended && !object_may_follow => return End::Cut(at),
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth -= 1,
                    b'"' => text = true,
                    b'\n' => line_ended = true,
                    _ => {}
                }
                if depth == 0 {
                    return End::Closed(at + 1);
                }
                if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                    (previous, line_ended) = (byte, false);
                }
            }
            at += 1;
        }
        End::Open
    }

    fn judge(record: &[u8], line: u64) -> Seen {
        let texts = top_level_texts(record);
        let exact = texts.iter().find(|(key, _)| key == "Operation");
        let other = || texts.iter().find(|(key, _)| key.eq_ignore_ascii_case("Operation"));
        match exact.or_else(other) {
            None => Seen::Broken(Broken::NoOperation, line),
            Some((_, operation)) if is_wanted(operation) => Seen::Selected(record.to_vec(), line),
            Some(_) => Seen::Skipped,
        }
    }

    /// Keys and values of the top-level members whose values hold text. Of a malformed record: the first text behind a key.
    fn top_level_texts(record: &[u8]) -> Vec<(String, String)> {
        let (mut depth, mut at, mut is_key, mut key, mut found) = (0, 0, true, None, Vec::new());
        while at < record.len() {
            match record[at] {
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b',' if depth == 1 => (is_key, key) = (true, None),
                b':' if depth == 1 => is_key = false,
                b'"' => {
                    let from = at;
                    at += 1;
                    while record[at] != b'"' {
                        at += if record[at] == b'\\' { 2 } else { 1 };
                    }
                    let raw = &record[from..=at];
                    let decoded = decoded(raw);
                    if depth == 1 && is_key {
                        key = decoded;
                    } else if depth == 1
                        && let (Some(name), Some(value)) = (key.clone(), decoded)
                    {
                        found.push((name, value));
                        key = None;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        found
    }

    fn decoded(quoted: &[u8]) -> Option<String> {
        let raw = &quoted[1..quoted.len() - 1];
        if raw.contains(&b'\\') {
            return serde_json::from_slice(quoted).ok();
        }
        String::from_utf8(raw.to_vec()).ok()
    }
}

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

fn chunks<'a>(bytes: &'a [u8], sizes: &[usize]) -> Vec<&'a [u8]> {
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

fn rule_record() -> Value {
    json!({
        "CreationTime": "2021-06-15T10:11:53", "Id": "f9d3b8e1-6c1c-4a3f-9f0e-08d92fe5d2a1", "Operation": "New-InboxRule",
        "OrganizationId": "7d2f7f3b-6a44-4c38-9d23-6ad7d1f2b001", "RecordType": 1, "ResultStatus": "True", "UserType": 2,
        "UserId": "joey@contoso.com", "ObjectId": "joey\\ ", "ClientIP": "192.0.2.7:52378",
        "Comment": "\",\"Operation\":\"MailItemsAccessed\",\"", "Note": "a/b\ta line\r\nanother\u{8}\u{c}",
        "Parameters": [
            {"Name": "Name", "Value": ""}, {"Name": "BodyContainsWords", "Value": "{\"}]\\ a/b ünïcode 💥"},
            {"Name": "DeleteMessage", "Value": "True"}, {"Operation": "MailItemsAccessed"}
        ],
        "Nested": {"Operation": "MailItemsAccessed", "deeper": [[], {}, [{"Operation": 1}]]}
    })
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

fn parse(record: &Value) -> AuditRecord {
    AuditRecord::parse(record.to_string().as_bytes()).unwrap()
}

#[test]
fn an_array_its_lines_and_a_pretty_print_give_the_same_records() {
    let record = rule_record();
    let skipped = json!({"Operation": "MailItemsAccessed", "New": "New-InboxRule"});
    let forms = [
        format!("\u{feff}[{record},{skipped}]"),
        format!("{record}\r\n{skipped}\r\n"),
        format!("{record:#}\n{skipped:#}"),
        format!("[\n{record:#},\n{skipped:#}\n]\n"),
        format!("{record} {skipped}"),
    ];
    for form in forms {
        let seen = select_in(&[form.as_bytes()]);
        assert!(
            matches!(&seen[..], [Seen::Selected(json, _), Seen::Skipped]
            if serde_json::from_slice::<Value>(json).unwrap() == record),
            "{form}: {seen:?}"
        );
    }
}

#[test]
fn stored_record_is_the_same_for_any_spelling() {
    let record = rule_record();
    let escaped = record.to_string().replace("Operation", "\\u004fperation");
    for written in [
        format!("{record:#}"),
        escaped,
        json!({"id": "x", "auditData": record}).to_string(),
        json!({"AuditData": record.to_string()}).to_string(),
    ] {
        let parsed = AuditRecord::parse(written.as_bytes()).unwrap();
        assert_eq!((parsed.text.as_str(), parsed.json()), (written.as_str(), record.to_string()));
    }
}

#[test]
fn a_cut_line_costs_itself_only() {
    let whole = "{\"Operation\":\"New-InboxRule\"}";
    for cut in [
        "{\"Operation\":\"New-Inb",
        "{\"Operation\":\"New-InboxRule\",\"Item\":{",
        "{\"Operation\":\"New-InboxRule\",",
        "{",
    ] {
        let stream = format!("{whole}\n{cut}\n{whole}\n");
        let record = |line| Seen::Selected(whole.as_bytes().to_vec(), line);
        assert_eq!(
            select_in(&[stream.as_bytes()]),
            [record(1), Seen::Broken(Broken::Unfinished, 2), record(3)],
            "{cut}"
        );
    }
}

#[test]
fn a_stream_that_ends_early_is_reported() {
    for cut in ["[", "[{\"Operation\":\"x\"}", "[{\"Operation\":\"x\"},", "{\"Operation\"", "{\"Operation\":\"\\"] {
        assert!(matches!(select_in(&[cut.as_bytes()]).last(), Some(Seen::Broken(Broken::CutOff, 1))), "{cut}");
    }
}

#[test]
fn a_trailing_comma_is_reported_and_the_records_stay() {
    let seen = select_in(&[b"[{\"Operation\":\"New-InboxRule\"},]"]);
    assert!(matches!(seen[..], [Seen::Selected(..), Seen::Broken(Broken::StrayComma, 1)]), "{seen:?}");
}

#[test]
fn the_exact_member_decides_over_one_in_another_case() {
    assert_eq!(select_in(&[b"{\"operation\":\"New-InboxRule\",\"Operation\":\"x\"}"]), [Seen::Skipped]);
    let lower = select_in(&[b"{\"OPERATION\":\"New-InboxRule\"}"]);
    assert!(matches!(lower[..], [Seen::Selected(..)]), "{lower:?}");
}

#[test]
fn record_of_10_mb_is_selected_and_over_16_mb_is_malformed() {
    let with = |length: usize| {
        format!("{{\"a\":\"{}\",\"Operation\":\"New-InboxRule\"}}\n{{\"Operation\":\"x\"}}", "x".repeat(length))
    };
    for (length, is_broken) in [(10 << 20, false), (17 << 20, true)] {
        let stream = with(length);
        let seen = select_in(&chunks(stream.as_bytes(), &[65_536]));
        assert_eq!(seen.len(), 2);
        assert_eq!(matches!(seen[0], Seen::Broken(Broken::TooLong, 1)), is_broken);
        assert_eq!(seen, select_in(&[stream.as_bytes()]), "in one chunk");
    }
    assert_eq!(select::LONGEST_RECORD, 16 << 20);
}

#[test]
fn very_deep_nesting_is_selected_and_rejected_by_parser() {
    let (open, close) = ("[".repeat(100_000), "]".repeat(100_000));
    let record = format!("{{\"Operation\":\"New-InboxRule\",\"a\":{open}{close}}}");
    assert_eq!(select_in(&[record.as_bytes()]), [Seen::Selected(record.clone().into_bytes(), 1)]);
    assert!(AuditRecord::parse(record.as_bytes()).is_err());
}

#[test]
fn a_hundred_thousand_parameters_are_read() {
    let parameters: Vec<_> = (0..100_000).map(|n| json!({"Name": format!("P{n}"), "Value": n})).collect();
    let record = parse(&json!({"CreationTime": "2021-06-15T10:11:53", "Operation": "x", "Parameters": parameters}));
    assert_eq!(record.parameters.iter().count(), 100_000);
    assert_eq!(record.parameters.get("p99999"), Some("99999"));
}

#[test]
fn parameters_may_be_the_text_of_a_command() {
    let text = r#"-StartReceivedDate "6/1/2021 1:00 ""PM""" -QuarantineTypes ("Bulk","Spam") -Force:$true -Page -1 -Quiet -Empty "" -To 'a b'"#;
    let record = parse(&json!({"CreationTime": "2021-06-15T10:11:53", "Operation": "x", "Parameters": text}));
    let expected = [
        ("StartReceivedDate", "6/1/2021 1:00 \"PM\""),
        ("QuarantineTypes", "Bulk;Spam"),
        ("Force", "True"),
        ("Page", "-1"),
        ("Quiet", "True"),
        ("Empty", ""),
        ("To", "a b"),
    ];
    assert_eq!(record.parameters.iter().map(|(n, v)| (n, v.unwrap_or("none"))).collect::<Vec<_>>(), expected);
}

#[test]
fn a_missing_value_is_known_from_an_empty_one() {
    let properties = json!([{"Name": "RuleName"}, {"Name": "A", "Value": ""}, {"Name": "B", "Value": null}, {"name": "C", "value": true}]);
    let record =
        parse(&json!({"CreationTime": "2021-06-15T10:11:53", "Operation": "x", "OperationProperties": properties}));
    let found = record.operation_properties;
    assert_eq!(
        found.iter().collect::<Vec<_>>(),
        [("RuleName", None), ("A", Some("")), ("B", None), ("C", Some("true"))]
    );
}

#[test]
fn members_are_found_in_any_case_and_numbers_in_text() {
    let record = parse(&json!({
        "creationtime": "2021-06-15T10:11:53.5Z", "operation": "x", "Operation": "y", "recordtype": "2", "USERTYPE": 2,
        "clientip": "", "ClientIPAddress": "192.0.2.1", "Parameters@odata.type": "#Collection(x)", "userid": "a@b.c",
    }));
    assert_eq!((record.operation.as_str(), record.record_type, record.user_type), ("y", Some(2), Some(2)));
    assert_eq!((record.client_ip.as_deref(), record.user_id.as_str()), (Some("192.0.2.1"), "a@b.c"));
    assert!(record.parameters.is_empty());
}

#[test]
fn creation_time_is_utc_with_and_without_zone_and_fraction() {
    for text in
        ["2021-06-15T10:11:53", "2021-06-15T10:11:53Z", "2021-06-15T10:11:53.000", "2021-06-15T12:11:53.0+02:00"]
    {
        assert_eq!(
            parse(&json!({"CreationTime": text, "Operation": "x"})).created.to_rfc3339(),
            "2021-06-15T10:11:53+00:00"
        );
    }
    assert!(AuditRecord::parse(b"{\"Operation\":\"x\",\"CreationTime\":\"yesterday\"}").is_err());
}

#[test]
fn derived_record_id_is_the_same_for_any_spelling() {
    let first = AuditRecord::parse(br#"{"CreationTime":"2021-06-15T10:11:53","Operation":"x","Id":"7"}"#).unwrap();
    let second =
        AuditRecord::parse(br#"{ "Id": "\u0037", "Operation": "x", "CreationTime": "2021-06-15T10:11:53" }"#).unwrap();
    assert!(first.id_is_derived && first.id == second.id);
    assert_eq!(first.id.as_uuid().get_version_num(), 5);
}

#[test]
fn record_is_unwrapped_from_the_graph_search_envelope() {
    let record = parse(&json!({"id": "x", "operation": "New-InboxRule", "auditData": rule_record()}));
    assert_eq!((record.object_id.as_deref(), record.id_is_derived), (Some("joey\\ "), false));
}

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
