//! CSV with a record in one cell of each row, or with a column for each member of a record.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};
use serde_json::Value;

use super::dialect::{Dialect, Header, QuoteBackslashes, is_record_column};
use super::{ExportError, envelope, flat, hand_over};
use crate::lenient;
use crate::select::{Broken, Event, Selector};

const LONGEST_ROW: usize = 32 * 1024 * 1024;

/// The most lines before the header, such as a title and the time of the export.
const TITLE_LINES: usize = 20;

/// The rows of a CSV export.
pub(super) struct CsvRows<R> {
    reader: Reader<QuoteBackslashes<Rationed<R>>>,
    ration: Rc<Cell<usize>>,
    dialect: Dialect,
}

impl<R: Read> CsvRows<R> {
    pub(super) fn new(input: R, dialect: Dialect) -> Self {
        let ration = Rc::new(Cell::new(LONGEST_ROW));
        let rationed = Rationed { input, left: Rc::clone(&ration) };
        let reader = ReaderBuilder::new()
            .delimiter(dialect.separator)
            // Of both line ends the carriage return stays with the last cell, where it does no harm; the reader would count it as a
            // line of its own.
            .terminator(Terminator::Any(dialect.line_end))
            .flexible(true)
            .has_headers(false)
            .from_reader(QuoteBackslashes::new(rationed, dialect.escapes_by_backslash));
        Self { reader, ration, dialect }
    }

    pub(super) fn read(
        mut self,
        is_selected: impl Fn(&str) -> bool,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ExportError> {
        let mut row = ByteRecord::new();
        let mut header = None;
        let mut titles = 0;
        while self.next_row(&mut row)? {
            if row.iter().all(|cell| cell.trim_ascii().is_empty()) {
                continue;
            }
            let line = row.position().map_or(0, csv::Position::line);
            match &header {
                Some(header) => self.read_row(header, &row, line, &is_selected, sink),
                None => match Header::of(&row) {
                    Some(found) => header = Some(found),
                    None if has_record(&row) => {
                        header = Some(Header::default());
                        self.read_row(&Header::default(), &row, line, &is_selected, sink);
                    }
                    None => {
                        titles += 1;
                        if titles > TITLE_LINES {
                            return Err(ExportError::NotAnAuditLog);
                        }
                    }
                },
            }
        }
        Ok(())
    }

    /// A row gives one record: that of the column which is called after it, else that of any cell, else its columns together.
    fn read_row(
        &self,
        header: &Header,
        row: &ByteRecord,
        line: u64,
        is_selected: &impl Fn(&str) -> bool,
        sink: &mut impl FnMut(Event<'_>),
    ) {
        let cells: Vec<Vec<u8>> = row.iter().map(|cell| lenient::utf8(cell).into_owned().into_bytes()).collect();
        let selected = header
            .operation()
            .and_then(|column| cells.get(column))
            .is_some_and(|cell| is_selected(String::from_utf8_lossy(cell).trim()));
        let cell_sink = &mut |event: Event<'_>| match event {
            // The columns beside the record tell its operation if its text does not.
            Event::Broken { error, line, selected: in_record } => {
                sink(Event::Broken { error, line, selected: in_record || selected });
            }
            other => sink(other),
        };
        let column = header.names.iter().position(|name| is_record_column(name));
        if let Some(cell) = column.and_then(|column| cells.get(column)).filter(|cell| begins_as_json(cell)) {
            return self.read_cell(cell, line, is_selected, cell_sink);
        }
        if let Some(cell) = cells.iter().find(|cell| begins_as_json(cell) && !envelope::records(cell).is_empty()) {
            return self.read_cell(cell, line, is_selected, cell_sink);
        }
        let texts = cells.iter().map(|cell| Value::String(String::from_utf8_lossy(cell).into_owned()));
        match flat::record(header.names.iter().cloned().zip(texts)) {
            Some(record) => hand_over(Value::Object(record).to_string().as_bytes(), line, is_selected, sink),
            None => sink(Event::Broken { error: Broken::NotARecord, line, selected }),
        }
    }

    /// A cell holds one record; its lines are counted from the row's.
    fn read_cell(&self, cell: &[u8], line: u64, is_selected: &impl Fn(&str) -> bool, sink: &mut impl FnMut(Event<'_>)) {
        let unescaped = self.dialect.escapes_by_backslash && !is_json(cell);
        let cell = if unescaped { without_escapes(cell) } else { cell.to_vec() };
        let mut is_empty = true;
        let mut relay = |event: Event<'_>| {
            is_empty = false;
            match event {
                Event::Selected { json, .. } | Event::Traced { json, .. } => sink(Event::Selected { json, line }),
                Event::Broken { error, selected, .. } => sink(Event::Broken { error, line, selected }),
                Event::Skipped { json } => sink(Event::Skipped { json }),
                Event::Envelope { json, .. } => super::open_envelope(json, line, is_selected, sink),
            }
        };
        let mut selector = Selector::of_export(is_selected);
        selector.push(&cell, &mut relay);
        selector.finish(&mut relay);
        if is_empty {
            sink(Event::Broken { error: Broken::NotARecord, line, selected: false });
        }
    }

    fn next_row(&mut self, row: &mut ByteRecord) -> Result<bool, ExportError> {
        self.ration.set(LONGEST_ROW);
        let line = self.reader.position().line();
        self.reader.read_byte_record(row).map_err(|error| match error.into_kind() {
            csv::ErrorKind::Io(_) if self.ration.get() == 0 => ExportError::RowTooLong { line },
            csv::ErrorKind::Io(error) => ExportError::Io(error),
            other => ExportError::Io(io::Error::other(format!("{other:?}"))),
        })
    }
}

/// Returns whether a row has a cell with a record, damaged or not. A title has none.
fn has_record(row: &ByteRecord) -> bool {
    row.iter().any(|cell| begins_as_json(cell) && cell.contains(&b'"'))
}

fn begins_as_json(cell: &[u8]) -> bool {
    matches!(cell.trim_ascii().first(), Some(b'{' | b'['))
}

fn is_json(cell: &[u8]) -> bool {
    serde_json::from_slice::<serde::de::IgnoredAny>(cell).is_ok()
}

/// The text of a cell in which backslashes are escaped as well as quotes.
fn without_escapes(cell: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(cell.len());
    let mut bytes = cell.iter().copied().peekable();
    while let Some(byte) = bytes.next() {
        let is_escape = byte == b'\\' && matches!(bytes.peek(), Some(b'\\' | b'"'));
        text.push(if is_escape { bytes.next().unwrap_or(byte) } else { byte });
    }
    text
}

/// Gives no more bytes than the reader was granted for one row.
struct Rationed<R> {
    input: R,
    left: Rc<Cell<usize>>,
}

impl<R: Read> Read for Rationed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.left.get();
        if left == 0 {
            return Err(io::Error::other("the row does not end"));
        }
        let length = self.input.read(buffer)?;
        self.left.set(left.saturating_sub(length));
        Ok(length)
    }
}
