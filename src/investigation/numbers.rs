//! The numbers in words: one that is not known is never written as 0.

use super::report::{Access, Counts};
use super::words::{counted, lasted};
use super::worth::{Known, Worth};

/// Returns how long the access lasted.
pub fn access_lasted(access: Option<Access>) -> String {
    match access {
        None => "no access".to_owned(),
        Some(access) if !access.is_proven => "not proven".to_owned(),
        Some(access) => lasted(access.last - access.first),
    }
}

/// Returns the number of sign-ins, such as `2 × from 1 address`.
pub fn signed_in(counts: &Counts, worth: &Worth) -> String {
    match (counts.sign_ins, worth.sign_ins) {
        (0, _) if worth.is_through_another => "through another account".to_owned(),
        (0, Known::All) => "not seen".to_owned(),
        (count, known) => number(count, known) + if count > 0 { " ×" } else { "" } + &from_addresses(counts, worth),
    }
}

fn from_addresses(counts: &Counts, worth: &Worth) -> String {
    match worth.sign_in_addresses.min(counts.sign_ins) {
        0 => String::new(),
        addresses => format!(" from {}", counted(addresses, "address")),
    }
}

/// Returns the number of sign-ins in a sentence; `None` where the attacker came through another account.
pub(super) fn sign_ins(counts: &Counts, worth: &Worth) -> Option<String> {
    let count = counted(counts.sign_ins, "sign-in") + &from_addresses(counts, worth);
    match (counts.sign_ins, worth.sign_ins) {
        (0, _) if worth.is_through_another => None,
        (0, Known::NotLogged) => Some("sign-ins not logged".to_owned()),
        (0, Known::Unknown) => Some("sign-ins unknown".to_owned()),
        (0, _) => Some("no sign-in seen".to_owned()),
        (_, Known::AtLeast) => Some(format!("at least {count}")),
        _ => Some(count),
    }
}

/// Returns a number without its noun.
pub fn number(count: u64, known: Known) -> String {
    match known {
        Known::All => count.to_string(),
        Known::AtLeast => format!("at least {count}"),
        Known::NotLogged => "not logged".to_owned(),
        Known::Unknown => "unknown".to_owned(),
        Known::WholeFolders => "whole folders".to_owned(),
    }
}

/// Returns a number with its noun and what was done, such as `2 messages sent`.
pub fn acted(count: u64, known: Known, noun: &str, verb: &str) -> String {
    let all = format!("{} {verb}", counted(count, noun));
    match known {
        Known::All | Known::WholeFolders => all,
        Known::AtLeast => format!("at least {all}"),
        Known::NotLogged => format!("{noun}s {verb}: not logged"),
        Known::Unknown => format!("{noun}s {verb}: unknown"),
    }
}

/// Returns what was read; `None` where the number of folders says it.
pub fn messages_read(counts: &Counts, worth: &Worth) -> Option<String> {
    match worth.messages_read {
        Known::NotLogged => Some("reading of mail not logged".to_owned()),
        Known::Unknown => Some("reading of mail unknown".to_owned()),
        Known::WholeFolders => None,
        known => Some(acted(counts.messages_read, known, "message", "read")),
    }
}

/// Returns the number of files.
pub fn files(counts: &Counts, worth: &Worth) -> String {
    let count = counted(counts.files, "file");
    match worth.files {
        Known::All | Known::WholeFolders => count,
        Known::AtLeast => format!("at least {count}"),
        Known::NotLogged => "files not logged".to_owned(),
        Known::Unknown => "files unknown".to_owned(),
    }
}
