//! Texts that practically every message contains.

use super::fold::folded;

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
