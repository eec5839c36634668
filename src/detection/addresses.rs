//! Finds every target in a text or in JSON that may name several.
//!
//! The author of a rule chooses its texts. Each address in one is a target of its own, and what cannot be read as exactly one address is
//! [`Target::Unclear`]: it never counts as internal because of the domain that it ends with.

use serde_json::{Map, Value};

use super::json::scalar;
use super::targets::{Target, address, without_prefix};

/// The depth to which JSON is followed.
const DEPTH: usize = 12;

/// Returns every target of a text: of a list joined with `;` or anything else, or of JSON.
pub(super) fn targets_in(text: &str) -> Vec<Target> {
    match json_in(text) {
        Some(value) => targets_of(&value),
        None => split_list(text).into_iter().flat_map(targets_of_part).collect(),
    }
}

/// Returns every target of a JSON value: texts, or objects that describe a recipient each.
pub(super) fn targets_of(value: &Value) -> Vec<Target> {
    of_value(value, DEPTH)
}

/// Returns the list or object that a text is. A list of numbers and an empty one are a text like any other.
pub(super) fn json_in(text: &str) -> Option<Value> {
    let text = text.trim();
    if !text.starts_with(['[', '{']) {
        return None;
    }
    let value: Value = serde_json::from_str(text).ok()?;
    let is_read = match &value {
        Value::Array(items) => items.iter().any(|item| item.is_string() || item.is_object()),
        Value::Object(members) => !members.is_empty(),
        _ => false,
    };
    is_read.then_some(value)
}

/// Returns the targets in a text that contain an `@`.
pub(super) fn addresses_in(text: &str) -> Vec<Target> {
    words_of(text).filter(|word| word.contains('@')).flat_map(of_word).collect()
}

fn of_value(value: &Value, depth: usize) -> Vec<Target> {
    match value {
        Value::Array(items) if depth > 0 => items.iter().flat_map(|item| of_value(item, depth - 1)).collect(),
        Value::Object(members) if depth > 0 => of_object(members, depth - 1),
        Value::Array(_) | Value::Object(_) => vec![Target::NotShown],
        Value::String(text) => split_list(text).into_iter().flat_map(targets_of_part).collect(),
        Value::Null | Value::Bool(_) => Vec::new(),
        Value::Number(_) => scalar(value).iter().flat_map(|text| targets_of_part(text)).collect(),
    }
}

/// The addresses among the texts of an object, else a legacy DN, else any text. The display name counts only if nothing else is there:
/// whoever made the recipient chose it.
fn of_object(members: &Map<String, Value>, depth: usize) -> Vec<Target> {
    let read = |texts: Vec<&str>| texts.into_iter().flat_map(targets_in).collect::<Vec<_>>();
    let (mut own, mut all) = (Vec::new(), Vec::new());
    texts_of(members, depth, &is_display_name, &mut own);
    texts_of(members, depth, &|_| false, &mut all);
    for targets in [read(own), read(all)] {
        let is_address = |target: &&Target| !matches!(target, Target::Directory(_) | Target::NotShown);
        let addresses: Vec<Target> = targets.iter().filter(is_address).cloned().collect();
        if !addresses.is_empty() {
            return addresses;
        }
        let is_legacy_dn = |target: &&Target| matches!(target, Target::Directory(dn) if dn.starts_with('/'));
        if let Some(target) = targets.iter().find(is_legacy_dn).or(targets.first()) {
            return vec![target.clone()];
        }
    }
    vec![Target::NotShown]
}

fn is_display_name(member: &str) -> bool {
    let member = member.to_ascii_lowercase();
    member == "name" || member.contains("display")
}

fn texts_of<'a>(
    members: &'a Map<String, Value>,
    depth: usize,
    is_left_out: &dyn Fn(&str) -> bool,
    texts: &mut Vec<&'a str>,
) {
    for (name, value) in members {
        if !is_left_out(name) {
            texts_of_value(value, depth, is_left_out, texts);
        }
    }
}

fn texts_of_value<'a>(value: &'a Value, depth: usize, is_left_out: &dyn Fn(&str) -> bool, texts: &mut Vec<&'a str>) {
    match value {
        Value::String(text) if !text.trim().is_empty() => texts.push(text),
        Value::Array(items) if depth > 0 => {
            items.iter().for_each(|item| texts_of_value(item, depth - 1, is_left_out, texts));
        }
        Value::Object(members) if depth > 0 => texts_of(members, depth - 1, is_left_out, texts),
        _ => {}
    }
}

