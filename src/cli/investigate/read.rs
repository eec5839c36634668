//! Reads the files: every record becomes an activity, and selected records are kept as `scan` keeps them.

use std::io::Write;
use std::path::{Path, PathBuf};

use audit_log::export::{self, ExportError};
use audit_log::{Broken, Event};

use super::super::scan::{Reading, ScanError, open, printable};
use super::InvestigateError;
use super::json::File;
use crate::casework::{Gathered, activity};
use crate::detection::is_selected;
use crate::investigation::Activity;

/// The content of the files, and what was noted while reading them.
pub(super) struct Input {
    pub(super) reading: Reading,
    pub(super) gathered: Gathered,
    pub(super) files: Vec<File>,
}

impl Input {
    pub(super) fn new(account: &str) -> Result<Self, InvestigateError> {
        Ok(Self { reading: Reading::new(&[])?, gathered: Gathered::new(account)?, files: Vec::new() })
    }

    /// Reads the files and returns whether every file could be read. A file that cannot be read is reported, and the others are
    /// still read.
    pub(super) fn read_files(&mut self, files: &[PathBuf], err: &mut dyn Write) -> Result<bool, InvestigateError> {
        let mut is_whole = true;
        for file in files {
            match self.read_file(file) {
                Ok(()) => {}
                Err(InvestigateError::Scan(error @ (ScanError::Open { .. } | ScanError::Content { .. }))) => {
                    is_whole = false;
                    let _ = writeln!(err, "investigate: {}", printable(&error.to_string()));
                }
                Err(error) => return Err(error),
            }
        }
        if let Some(first) = self.reading.broken.told().first().filter(|_| self.reading.sound == 0) {
            is_whole = false;
            let text = format!("nothing of this is an audit record; {}:{}: {}", first.file, first.line, first.error);
            let _ = writeln!(err, "investigate: {}", printable(&text));
        }
        Ok(is_whole)
    }

    fn read_file(&mut self, path: &Path) -> Result<(), InvestigateError> {
        let file = path.display().to_string();
        let input = open(path).map_err(|error| ScanError::Open { file: file.clone(), error })?;
        let bytes = std::fs::metadata(path).map(|metadata| metadata.len()).ok();
        self.files.push(File { name: file.clone(), bytes });
        let (mut last_line, mut failed) = (1, None);
        let outcome = export::read(
            input,
            |_| true,
            |event| {
                if let Event::Selected { line, .. } | Event::Broken { line, .. } = event {
                    last_line = line;
                }
                failed = failed.take().or_else(|| self.take(&file, event).err());
            },
        );
        match (failed, outcome) {
            (Some(error), _) => Err(error.into()),
            (None, Ok(())) => Ok(()),
            (None, Err(error @ ExportError::NotAnAuditLog)) => Err(ScanError::Content { file, error }.into()),
            (None, Err(error)) => {
                let line = if let ExportError::RowTooLong { line } = error { line } else { last_line };
                self.reading.broken.add(&file, line, &error);
                Ok(())
            }
        }
    }

    fn take(&mut self, file: &str, event: Event<'_>) -> rusqlite::Result<()> {
        let Event::Selected { json, line } = event else { return self.reading.take(file, event) };
        if let Some(activity) = activity(json) {
            return self.keep(file, line, &activity, json);
        }
        // An object without a time may be an envelope that has an operation as well.
        let inside = export::records_in(json);
        let mut found = false;
        for record in &inside {
            if let Some(activity) = activity(record) {
                found = true;
                self.keep(file, line, &activity, record)?;
            }
        }
        if !found {
            self.reading.records += 1;
            self.reading.broken.add(file, line, &Broken::NoOperation);
        }
        Ok(())
    }

    fn keep(&mut self, file: &str, line: u64, activity: &Activity, json: &[u8]) -> rusqlite::Result<()> {
        self.gathered.keep(activity, json)?;
        if is_selected(&activity.operation) {
            return self.reading.take(file, Event::Selected { json, line });
        }
        self.reading.records += 1;
        self.reading.sound += 1;
        Ok(())
    }
}
