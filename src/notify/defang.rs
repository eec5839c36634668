//! Text that an attacker may have chosen, made harmless to show.

/// What may stand for a dot in a domain name (UTS #46 maps all of them to one).
const DOTS: &[char] = &['.', '\u{2024}', '\u{3002}', '\u{fe52}', '\u{ff0e}', '\u{ff61}'];

/// What may stand for an at sign.
const ATS: &[char] = &['@', '\u{fe6b}', '\u{ff20}'];

/// What may follow the full stop of a sentence without a space: ends of quotations and brackets, other punctuation.
const AFTER_A_SENTENCE: &[char] =
    &['\'', '"', ')', ']', '}', '>', ',', ';', ':', '!', '?', '\u{2019}', '\u{201c}', '\u{201d}', '\u{bb}'];

/// The text without anything that a mail or chat client turns into a link: `//` becomes `[//]`, `@` becomes `[@]`, a dot
/// within a word becomes `[.]`. Control characters and marks that turn or hide text are removed; line ends stay.
///
/// Doing it twice changes nothing.
pub fn defang(text: &str) -> String {
    let shown: Vec<char> = text.chars().filter_map(shown).collect();
    let mut safe = String::with_capacity(text.len() + 16);
    let mut at = 0;
    while let Some(&character) = shown.get(at) {
        let before = at.checked_sub(1).and_then(|at| shown.get(at)).copied();
        let pair = character == '/' && shown.get(at + 1) == Some(&'/');
        let end = if pair { at + 2 } else { at + 1 };
        let after = shown.get(end).copied();
        let in_brackets = (before, after) == (Some('['), Some(']'));
        match character {
            _ if pair => safe.push_str(if in_brackets { "//" } else { "[//]" }),
            _ if is_dot_of_domain(before, character, after) => safe.push_str("[.]"),
            c if ATS.contains(&c) => safe.push_str(if in_brackets { "@" } else { "[@]" }),
            c => safe.push(c),
        }
        at = end;
    }
    safe
}

fn is_dot_of_domain(before: Option<char>, character: char, after: Option<char>) -> bool {
    DOTS.contains(&character)
        && before.is_some_and(|c| !c.is_whitespace() && !DOTS.contains(&c))
        && after.is_some_and(|c| !c.is_whitespace() && !AFTER_A_SENTENCE.contains(&c) && !DOTS.contains(&c))
}

/// The character as it is shown, `None` when it must not be.
fn shown(character: char) -> Option<char> {
    match character {
        '\n' => Some('\n'),
        c if c.is_control() => Some(' '),
        // Soft hyphen, zero width marks, direction marks and overrides, invisible operators, byte order mark, tags.
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' => None,
        '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}' => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::defang;

    #[test]
    fn addresses_and_links_are_no_longer_ones() {
        assert_eq!(defang("mail bob@evil.example now."), "mail bob[@]evil[.]example now.");
        assert_eq!(defang("https://evil.example/a.b?c"), "https:[//]evil[.]example/a[.]b?c");
        assert_eq!(defang("//localhost evil._.com"), "[//]localhost evil[.]_[.]com");
        assert_eq!(defang("evil\u{3002}example \u{202e}x"), "evil[.]example x");
    }

    #[test]
    fn names_of_dots_stay_as_they_are() {
        assert_eq!(defang("."), ".");
        assert_eq!(defang(".."), "..");
        assert_eq!(defang("... ;"), "... ;");
        assert_eq!(defang("He said 'now.' (Or later.)"), "He said 'now.' (Or later.)");
    }

    proptest! {
        #[test]
        fn defanging_twice_changes_nothing(text in "[a-z.@:/\\[\\] \u{3002}]{0,24}") {
            let once = defang(&text);
            prop_assert_eq!(defang(&once), once);
        }

        #[test]
        fn nothing_is_left_that_makes_a_link(text in any::<String>()) {
            let safe = defang(&text);
            prop_assert!(!safe.replace("[//]", "").contains("//"));
            prop_assert!(!safe.replace("[@]", "").contains('@'));
        }
    }
}
