//! Reads exported audit logs: recognises them by their content, and reads them as streams.
//!
//! The forms are those of the Purview portal, PowerShell, the Graph audit search, Hawk, Sentinel, Defender, Elasticsearch, Splunk and Wazuh:
//! JSON Lines, JSON arrays and objects around records (`envelope`), and CSV with a record in a cell (`csv_rows`) or with a column for each
//! member (`flat`); plain or gzip, in UTF-8, UTF-16 or Windows-1252.

mod csv_rows;
mod dialect;
mod envelope;
pub(super) mod flat;
mod texts;
mod unicode;

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::select::{Broken, Event, Selector};
use csv_rows::CsvRows;
use dialect::Dialect;
use texts::FromTexts;
use unicode::{FromUtf16, Order};

/// Bytes read at once. A record that is not whole in a chunk takes several times as long, so there are many records in one.
const CHUNK: usize = 256 * 1024;

/// Bytes looked at to recognise a file.
const HEAD: usize = 64 * 1024;

/// Why an exported audit log was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The file cannot be read further, or its gzip stream is damaged or cut.
    #[error("it cannot be read further: {0}")]
    Io(#[from] io::Error),
    /// Neither JSON nor CSV with records.
    #[error("it is not an audit log: neither JSON nor CSV with audit records")]
    NotAnAuditLog,
    /// A zip archive, which an Excel workbook is as well.
    #[error("it is a zip archive or an Excel workbook; unpack it, or save the sheet as CSV, and scan the file inside")]
    Zip,
    /// A row without an end, most likely because of a quotation mark that is never closed.
    #[error("the CSV row that begins on line {line} is longer than 32 MiB")]
    RowTooLong {
        /// From 1.
        line: u64,
    },
}

/// An input in chunks for [`read`], each of which is full if there is as much.
pub fn buffered(input: impl Read) -> impl BufRead {
    BufReader::with_capacity(CHUNK, Whole::new(input))
}

