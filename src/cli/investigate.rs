//! `tenantwatch investigate`: tells what an attacker did in an account, offline from exported audit logs, or live from the tenant's feed.
//!
//! Records that may matter become activities in a temporary database; with those that concern the account their text is kept,
//! because the report shows their members. All others are left unread, and read a second time if the attribution asks for them. Without
//! `--log-id` and `--ip` selected records are evaluated as by `scan`: the threats found are the fixed points.

pub(in crate::cli) mod csv_rows;
mod html;
mod json;
mod live;
mod read;
mod table;
mod texts;
mod threats;

use std::collections::BTreeSet;
use std::io::Write;
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};

use super::SettingsArgs;
use super::bootstrap::BootstrapError;
use super::moment::{Moment, NotAMoment};
use super::scan::{ScanError, open_output, printable};
use crate::casework::{LookBackError, Made, Scope, SpillError, make};
use crate::investigation::{FixedPoints, Gaps, Subject};
use crate::location::Databases;
use base::ids::RecordId;

use json::Run;
use read::Input;
use threats::threats;

/// The arguments of `investigate`.
#[derive(Debug, Clone, Args)]
pub struct InvestigateArgs {
    /// Exported audit logs in every form that `scan` reads; - reads standard input. Without any, the tenant's feed is read
    #[arg(required_unless_present = "log_ids", value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// The account: its user principal name; with files only
    #[arg(long, value_name = "U", requires = "files")]
    pub account: Option<String>,
    /// The record of a threat to start from; without any the threats that `scan` finds for the account
    #[arg(long = "log-id", value_name = "ID")]
    pub log_ids: Vec<RecordId>,
    /// An address of the attacker to start from; with files only
    #[arg(long = "ip", value_name = "A", requires = "files")]
    pub addresses: Vec<IpAddr>,
    /// The begin of the report, in UTC; with files only
    #[arg(long, value_name = "T", value_parser = begin_of, requires = "files")]
    pub since: Option<DateTime<Utc>>,
    /// The end of the report, in UTC; with files only
    #[arg(long, value_name = "T", value_parser = end_of, requires = "files")]
    pub until: Option<DateTime<Utc>>,
    /// The application id of Tenantwatch, whose acts are the response; without it CLIENT_ID
    #[arg(long = "app-id", value_name = "ID", requires = "files")]
    pub app_id: Option<String>,
    /// Hours before the threat that are read back, 1 to 167, with --search up to 4320; by default INVESTIGATE_HOURS, with --search 720
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=4_320), conflicts_with = "files")]
    pub hours: Option<u64>,
    /// Use the audit search of Microsoft Purview as well, which reaches further back than the feed and takes minutes
    #[arg(long, conflicts_with = "files")]
    pub search: bool,
    /// Parse every record, also those that cannot matter; to compare
    #[arg(long, hide = true, requires = "files")]
    pub parse_all: bool,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write the report to this file instead of standard output
    #[arg(long, value_name = "F")]
    pub output: Option<PathBuf>,
    /// The source of the settings and of the tables, without files.
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
    /// One line for each activity
    Csv,
    /// One page that needs nothing else
    Html,
}

/// The result of an investigation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvestigateOutcome {
    /// A report was made: exit code 0.
    Reported,
    /// Wrong usage, or a file that cannot be used: exit code 2.
    Failed,
}

