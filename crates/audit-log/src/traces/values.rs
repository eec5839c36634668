//! Values of members that are written plainly.

use crate::select::whole::plain_bytes;

/// The value of a member.
pub(super) enum Value<'a> {
    /// Absent, `null` or empty.
    None,
    Text(&'a [u8]),
}

impl<'a> Value<'a> {
    /// `None` for anything that takes more to understand.
    #[inline]
    pub(super) fn of(value: &'a [u8]) -> Option<Self> {
        match plain_bytes(value) {
            Some([]) => Some(Self::None),
            Some(text) => is_plain(text).then_some(Self::Text(text)),
            None => value.starts_with(b"null").then_some(Self::None),
        }
    }
}

/// Letters of ASCII, without white space around them.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let is_space = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
    text.is_ascii() && !is_space(text.first()) && !is_space(text.last())
}

/// A text that must be there.
pub(super) fn filled_into<'a>(into: &mut &'a [u8], value: &'a [u8]) -> bool {
    match Value::of(value) {
        Some(Value::Text(text)) => {
            *into = text;
            true
        }
        _ => false,
    }
}

pub(super) fn text_into<'a>(into: &mut Option<&'a str>, value: &'a [u8]) -> bool {
    let mut text = None;
    let is_read = bytes_into(&mut text, value);
    // It is ASCII.
    *into = text.and_then(|text| std::str::from_utf8(text).ok()).or(*into);
    is_read
}

pub(super) fn bytes_into<'a>(into: &mut Option<&'a [u8]>, value: &'a [u8]) -> bool {
    result_into(into, Value::of(value))
}

pub(super) fn result_into<'a>(into: &mut Option<&'a [u8]>, value: Option<Value<'a>>) -> bool {
    match value {
        Some(Value::Text(text)) => *into = Some(text),
        Some(Value::None) => {}
        None => return false,
    }
    true
}

pub(super) fn name_into<'a>(into: &mut Option<&'a [u8]>, value: &'a [u8]) -> bool {
    if value.starts_with(b"null") {
        return true;
    }
    match plain_bytes(value).or_else(|| quoted(value)).filter(|name| is_plain(name)) {
        Some(name) => {
            *into = Some(name).filter(|name| !name.is_empty());
            true
        }
        None => false,
    }
}

/// Returns the text between the quotes, in which only backslashes are escaped.
pub(super) fn quoted(value: &[u8]) -> Option<&[u8]> {
    let text = value.strip_prefix(b"\"")?;
    let mut at = 0;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text.get(at) == Some(&b'"') {
            return text.get(..at);
        }
        (text.get(at + 1) == Some(&b'\\')).then_some(())?;
        at += 2;
    }
}

/// Returns a number, which may be written as text.
pub(super) fn record_type(value: &[u8]) -> Option<Option<i64>> {
    if value.starts_with(b"null") {
        return Some(None);
    }
    let digits = value.strip_prefix(b"\"").unwrap_or(value);
    let length = digits.iter().position(|byte| !byte.is_ascii_digit())?;
    let is_ended = matches!(digits.get(length), Some(b'"' | b',' | b'}' | b' '));
    let digits = digits.get(..length).filter(|digits| (1..=9).contains(&digits.len()))?;
    let number = digits.iter().fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    is_ended.then_some(Some(number))
}
