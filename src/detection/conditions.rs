//! Conditions of a rule, and whether they narrow it.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold::folded;
use super::restriction;
use super::rule::Condition;
use super::targets::Target;
use super::trivial_text::{
    EVERY_MESSAGE, FEW_MESSAGES, is_about_body, is_in_bodies, is_in_headers, is_trivial, year_in,
};

/// The property of a condition that decides whether it narrows a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// With any value.
    Narrows,
    /// Practically every message meets it.
    Never,
    /// By words.
    Text,
    /// By senders.
    People,
    /// By recipients: the owner is one of practically every message.
    Recipients,
    SizeMinimum,
    SizeMaximum,
    /// With a time in the past, before which no new mail comes.
    Before,
    /// With any value but `Normal`, which most messages have.
    UnlessNormal,
}

static SORTS: LazyLock<HashMap<String, Sort>> = LazyLock::new(|| {
    super::data::rows(include_str!("data/conditions.txt"))
        .filter_map(|row| {
            let sort = match *row.get(1)? {
                "narrows" => Sort::Narrows,
                "never" => Sort::Never,
                "text" => Sort::Text,
                "people" => Sort::People,
                "recipients" => Sort::Recipients,
                "size-minimum" => Sort::SizeMinimum,
                "size-maximum" => Sort::SizeMaximum,
                "before" => Sort::Before,
                "unless-normal" => Sort::UnlessNormal,
                _ => return None,
            };
            Some((row.first()?.to_ascii_lowercase(), sort))
        })
        .collect()
});

/// The longest name of a condition, so that longer names need no look-up.
const LONGEST_NAME: usize = 64;

fn sort_of(name: &str) -> Option<Sort> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    SORTS.get(&name.to_ascii_lowercase()).copied()
}

/// Returns whether a property of a rule is a condition.
pub(super) fn is_condition(name: &str) -> bool {
    sort_of(name).is_some()
}

/// Returns whether a property of a rule is an exception.
pub(super) fn is_exception(name: &str) -> bool {
    name.get(..8).is_some_and(|head| head.eq_ignore_ascii_case("ExceptIf"))
}

/// The owner of the mailbox as a recipient.
#[derive(Debug, Clone, Default)]
pub(super) struct OwnAddresses {
    /// Lower case.
    pub(super) addresses: Vec<String>,
}

impl OwnAddresses {
    /// Returns whether a value is an address or domain of the owner, or for a condition on words a part of one: all mail to the
    /// owner contains it.
    fn are_meant_by(&self, value: &str, parts_count: bool) -> bool {
        let value = match Target::read(value) {
            Some(Target::Address { text, .. }) => text,
            _ => folded(value),
        };
        self.addresses.iter().any(|address| {
            let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
            *address == value || value.trim_start_matches('@') == domain || (parts_count && address.contains(&value))
        })
    }
}

/// Returns whether messages fail this condition in practice.
pub(super) fn narrows(condition: &Condition, own: &OwnAddresses, year: i32) -> bool {
    let any = |is_always_true: &dyn Fn(&str) -> bool| condition.values.iter().any(|value| is_always_true(value));
    match sort_of(&condition.name) {
        Some(Sort::Never) => false,
        Some(Sort::Text) if condition.name.eq_ignore_ascii_case("HeaderContainsWords") => {
            !any(&|value| is_trivial(value) || is_in_headers(folded(value).trim_end_matches(':')))
        }
        Some(Sort::Text) if is_about_body(&condition.name) => !any(&is_in_bodies),
        Some(Sort::Before) => !any(&|value| year_in(value).is_some_and(|before| before > year)),
        Some(Sort::UnlessNormal) => !any(&|value| value.trim().eq_ignore_ascii_case("Normal")),
        Some(Sort::Text) => !any(&is_trivial),
        Some(Sort::People) => !any(&|value| value.trim().is_empty() || value.trim() == "@"),
        Some(Sort::Recipients) => {
            let by_words = condition.name.eq_ignore_ascii_case("RecipientAddressContainsWords");
            !any(&|value| is_trivial(value) || own.are_meant_by(value, by_words))
        }
        Some(Sort::SizeMinimum) => !any(&|value| size_in_bytes(value).is_some_and(|bytes| bytes <= EVERY_MESSAGE)),
        Some(Sort::SizeMaximum) => !any(&|value| size_in_bytes(value).is_some_and(|bytes| bytes >= FEW_MESSAGES)),
        Some(Sort::Narrows) => true,
        None => restriction::narrows(condition),
    }
}

