//! Bounds texts of an attacker's choice.

/// Longer texts are cut.
const LONGEST_TEXT: usize = 300;

/// Returns the beginning of a text, with a mark if there is more.
pub(super) fn cut(text: &str) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(LONGEST_TEXT).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}
