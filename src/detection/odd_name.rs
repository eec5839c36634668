//! Names that people do not normally give their own rules.

use unicode_normalization::UnicodeNormalization as _;

use super::fold::{is_invisible, plain};

/// Returns whether a name has no letter, digit, ideograph or emoji: it is blank, or made of punctuation and invisible characters.
pub(super) fn is_nameless(name: &str) -> bool {
    !name.chars().any(|ch| !is_invisible(ch) && (ch.is_alphanumeric() || is_emoji(ch)))
}

/// Returns whether a name is one Latin letter or digit, or one small letter or digit three times or more. Capitals that repeat
/// are an acronym.
pub(super) fn is_short(name: &str) -> bool {
    let is_kept = |ch: &char| !(is_invisible(*ch) || ch.is_whitespace() || SENTENCE_MARKS.contains(*ch));
    let letters: Vec<char> = name.nfkc().filter(is_kept).collect();
    let Some(first) = letters.first().filter(|first| is_latin(**first)) else { return false };
    match letters.len() {
        1 => true,
        2 => false,
        _ => !first.is_uppercase() && letters.iter().all(|ch| ch == first),
    }
}

/// Returns whether a character is a Latin letter, with or without an accent, or a digit.
fn is_latin(ch: char) -> bool {
    let mut plain = plain(ch.encode_utf8(&mut [0; 4])).into_bytes();
    plain.pop().is_some_and(|last| last.is_ascii_alphanumeric())
}

/// Returns whether a short name has its character more than once.
pub(super) fn is_repeated(name: &str) -> bool {
    name.nfkc().filter(|ch| is_latin(*ch)).count() > 1
}

/// Marks that make no name longer. `C#` and `C++` are names.
const SENTENCE_MARKS: &str = ".,;:!?'\"-_()[]{}*~`";

/// Pictures in the blocks of symbols that keyboards offer as emoji.
fn is_emoji(ch: char) -> bool {
    matches!(ch, '\u{2139}' | '\u{231A}' | '\u{231B}' | '\u{23E9}'..='\u{23FA}' | '\u{2600}'..='\u{27BF}'
        | '\u{2B05}'..='\u{2B07}' | '\u{2B1B}' | '\u{2B1C}' | '\u{2B50}' | '\u{2B55}' | '\u{1F000}'..='\u{1FAFF}')
}

/// Returns a name for a sentence: quoted, without control characters, and never endless.
pub(super) fn quoted(name: &str) -> String {
    let visible = name.chars().filter(|ch| !is_invisible(*ch)).take(120);
    let shown: String = visible.map(|ch| if ch.is_whitespace() { ' ' } else { ch }).collect();
    match shown.trim() {
        "" => "blank".to_owned(),
        _ => format!("'{shown}'"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_letter_digit_or_emoji_are_nameless() {
        for nameless in ["", " ", ".", "..", ";;;", "- -", "\u{200B}", "\u{3164}", "…", "'\u{AD}", "_", "##", "\u{A0}"]
        {
            assert!(is_nameless(nameless), "{nameless:?}");
        }
        for name in ["a", "1", "财", "ー会", "💰", "❤\u{FE0F}", ".it", "Ж", "é"] {
            assert!(!is_nameless(name), "{name:?}");
        }
    }

    #[test]
    fn one_character_is_a_short_name() {
        for short in
            ["a", "X", "7", "aaa", "zzzz", "1111", "a.", " b ", "ａ", "x\u{200B}", "é", "Ø", "ß", "e\u{301}", "ééé"]
        {
            assert!(is_short(short), "{short:?}");
        }
        for name in
            ["CC", "AAA", "XXX", "aa", "ok", "💰", "财", "C#", "C++", "", ".", "HR", "ab", "Ж", "a1", "а", "ÉÉÉ", "éa"]
        {
            assert!(!is_short(name), "{name:?}");
        }
    }
}
