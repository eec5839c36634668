//! Acts, numbers and lengths of time in plain words, for sentences.

use chrono::TimeDelta;

use super::activity::{Act, SignInResult};
use super::reduce::is_consent;

/// Returns what an act was, such as `a refused sign-in`. An operation without words of its own is named.
pub(super) fn in_words(act: Act, operation: &str) -> String {
    let words = match act {
        Act::SignIn(result) => sign_in(result),
        Act::MailRead => "reading of mail",
        Act::FolderSync => "the copy of a whole mail folder",
        Act::MailSent => "sending of a message",
        Act::MailDeleted => "deletion of messages",
        Act::MailChanged => "a change of messages",
        Act::Search => "a search",
        Act::FileRead => "reading of a file",
        Act::FileShared => "sharing of a file",
        Act::FileChanged => "a change of a file",
        Act::Change if is_consent(operation) => "the consent to an application",
        Act::Change => return change(operation),
        Act::Other => return format!("an act ({operation})"),
    };
    words.to_owned()
}

fn sign_in(result: SignInResult) -> &'static str {
    match result {
        SignInResult::In => "a sign-in",
        SignInResult::Accepted => "a sign-in that was not completed",
        SignInResult::Interrupted => "an interrupted sign-in",
        SignInResult::SecondFactor => "a sign-in that a second factor stopped",
        SignInResult::NeedsConsent => "a sign-in to an application that needs a consent",
        SignInResult::Blocked => "a sign-in that a policy blocked",
        SignInResult::Revoked => "a sign-in with a revoked token",
        SignInResult::Expired => "a sign-in with an expired password",
        SignInResult::Refused => "a refused sign-in",
        SignInResult::Failed => "a failed sign-in",
    }
}

fn change(operation: &str) -> String {
    let words = match operation {
        "New-InboxRule" => "a new inbox rule",
        "Set-InboxRule" | "Enable-InboxRule" | "UpdateInboxRules" => "a change of inbox rules",
        "New-SweepRule" | "Set-SweepRule" => "a sweep rule",
        "Set-Mailbox" => "a change of the mailbox's settings",
        "Add-MailboxPermission" | "Add-RecipientPermission" => "a permission for somebody else",
        "Add-MailboxFolderPermission" | "AddFolderPermissions" => "a permission for somebody else on a folder",
        _ => return format!("a change ({operation})"),
    };
    words.to_owned()
}

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
