//! The answer in one sentence, and how it began.

use chrono::TimeDelta;

use super::activity::{Act, SignInResult};
use super::builder::{Builder, FirstAct};
use super::reduce::is_consent;
use super::report::{Counts, OtherAccount, OtherKind};

/// Returns a number with its noun.
pub fn counted(count: u64, noun: &str) -> String {
    let plural = match noun {
        "address" => "addresses",
        _ => "",
    };
    match (count, plural) {
        (1, _) => format!("1 {noun}"),
        (_, "") => format!("{count} {noun}s"),
        (_, plural) => format!("{count} {plural}"),
    }
}

/// Returns a length of time as people say it.
pub fn lasted(length: TimeDelta) -> String {
    let minutes = length.num_minutes();
    match (minutes / 1440, minutes / 60 % 24, minutes % 60) {
        (0, 0, 0) => "less than a minute".to_owned(),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

pub(super) fn verdict(builder: &Builder<'_>, counts: &Counts, others: &[OtherAccount]) -> String {
    let account = &builder.attribution.subject.name;
    let Some(access) = builder.access else {
        return format!("No act of an attacker in {account} was found in this time.");
    };
    if !access.is_proven {
        return not_inside(builder);
    }
    let time = |time: chrono::DateTime<chrono::Utc>| time.format("%Y-%m-%d %H:%M").to_string();
    let mut text = format!(
        "An attacker was in {account} from {} to {} UTC ({})",
        time(access.first),
        time(access.last),
        lasted(access.last - access.first)
    );
    text.push_str(&format!(": {}", acts(builder, counts)));
    let victims = others.iter().filter(|other| other.kind == OtherKind::SignedIn).count() as u64;
    if victims > 0 {
        text.push_str(&format!("; the attacker was in {} too", counted(victims, "other account")));
    }
    text.push('.');
    text
}

/// Returns in words the acts that were logged, and those that remain unknown because they were not.
fn acts(builder: &Builder<'_>, counts: &Counts) -> String {
    let read = if builder.has_mail_reads || counts.messages_read > 0 {
        counted(counts.messages_read, "message") + " read"
    } else {
        "reading of mail not logged".to_owned()
    };
    let mut parts = vec![
        format!("{} from {}", counted(counts.sign_ins, "sign-in"), counted(counts.addresses, "address")),
        read,
        counted(counts.messages_sent, "message") + " sent",
    ];
    let more = [
        (counts.folders_synchronised, "folder", "copied as a whole"),
        (counts.messages_deleted, "message", "deleted"),
        (counts.files, "file", "read or shared"),
    ];
    parts.extend(
        more.iter()
            .filter(|(count, ..)| *count > 0)
            .map(|(count, noun, verb)| format!("{} {verb}", counted(*count, noun))),
    );
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
    let Some((ip, first)) = builder.origin else { return String::new() };
    let account = &builder.attribution.subject.name;
    let first = first.format("%Y-%m-%d %H:%M");
    match builder.address(&ip).is_some_and(|row| row.attribution.is_attacker()) {
        true => format!("Before {first} UTC {account} was not seen from {ip}, the address of the threat."),
        false => {
            format!("{account} was seen from {ip}, the address of the threat, on earlier days, since {first} UTC.")
        }
    }
}

/// Returns how it began, as far as the first acts tell.
pub(super) fn beginning(builder: &Builder<'_>) -> Vec<String> {
    let Some(first) = builder.first_acts.first() else { return Vec::new() };
    let mut sentences = vec![format!(
        "The first act of the attacker in the data is {}{} at {} UTC.",
        first.operation,
        first.address.map(|address| format!(" from {address}")).unwrap_or_default(),
        first.time.format("%Y-%m-%d %H:%M:%S"),
    )];
    sentences.extend(guess(builder));
    let shared = builder.attribution.shared_sessions();
    if !shared.is_empty() {
        sentences.push("The attacker shares a session with the owner, as after a stolen token or a device code: in it only the attacker's addresses count.".to_owned());
    }
    sentences
}

fn guess(builder: &Builder<'_>) -> Option<String> {
    let acts = &builder.first_acts;
    let is = |result: SignInResult| move |act: &FirstAct| act.act == Act::SignIn(result);
    let signed_in = acts.iter().position(is(SignInResult::In));
    let refused = acts.iter().position(is(SignInResult::Refused));
    if acts.first().is_some_and(|act| is_consent(&act.operation)) {
        return Some(
            "It began with the consent to an application: the person was probably led to it by a link.".to_owned(),
        );
    }
    if let (Some(refused), Some(signed_in)) = (refused, signed_in)
        && refused < signed_in
    {
        return Some("Wrong passwords come before the first success: the password was probably guessed.".to_owned());
    }
    let program = acts.iter().find_map(|act| act.program);
    match (signed_in, program) {
        (Some(_), Some(program)) => Some(format!(
            "The client is a program ({program}): the sign-in probably went through a phishing page that relays it."
        )),
        (None, _) => Some(
            "There is no successful sign-in before: a token was stolen, or the access began before the data."
                .to_owned(),
        ),
        _ => None,
    }
}
