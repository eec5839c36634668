//! Findings for people at a terminal.

use std::io::Write;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

use crate::detection::Severity;

use super::findings::FindingGroup;
use super::{Reading, ScanError, counted, printable};

/// Malformed parts that are listed one by one; the rest is counted.
const LISTED: usize = 20;

/// The width where there is no terminal.
const WIDTH_IN_A_PIPE: u16 = 120;

/// The narrowest table. A narrower one would break words.
const NARROWEST_TABLE: u16 = 110;

/// The narrowest terminal that is believed.
const NARROWEST: u16 = 40;

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
    let mut table = Table::new();
    let width = width(&table);
    if width < NARROWEST_TABLE {
        return threats.iter().try_for_each(|group| write_block(group, width.into(), out));
    }
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
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
    writeln!(out, "{}  {}", group.first.format("%Y-%m-%d %H:%M:%S"), finding.severity.as_str())?;
    for part in [what(group).join(" "), who(group).join(" "), why(group).join(", ")] {
        write_wrapped("  ", &part, width, out)?;
    }
    writeln!(out)
}

/// Writes a text in lines of at most this width. A word that is longer than a line is broken.
fn write_wrapped(margin: &str, text: &str, width: usize, out: &mut dyn Write) -> std::io::Result<()> {
    let mut line = String::new();
    let longest = width.saturating_sub(margin.len()).max(1);
    for word in text.split(' ').flat_map(|word| pieces(word, longest)) {
        if !line.is_empty() && margin.len() + line.chars().count() + 1 + word.chars().count() > width {
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

/// The pieces of a word, each of at most so many characters.
fn pieces(word: &str, longest: usize) -> impl Iterator<Item = &str> {
    let starts = word.char_indices().map(|(at, _)| at).step_by(longest);
    let ends = word.char_indices().map(|(at, _)| at).step_by(longest).skip(1).chain([word.len()]);
    starts.zip(ends).filter_map(|(start, end)| word.get(start..end))
}

fn width(table: &Table) -> u16 {
    let of_variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    table.width().or_else(of_variable).unwrap_or(WIDTH_IN_A_PIPE).max(NARROWEST)
}

fn write_broken(reading: &Reading, out: &mut dyn Write) -> Result<(), ScanError> {
    for part in reading.broken.told().iter().take(LISTED) {
        writeln!(out, "Malformed: {}:{}: {}", printable(&part.file), part.line, printable(&part.error))?;
    }
    if let Some(more @ 1..) = reading.broken.count().checked_sub(LISTED as u64) {
        writeln!(out, "Malformed: {more} more; the output of --format json has the first 1,000")?;
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
