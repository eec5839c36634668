//! The many ways in which one JSON value may be written.

use proptest::prelude::*;
use serde_json::Value;

/// A way to write a JSON value. Each seed reorders members and chooses spaces and escapes in its own way.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    seed: u64,
    /// Spaces, tabs and line breaks instead of single spaces.
    line_breaks: bool,
    /// Number of characters in a hundred that are written by their code. The others have a short escape if they need one.
    escapes: u64,
}

/// Any style. In half of them no character is written by its number, as services write.
pub fn styles() -> impl Strategy<Value = Style> {
    (any::<u64>(), any::<bool>(), prop::sample::select(vec![0, 0, 2, 33]))
        .prop_map(|(seed, line_breaks, escapes)| Style { seed, line_breaks, escapes })
}

impl Style {
    /// The value in this style.
    pub fn write(mut self, value: &Value) -> String {
        self.value(value)
    }

    fn next(&mut self, below: u64) -> u64 {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) % below
    }

    fn space(&mut self) -> &'static str {
        match self.next(if self.line_breaks { 4 } else { 2 }) {
            0 => "",
            1 => " ",
            2 => "\n",
            _ => "\r\n\t",
        }
    }

    fn text(&mut self, text: &str) -> String {
        let mut out = String::from("\"");
        for c in text.chars() {
            match short_escape(c) {
                _ if self.next(100) < self.escapes => push_escaped(&mut out, c),
                Some(letter) if c != '/' || self.next(2) == 0 => out.extend(['\\', letter]),
                None if c.is_control() => push_escaped(&mut out, c),
                _ => out.push(c),
            }
        }
        out + "\""
    }

    fn value(&mut self, value: &Value) -> String {
        match value {
            Value::Object(map) => {
                let mut members: Vec<_> = map.iter().collect();
                let turn = self.next(members.len().max(1) as u64) as usize;
                members.rotate_left(turn);
                let members = members.into_iter().map(|(key, value)| {
                    let (before, key, after) = (self.space(), self.text(key), self.space());
                    format!("{before}{key}{after}:{}{}", self.space(), self.value(value))
                });
                let members: Vec<_> = members.collect();
                format!("{{{}{}}}", members.join(","), self.space())
            }
            Value::Array(items) => {
                let items: Vec<_> = items.iter().map(|item| format!("{}{}", self.space(), self.value(item))).collect();
                format!("[{}{}]", items.join(","), self.space())
            }
            Value::String(text) => self.text(text),
            other => other.to_string(),
        }
    }
}

/// The letter behind the backslash.
fn short_escape(c: char) -> Option<char> {
    match c {
        '"' | '\\' | '/' => Some(c),
        '\n' => Some('n'),
        '\r' => Some('r'),
        '\t' => Some('t'),
        '\u{8}' => Some('b'),
        '\u{c}' => Some('f'),
        _ => None,
    }
}

fn push_escaped(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        out.push_str(&format!("\\u{unit:04x}"));
    }
}
