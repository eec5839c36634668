//! Conditions on the senders of warnings: the tenant's own helpdesk and Microsoft's security notices.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::fold::folded;
use super::knowledge::{Answer, Knowledge};
use super::targets::{Target, is_inside};

static LOCAL: LazyLock<HashSet<&'static str>> = LazyLock::new(|| of_sort("local"));
static WHOLE: LazyLock<HashSet<&'static str>> = LazyLock::new(|| of_sort("whole"));

fn of_sort(sort: &str) -> HashSet<&'static str> {
    super::data::rows(include_str!("data/senders.txt"))
        .filter(|row| row.first() == Some(&sort))
        .filter_map(|row| row.get(1).copied())
        .collect()
}

/// Whether a value of a sender condition means somebody who warns. Directory objects count by what Exchange said of them.
pub(super) fn warns(value: &str, known: &Knowledge) -> bool {
    match Target::read(value) {
        Some(Target::Directory(text)) => match known.recipients.get(&text) {
            Some(Answer::Known(facts)) => facts.addresses.iter().any(|address| is_warning_address(address, known)),
            _ => is_part_of_warning_address(value),
        },
        Some(_) => is_warning_address(value, known),
        None => false,
    }
}

/// Whether a passing fault keeps from us who a sender is.
pub(super) fn is_withheld(value: &str, known: &Knowledge) -> bool {
    match Target::read(value) {
        Some(Target::Directory(text)) => matches!(known.recipients.get(&text), Some(Answer::Withheld)),
        _ => false,
    }
}

fn is_warning_address(value: &str, known: &Knowledge) -> bool {
    let Some(Target::Address { text, domain }) = Target::read(value) else { return false };
    let local = text.rsplit_once('@').map_or("", |(local, _)| local);
    WHOLE.contains(text.as_str())
        || WHOLE.contains(domain.as_str())
        || (LOCAL.contains(local) && is_inside(&domain, known))
}

/// `helpdesk@` or a domain of Microsoft's notices, as FromAddressContainsWords takes them.
fn is_part_of_warning_address(value: &str) -> bool {
    let value = folded(value);
    let domain = value.trim_start_matches('@');
    value.strip_suffix('@').is_some_and(|local| LOCAL.contains(local))
        || (domain.contains('.') && WHOLE.contains(domain))
}
