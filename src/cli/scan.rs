//! `tenantwatch scan`: evaluates exported audit logs offline.
//!
//! Files are read once. Selected records are kept on the side until all files are read, because only then the own domains of
//! each organization are known; then they are evaluated one after the other, in the order of their time.

pub(in crate::cli) mod broken;
mod findings;
mod html;
mod json;
mod kept;
pub(in crate::cli) mod organizations;
pub(in crate::cli) mod read_ahead;
mod table;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read, Write};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::detection::{is_selected, system_noise};
use audit_log::export::{self, ExportError};
use audit_log::{AuditRecord, Event};
use base::ids::{Domain, RecordId};
use base::marks::turns_or_hides;

use broken::BrokenParts;
use kept::KeptRecords;
use organizations::Organizations;
use read_ahead::ReadAhead;

/// The arguments of `scan`.
#[derive(Debug, Clone, Args)]
pub struct ScanArgs {
    /// Exported audit logs: JSON Lines, JSON arrays or CSV, plain or gzip; - reads standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
    /// A domain of the organization's own; without any they are taken from the records
    #[arg(long = "accepted-domain", value_name = "D")]
    pub accepted_domains: Vec<Domain>,
    /// Output format
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
    /// Write findings to this file instead of standard output
    #[arg(long, value_name = "F")]
    pub output: Option<PathBuf>,
}

/// The format of the findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people at a terminal
    Table,
    /// One JSON object
    Json,
    /// One page that needs nothing else
    Html,
}

/// The result of a scan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScanOutcome {
    /// No threats: exit code 0.
    Clean,
    /// Threats: exit code 1.
    Threats,
    /// Wrong usage, or a file that cannot be used: exit code 2.
    Failed,
}

impl From<ScanOutcome> for std::process::ExitCode {
    fn from(outcome: ScanOutcome) -> Self {
        match outcome {
            ScanOutcome::Clean => Self::SUCCESS,
            ScanOutcome::Threats => Self::from(1),
            ScanOutcome::Failed => Self::from(2),
        }
    }
}

