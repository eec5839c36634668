//! Reads settings from files in the form of `local.settings.json`, for the commands that run beside the Function App.
//! <https://learn.microsoft.com/azure/azure-functions/functions-develop-local#local-settings-file>

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::Value;

/// The reason why a settings file cannot be used. Never contains a value of the file.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFileError {
    /// The file cannot be read.
    #[error("the settings file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The path of the file.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// The file does not have the form of `local.settings.json`.
    #[error("the settings file {} cannot be used: {what}", path.display())]
    Malformed {
        /// The path of the file.
        path: PathBuf,
        /// The description of the error.
        what: String,
    },
}

/// The content of a settings file.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Content {
    #[serde(default)]
    is_encrypted: bool,
    values: BTreeMap<String, Value>,
}

/// Returns the values of a settings file.
///
/// # Errors
/// Returns [`SettingsFileError`] if the file cannot be read, is encrypted or has another form.
pub fn read_settings_file(path: &Path) -> Result<BTreeMap<String, String>, SettingsFileError> {
    let text = std::fs::read_to_string(path)
        .map_err(|source| SettingsFileError::Unreadable { path: path.to_owned(), source })?;
    let malformed = |what: String| SettingsFileError::Malformed { path: path.to_owned(), what };
    let content: Content = serde_json::from_str(text.trim_start_matches('\u{feff}')).map_err(|error| {
        // The words of the parser may quote a value, and a value may be a secret.
        let (line, column) = (error.line(), error.column());
        malformed(format!("it must have the form of local.settings.json: the error is in line {line}, column {column}"))
    })?;
    if content.is_encrypted {
        return Err(malformed(
            "it is encrypted; run `func settings decrypt`, or set the variables in the environment".to_owned(),
        ));
    }
    let mut values = BTreeMap::new();
    for (name, value) in content.values {
        let value = text_of(&name, value).map_err(malformed)?;
        values.insert(name, value);
    }
    Ok(values)
}

/// Returns the value as an environment variable would contain it.
fn text_of(name: &str, value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Number(number) => Ok(number.to_string()),
        Value::Null => Ok(String::new()),
        Value::Array(_) | Value::Object(_) => Err(format!("the value of {name} must be a string")),
    }
}

/// Returns the variables of all layers. If a name is set in several, the first layer counts; an empty value counts as unset.
pub fn layered(layers: impl IntoIterator<Item = BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for (name, value) in layers.into_iter().flatten().filter(|(_, value)| !value.trim().is_empty()) {
        variables.entry(name).or_insert(value);
    }
    variables
}
