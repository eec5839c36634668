//! Recognises text that was written to look like other text.

use super::fold::{GRAPHEME_JOINER, is_invisible, latin_look_alike, weak_look_alike};

/// Returns whether a word of `text` mixes scripts so that it reads as one, or contains an invisible character.
///
/// A text that is wholly Russian, Greek or Japanese is none, nor is a word like `10kΩ`, whose letters are not taken for others.
pub(super) fn is_disguised(text: &str) -> bool {
    !text.is_ascii() && text.split(|ch: char| !(ch.is_alphanumeric() || is_hidden_mark(ch))).any(is_disguised_word)
}

/// Returns whether a character is invisible, except for combining accents: those belong to the letter before them.
fn is_hidden_mark(ch: char) -> bool {
    ch == GRAPHEME_JOINER
        || is_invisible(ch)
            && !matches!(ch, '\u{0300}'..='\u{036F}' | '\u{FE00}'..='\u{FE0F}' | '\u{180B}'..='\u{180D}')
}

fn is_disguised_word(word: &str) -> bool {
    has_mark_between_letters(word) || reads_as_another_script(word)
}

/// Joiners are ordinary in scripts that join letters, such as Persian and Hindi. Between letters that stand alone they are not.
fn has_mark_between_letters(word: &str) -> bool {
    let letters: Vec<char> = word.chars().collect();
    let stands_alone = |ch: Option<&char>| ch.is_some_and(|ch| is_alphabet(*ch) || ch.is_ascii_digit());
    letters.iter().enumerate().any(|(at, ch)| {
        is_hidden_mark(*ch)
            && letters
                .get(..at)
                .is_some_and(|before| stands_alone(before.iter().rev().find(|ch| !is_hidden_mark(**ch))))
            && letters.get(at..).is_some_and(|after| stands_alone(after.iter().find(|ch| !is_hidden_mark(**ch))))
    })
}

fn reads_as_another_script(word: &str) -> bool {
    let letters: Vec<char> = word.chars().filter(|ch| is_alphabet(*ch)).collect();
    let (latin, others): (Vec<char>, Vec<char>) = letters.iter().copied().partition(|ch| is_latin(*ch));
    if latin.is_empty() || others.is_empty() {
        return false;
    }
    let is_alike = |ch: &char| latin_look_alike(*ch).is_some();
    let reads_latin = others.iter().all(is_alike)
        || (others.iter().all(|ch| is_alike(ch) || weak_look_alike(*ch).is_some()) && !has_foreign_ending(&letters));
    let reads_other = latin.iter().all(|ch| OF_OTHER_ALPHABETS.contains(*ch));
    reads_latin || reads_other
}

/// Returns whether a word is a Latin one with the ending of another language, as in `SMSки`: such languages decline foreign words.
fn has_foreign_ending(letters: &[char]) -> bool {
    let stem = letters.iter().take_while(|ch| is_latin(**ch)).collect::<Vec<_>>();
    let ending = letters.get(stem.len()..).unwrap_or_default();
    let is_acronym = stem.len() > 1 && stem.iter().all(|ch| ch.is_uppercase());
    let is_small = ending.iter().all(|ch| ch.is_lowercase() && !is_latin(*ch));
    !stem.is_empty() && !ending.is_empty() && is_small && (is_acronym || ending.len() > 1)
}

/// Latin letters that Russian and Greek have in the same shape.
const OF_OTHER_ALPHABETS: &str = "aceopxyABCEHKMOPTXYZIN";

fn is_latin(ch: char) -> bool {
    matches!(ch, 'a'..='z' | 'A'..='Z' | '\u{00C0}'..='\u{024F}' | '\u{1E00}'..='\u{1EFF}')
}

/// Letters of alphabets that have look-alikes of each other.
fn is_alphabet(ch: char) -> bool {
    is_latin(ch)
        || (ch.is_alphabetic()
            && matches!(ch, '\u{0370}'..='\u{03FF}' | '\u{0400}'..='\u{052F}' | '\u{0530}'..='\u{058F}'
                | '\u{13A0}'..='\u{13FF}' | '\u{1C80}'..='\u{1C8F}' | '\u{1F00}'..='\u{1FFF}' | '\u{A640}'..='\u{A69F}'
                | '\u{AB70}'..='\u{ABBF}' | '\u{2C80}'..='\u{2CFF}'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_mix_alphabets_are_disguised() {
        for text in [
            "Вank",
            "Κennwort",
            "banк",
            "remiттance",
            "Кlient",
            "faкtura",
            "in\u{061C}voice",
            "in\u{034F}voice",
            "раssword",
            "Inνoice",
            "Расylоcity",
            "in\u{200B}voice",
            "se\u{AD}curity alert",
            "пapoль",
            "Аrchive",
        ] {
            assert!(is_disguised(text), "{text}");
        }
    }

    #[test]
    fn whole_words_of_one_script_are_not_disguised() {
        for text in [
            "Пароль",
            "Τιμολόγιο",
            "請求書 Invoice",
            "RSS-подписки",
            "10kΩ",
            "خانه\u{200C}ها",
            "👨\u{200D}👩\u{200D}👧",
            "Éléments",
            "E\u{301}te\u{301}",
            "会議",
            "SMSки",
            "PDFки",
            "emailами",
            "Windowsы",
            "invoice",
            "❤\u{FE0F} news",
        ] {
            assert!(!is_disguised(text), "{text}");
        }
    }
}