/// The targets of one part of a list. Of `"name" [SMTP:x@y]` and `"name" <x@y>` only the bracket counts.
fn targets_of_part(part: &str) -> Vec<Target> {
    let brackets = brackets_of(part);
    if brackets.is_empty() {
        return of_plain(part);
    }
    let mut targets: Vec<Target> = brackets.iter().flat_map(|bracket| bracket.targets()).collect();
    let mut from = 0;
    for bracket in &brackets {
        let before = part.get(from..bracket.begin).unwrap_or_default();
        let beside = beside_bracket(before, &targets);
        targets.extend(beside);
        from = bracket.end;
    }
    targets.extend(addresses_in(part.get(from..).unwrap_or_default()));
    targets
}

/// `[SMTP:x@y]`, `[EX:/o=…]` or `<x@y>` in a text.
struct Bracket<'a> {
    begin: usize,
    end: usize,
    inner: &'a str,
}

impl Bracket<'_> {
    fn targets(&self) -> Vec<Target> {
        let (kind, rest) = match self.inner.split_once(':') {
            Some((kind, rest)) if is_kind(kind) => (kind.trim(), rest.trim()),
            _ => ("", self.inner.trim()),
        };
        match rest {
            "" => Vec::new(),
            dn if kind.eq_ignore_ascii_case("EX") => vec![Target::Directory(dn.to_owned())],
            plain => of_plain(plain),
        }
    }
}

fn is_kind(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The brackets outside quotes, or all if the quotes do not match. A bracket without a kind and an address is a part of a name, unless it
/// ends the text.
fn brackets_of(part: &str) -> Vec<Bracket<'_>> {
    let heeds_quotes = part.matches('"').count().is_multiple_of(2);
    let (mut quoted, mut found, mut from) = (false, Vec::new(), 0);
    for (begin, ch) in part.char_indices() {
        let close = match ch {
            '"' if heeds_quotes => {
                quoted = !quoted;
                continue;
            }
            '[' if !part.get(..begin).is_some_and(|before| before.ends_with('@')) => ']',
            '<' => '>',
            _ => continue,
        };
        let rest = part.get(begin + 1..).unwrap_or_default();
        let Some(length) = rest.find(close).filter(|_| !quoted && begin >= from) else { continue };
        let inner = rest.get(..length).unwrap_or_default();
        let end = begin + length + 2;
        let ends_text = part.get(end..).is_some_and(|after| after.trim().is_empty());
        let names_kind = ch == '[' && inner.split_once(':').is_some_and(|(kind, _)| is_kind(kind));
        if names_kind || inner.contains('@') || (ch == '[' && ends_text) {
            found.push(Bracket { begin, end, inner });
            from = end;
        }
    }
    found
}

/// The addresses before a bracket, without the display name that belongs to it. An address that stands there without quotes may be a
/// name or a target.
fn beside_bracket(before: &str, in_brackets: &[Target]) -> Vec<Target> {
    let before = before.trim_end();
    let rest = match before.strip_suffix('"').and_then(|quoted| quoted.rsplit_once('"')) {
        Some((rest, _)) => return addresses_in(rest),
        None => before,
    };
    let last = rest.rsplit(is_separator).next().unwrap_or_default();
    let mut targets = addresses_in(rest.get(..rest.len() - last.len()).unwrap_or_default());
    let named = addresses_in(last).into_iter().filter(|target| !in_brackets.contains(target));
    targets.extend(named.map(|_| Target::Unclear(last.to_owned())));
    targets
}

/// The targets of a text without brackets.
fn of_plain(text: &str) -> Vec<Target> {
    let bare = without_prefix(text.trim().trim_matches(['"', '\'', ' ']));
    // A name in a directory may contain an `@`. One that ends like an address may hide another.
    if !bare.contains('@') || (is_distinguished_name(bare) && address(bare).is_none()) {
        return Target::read(text).into_iter().collect();
    }
    if bare.matches('@').count() == 1 && !bare.contains(|ch| is_separator(ch) || ch == '"') {
        return of_word(bare);
    }
    let mut targets = addresses_in(bare);
    let other: Vec<&str> = words_of(bare).filter(|word| !word.contains('@') && says_something(word)).collect();
    if !other.is_empty() {
        targets.push(Target::Unclear(other.join(" ")));
    }
    targets
}

fn says_something(word: &str) -> bool {
    word.contains(char::is_alphanumeric) && !word.ends_with(':')
}

fn is_distinguished_name(text: &str) -> bool {
    let begins = |start: &str| text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start));
    text.starts_with('/') || begins("CN=") || begins("EX:")
}

fn is_separator(ch: char) -> bool {
    ch.is_whitespace() || matches!(ch, ',' | ';' | '|' | '<' | '>' | '(' | ')' | '{' | '}')
}

/// The words of a text. A slash parts two addresses; in one it may belong to the local part.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let is_slash_separator = text.matches('@').count() > 1;
    text.split(move |ch| is_separator(ch) || ch == '"' || (ch == '/' && is_slash_separator))
        .map(|word| word.trim_matches(['\'', '`']))
        .filter(|word| !word.is_empty())
}

