//! Parts of a record in a form that is not known. They are never harmless: verbs and addresses are looked for in their raw text.

use super::addresses;
use super::targets::Target;

/// A part that could not be read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct UnreadPart {
    /// It names a verb of forwarding or redirecting.
    pub(super) forwards: bool,
    /// It names a verb of deleting.
    pub(super) deletes: bool,
    /// It names a verb of moving.
    pub(super) moves: bool,
    /// The addresses beside a verb of forwarding.
    pub(super) targets: Vec<Target>,
}

impl UnreadPart {
    /// Looks for verbs and addresses in a text.
    pub(super) fn of(text: &str) -> Self {
        let mut part = Self::default();
        for verb in verbs_in(text) {
            match verb {
                Verb::Forward => part.forwards = true,
                Verb::Delete => part.deletes = true,
                Verb::Move => part.moves = true,
            }
        }
        if part.forwards {
            part.targets = addresses_in(text);
        }
        part
    }

    /// Returns whether it names a verb of sending mail on or deleting it.
    pub(super) fn is_active(&self) -> bool {
        self.forwards || self.deletes
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verb {
    Forward,
    Delete,
    Move,
}

/// Parameters that contain a verb and do none of it.
const NOT_VERBS: &[&str] = &["alwaysdeleteoutlookrulesblob", "delivertomailboxandforward", "deletesystemcategory"];

fn verbs_in(text: &str) -> Vec<Verb> {
    let is_word = |ch: char| ch.is_ascii_alphanumeric();
    let mut verbs = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let from_word = rest.get(start..).unwrap_or_default();
        let end = from_word.find(|ch| !is_word(ch)).unwrap_or(from_word.len());
        let (word, after) = from_word.split_at(end);
        rest = after;
        if let Some(verb) = verb_of(word).filter(|_| !is_switched_off(after)) {
            verbs.push(verb);
        }
    }
    verbs
}

fn verb_of(word: &str) -> Option<Verb> {
    let lower = word.to_ascii_lowercase();
    if NOT_VERBS.contains(&lower.as_str()) {
        None
    } else if lower.contains("forward") || lower.contains("redirect") {
        Some(Verb::Forward)
    } else if lower.contains("delete") {
        Some(Verb::Delete)
    } else if lower.starts_with("move") || word.contains("Move") {
        Some(Verb::Move)
    } else {
        None
    }
}

/// `DeleteMessage = False` names a verb that does not happen.
fn is_switched_off(after: &str) -> bool {
    let value = after.trim_start_matches(['"', '\'', ' ', ':', '=', '$', '[', ']', '{', '}']);
    let follows = after.trim_start_matches(['"', '\'', ' ']).starts_with([':', '=']);
    let begins = |word: &str| value.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
    follows && (begins("false") || begins("null") || begins(","))
}

fn addresses_in(text: &str) -> Vec<Target> {
    const MOST: usize = 100;
    let ends = |ch: char| {
        ch.is_whitespace()
            || matches!(ch, '"' | '\'' | '<' | '>' | '[' | ']' | '(' | ')' | '{' | '}' | ',' | ';' | '|' | '=')
    };
    let words = text.split(ends).filter(|word| word.contains('@')).take(MOST);
    words
        .flat_map(|word| {
            let word = word.rsplit_once(':').map_or(word, |(_, address)| address);
            addresses::addresses_in(word.trim_end_matches(['.', '!', '?', '\\']))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detection::targets;

    #[test]
    fn verbs_and_addresses_are_found_in_raw_text() {
        let part = UnreadPart::of("Forward to evil@drop.example, then delete");
        assert!(part.forwards && part.deletes && !part.moves);
        assert_eq!(part.targets, [targets::address("evil@drop.example").unwrap()]);
        let part = UnreadPart::of("{\"redirectTo\":{\"to\":[\"smtp:a@b.example\"]}}");
        assert!(part.forwards);
        assert_eq!(part.targets.len(), 1);
        assert!(UnreadPart::of("MoveToFolder x").moves);
    }

    #[test]
    fn words_that_only_contain_a_verb_are_no_verbs() {
        for text in [
            "AlwaysDeleteOutlookRulesBlob=True",
            "removed it",
            "DeleteMessage=False",
            "{\"DeleteMessage\": false}",
            "play a sound",
        ] {
            assert_eq!(UnreadPart::of(text), UnreadPart::default(), "{text}");
        }
    }
}
