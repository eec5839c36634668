//! Lists of `{"Name":…,"Value":…}`, in all the forms in which they are written.

use serde_json::{Map, Value};

use super::key_values::{self, Pair};
use super::members::as_text;

/// One entry of `ModifiedProperties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifiedProperty {
    /// `Name`
    pub name: String,
    /// `OldValue`
    pub old: String,
    /// `NewValue`
    pub new: String,
}

/// A list of `{"Name":…,"Value":…}`; names compare without case, the last of equal names wins, a missing or null `Value`
/// is known from an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties {
    pairs: Vec<Pair>,
    unread: Vec<String>,
}

impl Properties {
    /// From pairs, in the order of the record.
    pub fn new(pairs: Vec<Pair>) -> Self {
        Self { pairs, unread: Vec::new() }
    }

    /// The parts of the list that are in no known form, as they stand in the record.
    pub fn unread(&self) -> &[String] {
        &self.unread
    }

    /// The value, `None` when the property is absent or has no `Value`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_deref())
    }

    /// Returns whether the property exists, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.pairs.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// `True` or `$true` in any case. `None` when the property is absent.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| {
            let value = value.trim();
            value.strip_prefix('$').unwrap_or(value).eq_ignore_ascii_case("true")
        })
    }

    /// All pairs, in the order of the record.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Returns whether the record has no properties.
    pub fn is_empty(&self) -> bool {
        self.pairs.is_empty()
    }
}

/// From a list of pairs, an object of names and values, or a text of either or of a command line.
pub(super) fn from_value(value: Option<Value>) -> Properties {
    let mut properties = Properties::default();
    if let Some(value) = value {
        properties.take(value);
    }
    properties
}

impl Properties {
    fn take(&mut self, value: Value) {
        match value {
            Value::Null => {}
            Value::Array(entries) => entries.into_iter().for_each(|entry| self.take(entry)),
            Value::Object(members) => self.take_object(members),
            Value::String(text) => self.take_text(text),
            other => self.unread.push(other.to_string()),
        }
    }

    /// `{"Name":…,"Value":…}`, an object around a list of those, else a map of names and values.
    fn take_object(&mut self, members: Map<String, Value>) {
        let (name, value) = (one_of(&members, NAMES), one_of(&members, VALUES));
        match (name, value) {
            (Some(Value::Array(names)), Some(Value::Array(values))) if names.len() == values.len() => {
                let names = names.iter().map(|name| as_text(name).unwrap_or_default());
                self.pairs.extend(names.zip(values.iter().map(value_text)));
            }
            (Some(name), value) if value.is_some() || members.len() == 1 => match name.as_str() {
                Some(name) => self.pairs.push((name.to_owned(), value.and_then(value_text))),
                None if members.values().any(contains_pairs) => self.take_members(members),
                None => self.unread.push(Value::Object(members).to_string()),
            },
            _ if members.values().any(contains_pairs) => self.take_members(members),
            (None, Some(_)) => self.unread.push(Value::Object(members).to_string()),
            _ => self.pairs.extend(members.iter().map(|(name, value)| (name.clone(), value_text(value)))),
        }
    }

    /// The members of an object around lists of pairs, such as `{"Parameters":[…]}`. Others, such as a count, say nothing.
    fn take_members(&mut self, members: Map<String, Value>) {
        for (_, value) in members {
            if matches!(value, Value::Array(_) | Value::Object(_)) {
                self.take(value);
            }
        }
    }

    fn take_text(&mut self, text: String) {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return;
        }
        if trimmed.starts_with(['[', '{', '"'])
            && let Ok(value @ (Value::Array(_) | Value::Object(_) | Value::String(_))) = serde_json::from_str(trimmed)
        {
            return self.take(value);
        }
        if let Some(found) = key_values::found(trimmed).filter(|found| !found.pairs.is_empty()) {
            self.pairs.extend(found.pairs);
            if found.is_doubtful {
                self.unread.push(text);
            }
            return;
        }
        let pairs = is_command_line(trimmed).then(|| CommandLine(trimmed).pairs());
        match pairs.filter(|pairs| !pairs.is_empty()) {
            Some(pairs) => self.pairs.extend(pairs),
            None => self.unread.push(text),
        }
    }
}

/// The names of the member that names a property, in lower case.
const NAMES: &[&str] = &["name", "key", "n", "k", "parameter", "parametername", "property", "propertyname"];

/// The names of the member that is its value, in lower case.
const VALUES: &[&str] = &["value", "v", "val", "values", "parametervalue", "propertyvalue"];