/// The target that a word with an `@` is.
fn of_word(word: &str) -> Vec<Target> {
    let word = without_prefix(word);
    let is_one = word.matches('@').count() == 1;
    let literal = word.contains("@[") && word.ends_with(']');
    match address(word) {
        Some(target) if is_one => vec![target],
        _ if is_one && literal => vec![Target::Elsewhere(word.to_lowercase())],
        // Mail to it may go to the domain that it ends with.
        Some(target) => vec![target, Target::Unclear(word.to_owned())],
        None => vec![Target::Unclear(word.to_owned())],
    }
}

/// Parts at `;`, not inside quotes or brackets; when those do not match, at every `;`, so that nothing hides behind one.
fn split_list(text: &str) -> Vec<&str> {
    let (mut quoted, mut bracketed, mut start, mut parts) = (false, false, 0, Vec::new());
    for (at, ch) in text.char_indices() {
        match ch {
            '"' => quoted = !quoted,
            '[' if !quoted => bracketed = true,
            ']' if !quoted => bracketed = false,
            ';' if !quoted && !bracketed => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || bracketed {
        return text.split(';').filter(|part| !part.trim().is_empty()).collect();
    }
    parts.extend(text.get(start..));
    parts.retain(|part| !part.trim().is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str) -> Vec<String> {
        let told = |target: Target| match target {
            Target::Address { text, .. } => text,
            Target::Directory(text) => format!("directory {text}"),
            Target::Elsewhere(text) => format!("elsewhere {text}"),
            Target::Unclear(text) => format!("unclear {text}"),
            Target::NotShown => "not shown".to_owned(),
        };
        targets_in(text).into_iter().map(told).collect()
    }

    #[test]
    fn each_address_in_a_text_is_a_target() {
        let two = ["a@x.example", "b@y.example"];
        for text in [
            "a@x.example;b@y.example",
            "a@x.example,b@y.example",
            "a@x.example, b@y.example",
            "a@x.example b@y.example",
            "a@x.example\tb@y.example",
            "a@x.example\r\nb@y.example",
            "a@x.example|b@y.example",
            "a@x.example/b@y.example",
            "<a@x.example>,<b@y.example>",
            "smtp:a@x.example,SMTP:b@y.example",
            "'a@x.example','b@y.example'",
            "\"a@x.example\",\"b@y.example\"",
            "\"a@x.example;b@y.example\"",
            "\"N\" [SMTP:a@x.example];\"M\" [SMTP:b@y.example]",
            "\"N\" [SMTP:a@x.example], \"M\" [SMTP:b@y.example]",
            "\"N [\" [SMTP:a@x.example] \"M\" <b@y.example>",
            "[SMTP:a@x.example;b@y.example]",
            "[\"a@x.example\",\"b@y.example\"]",
            "[{\"Address\":\"a@x.example\"},{\"EmailAddress\":{\"Name\":\"c@z.example\",\"Address\":\"b@y.example\"}}]",
        ] {
            assert_eq!(told(text), two, "{text}");
        }
    }

    #[test]
    fn text_that_is_not_exactly_one_address_is_unclear() {
        for (text, expected) in [
            ("a@x@y.example", &["a@x@y.example", "unclear a@x@y.example"][..]),
            (
                "a@x.example\u{ff0c}b@y.example",
                &["a@x.example\u{ff0c}b@y.example", "unclear a@x.example\u{ff0c}b@y.example"],
            ),
            ("partner, b@y.example", &["b@y.example", "unclear partner"]),
            ("a@x.example [SMTP:b@y.example]", &["b@y.example", "unclear a@x.example"]),
            ("@y.example", &["unclear @y.example"]),
            ("CN=a@x.example,b@y.example", &["cn=a@x.example", "b@y.example"]),
            ("{\"Id\":5}", &["not shown"]),
        ] {
            assert_eq!(told(text), expected, "{text}");
        }
    }

    #[test]
    fn single_targets_are_read_as_they_are_written() {
        for (text, expected) in [
            ("A/B@x.example", "a/b@x.example"),
            ("\"a@z.example\" [SMTP:b@y.example]", "b@y.example"),
            ("Smith, John <b@y.example>", "b@y.example"),
            ("b@y.example <b@y.example>", "b@y.example"),
            ("/o=X/cn=a@b.example", "directory /o=X/cn=a@b.example"),
            ("\"N\" [EX:/o=X/cn=n]", "directory /o=X/cn=n"),
            ("CN=a@b.example,OU=X", "directory CN=a@b.example,OU=X"),
            ("anna", "directory anna"),
            ("a@[203.0.113.9]", "elsewhere a@[203.0.113.9]"),
            ("[MOBILE:+441234567890]", "elsewhere +441234567890"),
        ] {
            assert_eq!(told(text), [expected], "{text}");
        }
    }
}
