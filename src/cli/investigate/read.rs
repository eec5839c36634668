//! Reads the files: records become activities or are left unread, and selected records are kept as `scan` keeps them.

use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use audit_log::export::{self, ExportError};
use audit_log::{Broken, Event};

use super::super::scan::read_ahead::ReadAhead;
use super::super::scan::{Reading, ScanError, open};
use super::json::File;
use super::{InvestigateError, tell};
use crate::casework::{Gathered, Source, activity};
use crate::detection::is_selected;
use crate::investigation::{Activity, counted};

/// The content of the files, and what was noted while reading them.
pub(super) struct Input {
    pub(super) reading: Reading,
    pub(super) gathered: Gathered,
    pub(super) files: Vec<File>,
    /// `true` if the threats that `scan` finds are asked for.
    judges: bool,
    /// The files of which nothing could be read.
    unread_files: u64,
    /// The parts of files that are no records. Records that cannot be parsed are not among them, because their number depends on which
    /// ones are left unread, and the report must not.
    damaged: u64,
}

/// The malformed parts that are named one by one; the rest is counted.
const NAMED: usize = 20;

/// One file while it is read.
struct Reader<'a> {
    name: &'a str,
    /// The file from which records can be read again.
    source: Option<Source>,
    /// The records that were read.
    number: u64,
    /// `true` if the last part never ends: the rest of the file is missing.
    is_cut: bool,
}

impl Input {
    pub(super) fn new(account: &str, sifts: bool, judges: bool) -> Result<Self, InvestigateError> {
        let gathered = if sifts { Gathered::sifting(account) } else { Gathered::new(account) }?;
        Ok(Self { reading: Reading::new(&[])?, gathered, files: Vec::new(), judges, unread_files: 0, damaged: 0 })
    }

