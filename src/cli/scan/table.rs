//! Findings for people at a terminal.

use std::io::Write;

use comfy_table::{Cell, Color, ContentArrangement, Table, presets};

use crate::detection::{Finding, Severity};

use super::{Reading, ScanError, printable};

/// Broken parts that are listed one by one; the rest is counted.
const LISTED: usize = 20;

/// Writes the threats, what was broken, and a line that sums up; gives the number of threats.
pub(super) fn write(reading: &Reading, out: &mut dyn Write) -> Result<u64, ScanError> {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty()) {
        table.force_no_tty();
    }
    table.set_header(["Time (UTC)", "Severity", "Type", "Mailbox", "Actor", "Forwards to", "Reasons"]);
    let mut recorded = 0_u64;
    let threats = reading.judge(|_, finding| {
        if finding.threat {
            table.add_row(row(&finding));
        } else {
            recorded += 1;
        }
        Ok(())
    })?;
    if threats > 0 {
        writeln!(out, "{table}")?;
    }
    write_broken(reading, out)?;
    let (records, selected, broken) = (reading.records, reading.selected, reading.broken.count());
    writeln!(
        out,
        "{records} records, {selected} selected, {threats} threats, {recorded} recorded without a threat, {broken} broken"
    )?;
    Ok(threats)
}

fn write_broken(reading: &Reading, out: &mut dyn Write) -> Result<(), ScanError> {
    for part in reading.broken.told().iter().take(LISTED) {
        writeln!(out, "Broken: {}:{}: {}", printable(&part.file), part.line, printable(&part.error))?;
    }
    if let Some(more @ 1..) = reading.broken.count().checked_sub(LISTED as u64) {
        writeln!(out, "Broken: {more} more; the output of --format json has the first 1,000")?;
    }
    Ok(())
}

fn row(finding: &Finding) -> Vec<Cell> {
    let color = match finding.severity {
        Severity::High => Color::Red,
        Severity::Medium => Color::Yellow,
        Severity::Low => Color::Reset,
    };
    let reasons: Vec<_> = finding.reasons.iter().map(|reason| reason.name.as_str()).collect();
    vec![
        Cell::new(finding.event_time.format("%Y-%m-%d %H:%M:%S")),
        Cell::new(finding.severity.as_str()).fg(color),
        Cell::new(finding.kind.as_str()),
        Cell::new(printable(&finding.mailbox)),
        Cell::new(printable(&finding.actor)),
        Cell::new(printable(&finding.forwarding_address)),
        Cell::new(reasons.join("\n")),
    ]
}