/// The member with the first of these names. Spaces and case of its own name do not matter.
fn one_of<'a>(members: &'a Map<String, Value>, names: &[&str]) -> Option<&'a Value> {
    names
        .iter()
        .find_map(|name| members.iter().find(|(key, _)| key.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// Returns whether a value is a property, a list of properties or something around one.
fn contains_pairs(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.iter().any(|item| item.is_object() && contains_pairs(item)),
        Value::Object(members) => {
            let is_pair = one_of(members, NAMES).is_some_and(|name| name.is_string() || name.is_array())
                && one_of(members, VALUES).is_some();
            is_pair || members.values().any(contains_pairs)
        }
        _ => false,
    }
}

/// The value of a property: the text in an object with a single member, such as `{"value":"x"}`, else as [`as_text`].
fn value_text(value: &Value) -> Option<String> {
    const WRAPPERS: &[&str] = &["value", "$value", "_", "$t", "#text", "__text", "text", "string", "content"];
    match value {
        Value::Object(members) if members.len() == 1 => match members.iter().next() {
            Some((name, inner)) if WRAPPERS.iter().any(|wrapper| name.eq_ignore_ascii_case(wrapper)) => {
                value_text(inner)
            }
            _ => as_text(value),
        },
        _ => as_text(value),
    }
}

/// Returns whether a text begins with a parameter or with the name of a cmdlet.
fn is_command_line(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    let is_cmdlet = |(verb, noun): (&str, &str)| {
        !verb.is_empty() && !noun.is_empty() && verb.bytes().chain(noun.bytes()).all(|b| b.is_ascii_alphanumeric())
    };
    first.starts_with('-') || first.split_once('-').is_some_and(is_cmdlet)
}

/// From a list of `{"Name":…,"OldValue":…,"NewValue":…}`.
pub(super) fn modified_from_value(value: Option<Value>) -> Vec<ModifiedProperty> {
    let Some(Value::Array(entries)) = value else { return Vec::new() };
    let modified = |entry: &Value| {
        let map = entry.as_object()?;
        let text = |name| member(map, name).and_then(as_text);
        Some(ModifiedProperty {
            name: text("Name")?,
            old: text("OldValue").unwrap_or_default(),
            new: text("NewValue").unwrap_or_default(),
        })
    };
    entries.iter().filter_map(modified).collect()
}

fn member<'a>(map: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    map.get(name).or_else(|| map.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The unread rest of a text like `-Name value -Name2 ("a","b") -Force:$true`.
struct CommandLine<'a>(&'a str);

impl CommandLine<'_> {
    fn pairs(mut self) -> Vec<Pair> {
        let mut pairs = Vec::new();
        while self.find_name() {
            let name = self.bare(|c| c.is_whitespace() || c == ':');
            pairs.push((name, Some(self.value())));
        }
        pairs
    }

    /// Moves behind the next `-` that begins a name and returns whether there was one. Skips the text before it.
    fn find_name(&mut self) -> bool {
        loop {
            self.0 = self.0.trim_start();
            if self.is_at_name() {
                self.0 = self.0.strip_prefix('-').unwrap_or(self.0);
                return true;
            }
            if self.0.is_empty() {
                return false;
            }
            self.bare(char::is_whitespace);
        }
    }

    /// A name begins with a letter, so that `-1` is a value.
    fn is_at_name(&self) -> bool {
        self.0.strip_prefix('-').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphabetic()))
    }

    /// A switch without a value is on.
    fn value(&mut self) -> String {
        let after_colon = self.0.strip_prefix(':');
        self.0 = after_colon.unwrap_or(self.0).trim_start();
        if self.0.is_empty() || (after_colon.is_none() && self.is_at_name()) {
            return "True".to_owned();
        }
        if let Some(rest) = self.0.strip_prefix('(').or_else(|| self.0.strip_prefix("@(")) {
            self.0 = rest;
            return self.list();
        }
        let ends = |c: char| c.is_whitespace() || c == ',';
        let mut items = vec![self.item(ends)];
        while let Some(rest) = self.0.trim_start().strip_prefix(',') {
            self.0 = rest.trim_start();
            if self.0.is_empty() || self.is_at_name() {
                break;
            }
            items.push(self.item(ends));
        }
        items.join(";")
    }

    /// `"a","b")`, joined as Exchange joins lists elsewhere: with semicolons.
    fn list(&mut self) -> String {
        let mut items = Vec::new();
        loop {
            self.0 = self.0.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if let Some(rest) = self.0.strip_prefix(')') {
                self.0 = rest;
                break;
            }
            if self.0.is_empty() {
                break;
            }
            items.push(self.item(|c| c == ',' || c == ')'));
        }
        items.join(";")
    }

    fn item(&mut self, ends: fn(char) -> bool) -> String {
        match self.0.chars().next() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            _ => match self.bare(ends).trim() {
                "$true" => "True".to_owned(),
                "$false" => "False".to_owned(),
                "$null" => String::new(),
                word => word.to_owned(),
            },
        }
    }

    fn bare(&mut self, ends: fn(char) -> bool) -> String {
        let end = self.0.find(ends).unwrap_or(self.0.len());
        let (word, rest) = self.0.split_at(end);
        self.0 = rest;
        word.to_owned()
    }

    /// A doubled quote, or one after a backtick, stands for itself.
    fn quoted(&mut self, quote: char) -> String {
        let mut text = String::new();
        let mut chars = self.0.chars();
        chars.next();
        while let Some(c) = chars.next() {
            if c == '`' && chars.as_str().starts_with(quote) {
                text.extend(chars.next());
            } else if c != quote {
                text.push(c);
            } else if chars.as_str().starts_with(quote) {
                chars.next();
                text.push(quote);
            } else {
                break;
            }
        }
        self.0 = chars.as_str();
        text
    }
}
