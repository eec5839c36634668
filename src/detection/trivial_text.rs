//! Texts, sizes and times that practically every message meets.

use std::sync::LazyLock;

use super::fold::folded;

/// The texts in the headers of practically every message.
static HEADERS: LazyLock<Vec<&'static str>> = LazyLock::new(|| listed_as("always"));

/// The words in the body of practically every message.
static BODIES: LazyLock<Vec<&'static str>> = LazyLock::new(|| listed_as("body"));

fn listed_as(list: &str) -> Vec<&'static str> {
    super::data::rows(include_str!("data/conditions.txt"))
        .filter(|row| row.first() == Some(&list))
        .filter_map(|row| row.get(1).copied())
        .collect()
}

/// Practically every message is at least this big, in bytes: the headers that Exchange Online adds nearly are.
pub(super) const EVERY_MESSAGE: u64 = 10 * 1024;
/// The size that few messages exceed, in bytes. A rule on the smaller ones applies to nearly all mail.
pub(super) const FEW_MESSAGES: u64 = 1024 * 1024;

/// Returns whether practically every message contains a text: nothing visible (a NUL), `@`, `.`, a single letter. An ideograph or
/// a picture is a word of its own.
pub(super) fn is_trivial(value: &str) -> bool {
    let text = folded(value);
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (None, _) => true,
        (Some(only), None) => u32::from(only) < FIRST_IDEOGRAPH,
        _ => matches!(text.as_str(), "com" | ".com" | "http" | "https"),
    }
}

/// Radicals, kana, hangul, ideographs and emoji follow; alphabets and punctuation come before.
const FIRST_IDEOGRAPH: u32 = 0x2E80;

/// Returns the year in a time of any form.
pub(super) fn year_in(time: &str) -> Option<i32> {
    let mut numbers = time.split(|ch: char| !ch.is_ascii_digit()).filter(|number| number.len() == 4);
    numbers.find_map(|number| number.parse().ok())
}

/// Returns whether a condition looks at the text of messages.
pub(super) fn is_about_body(name: &str) -> bool {
    name.to_ascii_lowercase().contains("body")
}

/// Returns whether the body of practically every message contains a text: two letters do, and words without which nobody writes.
pub(super) fn is_in_bodies(value: &str) -> bool {
    let text = folded(value);
    let text = text.trim_matches(|ch: char| !ch.is_alphanumeric());
    let is_short = text.chars().count() <= 2 && text.chars().all(|ch| u32::from(ch) < FIRST_IDEOGRAPH);
    is_short || is_trivial(value) || BODIES.contains(&text)
}

/// Returns whether the headers of practically every message contain a folded text.
pub(super) fn is_in_headers(text: &str) -> bool {
    HEADERS.iter().any(|header| header.contains(text))
}