/// The reason why nothing could be evaluated.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum ScanError {
    #[error("{file}: {error}")]
    Open { file: String, error: io::Error },
    #[error("{file}: {error}")]
    Content { file: String, error: ExportError },
    #[error("the temporary file for selected records failed: {0}")]
    Kept(#[from] rusqlite::Error),
    #[error("the findings cannot be written: {0}")]
    Write(#[from] io::Error),
}

/// The records, errors and counts that reading the files gave.
#[derive(Debug)]
pub(in crate::cli) struct Reading {
    pub(in crate::cli) records: u64,
    /// Those that are not broken.
    pub(in crate::cli) sound: u64,
    selected: u64,
    /// Selected records that could not be parsed or are cut off, and files whose rest could not be read.
    unjudged: u64,
    /// As they were given.
    files: Vec<String>,
    pub(in crate::cli) broken: BrokenParts,
    kept: KeptRecords,
    /// The records that are kept although the export lost their content.
    lost: BTreeMap<RecordId, (String, u64)>,
    pub(in crate::cli) organizations: Organizations,
}

/// Evaluates the files and writes the findings to `out`, or to the file in the arguments. Errors and assumptions are reported on
/// `err`.
pub fn run(args: ScanArgs, out: &mut dyn Write, err: &mut dyn Write) -> ScanOutcome {
    match scan(&args, out, err) {
        // A part that was not read may contain a threat.
        Ok(Scanned { is_whole: false, .. }) => ScanOutcome::Failed,
        Ok(Scanned { threats: 0, .. }) => ScanOutcome::Clean,
        Ok(_) => ScanOutcome::Threats,
        Err(error) => {
            tell(err, &error.to_string());
            ScanOutcome::Failed
        }
    }
}

/// The result of a scan that was not stopped by an error.
struct Scanned {
    threats: u64,
    /// Every file was looked at, and not all that was in them is broken.
    is_whole: bool,
}

/// Evaluates the files. A file that cannot be read is reported, and the others are still evaluated.
fn scan(args: &ScanArgs, out: &mut dyn Write, err: &mut dyn Write) -> Result<Scanned, ScanError> {
    let output = args.output.as_deref().map(|path| open_output(path, &args.files)).transpose()?;
    let mut reading = Reading::new(&args.accepted_domains)?;
    let mut is_whole = true;
    for file in &args.files {
        match reading.read_file(file) {
            Ok(()) => {}
            Err(error @ (ScanError::Open { .. } | ScanError::Content { .. })) => {
                is_whole = false;
                tell(err, &error.to_string());
            }
            Err(error) => return Err(error),
        }
    }
    if let Some(first) = reading.broken.told().first().filter(|_| reading.sound == 0) {
        is_whole = false;
        tell(err, &format!("nothing of this is an audit record; {}:{}: {}", first.file, first.line, first.error));
    }
    reading.report_lost();
    is_whole &= reading.unjudged == 0;
    if is_whole && reading.records == 0 && reading.broken.count() == 0 {
        is_whole = false;
        tell(err, "there is no audit record in the input");
    }
    if !is_whole && reading.records == 0 && reading.broken.count() == 0 {
        // An empty list of findings would look like a clean one.
        return Ok(Scanned { threats: 0, is_whole });
    }
    // The findings are worth having even if the assumptions cannot be written.
    let _ = reading.organizations.tell_assumptions(err);
    let threats = super::output::write(output, out, |out| write_findings(args.format, reading, out))?;
    Ok(Scanned { threats, is_whole })
}

/// Tells something beside the result.
fn tell(err: &mut dyn Write, text: &str) {
    let _ = writeln!(err, "scan: {}", printable(text));
}

/// Opens the file of the result, which must not be one of the inputs.
pub(in crate::cli) fn open_output(path: &Path, inputs: &[PathBuf]) -> Result<File, ScanError> {
    let opened = super::output::open(path, inputs);
    opened.map_err(|error| ScanError::Open { file: path.display().to_string(), error })
}

fn write_findings(format: Format, reading: Reading, out: &mut dyn Write) -> Result<u64, ScanError> {
    let groups = reading.evaluate()?;
    match format {
        Format::Table => table::write(&reading, &groups, out),
        Format::Json => json::write(&reading, &groups, out),
        Format::Html => html::write(&reading, &groups, out),
    }?;
    out.flush()?;
    Ok(groups.iter().filter(|group| group.finding.threat).count() as u64)
}

impl Reading {
    pub(in crate::cli) fn new(accepted_domains: &[Domain]) -> Result<Self, ScanError> {
        Ok(Self {
            records: 0,
            sound: 0,
            selected: 0,
            unjudged: 0,
            files: Vec::new(),
            broken: BrokenParts::default(),
            kept: KeptRecords::new()?,
            lost: BTreeMap::new(),
            organizations: Organizations::new(accepted_domains),
        })
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ScanError> {
        let file = path.display().to_string();
        let input = open(path).and_then(ReadAhead::new);
        let input = input.map_err(|error| ScanError::Open { file: file.clone(), error })?;
        self.files.push(file.clone());
        let mut last_line = 1;
        let mut failed = None;
        let outcome = export::read(input, is_selected, |event| {
            if let Event::Selected { line, .. } | Event::Broken { line, .. } = event {
                last_line = line;
            }
            failed = failed.take().or_else(|| self.take(&file, event).err());
        });
        match (failed, outcome) {
            (Some(error), _) => Err(ScanError::Kept(error)),
            (None, Ok(())) => Ok(()),
            (None, Err(error @ (ExportError::NotAnAuditLog | ExportError::Zip))) => {
                Err(ScanError::Content { file, error })
            }
            (None, Err(error)) => {
                let line = if let ExportError::RowTooLong { line } = error { line } else { last_line };
                self.unjudged += 1;
                self.broken.add(&file, line, &error);
                Ok(())
            }
        }
    }

    pub(in crate::cli) fn take(&mut self, file: &str, event: Event<'_>) -> rusqlite::Result<()> {
        match event {
            Event::Skipped { json } => {
                self.records += 1;
                self.sound += 1;
                if let Some(json) = json.filter(|_| is_sample(self.records)) {
                    self.organizations.note_other(json);
                }
            }
            // Reading an export opens them.
            Event::Envelope { line, .. } => self.broken.add(file, line, &audit_log::Broken::NoOperation),
            Event::Broken { error, line, selected } => {
                self.unjudged += u64::from(selected);
                self.records += u64::from(error.is_a_record());
                self.broken.add(file, line, &error);
            }
            Event::Selected { json, line } | Event::Traced { json, line, .. } => {
                self.records += 1;
                self.selected += 1;
                match system_noise(json) {
                    Some(prefilter) => {
                        self.sound += 1;
                        self.organizations.note(
                            prefilter.organization_id.parse().ok(),
                            Some(prefilter.organization_name),
                            &[],
                        );
                    }
                    None => self.keep(file, line, json)?,
                }
            }
        }
        Ok(())
    }

    /// Keeps a selected record. One without a time may be an envelope or a row of columns that has an operation as well.
    fn keep(&mut self, file: &str, line: u64, json: &[u8]) -> rusqlite::Result<()> {
        let error = match AuditRecord::parse(json) {
            Ok(record) => return self.keep_record(file, line, &record),
            Err(error) => error,
        };
        let inside = export::records_in(json);
        let parsed: Vec<_> = inside.iter().filter_map(|record| AuditRecord::parse(record).ok()).collect();
        if parsed.is_empty() {
            self.unjudged += 1;
            self.broken.add(file, line, &error);
        }
        for record in parsed.iter().filter(|record| is_selected(&record.operation)) {
            self.keep_record(file, line, record)?;
        }
        Ok(())
    }

    fn keep_record(&mut self, file: &str, line: u64, record: &AuditRecord) -> rusqlite::Result<()> {
        self.organizations.note_record(record);
        let is_kept = self.kept.keep(record)?;
        self.sound += 1;
        if !has_lost_content(record) {
            self.lost.remove(&record.id);
        } else if is_kept && self.lost.len() < MOST_LOST {
            self.lost.insert(record.id, (file.to_owned(), line));
        }
        Ok(())
    }

    /// Reports the records whose content the export lost. They are evaluated by what is left of them.
    pub(in crate::cli) fn report_lost(&mut self) {
        for (file, line) in std::mem::take(&mut self.lost).into_values() {
            self.unjudged += 1;
            self.broken.add(
                &file,
                line,
                &"the Parameters of the record are missing; export it again with all its members",
            );
        }
    }
}

/// The most records without content that are remembered.
const MOST_LOST: usize = 1000;

/// Returns whether to look into a record that is not selected, for the owner of its mailbox: the first ones, then a few of many, because
/// reading all of them would take longer than the rest of the scan.
fn is_sample(number: u64) -> bool {
    const FIRST: u64 = 1024;
    const ONE_OF: u64 = 512;
    number <= FIRST || number.is_multiple_of(ONE_OF)
}

/// Returns whether the export lost what a cmdlet was told to do: a change without parameters does not exist, whether the member is empty
/// or was left out.
fn has_lost_content(record: &AuditRecord) -> bool {
    let is_change = record
        .operation
        .get(..4)
        .is_some_and(|verb| ["New-", "Set-", "Add-"].iter().any(|change| verb.eq_ignore_ascii_case(change)));
    let is_placeholder = |text: &String| text.trim().starts_with("System.");
    is_change && record.parameters.is_empty() && record.parameters.unread().iter().all(is_placeholder)
}

pub(in crate::cli) fn open(path: &Path) -> io::Result<Box<dyn Read + Send>> {
    if path.as_os_str() == "-" {
        return Ok(Box::new(io::stdin()));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    if metadata.is_dir() {
        return Err(io::Error::other("it is a folder"));
    }
    Ok(Box::new(progress(metadata.len()).wrap_read(file)))
}

/// Shown on a terminal only.
fn progress(length: u64) -> ProgressBar {
    let target = if io::stderr().is_terminal() { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
    let style = ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec}");
    let bar = ProgressBar::with_draw_target(Some(length), target);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_finish(indicatif::ProgressFinish::AndClear)
}

/// Text of an attacker's choice for a terminal: control characters and those that turn the direction of text are written out.
pub(in crate::cli) fn printable(text: &str) -> String {
    let is_dangerous = |c: char| c.is_control() || turns_or_hides(c);
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if is_dangerous(c) { out.extend(c.escape_unicode()) } else { out.push(c) }
    }
    out
}
