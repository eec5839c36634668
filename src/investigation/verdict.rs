//! The answer in one sentence, and how it began.

use chrono::{DateTime, Utc};

use super::activity::SignInResult;
use super::builder::Builder;
use super::numbers::{acted, messages_read, sign_ins};
use super::origin::Origin;
use super::reduce::is_consent;
use super::report::{Counts, OtherAccount, OtherKind};
use super::words::{counted, lasted};
use super::worth::{Gaps, Worth};

pub(super) fn verdict(builder: &Builder<'_>, counts: &Counts, worth: &Worth, others: &[OtherAccount]) -> String {
    let account = &builder.attribution.subject.name;
    let Some(access) = builder.access else {
        return format!("No act of an attacker in {account} was found in this time.");
    };
    if !access.is_proven {
        return not_inside(builder);
    }
    let time = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
    let mut text = format!(
        "An attacker was in {account} from {} to {} UTC ({})",
        time(access.first),
        time(access.last),
        lasted(access.last - access.first)
    );
    text.push_str(&format!(": {}", acts(counts, worth)));
    let victims = others.iter().filter(|other| other.kind == OtherKind::SignedIn).count() as u64;
    if victims > 0 {
        text.push_str(&format!("; the attacker was in {} too", counted(victims, "other account")));
    }
    text.push('.');
    text
}

/// Returns in words the acts that were logged, and those that remain unknown because they were not.
fn acts(counts: &Counts, worth: &Worth) -> String {
    let sent = acted(counts.messages_sent, worth.messages_sent, "message", "sent");
    let mut parts: Vec<String> =
        [sign_ins(counts, worth), messages_read(counts, worth), Some(sent)].into_iter().flatten().collect();
    let more = [
        (counts.folders_synchronised, worth.folders_synchronised, "folder", "copied as a whole"),
        (counts.messages_deleted, worth.messages_deleted, "message", "deleted"),
        (counts.files, worth.files, "file", "read or shared"),
    ];
    let done = more.into_iter().filter(|(count, ..)| *count > 0);
    parts.extend(done.map(|(count, known, noun, verb)| acted(count, known, noun, verb)));
    parts.join(", ")
}

fn not_inside(builder: &Builder<'_>) -> String {
    let account = &builder.attribution.subject.name;
    if builder.results.contains(&SignInResult::Accepted) {
        return format!(
            "The password of {account} was accepted, but the sign-in was not completed: access is not proven. Reset the password."
        );
    }
    if builder.results.iter().any(|result| result.has_credential()) {
        return format!(
            "The password or a session of {account} is known to the attacker, but no sign-in succeeded: access is not proven. Reset the password."
        );
    }
    format!("The attacker tried to sign in to {account}; no sign-in succeeded.")
}

/// Returns whether the account was seen from the threat's address before.
pub(super) fn origin(builder: &Builder<'_>) -> String {
    let Some(Origin { ip, seen, threat }) = builder.origin else { return String::new() };
    let account = &builder.attribution.subject.name;
    let minute = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M").to_string();
    match seen.by_others.filter(|first| *first < threat) {
        None => {
            let of_what = if builder.gaps == Gaps::default() { "" } else { ", in what was read" };
            let first = minute(seen.first);
            format!("Before {first} UTC {account} was not seen from {ip}, the address of the threat{of_what}.")
        }
        Some(first) => {
            let when = if first.date_naive() < threat.date_naive() { "on earlier days" } else { "earlier on that day" };
            format!("{account} was seen from {ip}, the address of the threat, {when}, since {} UTC.", minute(first))
        }
    }
}

/// Returns how it began, as far as the first acts tell.
pub(super) fn beginning(builder: &Builder<'_>) -> Vec<String> {
    let Some(first) = &builder.beginning.first else { return Vec::new() };
    let mut sentences = vec![format!("The first act of the attacker in the data is {}.", first.in_words())];
    let inside = builder.beginning.first_inside.as_ref().filter(|inside| inside.time != first.time);
    sentences.extend(inside.map(|inside| format!("The first act inside the account is {}.", inside.in_words())));
    sentences.extend(guess(builder));
    if builder.attribution.shares_sessions() {
        sentences.push("The attacker shares a session with the owner, as after a stolen token or a device code: in it only the attacker's addresses count.".to_owned());
    }
    sentences
}

/// Returns the likely way in, if somebody was in.
fn guess(builder: &Builder<'_>) -> Option<String> {
    let beginning = &builder.beginning;
    let first = beginning.first_inside.as_ref()?;
    if is_consent(&first.operation) {
        return Some(
            "It began with the consent to an application: the person was probably led to it by a link.".to_owned(),
        );
    }
    if beginning.has_sign_in_before() {
        if beginning.has_wrong_passwords {
            return Some(
                "Wrong passwords come before the first success: the password was probably guessed.".to_owned(),
            );
        }
        return beginning.program.map(|program| {
            format!(
                "The client is a program ({program}): the sign-in probably went through a phishing page that relays it."
            )
        });
    }
    if let Some((account, time)) = beginning.delegate() {
        let time = time.format("%Y-%m-%d %H:%M");
        return Some(format!("The attacker signed in as {account} at {time} UTC, and acted from that account."));
    }
    let is_known = builder.seen.sign_ins && !builder.gaps.sign_ins;
    is_known.then(|| {
        "No successful sign-in comes before: a token was stolen, or the access began before the data.".to_owned()
    })
}
