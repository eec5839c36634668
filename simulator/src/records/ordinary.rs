//! Writes the audit log of an ordinary day, in any amount.

use std::io::{self, Write};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::{Envelope, Seeded, mail_items_accessed, newsletter_rule, set_mailbox, system_set_mailbox, user_logged_in};
use crate::scenario;
use crate::world::Mailbox;

/// 2026-11-22T10:00:00Z
const BEGIN: i64 = 1_795_341_600;

/// Writes at least `bytes` bytes as JSON Lines and returns the number of records.
///
/// The lines are always the same for `seed`: a third `Set-Mailbox` by Exchange itself, a third sign-ins, a third item
/// accesses. Nothing in them is a threat.
///
/// # Errors
/// Returns an error if `out` cannot be written to.
pub fn ordinary_json_lines(seed: u64, bytes: u64, out: impl Write) -> io::Result<u64> {
    json_lines(seed, bytes, out, |_| false)
}

/// Writes the same as [`ordinary_json_lines`], with one record in `one_in` that a person caused and that must be evaluated. 0 is none.
///
/// These records are rules for newsletters and changes of mailboxes. Nothing in them is a threat.
///
/// # Errors
/// Returns an error if `out` cannot be written to.
pub fn json_lines_with_people(seed: u64, bytes: u64, one_in: u32, out: impl Write) -> io::Result<u64> {
    json_lines(seed, bytes, out, |number| number.checked_rem(one_in.into()) == Some(0))
}

fn json_lines(seed: u64, bytes: u64, mut out: impl Write, is_by_person: impl Fn(i64) -> bool) -> io::Result<u64> {
    let tenant = scenario::tenant(0, "huber.example");
    let mut seeded = Seeded::new(seed);
    let (mut written, mut records) = (0, 0);
    while written < bytes {
        let Some(mailbox) = seeded.pick(&tenant.mailboxes) else { break };
        let created = DateTime::<Utc>::UNIX_EPOCH + TimeDelta::seconds(BEGIN) + TimeDelta::milliseconds(records * 10);
        let envelope = Envelope::new(&tenant, &mailbox.upn, created, &mut seeded);
        let record: Value = match seeded.range(0, 3) {
            kind if is_by_person(records) => by_person(&envelope, mailbox, kind),
            0 => system_set_mailbox(&envelope, mailbox),
            1 => user_logged_in(&envelope),
            _ => mail_items_accessed(&envelope, mailbox, seeded.range(1, 6)),
        };
        let line = format!("{record}\n");
        out.write_all(line.as_bytes())?;
        written += line.len() as u64;
        records += 1;
    }
    out.flush()?;
    Ok(records.unsigned_abs())
}

fn by_person(envelope: &Envelope, mailbox: &Mailbox, kind: u64) -> Value {
    match kind {
        0 => set_mailbox(envelope, mailbox, &[("MaxReceiveSize", "35 MB")]),
        _ => newsletter_rule(envelope, mailbox, "Newsletters", "news@shop.example", "Newsletters"),
    }
}
