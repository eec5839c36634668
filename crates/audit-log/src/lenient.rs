//! Reads JSON that a strict parser refuses although it can be understood.
//!
//! An attacker chooses texts of a record. Half of a surrogate pair in the name of a rule, a number beyond any range or a hundred
//! and thirty brackets in a member that is not needed must not keep the record from being read.

use std::borrow::Cow;

use serde::de::DeserializeOwned;

/// The nesting that is parsed. The parser goes to 128, and what is parsed here is put into other values afterwards.
const DEEPEST: usize = 100;

/// Parses the bytes, or the bytes as [`repaired`] if that fails.
///
/// # Errors
/// Returns the first error if the repaired bytes do not parse either.
pub(super) fn from_slice<T: DeserializeOwned>(bytes: &[u8]) -> serde_json::Result<T> {
    let repair =
        |error| serde_json::from_slice(&repaired(utf8(bytes).as_bytes())).map_err(|_: serde_json::Error| error);
    serde_json::from_slice(bytes).or_else(repair)
}

/// Returns the text of bytes that are UTF-8, or else Windows-1252, as old programs write.
pub(super) fn utf8(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0,
    }
}

/// Returns the JSON with the replacement character for each half of a surrogate pair, the text of each number that no type can
/// hold, and the text of whatever is nested too deep. The rest stays as it is, sound or not.
pub(super) fn repaired(json: &[u8]) -> Vec<u8> {
    let mut repair = Repair { json, at: 0, out: Vec::with_capacity(json.len()) };
    let mut depth = 0_usize;
    while let Some(&byte) = json.get(repair.at) {
        match byte {
            b'"' => repair.text(),
            b'-' | b'0'..=b'9' => repair.number(),
            b'{' | b'[' if depth == DEEPEST => repair.too_deep(),
            _ => {
                match byte {
                    b'{' | b'[' => depth += 1,
                    b'}' | b']' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                repair.out.push(byte);
                repair.at += 1;
            }
        }
    }
    repair.out
}

struct Repair<'a> {
    json: &'a [u8],
    at: usize,
    out: Vec<u8>,
}

impl<'a> Repair<'a> {
    fn text(&mut self) {
        let text = self.take(end_of_text);
        let mut rest = text;
        while let Some(backslash) = memchr::memchr(b'\\', rest) {
            let (plain, escape) = rest.split_at(backslash);
            self.out.extend_from_slice(plain);
            let length = match surrogate(escape) {
                Surrogate::Pair => 12,
                Surrogate::Half => {
                    self.out.extend_from_slice(b"\\ufffd");
                    rest = &escape[6..];
                    continue;
                }
                Surrogate::None => 2.min(escape.len()),
            };
            self.out.extend_from_slice(&escape[..length]);
            rest = &escape[length..];
        }
        self.out.extend_from_slice(rest);
    }

    fn number(&mut self) {
        let number = self.take(|rest| {
            let is_part = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
            rest.iter().position(|byte| !is_part(byte)).unwrap_or(rest.len())
        });
        let is_number = |bytes: &[u8]| serde_json::from_slice::<serde_json::Number>(bytes).is_ok();
        let is_huge = || serde_json::from_slice::<&serde_json::value::RawValue>(number).is_ok();
        if !is_number(number) && is_huge() {
            self.out.push(b'"');
            self.out.extend_from_slice(number);
            self.out.push(b'"');
        } else {
            self.out.extend_from_slice(number);
        }
    }

    fn too_deep(&mut self) {
        let value = self.take(end_of_value);
        let text = serde_json::Value::String(String::from_utf8_lossy(value).into_owned());
        self.out.extend_from_slice(text.to_string().as_bytes());
    }

    fn take(&mut self, length: impl Fn(&'a [u8]) -> usize) -> &'a [u8] {
        let rest = &self.json[self.at..];
        let part = &rest[..length(rest).min(rest.len())];
        self.at += part.len();
        part
    }
}

enum Surrogate {
    /// A high one and the low one that belongs to it.
    Pair,
    Half,
    None,
}

/// Classifies the escape that the bytes begin with.
fn surrogate(escape: &[u8]) -> Surrogate {
    match (unit(escape), escape.get(6..).and_then(unit)) {
        (Some(0xD800..0xDC00), Some(0xDC00..0xE000)) => Surrogate::Pair,
        (Some(0xD800..0xE000), _) => Surrogate::Half,
        _ => Surrogate::None,
    }
}

fn unit(escape: &[u8]) -> Option<u16> {
    let digits = escape.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().all(u8::is_ascii_hexdigit).then_some(())?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// The length of the text that the bytes begin with, quotes included.
fn end_of_text(bytes: &[u8]) -> usize {
    let mut at = 1;
    while let Some(more) = bytes.get(at..).and_then(|rest| memchr::memchr2(b'"', b'\\', rest)) {
        at += more;
        if bytes[at] == b'"' {
            return at + 1;
        }
        at += 2;
    }
    bytes.len()
}

/// The length of the list or object that the bytes begin with.
fn end_of_value(bytes: &[u8]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while let Some(&byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at += end_of_text(&bytes[at..]);
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            return at;
        }
    }
    bytes.len()
}
