//! The row in which a report is kept, within the size that a row may have.

use std::io;

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use table_store::Digest;

use super::made::Made;
use crate::investigation::{Attributed, Report};

/// The longest row, in bytes; texts take two for each unit.
pub(super) const ROW_LIMIT: usize = 900 * 1024;

/// The room for the report and its activities, in UTF-16 units.
const TEXT_LIMIT: usize = (ROW_LIMIT - 24 * 1024) / 2;

/// The longest that each list of the report may be, tried one after the other if the report alone is too long.
const LENGTHS: [usize; 9] = [4_096, 2_048, 1_024, 512, 256, 128, 64, 32, 20];

/// The longest that lists and texts within the rows may be, if even 20 rows of each list are too long. The last one always fits.
const WITHIN: [(usize, usize); 3] = [(20, 300), (4, 200), (1, 100)];

/// The texts of a row.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) report: String,
    pub(super) activities: String,
    /// The parts that were left out, in sentences; empty if none were.
    pub(super) omitted: String,
    /// The digest of what is the attacker's.
    pub(super) outcome: Digest,
}

/// Activities as JSON, as long as there is room.
#[derive(Default)]
struct Rows {
    rows: Vec<(usize, String)>,
    units: usize,
    left_out: usize,
}

impl Rows {
    fn add(&mut self, at: usize, json: String) {
        let units = json.encode_utf16().count() + 1;
        if self.left_out > 0 || self.units + units > TEXT_LIMIT {
            self.left_out += 1;
            return;
        }
        self.units += units;
        self.rows.push((at, json));
    }
}

/// Writes the report as texts. Rows of the owner, of Microsoft and unclear ones go first, then the annex, and the text says so.
pub(super) fn kept(made: &Made) -> rusqlite::Result<Kept> {
    let (mut grave, mut other, mut at) = (Rows::default(), Rows::default(), 0);
    let mut acts = Sha256::new();
    made.activities(|row| -> rusqlite::Result<()> {
        let is_other = matches!(row.attribution, Attributed::Owner | Attributed::Unclear | Attributed::Microsoft);
        let list = if is_other { &mut other } else { &mut grave };
        if row.attribution.is_attacker() {
            acts.update(format!("{} {}\n", row.id, row.attribution.as_str()));
        }
        // Texts and numbers only, which always have a JSON form.
        list.add(at, serde_json::to_string(row).unwrap_or_default());
        at += 1;
        Ok(())
    })?;
    let (report, is_cut) = short(&made.report);
    let room = TEXT_LIMIT.saturating_sub(report.encode_utf16().count());
    let others: Vec<String> =
        made.report.other_accounts.iter().map(|other| format!("{} {:?}", other.account, other.kind)).collect();
    let outcome = Digest::of(&[acts.finalize().as_slice(), others.concat().as_bytes()]);
    let (rows, mut omitted) = fitting(grave, other, room);
    if is_cut {
        omitted.push("Lists of the report are cut.".to_owned());
    }
    let activities = format!("[{}]", rows.into_iter().map(|(_, json)| json).collect::<Vec<_>>().join(","));
    Ok(Kept { report, activities, omitted: omitted.join(" "), outcome })
}

fn fitting(grave: Rows, other: Rows, room: usize) -> (Vec<(usize, String)>, Vec<String>) {
    let fits = |units: usize, left_out: usize| left_out == 0 && units <= room;
    if fits(grave.units + other.units, grave.left_out + other.left_out) {
        let mut rows = grave.rows;
        rows.extend(other.rows);
        rows.sort_by_key(|(at, _)| *at);
        return (rows, Vec::new());
    }
    let count = other.rows.len() + other.left_out;
    let mut omitted = vec![format!("{count} rows of the owner, of Microsoft and unclear ones are left out.")];
    if fits(grave.units, grave.left_out) {
        return (grave.rows, omitted);
    }
    let count = grave.rows.len() + grave.left_out;
    omitted.push(format!("The annex, {count} rows of the attacker and the response, is left out."));
    (Vec::new(), omitted)
}

/// The report as JSON, with its lists cut until it fits: an attacker chooses the length of each, and of most texts.
fn short(report: &Report) -> (String, bool) {
    let json = |report: &Report| serde_json::to_string(report).unwrap_or_default();
    if units(report) <= TEXT_LIMIT {
        return (json(report), false);
    }
    for longest in LENGTHS {
        let cut = report.with_rows(longest);
        if units(&cut) <= TEXT_LIMIT {
            return (json(&cut), true);
        }
    }
    let fewest = LENGTHS.last().copied().unwrap_or_default();
    let mut value = serde_json::to_value(report.with_rows(fewest)).unwrap_or_default();
    for (rows, text) in WITHIN {
        shorten(&mut value, rows, text);
        if units(&value) <= TEXT_LIMIT {
            break;
        }
    }
    (value.to_string(), true)
}

