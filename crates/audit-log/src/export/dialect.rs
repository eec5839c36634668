//! Recognises CSV and how it is written: by which separator, with quotes doubled or escaped by a backslash, below which titles.

use std::io::{self, Read};

use csv::ByteRecord;

use crate::lenient;

/// The columns that hold a whole record, in lower case: of the Purview portal and `Search-UnifiedAuditLog`, of Defender, of Splunk, of
/// Elasticsearch.
const RECORD_COLUMNS: &[&str] = &["auditdata", "raweventdata", "_raw", "event.original", "message"];

/// The columns of which one names the operation of a row.
const OPERATION_COLUMNS: &[&str] = &["operation", "operations", "actiontype"];

/// The form of a CSV file: its separator and its way to write quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Dialect {
    pub separator: u8,
    pub escapes_by_backslash: bool,
    /// The last byte of a line: a line feed, or a carriage return as old Macs write.
    pub line_end: u8,
}

/// The names of the columns.
#[derive(Debug, Default)]
pub(super) struct Header {
    pub names: Vec<String>,
}

impl Dialect {
    /// Recognises CSV by its beginning. `None` if no line of it is a header or a row with a record. A row is none if lines of the file
    /// begin as JSON does.
    pub(super) fn of(head: &[u8], has_json_line: bool) -> Option<Self> {
        let named = named_separator(head).or_else(|| separator_of_header(head));
        let separator = named.or_else(|| separator_of_row(head).filter(|_| !has_json_line))?;
        let escapes_by_backslash = json_cell(head).is_some_and(|cell| cell.quotes == b"\\\"");
        Some(Self { separator, escapes_by_backslash, line_end: line_end(head) })
    }
}

impl Header {
    /// Returns the header that a row is, if it is one.
    pub(super) fn of(row: &ByteRecord) -> Option<Self> {
        let names: Vec<String> = row.iter().map(name).collect();
        let is_header = names.iter().any(|name| is_record_column(name)) || is_flat_header(&names);
        is_header.then_some(Self { names })
    }

    /// Returns the place of the column that names the operation.
    pub(super) fn operation(&self) -> Option<usize> {
        self.names.iter().position(|name| OPERATION_COLUMNS.contains(&last_part(name).to_ascii_lowercase().as_str()))
    }
}

/// Returns the line end of the first line, quotes left out.
fn line_end(head: &[u8]) -> u8 {
    let mut quoted = false;
    let first = head.iter().position(|byte| {
        quoted ^= *byte == b'"';
        !quoted && matches!(byte, b'\r' | b'\n')
    });
    let end = first.and_then(|at| head.get(at..)).unwrap_or_default();
    let behind = end.iter().find(|byte| **byte != b'\r');
    if end.first() == Some(&b'\r') && behind.is_some_and(|byte| *byte != b'\n') { b'\r' } else { b'\n' }
}

/// Returns whether a column holds a whole record.
pub(super) fn is_record_column(name: &str) -> bool {
    RECORD_COLUMNS.contains(&name.to_ascii_lowercase().as_str())
}

/// One column for each member: an operation and something that a record needs beside it.
fn is_flat_header(names: &[String]) -> bool {
    let lower: Vec<String> = names.iter().map(|name| last_part(name).to_ascii_lowercase()).collect();
    lower.iter().any(|name| OPERATION_COLUMNS.contains(&name.as_str()))
        && lower.iter().any(|name| name.contains("time") || name.contains("date"))
}

fn last_part(name: &str) -> &str {
    name.rsplit('.').next().unwrap_or(name)
}

/// The text of a cell of the header.
fn name(cell: &[u8]) -> String {
    let text = lenient::utf8(cell);
    text.trim_matches(|c: char| c.is_whitespace() || matches!(c, '\u{feff}' | '"')).to_owned()
}

