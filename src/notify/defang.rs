//! Text that an attacker may have chosen, made harmless to show.

use base::ids::Domain;
use base::marks::turns_or_hides;

/// The characters that domain names accept as a dot (UTS #46 maps all of them to one).
const DOTS: &[char] = &['.', '\u{2024}', '\u{3002}', '\u{fe52}', '\u{ff0e}', '\u{ff61}'];

/// The characters that are read as an at sign.
const ATS: &[char] = &['@', '\u{fe6b}', '\u{ff20}'];

/// The characters that may follow the full stop of a sentence without a space: ends of quotations and brackets, punctuation.
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

/// As [`defang`], but addresses under these domains stand as they are: a person has to read and copy them, and mail to them stays in
/// the organization.
pub(super) fn defang_except(text: &str, own: &[Domain]) -> String {
    let mut safe = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some((start, end)) = find_own_address(rest, own) {
        safe.push_str(&defang(&rest[..start]));
        safe.push_str(&rest[start..end]);
        rest = &rest[end..];
    }
    safe.push_str(&defang(rest));
    safe
}

/// The byte range of the first address under one of these domains that stands by itself.
fn find_own_address(text: &str, own: &[Domain]) -> Option<(usize, usize)> {
    text.match_indices('@').find_map(|(at, _)| {
        let is_of_address = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
        let start = text[..at].rfind(|c| !is_of_address(c)).map_or(0, |before| before + char_length(text, before));
        let end = text[at + 1..].find(|c: char| !is_of_address(c)).map_or(text.len(), |after| at + 1 + after);
        let end = at + 1 + text[at + 1..end].trim_end_matches('.').len();
        let is_bounded = text[..start].chars().next_back().is_none_or(may_stand_beside)
            && text[end..].chars().next().is_none_or(|c| may_stand_beside(c) || c == '.');
        let domain: Domain = text[at + 1..end].parse().ok()?;
        (start < at && is_bounded && own.contains(&domain)).then_some((start, end))
    })
}

fn char_length(text: &str, at: usize) -> usize {
    text[at..].chars().next().map_or(0, char::len_utf8)
}

fn may_stand_beside(character: char) -> bool {
    character.is_whitespace() || ",;:!?()'\"".contains(character)
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
        '\u{fe00}'..='\u{fe0f}' => None,
        c if turns_or_hides(c) => None,
        c => Some(c),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{defang, defang_except};

    #[test]
    fn addresses_and_links_are_no_longer_ones() {
        assert_eq!(defang("mail bob@evil.example now."), "mail bob[@]evil[.]example now.");
        assert_eq!(defang("https://evil.example/a.b?c"), "https:[//]evil[.]example/a[.]b?c");
        assert_eq!(defang("//localhost evil._.com"), "[//]localhost evil[.]_[.]com");
        assert_eq!(defang("evil\u{3002}example \u{202e}x"), "evil[.]example x");
    }

    #[test]
    fn own_addresses_stand_as_they_are() {
        let own = ["contoso.com".parse().unwrap()];
        let safe = |text: &str| defang_except(text, &own);
        assert_eq!(safe("bob@contoso.com"), "bob@contoso.com");
        assert_eq!(
            safe("mail of bob.a+x@Contoso.com, eve@evil.example."),
            "mail of bob.a+x@Contoso.com, eve[@]evil[.]example."
        );
        assert_eq!(safe("(bob@contoso.com)."), "(bob@contoso.com).");
        assert_eq!(safe("bob@contoso.com.evil.example"), "bob[@]contoso[.]com[.]evil[.]example");
        assert_eq!(safe("https://evil.example/bob@contoso.com"), "https:[//]evil[.]example/bob[@]contoso[.]com");
        assert_eq!(safe("bob@contoso.com/path"), "bob[@]contoso[.]com/path");
        assert_eq!(safe("b\u{200b}ob@contoso.com"), "bob[@]contoso[.]com");
        assert_eq!(safe("@contoso.com"), "[@]contoso[.]com");
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