/// Cuts every list and every text in it.
fn shorten(value: &mut Value, rows: usize, text: usize) {
    match value {
        Value::String(long) => {
            if let Some((end, _)) = long.char_indices().nth(text) {
                long.truncate(end);
                long.push('…');
            }
        }
        Value::Array(list) => {
            list.truncate(rows);
            list.iter_mut().for_each(|value| shorten(value, rows, text));
        }
        Value::Object(members) => members.values_mut().for_each(|value| shorten(value, rows, text)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Counts the UTF-16 units of a JSON text that is not kept.
#[derive(Default)]
struct Units(usize);

impl io::Write for Units {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let units = |byte: &u8| match byte {
            0x80..=0xbf => 0,
            0xf0.. => 2,
            _ => 1,
        };
        self.0 += bytes.iter().map(units).sum::<usize>();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn units(value: &impl Serialize) -> usize {
    let mut units = Units::default();
    match serde_json::to_writer(&mut units, value) {
        Ok(()) => units.0,
        Err(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use base::ids::RecordId;
    use chrono::DateTime;
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::{TEXT_LIMIT, short, units};
    use crate::investigation::{
        Attributed, Counts, Deleted, FileRow, Noted, OtherAccount, OtherKind, ReadFolder, Report, Rule, Sent, Session,
        SyncedFolder, Worth,
    };

    /// A report whose lists have these lengths, of texts of this length.
    fn report(lengths: [usize; 14], text: &str) -> Report {
        let time = DateTime::UNIX_EPOCH;
        let text = || text.to_owned();
        let ips = vec![IpAddr::V4(Ipv4Addr::LOCALHOST); lengths[13]];
        let id = RecordId::new(Uuid::nil());
        let noted = Noted { time, account: text(), operation: text(), text: text(), id };
        let address = crate::investigation::Address {
            ip: Ipv4Addr::LOCALHOST.into(),
            attribution: Attributed::Linked,
            rule: Rule::LinkedAddress,
            place: text(),
            network: text(),
            first: time,
            last: time,
            activities: 1,
            clients: vec![text(); 5],
        };
        let session = Session {
            session: text(),
            account: text(),
            is_shared: false,
            ips: ips.clone(),
            first: time,
            last: time,
            activities: 1,
        };
        let other =
            OtherAccount { account: text(), kind: OtherKind::SignedIn, first: time, last: time, activities: 1, ips };
        let sent =
            Sent { time, subject: text(), recipients: vec![text(); lengths[13]], mailbox: text(), message: text(), id };
        let file = FileRow { name: text(), url: text(), operations: vec![text(); 5], time, bytes: 1 };
        Report {
            account: text(),
            tenant: text(),
            from: time,
            to: time,
            verdict: text(),
            counts: Counts::default(),
            worth: Worth::default(),
            access: None,
            origin: text(),
            beginning: vec![text(); lengths[0]],
            addresses: vec![address; lengths[1]],
            sessions: vec![session; lengths[2]],
            other_accounts: vec![other; lengths[3]],
            sent: vec![sent; lengths[4]],
            read: vec![ReadFolder { mailbox: text(), folder: text(), messages: 1, bytes: 1 }; lengths[5]],
            synchronised: vec![SyncedFolder { mailbox: text(), folder: text() }; lengths[6]],
            deleted: vec![Deleted { time, subject: text(), folder: text(), operation: text() }; lengths[7]],
            searches: vec![noted.clone(); lengths[8]],
            files: vec![file; lengths[9]],
            changes: Vec::new(),
            response: vec![noted.clone(); lengths[10]],
            after_response: vec![noted; lengths[11]],
            not_logged: vec![text(); lengths[12]],
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 16, ..ProptestConfig::default() })]

        #[test]
        fn every_report_fits_its_row(
            lengths in prop::array::uniform14(prop_oneof![0..30_usize, 0..4_000_usize]),
            (text, times) in ("[a-zä😀\u{1}\"]{0,4}", prop_oneof![0..60_usize, 0..20_000_usize]),
        ) {
            let text = text.repeat(times);
            // A few megabytes are some times too long already.
            let lengths = lengths.map(|length| length.min(4_000_000 / 70 / (text.len() + 100)));
            let whole = report(lengths, &text);
            let (json, is_cut) = short(&whole);
            let length = json.encode_utf16().count();
            prop_assert!(length <= TEXT_LIMIT, "{length}");
            prop_assert_eq!(is_cut, units(&whole) > TEXT_LIMIT);
            let value: serde_json::Value = serde_json::from_str(&json).unwrap();
            prop_assert!(value["Verdict"].is_string() && value["Counts"]["SignIns"].is_u64());
            if lengths[2] > 0 {
                prop_assert!(!value["Sessions"].as_array().unwrap().is_empty(), "each list keeps some rows");
            }
        }
    }
}
