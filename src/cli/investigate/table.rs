//! The report for people at a terminal.

use std::io::{self, Write};

use comfy_table::{ColumnConstraint, Table, Width};

use super::super::scan::printable;
use super::InvestigateError;
use super::texts::{harmless, whose};
use crate::casework::Made;
use crate::cli::output;
use crate::investigation::{ChangeState, Noted, Report, acted, counted, files, messages_read};

/// The width where there is no terminal.
const WIDTH_IN_A_PIPE: u16 = 120;

/// Rows of each list; the rest is counted.
const LISTED: usize = 20;

/// The attacker's activities that are listed.
const ACTIVITIES: usize = 100;

/// The heading of a column of addresses, and the width at which an IPv4 address is not broken.
const ADDRESS: &str = "Address";
const WHOLE_ADDRESS: u16 = 17;

/// Writes the verdict, the numbers, the lists and the attacker's activities.
pub(super) fn write(made: &Made, warnings: &[String], out: &mut dyn Write) -> Result<(), InvestigateError> {
    let report = &made.report;
    for text in std::iter::once(&report.verdict).chain(warnings) {
        writeln!(out, "{}", printable(text))?;
    }
    writeln!(out)?;
    for sentence in std::iter::once(&report.origin).chain(&report.beginning).filter(|text| !text.is_empty()) {
        writeln!(out, "{}", printable(sentence))?;
    }
    writeln!(out, "{}\n", numbers(report))?;
    write_lists(report, out)?;
    write_activities(made, out)?;
    for text in &report.not_logged {
        writeln!(out, "Not logged: {}", printable(text))?;
    }
    Ok(())
}

fn numbers(report: &Report) -> String {
    let (counts, worth) = (&report.counts, &report.worth);
    let parts = [
        counted(counts.sign_ins, "sign-in"),
        counted(counts.addresses, "address"),
        messages_read(counts, worth).unwrap_or_else(|| "reading of whole folders".to_owned()),
        acted(counts.folders_synchronised, worth.folders_synchronised, "folder", "synchronised"),
        acted(counts.messages_sent, worth.messages_sent, "message", "sent"),
        acted(counts.messages_deleted, worth.messages_deleted, "message", "deleted"),
        files(counts, worth),
        counted(counts.other_accounts, "other account"),
    ];
    parts.join(", ")
}

fn write_lists(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let address = |row: &crate::investigation::Address| {
        vec![
            row.ip.to_string(),
            whose(row.attribution).to_owned(),
            row.rule.as_text().to_owned(),
            [row.place.as_str(), &row.network].join(" ").trim().to_owned(),
            row.first.format("%m-%d %H:%M").to_string(),
            row.last.format("%m-%d %H:%M").to_string(),
            row.activities.to_string(),
        ]
    };
    let addresses = report.addresses.iter().map(address);
    write_list(
        "Addresses",
        &[ADDRESS, "Whose", "Why", "Place and network", "First", "Last", "Records"],
        addresses.collect(),
        out,
    )?;
    let others = report.other_accounts.iter().map(|row| vec![row.account.clone(), row.kind.as_text().to_owned()]);
    write_list("Other accounts", &["Account", "How far"], others.collect(), out)?;
    let sent = report.sent.iter().map(|row| {
        let to = harmless(&row.recipients.join(", "));
        vec![row.time.format("%m-%d %H:%M").to_string(), harmless(&row.subject), to]
    });
    write_list("Sent", &["Time", "Subject", "To"], sent.collect(), out)?;
    write_list("Searches", NOTED, noted(&report.searches), out)?;
    let files = report.files.iter().map(|row| vec![harmless(&row.name), row.operations.join(", ")]);
    write_list("Files", &["File", "What"], files.collect(), out)?;
    let changes = report.changes.iter().map(|change| {
        let state = change.state.map_or("", ChangeState::as_text).to_owned();
        noted(std::slice::from_ref(&change.noted)).into_iter().flatten().chain([state]).collect()
    });
    write_list("Changes", &["Time", "Account", "Operation", "What", "Now"], changes.collect(), out)?;
    write_list("Response", NOTED, noted(&report.response), out)?;
    write_list("The attacker after the response", NOTED, noted(&report.after_response), out)
}

const NOTED: &[&str] = &["Time", "Account", "Operation", "What"];

fn noted(rows: &[Noted]) -> Vec<Vec<String>> {
    let row = |row: &Noted| {
        vec![
            row.time.format("%m-%d %H:%M").to_string(),
            row.account.clone(),
            row.operation.clone(),
            harmless(&row.text),
        ]
    };
    rows.iter().map(row).collect()
}

fn write_list(title: &str, heading: &[&str], rows: Vec<Vec<String>>, out: &mut dyn Write) -> io::Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    writeln!(out, "{title}")?;
    let is_filled = |at: &usize| rows.iter().any(|row| row.get(*at).is_some_and(|cell| !cell.is_empty()));
    let filled: Vec<usize> = (0..heading.len()).filter(is_filled).collect();
    let mut table = table(&filled.iter().filter_map(|at| heading.get(*at).copied()).collect::<Vec<_>>());
    let more = rows.len().saturating_sub(LISTED);
    for row in rows.iter().take(LISTED) {
        table.add_row(filled.iter().filter_map(|at| row.get(*at)).map(|cell| printable(cell)));
    }
    writeln!(out, "{table}")?;
    if more > 0 {
        writeln!(out, "{more} more; --format json has all")?;
    }
    writeln!(out)
}

fn table(heading: &[&str]) -> Table {
    let mut table = output::bordered();
    let width = output::width(&table, WIDTH_IN_A_PIPE).max(60);
    table.force_no_tty();
    table.set_width(width);
    table.set_header(heading.to_vec());
    let address = heading.iter().position(|heading| *heading == ADDRESS);
    if let Some(column) = address.and_then(|at| table.column_mut(at)) {
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(WHOLE_ADDRESS)));
    }
    table
}

fn write_activities(made: &Made, out: &mut dyn Write) -> Result<(), InvestigateError> {
    let mut table = table(&["Time (UTC)", "Account", "Operation", ADDRESS, "Why"]);
    let (mut attackers, mut others) = (0, 0);
    made.activities(|row| -> Result<(), InvestigateError> {
        if !row.attribution.is_attacker() {
            others += 1;
            return Ok(());
        }
        attackers += 1;
        if attackers <= ACTIVITIES {
            table.add_row([
                row.time.format("%m-%d %H:%M:%S").to_string(),
                printable(row.account),
                printable(row.operation),
                row.ip.clone(),
                format!("{}: {}", row.attribution.as_str().to_lowercase(), row.rule.as_text()),
            ]);
        }
        Ok(())
    })?;
    if attackers > 0 {
        writeln!(out, "Activities of the attacker\n{table}")?;
    }
    let more = attackers.saturating_sub(ACTIVITIES);
    if more > 0 {
        writeln!(out, "{more} more; --format csv has all")?;
    }
    Ok(writeln!(out, "{} of others were looked at; --format csv lists them\n", counted(others, "record"))?)
}