    /// Reads the files and returns whether every file could be read to its end. A file that cannot be read is reported, and the
    /// others are still read. Malformed parts are reported too.
    pub(super) fn read_files(&mut self, files: &[PathBuf], err: &mut dyn Write) -> Result<bool, InvestigateError> {
        let mut is_whole = true;
        for file in files {
            match self.read_file(file) {
                Ok(is_read) => is_whole &= is_read,
                Err(InvestigateError::Scan(error @ (ScanError::Open { .. } | ScanError::Content { .. }))) => {
                    is_whole = false;
                    self.unread_files += 1;
                    tell(err, &error.to_string());
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(first) = self.reading.broken.told().first().filter(|_| self.reading.sound == 0) {
            is_whole = false;
            let text = format!("nothing of this is an audit record; {}:{}: {}", first.file, first.line, first.error);
            tell(err, &text);
        } else {
            self.tell_broken(err);
        }
        self.gathered.finish()?;
        Ok(is_whole)
    }

    fn tell_broken(&self, err: &mut dyn Write) {
        for part in self.reading.broken.told().iter().take(NAMED) {
            tell(err, &format!("{}:{}: {}", part.file, part.line, part.error));
        }
        if let Some(more @ 1..) = self.reading.broken.count().checked_sub(NAMED as u64) {
            tell(err, &format!("{more} more malformed parts"));
        }
    }

    /// Returns what could not be read, in sentences for the report.
    pub(super) fn warnings(&self) -> Vec<String> {
        let malformed = Some(self.damaged).filter(|count| *count > 0).map(|count| {
            format!(
                "{} of the files could not be read, malformed or cut off. Acts recorded there are missing in this report.",
                counted(count, "part")
            )
        });
        let unread = Some(self.unread_files).filter(|count| *count > 0).map(|count| {
            format!(
                "{} could not be read at all. Acts recorded there are missing in this report.",
                counted(count, "file")
            )
        });
        malformed.into_iter().chain(unread).collect()
    }

    /// Reads a file and returns whether it could be read to its end.
    fn read_file(&mut self, path: &Path) -> Result<bool, InvestigateError> {
        let file = path.display().to_string();
        let failed = |error| ScanError::Open { file: file.clone(), error };
        let input = open(path).map_err(failed)?;
        let bytes = std::fs::metadata(path).map(|metadata| metadata.len()).ok();
        self.files.push(File { name: file.clone(), bytes });
        let (input, again) = readable_twice(path, input).map_err(failed)?;
        let input = ReadAhead::new(input).map_err(failed)?;
        let mut reader = Reader { name: &file, source: self.gathered.add_source(again), number: 0, is_cut: false };
        let (mut last_line, mut failed) = (1, None);
        let outcome = export::read_traced(input, |event, at| {
            if let Event::Selected { line, .. } | Event::Traced { line, .. } | Event::Broken { line, .. } = event {
                last_line = line;
            }
            reader.is_cut = matches!(event, Event::Broken { error: Broken::CutOff, .. });
            failed = failed.take().or_else(|| self.take(&mut reader, event, at).err());
        });
        match (failed, outcome) {
            (Some(error), _) => Err(error),
            (None, Ok(())) => Ok(!reader.is_cut),
            (None, Err(error @ (ExportError::NotAnAuditLog | ExportError::Zip))) => {
                Err(ScanError::Content { file, error }.into())
            }
            (None, Err(error)) => {
                let line = if let ExportError::RowTooLong { line } = error { line } else { last_line };
                self.damaged += 1;
                self.reading.broken.add(&file, line, &error);
                Ok(false)
            }
        }
    }

    fn take(&mut self, reader: &mut Reader<'_>, event: Event<'_>, at: Option<u64>) -> Result<(), InvestigateError> {
        let (json, line, traces) = match event {
            Event::Selected { json, line } => (json, line, None),
            Event::Traced { json, line, traces } => (json, line, Some(traces)),
            other => {
                self.damaged += u64::from(!matches!(other, Event::Skipped { .. }));
                return Ok(self.reading.take(reader.name, other)?);
            }
        };
        let number = reader.number;
        reader.number += 1;
        if let Some(source) = reader.source
            && let Some(operation) = self.gathered.leave(json, traces, source, at, number)?
        {
            return self.note(reader.name, line, operation, json);
        }
        if let Some(activity) = activity(json) {
            return self.keep(reader.name, line, &activity, json);
        }
        // An object without a time may be an envelope that has an operation as well.
        let inside = export::records_in(json);
        let mut found = false;
        for record in &inside {
            if let Some(activity) = activity(record) {
                found = true;
                self.keep(reader.name, line, &activity, record)?;
            }
        }
        if !found {
            self.reading.records += 1;
            self.reading.broken.add(reader.name, line, &Broken::NoOperation);
        }
        Ok(())
    }

    fn keep(&mut self, file: &str, line: u64, activity: &Activity, json: &[u8]) -> Result<(), InvestigateError> {
        self.gathered.keep(activity, json)?;
        self.note(file, line, &activity.operation, json)
    }

    /// Counts a record, and keeps it for `scan` if that is asked for.
    fn note(&mut self, file: &str, line: u64, operation: &str, json: &[u8]) -> Result<(), InvestigateError> {
        if self.judges && is_selected(operation) {
            return Ok(self.reading.take(file, Event::Selected { json, line })?);
        }
        self.reading.records += 1;
        self.reading.sound += 1;
        Ok(())
    }
}

/// Returns the input, and a file with the same bytes that can be read afterwards. Any other input is copied while it is read.
fn readable_twice(path: &Path, input: Box<dyn Read + Send>) -> io::Result<(Box<dyn Read + Send>, fs::File)> {
    if path.as_os_str() != "-" && fs::metadata(path)?.is_file() {
        return Ok((input, fs::File::open(path)?));
    }
    let copy = tempfile::tempfile()?;
    Ok((Box::new(Copied { input, copy: copy.try_clone()? }), copy))
}

/// Copies what is read.
struct Copied<R> {
    input: R,
    copy: fs::File,
}

impl<R: Read> Read for Copied<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.input.read(buffer)?;
        self.copy.write_all(buffer.get(..length).unwrap_or_default())?;
        Ok(length)
    }
}
