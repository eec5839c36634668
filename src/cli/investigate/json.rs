//! The report as one JSON object. Activities are written as they are attributed.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use base::clock::{Clock as _, SystemClock};

use super::InvestigateError;
use crate::casework::Made;
use crate::cli::output;
use crate::investigation::utc;

/// The part of the report that depends on the run and not on the records.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Run {
    /// The records that were read; of a feed, nobody counts those that the filter drops.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) records: Option<u64>,
    /// The records that were left unread, because they cannot matter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) unread: Option<u64>,
    /// The records that could not be read, among those that were tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) malformed: Option<u64>,
    /// The content that was read from the feed, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bytes: Option<u64>,
    /// The files.
    pub(super) files: Vec<File>,
    /// The parts that could not be read, in sentences. `NotLogged` begins with them.
    #[serde(skip)]
    pub(super) warnings: Vec<String>,
}

/// The whole member `Run`.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Written<'a> {
    version: &'static str,
    #[serde(serialize_with = "utc")]
    written: DateTime<Utc>,
    #[serde(flatten)]
    run: &'a Run,
}

/// A file with its size.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct File {
    /// Its path as it was given.
    pub(super) name: String,
    /// Its size.
    pub(super) bytes: Option<u64>,
}

/// Writes the report.
pub(super) fn write(made: &Made, run: &Run, out: &mut dyn Write) -> Result<(), InvestigateError> {
    let report = serde_json::to_value(&made.report).map_err(io::Error::from)?;
    let Value::Object(members) = report else { return Ok(()) };
    out.write_all(b"{")?;
    for (name, value) in &members {
        put(out, name)?;
        out.write_all(b":")?;
        put(out, value)?;
        out.write_all(b",\n")?;
    }
    out.write_all(b"\"Activities\":[")?;
    let mut is_first = true;
    made.activities(|row| -> Result<(), InvestigateError> {
        out.write_all(if is_first { b"\n" } else { b",\n" })?;
        is_first = false;
        Ok(put(out, row)?)
    })?;
    out.write_all(b"],\n\"Run\":")?;
    put(out, &Written { version: env!("CARGO_PKG_VERSION"), written: SystemClock.now(), run })?;
    Ok(out.write_all(b"}\n")?)
}

fn put(out: &mut dyn Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    output::write_json(out, value)
}
