//! Writes what was done: for people, for programs, or for a spreadsheet.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::OnboardError;
use super::steps::{Step, StepState, TenantSteps};
use crate::cli::investigate::csv_rows::cell;
use crate::cli::output;
use crate::cli::scan::printable;

/// The form of the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people
    Table,
    /// For programs
    Json,
    /// For a spreadsheet
    Csv,
}

/// The answer for programs.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Document<'a> {
    tenants: &'a [TenantSteps],
}

/// The place of the answer. It is opened before anything is done, so that nothing is done whose report cannot be written.
pub(super) enum Output {
    Standard,
    File(PathBuf, File),
}

impl Output {
    pub(super) fn open(path: Option<&Path>) -> Result<Self, OnboardError> {
        let Some(path) = path else { return Ok(Self::Standard) };
        let failed = |source| OnboardError::Output { path: path.to_owned(), source };
        Ok(Self::File(path.to_owned(), File::create(path).map_err(failed)?))
    }

    pub(super) fn write(self, format: Format, tenants: &[TenantSteps]) -> Result<(), OnboardError> {
        match self {
            Self::Standard => {
                // Fails only if the reader has closed the pipe.
                let _ = write(format, tenants, &mut std::io::stdout().lock());
                Ok(())
            }
            Self::File(path, file) => {
                let mut file = BufWriter::new(file);
                let written = write(format, tenants, &mut file).and_then(|()| file.flush());
                written.map_err(|source| OnboardError::Output { path, source })
            }
        }
    }
}

fn write(format: Format, tenants: &[TenantSteps], out: &mut dyn Write) -> std::io::Result<()> {
    match format {
        Format::Json => {
            output::write_pretty_json(out, &Document { tenants })?;
            writeln!(out)
        }
        Format::Csv => write_csv(tenants, out),
        Format::Table => write_table(tenants, out),
    }
}

fn write_csv(tenants: &[TenantSteps], out: &mut dyn Write) -> std::io::Result<()> {
    out.write_all(b"Tenant,Domain,Step,State,Detail\r\n")?;
    for tenant in tenants {
        for step in &tenant.steps {
            let cells = [&tenant.tenant, &tenant.domain, &step.step, step.state.as_str(), &step.detail];
            let line: Vec<_> = cells.into_iter().map(cell).collect();
            write!(out, "{}\r\n", line.join(","))?;
        }
    }
    Ok(())
}

fn write_table(tenants: &[TenantSteps], out: &mut dyn Write) -> std::io::Result<()> {
    let links: Vec<(&str, &str)> = tenants.iter().filter_map(consent_link).collect();
    if !links.is_empty() && links.len() == tenants.len() {
        return write_links(&links, out);
    }
    let mut table = output::table(["Tenant", "Result"]);
    for tenant in tenants {
        table.add_row([printable(&tenant.domain), result(tenant)]);
    }
    if !tenants.is_empty() {
        writeln!(out, "{table}")?;
    }
    write_links(&links, out)?;
    let failed = tenants.iter().filter(|tenant| tenant.has_failed()).count();
    let changed = tenants.iter().filter(|tenant| !tenant.has_failed() && tenant.has(StepState::Done)).count();
    let would = tenants.iter().filter(|tenant| !tenant.has_failed() && tenant.has(StepState::WouldDo)).count();
    let same = tenants.len() - failed - changed - would;
    writeln!(out, "{} tenants: {changed} done, {same} already there, {would} would do, {failed} failed", tenants.len())
}

/// Returns the domain of a tenant, and the page of consent that its only step or its failed sign-in names.
fn consent_link(tenant: &TenantSteps) -> Option<(&str, &str)> {
    let mut steps = tenant.steps.iter().filter(|step| ["Consent link", "Sign-in"].contains(&step.step.as_str()));
    let link = steps.find_map(|step| step.detail.split(' ').find(|word| word.contains("/adminconsent?client_id=")))?;
    Some((&tenant.domain, link))
}

/// Writes one link a line, because nobody can open a link that a table has broken.
fn write_links(links: &[(&str, &str)], out: &mut dyn Write) -> std::io::Result<()> {
    links.iter().try_for_each(|(domain, link)| writeln!(out, "{}: {}", printable(domain), printable(link)))
}

/// Returns one line for each state, and one for each cause of a failure with all the steps that it has stopped.
fn result(tenant: &TenantSteps) -> String {
    let mut lines = Vec::new();
    for state in [StepState::Done, StepState::AlreadyThere] {
        let count = tenant.steps.iter().filter(|step| step.state == state).count();
        if count > 0 {
            lines.push(format!("{}: {}", state.as_str(), steps(count)));
        }
    }
    let would: Vec<&Step> = tenant.steps.iter().filter(|step| step.state == StepState::WouldDo).collect();
    if !would.is_empty() {
        let names: Vec<&str> = would.iter().map(|step| step.step.as_str()).collect();
        lines.push(format!("would do: {}", names.join(", ")));
    }
    let mut causes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for step in tenant.steps.iter().filter(|step| step.state == StepState::Failed) {
        causes.entry(&step.detail).or_default().push(&step.step);
    }
    lines.extend(causes.iter().map(|(cause, names)| format!("{}: failed: {}", names.join(", "), printable(cause))));
    let verified = tenant
        .steps
        .iter()
        .filter(|step| step.step == "Verification" && matches!(step.state, StepState::Done | StepState::AlreadyThere));
    lines.extend(verified.map(|step| printable(&step.detail)).filter(|detail| !detail.is_empty()));
    lines.join("\n")
}

fn steps(count: usize) -> String {
    if count == 1 { "1 step".to_owned() } else { format!("{count} steps") }
}
