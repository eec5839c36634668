//! The report as one JSON object. Activities are written as they are attributed.

use std::io::{self, Write};

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Value;

use base::clock::{Clock as _, SystemClock};

use super::{InvestigateError, Made};
use crate::investigation::utc;

/// The part of the report that depends on the run and not on the records.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Run<'a> {
    version: &'static str,
    #[serde(serialize_with = "utc")]
    written: DateTime<Utc>,
    records: u64,
    malformed: u64,
    files: Vec<File<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct File<'a> {
    name: &'a str,
    bytes: Option<u64>,
}

/// Writes the report.
pub(super) fn write(made: &Made, out: &mut dyn Write) -> Result<(), InvestigateError> {
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
    made.activities(|row| {
        out.write_all(if is_first { b"\n" } else { b",\n" })?;
        is_first = false;
        Ok(put(out, row)?)
    })?;
    out.write_all(b"],\n\"Run\":")?;
    put(out, &run(made))?;
    Ok(out.write_all(b"}\n")?)
}

fn run(made: &Made) -> Run<'_> {
    let files = made.input.files.iter().map(|file| File { name: &file.name, bytes: file.bytes });
    Run {
        version: env!("CARGO_PKG_VERSION"),
        written: SystemClock.now(),
        records: made.input.reading.records,
        malformed: made.input.reading.broken.count(),
        files: files.collect(),
    }
}

fn put(out: &mut dyn Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    serde_json::to_writer(out, value).map_err(io::Error::from)
}
