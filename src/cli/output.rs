//! Shared by the commands that write a report: tables for a terminal, and the choice between a file and standard output.

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use base::marks::turns_or_hides;
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

/// The width of a table with headings that is written to no terminal, in characters.
const PIPE_WIDTH: u16 = 140;

/// Writes a value as JSON that no terminal obeys: control characters and marks that turn or hide text are escaped.
pub(super) fn write_json(out: &mut dyn Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    out.write_all(escaped(&serde_json::to_string(value)?).as_bytes())
}

/// As [`write_json`], in lines.
pub(super) fn write_pretty_json(out: &mut dyn Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    out.write_all(escaped(&serde_json::to_string_pretty(value)?).as_bytes())
}

/// Returns JSON with such characters as escapes. They can only be in its strings.
fn escaped(json: &str) -> Cow<'_, str> {
    let is_escaped = |c: char| turns_or_hides(c) || (c.is_control() && c != '\n');
    if !json.contains(is_escaped) {
        return Cow::Borrowed(json);
    }
    let mut safe = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        match is_escaped(c) {
            true => safe.extend(c.encode_utf16(&mut [0; 2]).iter().map(|unit| format!("\\u{unit:04x}"))),
            false => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// Returns an empty table in the style of all commands.
pub(super) fn bordered() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table
}

/// Returns an empty table with these headings, as wide as the terminal.
pub(super) fn table<const N: usize>(headings: [&str; N]) -> Table {
    let mut table = bordered();
    if table.width().is_none() {
        table.set_width(PIPE_WIDTH);
    }
    table.set_header(headings);
    table
}

/// Returns the width of the terminal, else `COLUMNS`, else the width of a pipe.
pub(super) fn width(table: &Table, in_a_pipe: u16) -> u16 {
    let of_variable = || std::env::var("COLUMNS").ok()?.parse().ok();
    table.width().or_else(of_variable).unwrap_or(in_a_pipe)
}

/// Returns whether `NO_COLOR` is set.
pub(super) fn is_colorless() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// Writes a report to the file, else to `out`. The old content of the file is removed only now that there is something to write.
pub(super) fn write<T, E: From<io::Error>>(
    file: Option<File>,
    out: &mut dyn Write,
    report: impl FnOnce(&mut dyn Write) -> Result<T, E>,
) -> Result<T, E> {
    match file {
        Some(file) => {
            file.set_len(0)?;
            report(&mut BufWriter::new(file))
        }
        None => report(out),
    }
}
