//! Reads environment variables and collects everything that is wrong with them.

use std::collections::BTreeMap;
use std::fmt;

/// The variables, and the problems found so far.
#[derive(Debug)]
pub(super) struct Source {
    variables: BTreeMap<String, String>,
    problems: Vec<Problem>,
}

/// One thing that is wrong with one setting. Never holds the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the setting.
    pub setting: String,
    /// What is wrong and what is expected.
    pub what: String,
}

/// Everything that is wrong, in one message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct SettingsError {
    /// In the order of the settings' documentation.
    pub problems: Vec<Problem>,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.problems.len();
        write!(f, "{count} setting{} must be mended:", if count == 1 { "" } else { "s" })?;
        for problem in &self.problems {
            write!(f, "\n  {}: {}", problem.setting, problem.what)?;
        }
        Ok(())
    }
}

impl Source {
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        Self { variables: variables.into_iter().collect(), problems: Vec::new() }
    }

    /// The value without surrounding white space; an empty one counts as unset.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Notes that something is wrong with a setting.
    pub(super) fn refuse(&mut self, name: &str, what: impl Into<String>) {
        self.problems.push(Problem { setting: name.to_owned(), what: what.into() });
    }

    /// A value that must be there.
    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let value = self.text(name).map(str::to_owned);
        if value.is_none() {
            self.refuse(name, "is required and not set");
        }
        value
    }

    /// A parsed value, `None` when it is unset or refused. `form` says what is expected; the value is never repeated.
    pub(super) fn parsed<T>(&mut self, name: &str, form: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(self.text(name)?);
        if parsed.is_none() {
            self.refuse(name, format!("must be {form}"));
        }
        parsed
    }

    /// The parsed entries of a comma-separated list; each entry that does not parse is refused by its number.
    pub(super) fn list<T>(&mut self, name: &str, form: &str, parse: impl Fn(&str) -> Option<T>) -> Vec<T> {
        let entries: Vec<String> = self
            .text(name)
            .into_iter()
            .flat_map(|list| list.split(','))
            .map(|entry| entry.trim().to_owned())
            .filter(|entry| !entry.is_empty())
            .collect();
        let mut parsed = Vec::with_capacity(entries.len());
        for (at, entry) in entries.iter().enumerate() {
            match parse(entry) {
                Some(value) => parsed.push(value),
                None => self.refuse(name, format!("entry {} must be {form}", at + 1)),
            }
        }
        parsed
    }

    /// A whole number within bounds, or the default.
    pub(super) fn number(&mut self, name: &str, bounds: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
        let form = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.parsed(name, &form, |text| text.parse().ok().filter(|number| bounds.contains(number))).unwrap_or(default)
    }

    /// `true` or `false`, or the default.
    pub(super) fn flag(&mut self, name: &str, default: bool) -> bool {
        self.parsed(name, "true or false", |text| text.to_ascii_lowercase().parse().ok()).unwrap_or(default)
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems
    }
}
