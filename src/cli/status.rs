//! `tenantwatch status`: what was seen, notified and done, from the tables alone.

mod charts;
mod html;
mod json;
mod period;
mod report;
mod rows;
mod strip;
mod table;
mod text;
mod threats;
mod views;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use super::bootstrap::BootstrapError;
use super::choice::{NoCustomer, chosen};
use super::moment::Moment;
use super::{EXIT_USAGE, SettingsArgs, Tables, report};
use period::{Period, Reversed};
use report::Report;
use rows::TenantRows;
use table_store::StoreError;

/// The period, the tenants and the format of the report.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Begin of the period, a date or a time (UTC); by default 30 days before its end
    #[arg(long, value_name = "D")]
    pub since: Option<Moment>,
    /// End of the period, a date or a time (UTC); by default now
    #[arg(long, value_name = "D")]
    pub until: Option<Moment>,
    /// Report one tenant only: its domain or tenant id
    #[arg(long, value_name = "D")]
    pub tenant: Option<String>,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "F")]
    pub output: Option<PathBuf>,
    /// The source of the settings and of the tables.
    #[command(flatten)]
    pub source: SettingsArgs,
}

/// The format of the report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people at a terminal
    Table,
    /// One JSON object
    Json,
    /// One page that needs nothing else and prints well
    Html,
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum StatusError {
    #[error(transparent)]
    Period(#[from] Reversed),
    #[error(transparent)]
    Open(#[from] BootstrapError),
    #[error("the tables cannot be read: {0}")]
    Store(#[from] StoreError),
    #[error("--tenant {0}: the tables contain no tenant with this domain or id")]
    UnknownTenant(String),
    #[error("the report cannot be written to {}: {error}", path.display())]
    Output { path: PathBuf, error: io::Error },
    #[error("the report cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// Writes the report. Exit code 0, or 2 if there is none.
pub async fn run(args: StatusArgs) -> ExitCode {
    match try_run(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report(&error.to_string());
            ExitCode::from(EXIT_USAGE)
        }
    }
}

async fn try_run(args: &StatusArgs) -> Result<(), StatusError> {
    let Tables { store, clock } = args.source.tables()?;
    let now = clock.now();
    let period = Period::between(args.since, args.until, now)?;
    let tenants = rows::tenants(store.as_ref()).await?;
    let tenants = chosen(tenants, args.tenant.as_slice(), TenantRows::names)
        .map_err(|NoCustomer(name)| StatusError::UnknownTenant(name))?;
    let tenants = rows::complete(store.as_ref(), tenants).await?;
    let service = rows::service(store.as_ref()).await?;
    let report = Report::new(tenants, &service, period, now);
    let Some(path) = &args.output else {
        return match write(args.format, &report, &mut io::stdout().lock()) {
            // The reader has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            written => Ok(written?),
        };
    };
    let failed = |error| StatusError::Output { path: path.clone(), error };
    let mut file = BufWriter::new(File::create(path).map_err(failed)?);
    write(args.format, &report, &mut file).map_err(failed)
}

fn write(format: Format, report: &Report, out: &mut dyn Write) -> io::Result<()> {
    match format {
        Format::Table => table::write(report, out),
        Format::Json => json::write(report, out),
        Format::Html => html::write(report, out),
    }?;
    out.flush()
}
