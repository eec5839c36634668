//! Reads records that were encoded twice: `(Search-UnifiedAuditLog …).AuditData | ConvertTo-Json` gives a list of texts of records.

use std::collections::VecDeque;
use std::io::{self, BufRead, Read};

/// Returns whether a file begins with the text of an object or a list, alone or as the first item of a list: `"{\"`.
pub(super) fn begin(head: &[u8]) -> bool {
    let head = head.trim_ascii_start();
    let head = head.strip_prefix(b"[").unwrap_or(head).trim_ascii_start();
    let Some(text) = head.strip_prefix(b"\"") else { return false };
    let (mut rest, mut is_open) = (text, false);
    loop {
        rest = match rest {
            [byte @ (b'{' | b'[' | b' '), after @ ..] => {
                is_open |= *byte == b'{';
                after
            }
            // White space of a record on several lines.
            [b'\\', b'n' | b'r' | b't', after @ ..] => after,
            _ => return is_open && rest.starts_with(b"\\\""),
        };
    }
}

/// The context of the next byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Outside,
    /// Behind the quotation mark that begins a text.
    Begin,
    /// In a text that is no record.
    Other,
    /// In such a text, behind a backslash.
    OtherEscape,
    /// In the text of a record.
    Text,
    Escape,
    /// In `\u0022`: the digits so far.
    Code(u8, u32),
}

/// The input with the texts of records decoded once. What is outside of them stays as it is, and so do lines.
#[derive(Debug)]
pub(super) struct FromTexts<R> {
    input: R,
    decoder: Decoder,
}

impl<R: BufRead> FromTexts<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, decoder: Decoder { place: Place::Outside, high: None, decoded: VecDeque::new() } }
    }
}

#[derive(Debug)]
struct Decoder {
    place: Place,
    /// The first half of a surrogate pair.
    high: Option<u32>,
    /// Bytes that were not read yet.
    decoded: VecDeque<u8>,
}

impl Decoder {
    fn take(&mut self, byte: u8) {
        let is_json = || matches!(byte, b'{' | b'[');
        self.place = match (self.place, byte) {
            (Place::Outside, b'"') => return self.place = Place::Begin,
            (Place::Begin, b' ') => return,
            (Place::Begin, _) if is_json() => Place::Text,
            (Place::Begin, b'"') => {
                self.decoded.push_back(b'"');
                Place::Outside
            }
            (Place::Begin, _) => {
                self.decoded.push_back(b'"');
                if byte == b'\\' { Place::OtherEscape } else { Place::Other }
            }
            (Place::Other, b'\\') => Place::OtherEscape,
            (Place::Other, b'"') => Place::Outside,
            (Place::OtherEscape, _) => Place::Other,
            (Place::Text, b'"') => return self.place = Place::Outside,
            (Place::Text, b'\\') => return self.place = Place::Escape,
            (Place::Escape, b'u') => return self.place = Place::Code(0, 0),
            (Place::Escape, _) => {
                self.decoded.push_back(unescaped(byte));
                return self.place = Place::Text;
            }
            (Place::Code(digits, code), _) => return self.take_digit(digits, code, byte),
            (place, _) => place,
        };
        self.decoded.push_back(byte);
    }

    fn take_digit(&mut self, digits: u8, code: u32, byte: u8) {
        let Some(digit) = char::from(byte).to_digit(16) else {
            self.place = Place::Text;
            return self.take(byte);
        };
        let code = code * 16 + digit;
        if digits < 3 {
            return self.place = Place::Code(digits + 1, code);
        }
        self.place = Place::Text;
        if (0xD800..0xDC00).contains(&code) {
            return self.high = Some(code);
        }
        let pair = self.high.take().filter(|_| (0xDC00..0xE000).contains(&code));
        let code = pair.map_or(code, |high| 0x10000 + ((high - 0xD800) << 10) + (code - 0xDC00));
        let letter = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
        // A line break between two members; the lines of the file are counted as they are.
        let letter = if matches!(letter, '\n' | '\r') { ' ' } else { letter };
        self.decoded.extend(letter.encode_utf8(&mut [0; 4]).as_bytes());
    }
}

/// Line breaks of a record on several lines become spaces, so that lines are counted as they are in the file.
fn unescaped(byte: u8) -> u8 {
    match byte {
        b'n' | b'r' | b't' | b'b' | b'f' => b' ',
        _ => byte,
    }
}

impl<R: BufRead> Read for FromTexts<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.decoder.decoded.is_empty() {
            let chunk = self.input.fill_buf()?;
            let length = chunk.len().min(buffer.len());
            if length == 0 {
                return Ok(0);
            }
            chunk.iter().take(length).for_each(|byte| self.decoder.take(*byte));
            self.input.consume(length);
        }
        self.decoder.decoded.read(buffer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> String {
        let mut out = String::new();
        FromTexts::new(io::BufReader::with_capacity(3, text.as_bytes())).read_to_string(&mut out).unwrap();
        out
    }

    #[test]
    fn texts_of_records_are_decoded_once() {
        for (text, expected) in [
            (r#"["{\"a\":\"b\"}", "{}"]"#, r#"[{"a":"b"}, {}]"#),
            (r#""{\"a\":\"b \\\"c\\\" \\\\ \\n d\/e\"}""#, r#"{"a":"b \"c\" \\ \n d/e"}"#),
            (r#""{\n  \"a\": \u0022\u00fc\ud83d\ude00\u0022}""#, r#"{   "a": "ü😀"}"#),
            (r#""[{\"a\":1}]""#, r#"[{"a":1}]"#),
            (r#"["no \" record", "", {"a":1}]"#, r#"["no \" record", "", {"a":1}]"#),
        ] {
            assert_eq!(decoded(text), expected, "{text}");
        }
    }

    #[test]
    fn files_of_texts_are_told_from_other_files() {
        for text in [r#""{\"a"#, r#""{\r\n  \"a"#, r#"[ "{\"a"#, "[\n  \"{\\\"a", r#""[{\"a"#] {
            assert!(begin(text.as_bytes()), "{text}");
        }
        for text in
            [r#"{"a":"b"}"#, r#"[{"a""#, "\"{\"\"a", "\"CreationDate\",\"AuditData\"", r#"["text"]"#, "", "[", "\""]
        {
            assert!(!begin(text.as_bytes()), "{text}");
        }
    }
}
