//! Records are selected from a stream, and damage costs no other record.

use audit_log::{AuditRecord, Broken, select};
use serde_json::{Value, json};

use super::generated::chunks;
use super::{Seen, rule_record, select_in};

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