/// Reads one export; every record in it becomes one event. Holds one record and a few chunks at a time. The input is recognised by its
/// first chunk, so it comes [`buffered`], or in slices.
///
/// # Errors
/// When it is no audit log or cannot be read to its end; what came before has been handed to `sink`.
pub fn read(
    input: impl BufRead,
    is_selected: impl Fn(&str) -> bool,
    mut sink: impl FnMut(Event<'_>),
) -> Result<(), ExportError> {
    read_as(input, is_selected, Way::Selecting, &mut |event, _| sink(event))
}

/// Reads one export as [`read`] does, with every record selected. Records that have traces come with them, and with the byte of the
/// input at which they begin. `None` if the record is not written there as it is handed over: in a compressed file, in another
/// encoding, in a table or in an envelope.
///
/// # Errors
/// As [`read`].
pub fn read_traced(input: impl BufRead, mut sink: impl FnMut(Event<'_>, Option<u64>)) -> Result<(), ExportError> {
    read_as(input, |_| true, Way::Tracing, &mut sink)
}

/// The kind of selector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Selecting,
    Tracing,
}

fn read_as(
    input: impl BufRead,
    is_selected: impl Fn(&str) -> bool,
    way: Way,
    sink: &mut impl FnMut(Event<'_>, Option<u64>),
) -> Result<(), ExportError> {
    let (mut input, is_plain) = uncompressed(input)?;
    if input.fill_buf()?.starts_with(b"PK\x03\x04") {
        return Err(ExportError::Zip);
    }
    match Order::of(input.fill_buf()?) {
        Some(order) => {
            read_text(buffered(FromUtf16::new(input, order)), is_selected, way, &mut |event, _| sink(event, None))
        }
        None if is_plain => read_text(input, is_selected, way, sink),
        None => read_text(input, is_selected, way, &mut |event, _| sink(event, None)),
    }
}

/// Returns the content of the input, and whether it is the input itself.
fn uncompressed<'a>(mut input: impl BufRead + 'a) -> io::Result<(Box<dyn BufRead + 'a>, bool)> {
    let is_gzip = input.fill_buf()?.starts_with(&[0x1F, 0x8B]);
    Ok(if is_gzip { (Box::new(buffered(MultiGzDecoder::new(input))), false) } else { (Box::new(input), true) })
}

fn read_text(
    mut input: impl BufRead,
    is_selected: impl Fn(&str) -> bool,
    way: Way,
    sink: &mut impl FnMut(Event<'_>, Option<u64>),
) -> Result<(), ExportError> {
    let head = input.fill_buf()?;
    let head = head.get(..HEAD).unwrap_or(head);
    let head = head.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(head);
    if texts::begin(head) {
        return read_json(buffered(FromTexts::new(input)), is_selected, way, &mut |event, _| sink(event, None));
    }
    let begins_as_json = matches!(head.trim_ascii_start().first(), Some(b'{' | b'['));
    if let Some(dialect) = Dialect::of(head, has_json_line(head)).filter(|_| !begins_as_json) {
        return CsvRows::new(input, dialect).read(is_selected, &mut |event: Event<'_>| sink(event, None));
    }
    if !looks_like_json(head) {
        return Err(ExportError::NotAnAuditLog);
    }
    read_json(input, is_selected, way, sink)
}

/// Returns the records in an object that is none itself, such as one whose time has another name.
pub fn records_in(json: &[u8]) -> Vec<Vec<u8>> {
    envelope::records(json)
}

/// Hands over the records in an object without an operation.
fn open_envelope(json: &[u8], line: u64, is_selected: &impl Fn(&str) -> bool, sink: &mut impl FnMut(Event<'_>)) {
    let records = envelope::records(json);
    if records.is_empty() {
        sink(Event::Broken { error: Broken::NoOperation, line, selected: false });
    }
    for record in records {
        hand_over(&record, line, is_selected, sink);
    }
}

/// Hands over one record.
fn hand_over(json: &[u8], line: u64, is_selected: &impl Fn(&str) -> bool, sink: &mut impl FnMut(Event<'_>)) {
    let mut selector = Selector::new(is_selected);
    let mut relay = |event: Event<'_>| match event {
        Event::Selected { json, .. } | Event::Traced { json, .. } => sink(Event::Selected { json, line }),
        Event::Broken { error, selected, .. } => sink(Event::Broken { error, line, selected }),
        Event::Skipped { .. } | Event::Envelope { .. } => sink(Event::Skipped { json: Some(json) }),
    };
    selector.push(json, &mut relay);
    selector.finish(&mut relay);
}

fn read_json(
    mut input: impl BufRead,
    is_selected: impl Fn(&str) -> bool,
    way: Way,
    sink: &mut impl FnMut(Event<'_>, Option<u64>),
) -> Result<(), ExportError> {
    let mut selector = match way {
        Way::Selecting => Selector::of_export(&is_selected),
        Way::Tracing => Selector::of_export_with_traces(&is_selected),
    };
    let mut relay = |event: Event<'_>, place: Option<u64>| match event {
        Event::Envelope { json, line } => {
            open_envelope(json, line, &is_selected, &mut |event: Event<'_>| sink(event, None));
        }
        other => sink(other, place),
    };
    let mut chunks = Chunks::default();
    let outcome = loop {
        match input.fill_buf() {
            Ok([]) => break Ok(()),
            Ok(chunk) => {
                chunks.earlier = selector.kept_bytes() as u64;
                selector.push(chunk, |event| relay(event, chunks.place(chunk, event)));
                let length = chunk.len();
                chunks.begin += length as u64;
                input.consume(length);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => break Err(error.into()),
        }
    };
    selector.finish(|event| relay(event, None));
    outcome
}

/// The place of the current chunk in the input.
#[derive(Default)]
struct Chunks {
    begin: u64,
    /// The bytes of a record that earlier chunks contained.
    earlier: u64,
}

impl Chunks {
    /// The first byte of a selected record. One that is not in the chunk began in an earlier one.
    fn place(&self, chunk: &[u8], event: Event<'_>) -> Option<u64> {
        let (Event::Selected { json, .. } | Event::Traced { json, .. }) = event else { return None };
        let within = json.as_ptr().addr().checked_sub(chunk.as_ptr().addr());
        match within.filter(|within| within + json.len() <= chunk.len()) {
            Some(within) => Some(self.begin + within as u64),
            None => self.begin.checked_sub(self.earlier),
        }
    }
}

/// Nothing at all, or a line that begins as JSON does or contains the beginning of an object behind something else, such as the head of a
/// syslog message. The first line may be broken.
fn looks_like_json(head: &[u8]) -> bool {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let is_object = |at: usize| head.get(at + 2) != Some(&b'"');
    head.trim_ascii().is_empty()
        || lines.any(|line| line.starts_with(b"{") || line.starts_with(b"["))
        || memchr::memmem::find_iter(head, b"{\"").any(is_object)
}

/// Returns whether a line begins as JSON does, below lines such as those that PowerShell prints. In a cell of CSV the first name is in
/// doubled or escaped quotes.
fn has_json_line(head: &[u8]) -> bool {
    let mut starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', head).map(|at| at + 1));
    starts.any(|start| {
        let line = head.get(start..).unwrap_or_default();
        let is_bracket = |byte: &u8| matches!(byte, b'{' | b'[') || byte.is_ascii_whitespace();
        let begins = matches!(line.iter().find(|byte| !matches!(byte, b' ' | b'\t')), Some(b'{' | b'['));
        let name = line.iter().position(|byte| !is_bracket(byte)).and_then(|at| line.get(at..)).unwrap_or_default();
        begins && name.starts_with(b"\"") && !name.starts_with(b"\"\"")
    })
}

/// Reads until the buffer is full or the input ends, so that a slow pipe is recognised by as much as a file is.
struct Whole<R> {
    input: R,
    /// An error behind bytes that had to be handed on first.
    owed: Option<io::Error>,
}

impl<R> Whole<R> {
    fn new(input: R) -> Self {
        Self { input, owed: None }
    }
}

impl<R: Read> Read for Whole<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut length = 0;
        while let Some(rest) = buffer.get_mut(length..).filter(|rest| !rest.is_empty() && self.owed.is_none()) {
            match self.input.read(rest) {
                Ok(0) => break,
                Ok(more) => length += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => self.owed = Some(error),
            }
        }
        match self.owed.take_if(|_| length == 0) {
            Some(error) => Err(error),
            None => Ok(length),
        }
    }
}
