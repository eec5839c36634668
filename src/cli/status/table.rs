//! The report for people at a terminal: one line a tenant, the worst first, then the open threats.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, Color, Table};

use super::report::{Report, TenantStatus};
use super::strip::is_dark;
use super::text::{length, minute};
use super::threats::{Threat, Untold};
use crate::cli::output;
use crate::cli::scan::printable;

/// The width if there is no terminal.
const WIDTH_IN_A_PIPE: u16 = 180;

/// The narrowest table. A narrower one would break names and ids.
const NARROWEST_TABLE: u16 = 120;

const TENANT_HEADINGS: [&str; 9] =
    ["Tenant", "State", "Since (UTC)", "Read up to (UTC)", "Lag", "Gaps", "Retry", "Missing", "Open threats"];

const THREAT_HEADINGS: [&str; 8] =
    ["Event (UTC)", "Severity", "Type", "Tenant", "User", "Notified (UTC)", "Status", "Log id"];

/// Writes the report.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    for warning in report.warnings() {
        writeln!(out, "{} {} UTC{}", warning.before, warning.time, warning.after)?;
    }
    if report.tenants.is_empty() {
        return writeln!(out, "No tenant is stored.");
    }
    let rows = report.tenants.iter().map(|tenant| tenant_row(tenant, report)).collect();
    write_table(new_table(), &TENANT_HEADINGS, rows, out)?;
    write_open_threats(report, out)
}

fn new_table() -> Table {
    let mut table = output::bordered();
    if output::is_colorless() {
        table.force_no_tty();
    }
    table.set_width(output::width(&table, WIDTH_IN_A_PIPE));
    table
}

/// Writes a table, or each of its rows as a block of lines if the terminal is too narrow.
fn write_table(mut table: Table, headings: &[&str], rows: Vec<Vec<Cell>>, out: &mut dyn Write) -> io::Result<()> {
    if table.width().is_some_and(|width| width < NARROWEST_TABLE) {
        return rows.iter().try_for_each(|row| write_block(headings, row, out));
    }
    table.set_header(headings.iter().copied());
    table.add_rows(rows);
    writeln!(out, "{table}")
}

/// Leaves out what is empty or zero.
fn write_block(headings: &[&str], row: &[Cell], out: &mut dyn Write) -> io::Result<()> {
    for (at, (heading, cell)) in headings.iter().zip(row).enumerate() {
        let value = cell.content();
        match (at, value.as_str()) {
            (0, value) => writeln!(out, "{value}")?,
            (_, "" | "0") => {}
            (_, value) => writeln!(out, "  {heading}: {value}")?,
        }
    }
    writeln!(out)
}

fn tenant_row(tenant: &TenantStatus, report: &Report) -> Vec<Cell> {
    let row = &tenant.row;
    let color = match () {
        () if is_dark(row.state) => Color::Red,
        () if tenant.is_late => Color::Yellow,
        () => Color::Reset,
    };
    let missing: Vec<String> = tenant.missing().map(|item| printable(&item.item)).collect();
    let number = |count: usize, color| {
        Cell::new(count).fg(if count > 0 { color } else { Color::Reset }).set_alignment(CellAlignment::Right)
    };
    let lag = tenant.lag(report.now).map(length).unwrap_or_default();
    vec![
        Cell::new(printable(row.domain.as_str())),
        Cell::new(row.state.as_str()).fg(color),
        Cell::new(minute(row.since)),
        Cell::new(row.covered_until.map_or_else(|| "never".to_owned(), minute)),
        Cell::new(lag).fg(if tenant.is_late { Color::Yellow } else { Color::Reset }),
        number(tenant.gaps, Color::Yellow),
        number(row.owed as usize, Color::Yellow),
        Cell::new(missing.join(", ")).fg(Color::Yellow),
        number(tenant.open_threats, Color::Red),
    ]
}

fn write_open_threats(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let open: Vec<&Threat> = report.threats.iter().filter(|threat| threat.status.is_open()).collect();
    if open.is_empty() {
        return writeln!(out, "No open threats.");
    }
    writeln!(out, "Open threats:")?;
    let rows = open.into_iter().map(|threat| {
        let cells = [
            minute(threat.event),
            threat.severity.as_str().to_owned(),
            threat.kind.as_str().to_owned(),
            printable(threat.domain.as_str()),
            printable(&threat.user),
            threat.told.map_or_else(|| threat.untold.as_str().to_owned(), minute),
            threat.status.as_str().to_owned(),
            threat.log_id.to_string(),
        ];
        cells.into_iter().map(Cell::new).collect()
    });
    write_table(new_table(), &THREAT_HEADINGS, rows.collect(), out)?;
    write_untold(report, out)
}

/// Says why nobody was notified of some open threats, and what somebody has to do.
fn write_untold(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let untold = |threat: &&Threat| threat.status.is_open() && threat.told.is_none();
    let mut reasons: Vec<Untold> = report.threats.iter().filter(untold).map(|threat| threat.untold).collect();
    reasons.sort_unstable();
    reasons.dedup();
    reasons.iter().try_for_each(|reason| writeln!(out, "Notified `{}`: {}", reason.as_str(), reason.explanation()))
}
