//! The row in which a report is kept, within the size that a row may have.

use serde_json::Value;
use table_store::Digest;

use super::made::Made;
use crate::investigation::{Attributed, Report};

/// The longest row, in bytes; texts take two for each unit.
pub(super) const ROW_LIMIT: usize = 900 * 1024;

/// The room for the report and its activities, in UTF-16 units.
const TEXT_LIMIT: usize = (ROW_LIMIT - 24 * 1024) / 2;

/// Lists of the report that can be long. They are cut only if the report alone is too long.
const LISTS: [&str; 8] = ["Addresses", "Sent", "Deleted", "Files", "Searches", "Changes", "Response", "AfterResponse"];

/// The texts of a row.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) report: String,
    pub(super) activities: String,
    /// The parts that were left out, in sentences; empty if none were.
    pub(super) omitted: String,
    /// The digest of what is the attacker's and the response.
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
    let mut acts = Vec::new();
    made.activities(|row| -> rusqlite::Result<()> {
        let is_other = matches!(row.attribution, Attributed::Owner | Attributed::Unclear | Attributed::Microsoft);
        let list = if is_other { &mut other } else { &mut grave };
        if !is_other {
            acts.push(format!("{} {}", row.id, row.attribution.as_str()));
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
    acts.sort();
    let outcome = Digest::of(&[acts.concat(), others.concat()]);
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

/// The report as JSON, with its lists halved until it fits.
fn short(report: &Report) -> (String, bool) {
    let mut value = serde_json::to_value(report).unwrap_or_default();
    let (mut text, mut longest, mut is_cut) = (value.to_string(), 4_096, false);
    while text.encode_utf16().count() > TEXT_LIMIT && longest > 0 {
        longest /= 2;
        for list in LISTS {
            if let Some(rows) = value.get_mut(list).and_then(Value::as_array_mut) {
                rows.truncate(longest);
            }
        }
        (text, is_cut) = (value.to_string(), true);
    }
    (text, is_cut)
}
