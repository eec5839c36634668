//! Reads environment variables and collects everything that is wrong with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::SETTINGS;

/// The variables, and the problems found so far.
#[derive(Debug)]
pub(super) struct Source {
    variables: BTreeMap<String, String>,
    problems: Vec<Problem>,
    /// Settings that the platform left as Key Vault references.
    unresolved: BTreeSet<&'static str>,
}

/// One thing that is wrong with one setting. Never contains the value of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The name of the setting.
    pub setting: String,
    /// The description of the problem, and of the value that is expected.
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
        let settings: BTreeSet<&str> = self.problems.iter().map(|problem| problem.setting.as_str()).collect();
        match settings.len() {
            1 => write!(f, "1 setting must be corrected:")?,
            count => write!(f, "{count} settings must be corrected:")?,
        }
        for problem in &self.problems {
            write!(f, "\n  {}: {}", problem.setting, problem.what)?;
        }
        Ok(())
    }
}

/// The start of an app setting that refers to a Key Vault secret. App Service replaces the whole value by the secret; if
/// that fails, the process receives the reference itself:
/// <https://learn.microsoft.com/azure/app-service/app-service-key-vault-references>.
const KEY_VAULT_REFERENCE: &str = "@Microsoft.KeyVault(";

const UNRESOLVED: &str = "the Key Vault reference was not resolved: check that the secret exists and is enabled, that the \
     app's managed identity has the role Key Vault Secrets User on the vault, that keyVaultReferenceIdentity names this \
     identity, and that the vault's network rules admit the app. Outside the Function App nothing resolves a reference: set the secret \
     itself in the environment of the command";

impl Source {
    pub(super) fn new(variables: impl IntoIterator<Item = (String, String)>) -> Self {
        let variables: BTreeMap<String, String> = variables.into_iter().collect();
        let is_unresolved = |name: &str| variables.get(name).is_some_and(|value| is_key_vault_reference(value));
        let unresolved: BTreeSet<_> =
            SETTINGS.iter().map(|setting| setting.name).filter(|n| is_unresolved(n)).collect();
        let problem = |name: &&str| Problem { setting: (*name).to_owned(), what: UNRESOLVED.to_owned() };
        Self { problems: unresolved.iter().map(problem).collect(), variables, unresolved }
    }

    /// Returns a source with no other variables than those whose names `is_wanted` accepts.
    pub(super) fn limited_to(
        variables: impl IntoIterator<Item = (String, String)>,
        is_wanted: impl Fn(&str) -> bool,
    ) -> Self {
        Self::new(variables.into_iter().filter(|(name, _)| is_wanted(name)))
    }

    /// Returns what was read, unless something is wrong.
    pub(super) fn finished<T>(self, read: T) -> Result<T, SettingsError> {
        let problems = self.into_problems();
        if problems.is_empty() { Ok(read) } else { Err(SettingsError { problems }) }
    }

    /// Returns the value without surrounding white space; an empty one counts as unset.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// Records that something is wrong with a setting. The form of an unresolved reference is not worth a second line.
    pub(super) fn reject(&mut self, name: &str, what: impl Into<String>) {
        if !self.unresolved.contains(name) {
            self.problems.push(Problem { setting: name.to_owned(), what: what.into() });
        }
    }

    /// Returns a value that must be set.
    pub(super) fn required(&mut self, name: &str) -> Option<String> {
        let value = self.text(name).map(str::to_owned);
        if value.is_none() {
            self.reject(name, "is required but not set");
        }
        value
    }

    /// Returns the parsed value, `None` if it is unset or rejected. `form` names what is expected; the value is never
    /// repeated.
    pub(super) fn parsed<T>(&mut self, name: &str, form: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let parsed = parse(self.text(name)?);
        if parsed.is_none() {
            self.reject(name, format!("must be {form}"));
        }
        parsed
    }

    /// Returns the parsed entries of a comma-separated list; rejects each entry that does not parse by its number.
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
                None => self.reject(name, format!("entry {} must be {form}", at + 1)),
            }
        }
        parsed
    }

    /// Returns a whole number within bounds, or the default.
    pub(super) fn number(&mut self, name: &str, bounds: std::ops::RangeInclusive<u64>, default: u64) -> u64 {
        let form = format!("a whole number from {} to {}", bounds.start(), bounds.end());
        self.parsed(name, &form, |text| text.parse().ok().filter(|number| bounds.contains(number))).unwrap_or(default)
    }

    /// Returns the Boolean value, or the default.
    pub(super) fn flag(&mut self, name: &str, default: bool) -> bool {
        self.parsed(name, "true or false", |text| text.to_ascii_lowercase().parse().ok()).unwrap_or(default)
    }

    /// Returns the problems in the order of the settings' documentation.
    pub(super) fn into_problems(mut self) -> Vec<Problem> {
        self.problems.sort_by_key(|problem| SETTINGS.iter().position(|setting| setting.name == problem.setting));
        self.problems
    }
}

/// Returns whether the platform left a reference where its secret should be.
fn is_key_vault_reference(value: &str) -> bool {
    let start = value.trim_start().get(..KEY_VAULT_REFERENCE.len());
    start.is_some_and(|start| start.eq_ignore_ascii_case(KEY_VAULT_REFERENCE))
}
