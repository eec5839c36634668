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
        (0, Known::All | Known::AtLeast | Known::WholeFolders) => Some("no sign-in seen".to_owned()),
        (_, known) => Some(told(count, known, "sign-ins")),
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

/// Returns the number with its noun, or that there is none of these.
fn told(number: String, known: Known, these: &str) -> String {
    match known {
        Known::All | Known::WholeFolders => number,
        Known::AtLeast => format!("at least {number}"),
        Known::NotLogged => format!("{these} not logged"),
        Known::Unknown => format!("{these} unknown"),
    }
}

/// Returns a number with its noun and what was done, such as `2 messages sent`.
pub fn acted(count: u64, known: Known, noun: &str, verb: &str) -> String {
    told(format!("{} {verb}", counted(count, noun)), known, &format!("{noun}s {verb}:"))
}

/// Returns what was read; `None` where the number of folders says it.
pub fn messages_read(counts: &Counts, worth: &Worth) -> Option<String> {
    let count = counted(counts.messages_read, "message") + " read";
    (worth.messages_read != Known::WholeFolders).then(|| told(count, worth.messages_read, "reading of mail"))
}

/// Returns the number of files.
pub fn files(counts: &Counts, worth: &Worth) -> String {
    told(counted(counts.files, "file"), worth.files, "files")
}
