//! CSV with the records in a column `AuditData`.

use std::cell::Cell;
use std::io::{self, Read};
use std::rc::Rc;

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::ExportError;
use crate::select::{Broken, Event, Selector};

const COLUMN: &str = "AuditData";
const LONGEST_ROW: usize = 32 * 1024 * 1024;

/// The separator, when one line among the first is a header with the column.
pub(super) fn separator(head: &[u8]) -> Option<u8> {
    let header = header_line(head);
    [b',', b';', b'\t'].into_iter().find(|separator| header.split(|byte| byte == separator).any(is_the_column))
}

/// The first line with something in it, but for the `#TYPE` line of Windows PowerShell.
fn header_line(head: &[u8]) -> &[u8] {
    let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    lines.find(|line| !line.is_empty() && !line.starts_with(b"#")).unwrap_or_default()
}

fn is_the_column(cell: &[u8]) -> bool {
    let cell = cell.trim_ascii();
    let cell = cell.strip_prefix(&[0xEF, 0xBB, 0xBF]).unwrap_or(cell);
    let unquoted = cell.strip_prefix(b"\"").and_then(|cell| cell.strip_suffix(b"\"")).unwrap_or(cell);
    unquoted.trim_ascii().eq_ignore_ascii_case(COLUMN.as_bytes())
}

/// The rows of a CSV export.
pub(super) struct CsvRows<R> {
    reader: Reader<Rationed<R>>,
    ration: Rc<Cell<usize>>,
}

impl<R: Read> CsvRows<R> {
    pub(super) fn new(input: R, separator: u8) -> Self {
        let ration = Rc::new(Cell::new(LONGEST_ROW));
        let reader = ReaderBuilder::new()
            .delimiter(separator)
            // A carriage return stays with the last cell, where it does no harm; the reader would count it as a line of its own.
            .terminator(Terminator::Any(b'\n'))
            .flexible(true)
            .has_headers(false)
            .from_reader(Rationed { input, left: Rc::clone(&ration) });
        Self { reader, ration }
    }

    pub(super) fn read(
        mut self,
        is_selected: impl Fn(&str) -> bool,
        sink: &mut impl FnMut(Event<'_>),
    ) -> Result<(), ExportError> {
        let mut selector = Selector::new(is_selected);
        let mut row = ByteRecord::new();
        let mut column = None;
        while self.next_row(&mut row)? {
            if row.iter().all(|cell| cell.trim_ascii().is_empty()) {
                continue;
            }
            let line = row.position().map_or(0, csv::Position::line);
            match column.map(|index| row.get(index)) {
                Some(cell) => read_cell(&mut selector, cell.unwrap_or_default(), line, sink),
                None => column = row.iter().position(is_the_column),
            }
        }
        Ok(())
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

/// A cell holds one record; its lines are counted from the row's.
fn read_cell<F: Fn(&str) -> bool>(
    selector: &mut Selector<F>,
    cell: &[u8],
    row_line: u64,
    sink: &mut impl FnMut(Event<'_>),
) {
    let mut is_empty = true;
    let mut relay = |event: Event<'_>| {
        is_empty = false;
        sink(match event {
            Event::Selected { json, .. } => Event::Selected { json, line: row_line },
            Event::Broken { error, .. } => Event::Broken { error, line: row_line },
            Event::Skipped => Event::Skipped,
        });
    };
    selector.push(cell, &mut relay);
    selector.finish(&mut relay);
    if is_empty {
        sink(Event::Broken { error: Broken::NotARecord, line: row_line });
    }
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
