//! Shared by the commands that write a report: tables for a terminal, and the choice between a file and standard output.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

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

/// Opens the file of a report without removing its content. A report about evidence must not overwrite it.
///
/// # Errors
/// Returns an error if the file cannot be opened, or is one of the inputs.
pub(super) fn open(path: &Path, inputs: &[PathBuf]) -> io::Result<File> {
    if inputs.iter().any(|input| is_same_file(path, input)) {
        return Err(io::Error::other(
            "it is also an input, which the report would overwrite; give --output another file",
        ));
    }
    File::options().write(true).create(true).truncate(false).open(path)
}

/// Returns whether both paths lead to one file. Neither needs to exist.
fn is_same_file(output: &Path, input: &Path) -> bool {
    let is_input_standard = input.as_os_str() == "-";
    if output == input && !is_input_standard {
        return true;
    }
    // A terminal or pipe loses nothing.
    let Some(of_output) = fs::metadata(output).ok().filter(fs::Metadata::is_file) else { return false };
    if is_input_standard {
        return standard_input().is_some_and(|of_input| is_same_inode(&of_output, &of_input));
    }
    let is_same_path = matches!((output.canonicalize(), input.canonicalize()), (Ok(one), Ok(other)) if one == other);
    is_same_path || fs::metadata(input).is_ok_and(|of_input| is_same_inode(&of_output, &of_input))
}

#[cfg(unix)]
fn is_same_inode(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Other systems have no such number, so only the path tells.
#[cfg(not(unix))]
fn is_same_inode(_: &fs::Metadata, _: &fs::Metadata) -> bool {
    false
}

#[cfg(unix)]
fn standard_input() -> Option<fs::Metadata> {
    use std::os::fd::AsFd as _;
    File::from(io::stdin().as_fd().try_clone_to_owned().ok()?).metadata().ok()
}

#[cfg(not(unix))]
fn standard_input() -> Option<fs::Metadata> {
    None
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