/// Returns whether the words of this condition are looked at.
pub(super) fn has_words(condition: &Condition) -> bool {
    match sort_of(&condition.name) {
        Some(sort) => sort == Sort::Text,
        None => true,
    }
}

/// Returns whether this condition looks for text in the sender's address.
pub(super) fn is_sender_text(condition: &Condition) -> bool {
    condition.name.eq_ignore_ascii_case("FromAddressContainsWords") || restriction::is_about_sender(condition)
}

/// Returns whether this condition names senders.
pub(super) fn has_senders(condition: &Condition) -> bool {
    sort_of(&condition.name) == Some(Sort::People)
        || condition.name.eq_ignore_ascii_case("FromAddressContainsWords")
        || restriction::is_about_sender(condition)
}

/// `1 KB (1,024 bytes)`, `12KB`, `500`. `None` for what is no size.
fn size_in_bytes(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    if let Some((_, exact)) = lower.split_once('(')
        && exact.contains("byte")
    {
        return digits(exact).parse().ok();
    }
    let number: f64 = lower.trim().trim_end_matches(|ch: char| ch.is_alphabetic() || ch == ' ').parse().ok()?;
    let factor = match lower.trim().trim_start_matches(|ch: char| ch.is_ascii_digit() || matches!(ch, '.' | ' ')) {
        "kb" => 1024.0,
        "mb" => 1024.0 * 1024.0,
        "gb" => 1024.0 * 1024.0 * 1024.0,
        _ => 1.0,
    };
    // A float to integer cast saturates: no size is wrong in a way that matters.
    (number >= 0.0).then_some((number * factor) as u64)
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowing(name: &str, value: &str) -> bool {
        let own = OwnAddresses { addresses: vec!["grady@contoso.com".to_owned()] };
        narrows(&Condition { name: name.to_owned(), values: vec![value.to_owned()] }, &own, 2026)
    }

    #[test]
    fn conditions_that_every_message_meets_do_not_narrow() {
        for (name, value) in [
            ("SubjectContainsWords", "\0"),
            ("BodyContainsWords", "."),
            ("BodyContainsWords", "e"),
            ("FromAddressContainsWords", "@"),
            ("WithinSizeRangeMinimum", "1 KB (1,024 bytes)"),
            ("WithinSizeRangeMinimum", "1"),
            ("MyNameInToBox", "True"),
            ("SentTo", "\"Grady\" [SMTP:Grady@contoso.com]"),
            ("RecipientAddressContainsWords", "@contoso.com"),
            ("WithinSizeRangeMaximum", "2GB"),
            ("HeaderContainsWords", "Received:"),
        ] {
            assert!(!narrowing(name, value), "{name} {value:?}");
        }
    }

    #[test]
    fn real_conditions_narrow() {
        for (name, value) in [
            ("SubjectContainsWords", "Newsletter"),
            ("From", "news@shop.example"),
            ("HasAttachment", "True"),
            ("WithinSizeRangeMinimum", "5 MB (5,242,880 bytes)"),
            ("ReceivedBeforeDate", "12/31/2026 11:00:00 PM"),
            ("SentTo", "info@contoso.com"),
            ("RecipientAddressContainsWords", "sales@contoso.com"),
            ("WithinSizeRangeMaximum", "10KB"),
        ] {
            assert!(narrowing(name, value), "{name} {value:?}");
        }
    }
}
