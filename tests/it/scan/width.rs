//! The table of `scan` in terminals of every width.

use serde_json::json;
use unicode_width::UnicodeWidthStr as _;

use super::{rule, scan};

/// A rule with long words in each text that an attacker chooses, and a malformed line.
fn long_words() -> String {
    let mut long = rule(1);
    long["UserId"] = json!(format!("{}@contoso.com", "j".repeat(60)));
    long["Parameters"][0]["Value"] = json!("规则".repeat(90));
    long["Parameters"][1]["Value"] = json!(format!("{}@evil.example", "x".repeat(200)));
    format!("{}\n{long}\n{{\"Operation\": \"New-InboxRule\", {}\n", rule(2), "\"y\"".repeat(100))
}

#[test]
fn table_is_never_wider_than_the_terminal() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(format!("{}.jsonl", "export".repeat(20)));
    std::fs::write(&file, long_words()).unwrap();
    for columns in [20_usize, 24, 30, 40, 41, 60, 80, 109, 110, 120, 200] {
        let output = scan(&[file.to_str().unwrap()]).env("COLUMNS", columns.to_string()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words.contains("2 threats") && words.contains("Malformed:"), "{text}");
        let too_wide: Vec<&str> = text.lines().filter(|line| line.width() > columns).collect();
        assert!(too_wide.is_empty(), "{columns}: {too_wide:#?}");
    }
}
