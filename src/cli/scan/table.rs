//! Findings for people at a terminal.

use std::io::Write;

use comfy_table::{Cell, Color, Table};
use unicode_width::{UnicodeWidthChar as _, UnicodeWidthStr as _};

use crate::cli::output;
use crate::detection::Severity;
use crate::investigation::counted;

use super::findings::FindingGroup;
use super::{Reading, ScanError, printable};

/// Malformed parts that are listed one by one; the rest is counted.
const LISTED: usize = 20;

/// The width where there is no terminal.
const WIDTH_IN_A_PIPE: u16 = 120;

/// The narrowest table. A narrower one would break words.
const NARROWEST_TABLE: u16 = 110;

/// The narrowest terminal that is believed.
const NARROWEST: u16 = 20;

/// Writes the threats, the malformed parts, and a line with the numbers.
pub(super) fn write(reading: &Reading, groups: &[FindingGroup], out: &mut dyn Write) -> Result<(), ScanError> {
    let threats: Vec<&FindingGroup> = groups.iter().filter(|group| group.finding.threat).collect();
    write_threats(&threats, out)?;
    write_broken(reading, out)?;
    let numbers = format!(
        "{}, {} selected, {}, {} recorded without a threat, {} malformed",
        counted(reading.records, "record"),
        reading.selected,
        counted(threats.len() as u64, "threat"),
        groups.len() - threats.len(),
        reading.broken.count()
    );
    Ok(write_wrapped("", &numbers, width(&Table::new()).into(), out)?)
}

fn write_threats(threats: &[&FindingGroup], out: &mut dyn Write) -> std::io::Result<()> {
    let mut table = output::bordered();
    let width = width(&table);
    if width < NARROWEST_TABLE {
        return threats.iter().try_for_each(|group| write_block(group, width.into(), out));
    }
    if output::is_colorless() {
        table.force_no_tty();
    }
    table.set_width(width);
    table.set_header(["Time (UTC)", "Severity", "What", "Who", "Why"]);
    for group in threats {
        table.add_row(row(group));
    }
    if threats.is_empty() { Ok(()) } else { writeln!(out, "{table}") }
}

/// A threat in lines, where a table would break words.
fn write_block(group: &FindingGroup, width: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let finding = &group.finding;
    let head = format!("{}  {}", group.first.format("%Y-%m-%d %H:%M:%S"), finding.severity.as_str());
    if head.width() <= width {
        writeln!(out, "{head}")?
    } else {
        write_wrapped("", &head, width, out)?
    }
    for part in [what(group).join(" "), who(group).join(" "), why(group).join(", ")] {
        write_wrapped("  ", &part, width, out)?;
    }
    writeln!(out)
}

/// Writes a text in lines of at most this width. A word that is longer than a line is broken.
fn write_wrapped(margin: &str, text: &str, width: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let room = width.saturating_sub(margin.width()).max(2);
    let mut line = String::new();
    for word in text.split(' ').flat_map(|word| pieces(word, room)) {
        if !line.is_empty() && line.width() + 1 + word.width() > room {
            writeln!(out, "{margin}{line}")?;
            line.clear();
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    writeln!(out, "{margin}{line}")
}

/// Returns a word in pieces that are at most this wide; a character of Chinese counts twice.
fn pieces(word: &str, room: usize) -> Vec<&str> {
    let (mut pieces, mut start, mut taken) = (Vec::new(), 0, 0);
    for (at, character) in word.char_indices() {
        let wide = character.width().unwrap_or_default();
        if taken + wide > room {
            pieces.extend(word.get(start..at));
            (start, taken) = (at, 0);
        }
        taken += wide;
    }
    pieces.extend(word.get(start..).filter(|rest| !rest.is_empty()));
    pieces
}

fn width(table: &Table) -> u16 {
    output::width(table, WIDTH_IN_A_PIPE).max(NARROWEST)
}

fn write_broken(reading: &Reading, out: &mut dyn Write) -> Result<(), ScanError> {
    let width = width(&Table::new()).into();
    for part in reading.broken.told().iter().take(LISTED) {
        let told = format!("Malformed: {}:{}: {}", printable(&part.file), part.line, printable(&part.error));
        write_wrapped("", &told, width, out)?;
    }
    if let Some(more @ 1..) = reading.broken.count().checked_sub(LISTED as u64) {
        let told = format!("Malformed: {more} more; the output of --format json has the first 1,000");
        write_wrapped("", &told, width, out)?;
    }
    Ok(())
}

fn row(group: &FindingGroup) -> Vec<Cell> {
    let finding = &group.finding;
    let color = match finding.severity {
        Severity::High => Color::Red,
        Severity::Medium => Color::Yellow,
        Severity::Low => Color::Reset,
    };
    vec![
        Cell::new(group.first.format("%Y-%m-%d\n%H:%M:%S")),
        Cell::new(finding.severity.as_str()).fg(color),
        Cell::new(what(group).join("\n")),
        Cell::new(who(group).join("\n")),
        Cell::new(why(group).join("\n")),
    ]
}

fn what(group: &FindingGroup) -> Vec<String> {
    let finding = &group.finding;
    let mut what = vec![finding.kind.as_str().to_owned()];
    if !finding.rule_name.is_empty() {
        what.push(format!("\"{}\"", printable(&finding.rule_name)));
    }
    if !finding.forwarding_address.is_empty() {
        what.push(format!("to {}", printable(&finding.forwarding_address)));
    }
    if group.log_ids.len() > 1 {
        what.push(format!("{} times, last {}", group.log_ids.len(), group.last.format("%Y-%m-%d %H:%M")));
    }
    what
}

fn who(group: &FindingGroup) -> Vec<String> {
    let finding = &group.finding;
    let mut who: Vec<String> = Some(printable(&finding.mailbox)).into_iter().filter(|who| !who.is_empty()).collect();
    if !finding.mailbox.eq_ignore_ascii_case(&finding.actor) {
        who.push(format!("by {}", printable(&finding.actor)));
    }
    who
}

fn why(group: &FindingGroup) -> Vec<&'static str> {
    group.finding.reasons.iter().map(|reason| reason.name.as_str()).collect()
}
