//! Names that nobody gives to a rule of his own.

use super::fold::is_invisible;

/// No two letters or digits in a row (blank, a space, `.`, `..`, `a`), or one character repeated (`aaa`).
pub(super) fn is_odd(name: &str) -> bool {
    let visible: Vec<char> = name.trim().chars().filter(|ch| !is_invisible(*ch)).collect();
    let has_a_word = visible.windows(2).any(|pair| pair.iter().all(|ch| ch.is_alphanumeric()));
    let is_one_character = visible.windows(2).all(|pair| matches!(pair, [a, b] if a == b));
    !has_a_word || is_one_character
}

/// A name to be read in a sentence: quoted, without control characters, never endless.
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
    fn names_without_a_word_are_odd() {
        for odd in ["", " ", ".", "..", "a", "a.b", "aaaa", "1", "...", "\u{200B}", "- -"] {
            assert!(is_odd(odd), "{odd:?}");
        }
        for plain in ["ok", "Newsletter", "R2", "Ö1", "财务", ".it"] {
            assert!(!is_odd(plain), "{plain:?}");
        }
    }
}