impl From<InvestigateOutcome> for std::process::ExitCode {
    fn from(outcome: InvestigateOutcome) -> Self {
        match outcome {
            InvestigateOutcome::Reported => Self::SUCCESS,
            InvestigateOutcome::Failed => Self::from(super::EXIT_USAGE),
        }
    }
}

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
enum InvestigateError {
    #[error(transparent)]
    Scan(#[from] ScanError),
    #[error("the temporary file for activities failed: {0}")]
    Database(#[from] rusqlite::Error),
    #[error(transparent)]
    Spill(#[from] SpillError),
    #[error("the report cannot be written: {0}")]
    Write(#[from] std::io::Error),
    #[error("the database cannot be read: {0}")]
    Places(String),
    #[error(transparent)]
    Open(#[from] BootstrapError),
    #[error(transparent)]
    Live(#[from] LookBackError),
    #[error("the tables cannot be read: {0}")]
    Store(#[from] table_store::StoreError),
    #[error("give --account with files: the account to investigate")]
    AccountMissing,
    #[error("--account is empty; give the user principal name of the account to investigate")]
    AccountEmpty,
    #[error("without files give one --log-id: an investigation of the feed starts from one stored threat")]
    ManyLogIds,
    #[error("no threat is stored under log id {0}; check it and the tables")]
    UnknownLogId(RecordId),
    #[error("the feed reaches 167 hours back; add --search to look further, or give fewer --hours")]
    BeyondFeed,
    #[error("--since is after --until; exchange them")]
    NoTime,
    #[error("--since is after the last record of the tenant, of {0} UTC; give an earlier time")]
    AfterRecords(String),
    #[error("--until is before the first record of the tenant, of {0} UTC; give a later time")]
    BeforeRecords(String),
    #[error("the account {0} occurs in none of the records; check its spelling and the files")]
    NoAccount(String),
    #[error("the log id {0} is in none of the records; check it and the files")]
    NoRecord(RecordId),
    #[error("the record {0} does not concern the account {1}; give the account that it concerns")]
    OtherAccount(RecordId, String),
    #[error("scan finds no threat for the account {0}; give --log-id or --ip to say where to start")]
    NoThreat(String),
    #[error("no record comes from the given addresses; give --log-id or another --ip")]
    NoStart,
}

/// Investigates files or, without any, a stored threat from the feed of its tenant.
pub async fn run(args: InvestigateArgs) -> InvestigateOutcome {
    if !args.files.is_empty() {
        return run_offline(args, &mut std::io::stdout().lock(), &mut std::io::stderr());
    }
    match live::investigate(&args).await {
        Ok(()) => InvestigateOutcome::Reported,
        Err(error) => {
            tell_error(&mut std::io::stderr(), &error);
            InvestigateOutcome::Failed
        }
    }
}

/// Reads the files and writes the report to `out`, or to the file in the arguments. Errors are reported on `err`.
pub fn run_offline(args: InvestigateArgs, out: &mut dyn Write, err: &mut dyn Write) -> InvestigateOutcome {
    match investigate(&args, out, err) {
        Ok(true) => InvestigateOutcome::Reported,
        // A report of the readable files was written anyway.
        Ok(false) => InvestigateOutcome::Failed,
        Err(error) => {
            tell_error(err, &error);
            InvestigateOutcome::Failed
        }
    }
}

/// Tells why there is no report. Settings are listed one to a line.
fn tell_error(err: &mut dyn Write, error: &InvestigateError) {
    let text = error.to_string();
    match error {
        InvestigateError::Open(_) => {
            let lines: Vec<String> = text.lines().map(printable).collect();
            let _ = writeln!(err, "investigate: {}", lines.join("\n"));
        }
        _ => tell(err, &text),
    }
}

/// Tells something beside the report.
fn tell(err: &mut dyn Write, text: &str) {
    let _ = writeln!(err, "investigate: {}", printable(text));
}

/// Returns whether every file could be read.
fn investigate(args: &InvestigateArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<bool, InvestigateError> {
    if let (Some(since), Some(until)) = (args.since, args.until)
        && since > until
    {
        return Err(InvestigateError::NoTime);
    }
    let account = args.account.as_ref().ok_or(InvestigateError::AccountMissing)?;
    if account.trim().is_empty() {
        return Err(InvestigateError::AccountEmpty);
    }
    let [city, asn] = ["GEOIP_DATABASE", "ASN_DATABASE"].map(setting);
    let databases = Databases::open(city.as_deref().map(Path::new), asn.as_deref().map(Path::new));
    let databases = databases.map_err(InvestigateError::Places)?;
    let output = args.output.as_deref().map(|path| open_output(path, &args.files)).transpose()?;
    let judges = args.log_ids.is_empty() && args.addresses.is_empty();
    let mut input = Input::new(account, !args.parse_all, judges)?;
    let is_whole = input.read_files(&args.files, err)?;
    if !is_whole && input.reading.records == 0 {
        // Each file was named with its error.
        return Ok(false);
    }
    let names = input.gathered.names.clone();
    let subject = Subject::new(account, &names);
    let tenant = input.gathered.spill.focus(&subject, &names)?;
    let tenant = tenant.ok_or_else(|| InvestigateError::NoAccount(account.clone()))?;
    check_bounds(args, input.gathered.seen(tenant).span)?;
    let points = fixed_points(args, &input, &subject)?;
    let warnings = input.warnings();
    let Input { reading, gathered, files, .. } = input;
    let (records, malformed) = (Some(reading.records), Some(reading.broken.count()));
    let mut run = Run { records, unread: None, malformed, bytes: None, files, warnings };
    // What `scan` kept takes memory, and no one asks for it any more.
    drop(reading);
    let scope = Scope { subject, tenant, points, since: args.since, until: args.until, gaps: Gaps::default() };
    let mut made = make(gathered, scope)?.ok_or(InvestigateError::NoStart)?;
    for address in &mut made.report.addresses {
        (address.place, address.network) = (databases.place(address.ip), databases.network(address.ip));
    }
    run.unread = Some(made.unread());
    made.report.not_logged.splice(..0, run.warnings.iter().cloned());
    put(&made, &run, args.format, output, out)?;
    Ok(is_whole)
}

/// A time without any record is a mistake, because a report of it would say that nothing happened.
fn check_bounds(args: &InvestigateArgs, span: Option<(DateTime<Utc>, DateTime<Utc>)>) -> Result<(), InvestigateError> {
    let Some((first, last)) = span else { return Ok(()) };
    let text = |time: DateTime<Utc>| time.format("%Y-%m-%d %H:%M:%S").to_string();
    if args.since.is_some_and(|since| since > last) {
        return Err(InvestigateError::AfterRecords(text(last)));
    }
    if args.until.is_some_and(|until| until < first) {
        return Err(InvestigateError::BeforeRecords(text(first)));
    }
    Ok(())
}

/// Writes the report to the file, else to `out`.
fn put(
    made: &Made,
    run: &Run,
    format: Format,
    file: Option<std::fs::File>,
    out: &mut dyn Write,
) -> Result<(), InvestigateError> {
    super::output::write(file, out, |out| write(made, run, format, out))
}

fn write(made: &Made, run: &Run, format: Format, out: &mut dyn Write) -> Result<(), InvestigateError> {
    match format {
        Format::Table => table::write(made, &run.warnings, out),
        Format::Json => json::write(made, run, out),
        Format::Csv => csv_rows::write(made, out),
        Format::Html => html::write(made, &run.warnings, out),
    }?;
    Ok(out.flush()?)
}

/// From where to start: what the arguments say, else the threats to the account.
fn fixed_points(args: &InvestigateArgs, input: &Input, subject: &Subject) -> Result<FixedPoints, InvestigateError> {
    let own_app = args.app_id.clone().or_else(|| setting("CLIENT_ID"));
    let addresses: BTreeSet<IpAddr> = args.addresses.iter().map(IpAddr::to_canonical).collect();
    let mut records = BTreeSet::new();
    for id in &args.log_ids {
        match input.gathered.spill.concerns(id, subject)? {
            Some(true) => records.insert(*id),
            Some(false) => return Err(InvestigateError::OtherAccount(*id, subject.name.clone())),
            None => return Err(InvestigateError::NoRecord(*id)),
        };
    }
    if records.is_empty() && addresses.is_empty() {
        records = threats(&input.reading, subject)?;
        if records.is_empty() {
            return Err(InvestigateError::NoThreat(subject.name.clone()));
        }
    }
    let are_found = args.log_ids.is_empty();
    Ok(FixedPoints { records, are_found, addresses, own_app })
}

/// A setting of the environment. An empty one is none.
fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok().map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
}

fn begin_of(text: &str) -> Result<DateTime<Utc>, NotAMoment> {
    text.trim().parse().map(Moment::first_second)
}

fn end_of(text: &str) -> Result<DateTime<Utc>, NotAMoment> {
    text.trim().parse().map(Moment::last_second)
}

#[cfg(test)]
mod tests {
    use super::{begin_of, end_of};

    #[test]
    fn times_are_read_with_and_without_zone_and_as_days() {
        for text in ["2026-11-20T08:00:00Z", "2026-11-20T09:00:00+01:00", "2026-11-20 08:00", "2026-11-20T08:00:00"] {
            assert_eq!(begin_of(text).map(|time| time.to_rfc3339()), Ok("2026-11-20T08:00:00+00:00".to_owned()));
        }
        assert_eq!(end_of("2026-11-20").map(|time| time.to_rfc3339()), Ok("2026-11-20T23:59:59+00:00".to_owned()));
        assert!(begin_of("yesterday").is_err());
    }
}
