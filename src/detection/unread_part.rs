//! Parts of a record in a form that is not known: verbs and addresses are looked for in their raw text.

use audit_log::AuditRecord;

use super::addresses;
use super::targets::Target;

/// The parameters that act on mail. As a value, or before a sign within a value, such a name shows that the list is in another form than
/// it seems to be.
const ACTING: &[&str] = &[
    "ForwardTo",
    "ForwardAsAttachmentTo",
    "RedirectTo",
    "SendTextMessageNotificationTo",
    "DeleteMessage",
    "SoftDeleteMessage",
    "PermanentDelete",
    "MoveToFolder",
    "CopyToFolder",
    "ForwardingSmtpAddress",
    "ForwardingAddress",
    "BlindCopyTo",
    "CopyTo",
    "RedirectMessageTo",
    "AddToRecipients",
    "ModerateMessageByUser",
    "RouteMessageOutboundConnector",
    "JournalEmailAddress",
];

/// Returns the parts of `Parameters` that could not be read, and the whole of a list that was read as something that it is not.
pub(super) fn parts_of(record: &AuditRecord) -> Vec<UnreadPart> {
    let mut parts: Vec<UnreadPart> = record.parameters.unread().iter().map(|text| UnreadPart::of(text)).collect();
    let given = || record.parameters.iter().map(|(name, value)| (name, value.unwrap_or_default()));
    if given().any(|(name, value)| is_misread(name, value)) {
        let texts: Vec<String> = given().map(|(name, value)| format!("{name} {value}")).collect();
        parts.push(UnreadPart::of(&texts.join("\n")));
    }
    parts
}

fn is_misread(name: &str, value: &str) -> bool {
    let value = value.trim();
    // The author of a rule chooses its name.
    if name.eq_ignore_ascii_case("Name") || name.eq_ignore_ascii_case("Identity") {
        return ACTING.iter().any(|acting| is_followed_by_sign(value, acting));
    }
    let is_whole = |acting: &&str| value.eq_ignore_ascii_case(acting) && !ACTING.contains(&name);
    ACTING.iter().any(|acting| is_whole(acting) || is_followed_by_sign(value, acting))
}

fn is_followed_by_sign(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + name.len()..).unwrap_or_default().trim_start_matches(['"', '\'', ' ']);
        !before.is_some_and(char::is_alphanumeric) && after.starts_with(['=', ':'])
    })
}

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

/// Parameters that send mail to someone and are not called after it.
const SENDING: &[&str] = &[
    "blindcopyto",
    "copyto",
    "addtorecipients",
    "moderatemessagebyuser",
    "routemessageoutboundconnector",
    "journalemailaddress",
];

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
    } else if lower.contains("forward") || lower.contains("redirect") || SENDING.contains(&lower.as_str()) {
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
