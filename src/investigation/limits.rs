//! Lists what the data cannot show.

use chrono::TimeDelta;

use super::builder::Builder;
use super::listed::DISTINCT;
use super::report::Counts;

/// The time for which Microsoft records nothing after the limit was reached.
pub(super) const THROTTLED: TimeDelta = TimeDelta::hours(24);

/// Limits that every investigation has.
pub const ALWAYS: &[&str] = &[
    "Records come late: the last 24 hours may be incomplete, so investigate again tomorrow.",
    "Times are UTC and exact to the second; the order within a second is unknown.",
    "Messages read are messages that the server served. A mail program also loads messages that nobody looks at.",
    "No record contains the text of a message or the content of a file. Mail that a rule forwards is not recorded one by one.",
    "Records of applications and of Office on the web have an address of Microsoft or none, and often no session.",
    "Whose act a record is, is a judgement. The rule that made it stands beside each record.",
];

/// Returns what was not recorded of this incident.
pub(super) fn not_logged(builder: &Builder<'_>, counts: &Counts) -> Vec<String> {
    let mut texts = Vec::new();
    texts.extend(mail(builder));
    for (from, to) in &builder.throttled {
        texts.push(format!(
            "Reading of mail is unknown from {} to {} UTC: Microsoft stopped recording because of the number of messages read. Assume that every message was read.",
            from.format("%Y-%m-%d %H:%M"),
            to.format("%Y-%m-%d %H:%M"),
        ));
    }
    let seen = &builder.seen;
    let gaps = builder.gaps;
    if !seen.sign_ins {
        texts.push(absent("Sign-ins", "Audit.AzureActiveDirectory with a sign-in", gaps.sign_ins));
    } else if builder.access.is_some_and(|access| access.is_proven) && !builder.beginning.has_sign_in() {
        let from = seen.span.map(|(first, _)| first.format(", %Y-%m-%d %H:%M UTC").to_string()).unwrap_or_default();
        let or_unread = if gaps.sign_ins { ", or in content that was not read" } else { "" };
        texts.push(format!(
            "No successful sign-in of the attacker is logged here: the first access may be before the data begins{from}{or_unread}."
        ));
    }
    if !seen.files {
        texts.push(absent("Files", "Audit.SharePoint", gaps.files));
    }
    if counts.messages_sent == 0 && !seen.mail {
        texts.push(absent("Mailboxes", "Audit.Exchange", gaps.mail));
    }
    let numbers = [counts.messages_read, counts.messages_sent, counts.messages_deleted, counts.files];
    if numbers.contains(&(DISTINCT as u64)) {
        texts.push(format!("A number of {DISTINCT} means at least so many: no more are counted."));
    }
    let cut = builder.cut_lists().into_iter();
    texts.extend(cut.map(|(name, kept, count)| format!("Only the first {kept} of {count} {name} are listed.")));
    texts
}

/// Content that was not read may have what is missing.
fn absent(what: &str, record: &str, has_gap: bool) -> String {
    match has_gap {
        true => format!("There is no record of {record} in what was read, and not all was read."),
        false => format!("{what} are not logged here: there is no record of {record}."),
    }
}

fn mail(builder: &Builder<'_>) -> Option<String> {
    if builder.has_mail_reads {
        return None;
    }
    let account = &builder.attribution.subject.name;
    Some(if builder.gaps.mail {
        format!(
            "No reading of mail of {account} is in what was read, and not all was read: what was read of it is unknown."
        )
    } else if builder.seen.mail_reads {
        format!(
            "Reading of mail is not logged for the mailbox {account}, although it is for others. Check its licence, its audit actions (Set-Mailbox -DefaultAuditSet) and whether its auditing is bypassed."
        )
    } else {
        "Reading of mail is not logged in this tenant: there is no record MailItemsAccessed at all. What was read is unknown.".to_owned()
    })
}