/// A first line such as `sep=;`, which Excel writes.
fn named_separator(head: &[u8]) -> Option<u8> {
    let line = lines(head).next()?;
    let line = line.strip_prefix(b"\"").unwrap_or(line);
    let separator = line.get(..4).filter(|name| name.eq_ignore_ascii_case(b"sep=")).and_then(|_| line.get(4));
    separator.copied().or_else(|| line.eq_ignore_ascii_case(b"sep=").then_some(b'\t'))
}

fn separator_of_header(head: &[u8]) -> Option<u8> {
    const LINES: usize = 20;
    lines(head).take(LINES).find_map(|line| {
        [b',', b';', b'\t'].into_iter().find(|separator| {
            let names: Vec<String> = line.split(|byte| byte == separator).map(name).collect();
            names.iter().any(|name| is_record_column(name)) && (names.len() > 1 || !line.contains(&b' '))
                || names.len() > 1 && is_flat_header(&names)
        })
    })
}

/// A cell that is the text of an object or a list.
struct JsonCell<'a> {
    /// The place of the quotation mark before it.
    begin: usize,
    /// Its first quotes: `""` or `\"`.
    quotes: &'a [u8],
}

/// The first cell that is the text of an object or a list: a record as it is written, indented or in a list.
fn json_cell(head: &[u8]) -> Option<JsonCell<'_>> {
    let begins_cell = |at: usize| {
        let before = at.checked_sub(1).and_then(|before| head.get(before));
        before.is_none_or(|byte| matches!(byte, b',' | b';' | b'\t' | b'\n' | b'\r'))
    };
    memchr::memchr_iter(b'"', head).filter(|at| begins_cell(*at)).find_map(|begin| {
        let text = head.get(begin + 1..)?.trim_ascii_start();
        let brackets = text.iter().take_while(|byte| matches!(byte, b'{' | b'[') || byte.is_ascii_whitespace()).count();
        let quotes = text.get(brackets..brackets + 2)?;
        (brackets > 0 && matches!(quotes, b"\"\"" | b"\\\"")).then_some(JsonCell { begin, quotes })
    })
}

/// The byte before or behind the first cell that is the text of an object or a list. A file of one column needs none.
fn separator_of_row(head: &[u8]) -> Option<u8> {
    let is_separator = |byte: &u8| matches!(byte, b',' | b';' | b'\t');
    let Some(cell) = json_cell(head) else { return separator_of_bare_cell(head) };
    let before = cell.begin.checked_sub(1).and_then(|at| head.get(at)).copied().filter(is_separator);
    let behind = || end_of_cell(head.get(cell.begin + 1..)?).and_then(|end| head.get(cell.begin + 1 + end));
    Some(before.or_else(|| behind().copied().filter(is_separator)).unwrap_or(b','))
}

/// Returns the end of the quoted text that these bytes continue: behind its last quotation mark.
fn end_of_cell(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        match (text.get(at), text.get(at + 1)) {
            (Some(b'\\'), Some(b'"')) if text.get(at + 2) != Some(&b'"') => at += 2,
            (Some(b'\\'), _) => at += 1,
            (_, Some(b'"')) => at += 2,
            _ => return Some(at + 1),
        }
    }
}

/// The tab before an object without quotation marks around it. JSON contains no tab, so the cell ends where it does.
fn separator_of_bare_cell(head: &[u8]) -> Option<u8> {
    [&b"\t{\""[..], b"\t[{\"", b"\t{ \""]
        .iter()
        .any(|begin| memchr::memmem::find(head, begin).is_some())
        .then_some(b'\t')
}

/// Returns the lines that are not empty, except the `#TYPE` line of Windows PowerShell.
fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = head.split(|byte| matches!(byte, b'\n' | b'\r')).map(<[u8]>::trim_ascii);
    lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"))
}

/// Doubles the quotes that are escaped by a backslash. A pair of backslashes is left as it is.
pub(super) struct QuoteBackslashes<R> {
    input: R,
    is_on: bool,
    /// The byte before was a backslash that escapes.
    escapes: bool,
    /// Text that is written already and was not asked for yet.
    pending: Vec<u8>,
    sent: usize,
}

