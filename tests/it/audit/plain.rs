//! The selector as it would be written without a thought for speed: whole input, byte by byte.

use audit_log::Broken;

use super::Seen;
use super::is_wanted;

enum End {
    Closed(usize),
    Cut(usize),
    Open,
}

pub fn select(bytes: &[u8]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let line = |at: usize| 1 + bytes[..at].iter().filter(|b| **b == b'\n').count() as u64;
    let mut at = 0;
    let (mut arrays, mut item, mut comma) = (0, false, false);
    while at < bytes.len() {
        match bytes[at] {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            0xEF if bytes[at + 1..].is_empty() || bytes[at..] == [0xEF, 0xBB] => at = bytes.len(),
            0xEF if bytes[at..].starts_with(&[0xEF, 0xBB, 0xBF]) => at += 3,
            b'[' => {
                (arrays, item, comma) = (arrays + 1, false, false);
                at += 1;
            }
            b']' if arrays > 0 => {
                if comma {
                    seen.push(Seen::Broken(Broken::StrayComma, line(at)));
                }
                (arrays, item, comma) = (arrays - 1, true, false);
                at += 1;
            }
            b',' => {
                if arrays == 0 || !item {
                    seen.push(Seen::Broken(Broken::StrayComma, line(at)));
                } else {
                    comma = true;
                }
                item = false;
                at += 1;
            }
            b'{' => {
                (item, comma) = (true, false);
                match end(bytes, at) {
                    End::Closed(end) => {
                        seen.push(judge(&bytes[at..end], line(at)));
                        at = end;
                    }
                    End::Cut(end) => {
                        seen.push(Seen::Broken(Broken::Unfinished, line(at)));
                        at = end;
                    }
                    End::Open => {
                        seen.push(Seen::Broken(Broken::CutOff, line(at)));
                        return seen;
                    }
                }
            }
            _ => {
                (item, comma) = (true, false);
                seen.push(Seen::Broken(Broken::NotARecord, line(at)));
                at = end_of_junk(bytes, at, arrays > 0);
            }
        }
    }
    if arrays > 0 {
        seen.push(Seen::Broken(Broken::CutOff, line(bytes.len())));
    }
    seen
}

/// Junk ends with its line, in an array at a comma or bracket, and before a brace that a name follows.
fn end_of_junk(bytes: &[u8], from: usize, in_array: bool) -> usize {
    let stops: &[u8] = if in_array { b"\n,]" } else { b"\n" };
    // The beginning of a byte-order mark that does not go on.
    let mut at = from + [0xEF, 0xBB].iter().zip(&bytes[from..]).take_while(|(want, have)| want == have).count();
    while at < bytes.len() && !stops.contains(&bytes[at]) {
        if bytes[at] != b'{' {
            at += 1;
            continue;
        }
        let is_space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        let Some(length) = bytes[at + 1..].iter().position(|byte| !is_space(byte)) else { return at };
        let next = at + 1 + length;
        if bytes[next] == b'"' {
            return at;
        }
        let line_ended = bytes[at..next].contains(&b'\n');
        at = next;
        if line_ended {
            return at;
        }
    }
    at
}

fn end(bytes: &[u8], from: usize) -> End {
    let (mut depth, mut text, mut previous, mut line_ended) = (0, false, b':', false);
    let mut at = from;
    while at < bytes.len() {
        let byte = bytes[at];
        if text {
            match byte {
                b'\n' => return End::Cut(at),
                b'\\' if bytes.get(at + 1) == Some(&b'\n') => return End::Cut(at + 1),
                b'\\' => at += 1,
                b'"' => text = false,
                _ => {}
            }
        } else {
            let object_may_follow = previous == b':' || depth > 1 && matches!(previous, b',' | b'[');
            match byte {
                b'{' if depth > 0 && line_ended && !object_may_follow => return End::Cut(at),
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                b'"' => text = true,
                b'\n' => line_ended = true,
                _ => {}
            }
            if depth == 0 {
                return End::Closed(at + 1);
            }
            if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
                (previous, line_ended) = (byte, false);
            }
        }
        at += 1;
    }
    End::Open
}

fn judge(record: &[u8], line: u64) -> Seen {
    let texts = top_level_texts(record);
    let exact = texts.iter().find(|(key, _)| key == "Operation");
    let other = || texts.iter().find(|(key, _)| key.eq_ignore_ascii_case("Operation"));
    match exact.or_else(other) {
        None => Seen::Broken(Broken::NoOperation, line),
        Some((_, operation)) if is_wanted(operation) => Seen::Selected(record.to_vec(), line),
        Some(_) => Seen::Skipped,
    }
}

/// Keys and values of the top-level members whose values hold text. Of a malformed record: the first text behind a key.
fn top_level_texts(record: &[u8]) -> Vec<(String, String)> {
    let (mut depth, mut at, mut is_key, mut key, mut found) = (0, 0, true, None, Vec::new());
    while at < record.len() {
        match record[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' if depth == 1 => (is_key, key) = (true, None),
            b':' if depth == 1 => is_key = false,
            b'"' => {
                let from = at;
                at += 1;
                while record[at] != b'"' {
                    at += if record[at] == b'\\' { 2 } else { 1 };
                }
                let raw = &record[from..=at];
                let decoded = decoded(raw);
                if depth == 1 && is_key {
                    key = decoded;
                } else if depth == 1
                    && let (Some(name), Some(value)) = (key.clone(), decoded)
                {
                    found.push((name, value));
                    key = None;
                }
            }
            _ => {}
        }
        at += 1;
    }
    found
}

fn decoded(quoted: &[u8]) -> Option<String> {
    let raw = &quoted[1..quoted.len() - 1];
    if raw.contains(&b'\\') {
        return serde_json::from_slice(quoted).ok();
    }
    String::from_utf8(raw.to_vec()).ok()
}