impl<R> QuoteBackslashes<R> {
    pub(super) fn new(input: R, is_on: bool) -> Self {
        Self { input, is_on, escapes: false, pending: Vec::new(), sent: 0 }
    }

    fn rewrite(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match (self.escapes, byte) {
                (true, b'"') => self.pending.extend_from_slice(b"\"\""),
                (true, other) => self.pending.extend_from_slice(&[b'\\', *other]),
                (false, b'\\') => {}
                (false, other) => self.pending.push(*other),
            }
            self.escapes = !self.escapes && *byte == b'\\';
        }
    }
}

impl<R: Read> Read for QuoteBackslashes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.is_on {
            return self.input.read(buffer);
        }
        while self.sent == self.pending.len() {
            self.pending.clear();
            self.sent = 0;
            let length = self.input.read(buffer)?;
            if length == 0 {
                if std::mem::take(&mut self.escapes) {
                    self.pending.push(b'\\');
                    continue;
                }
                return Ok(0);
            }
            let read = buffer.get(..length).unwrap_or_default().to_vec();
            self.rewrite(&read);
        }
        let rest = self.pending.get(self.sent..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.sent += length;
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dialect(separator: u8, escapes_by_backslash: bool) -> Option<Dialect> {
        Some(Dialect { separator, escapes_by_backslash, line_end: b'\n' })
    }

    #[test]
    fn separators_are_found_in_headers_and_rows() {
        for (head, expected) in [
            ("CreationDate,AuditData\n", dialect(b',', false)),
            ("\"CreationDate\";\"AuditData\"\r\n", dialect(b';', false)),
            ("sep=;\nCreationDate;AuditData\n", dialect(b';', false)),
            ("\"sep=\t\"\nCreationDate\tAuditData\n", dialect(b'\t', false)),
            ("#TYPE Selected\n\"AuditData\"\n", dialect(b',', false)),
            ("Export of Monday\n\nTimeGenerated,Operation,Parameters\n", dialect(b',', false)),
            ("when;what\nnow;\"{\"\"Operation\"\":1}\"\n", dialect(b';', false)),
            ("_time,_raw\nnow,\"{\\\"Operation\\\":1}\"\n", dialect(b',', true)),
            ("Data\n\"{\"\"Operation\"\":1}\"\n", dialect(b',', false)),
            ("A;B\n\"[{\"\"Operation\"\":1}]\";x\n", dialect(b';', false)),
            ("A,B\nx,\" { \"\"Operation\"\":1}\"\n", dialect(b',', false)),
            ("A\tB\nx\t{\"Operation\":1}\n", dialect(b'\t', false)),
            ("name,value\na,b\n", None),
            ("a message to all\n", None),
        ] {
            assert_eq!(Dialect::of(head.as_bytes(), false), expected, "{head}");
        }
    }

    #[test]
    fn line_ends_are_found_outside_quotes() {
        for (head, expected) in [
            ("A,AuditData\r\"x\ny\",z\r", b'\r'),
            ("\"A\nB\",AuditData\rx,y", b'\r'),
            ("A,AuditData\r\nx,y\r\n", b'\n'),
            ("A,AuditData\r\r\nx,y", b'\n'),
            ("A,AuditData\nx\r,y", b'\n'),
            ("A,AuditData", b'\n'),
            ("A,AuditData\r", b'\n'),
        ] {
            assert_eq!(line_end(head.as_bytes()), expected, "{head:?}");
        }
    }

    #[test]
    fn escaped_quotes_are_doubled() {
        let mut read = String::new();
        QuoteBackslashes::new(&br#""{\"a\":\"b\\.\"}\"#[..], true).read_to_string(&mut read).unwrap();
        assert_eq!(read, r#""{""a"":""b\\.""}\"#);
    }
}
