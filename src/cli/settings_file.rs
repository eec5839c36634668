//! Settings of commands: the environment, then the file that was named, then `local.settings.json` of the working folder.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::bootstrap;

/// The file that the Functions tools read as well.
const LOCAL_SETTINGS: &str = "local.settings.json";

/// Why the settings cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SettingsFileError {
    /// The file cannot be read.
    #[error("the settings file {} cannot be read: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// The file has another form. Its text is not shown, because it may contain secrets.
    #[error("the settings file {} must have the form of local.settings.json: the error is in line {line}, column {column}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// The line of the error.
        line: usize,
        /// The column of the error.
        column: usize,
    },
    /// The values are encrypted.
    #[error("the settings file {} is encrypted; run `func settings decrypt`, or set the variables in the environment", .0.display())]
    Encrypted(PathBuf),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct SettingsFile {
    #[serde(default)]
    is_encrypted: bool,
    #[serde(default)]
    values: BTreeMap<String, String>,
}

/// Returns the settings from all three places. An empty value counts as unset.
///
/// # Errors
/// Returns [`SettingsFileError`] if a file is there and cannot be used, or the named file is not there.
pub(super) fn variables(named: Option<&Path>) -> Result<BTreeMap<String, String>, SettingsFileError> {
    let local = Path::new(LOCAL_SETTINGS);
    let mut variables = if local.is_file() { read(local)? } else { BTreeMap::new() };
    if let Some(path) = named {
        variables.extend(read(path)?);
    }
    variables.extend(bootstrap::environment().into_iter().filter(|(_, value)| !value.trim().is_empty()));
    Ok(variables)
}

/// Reads one file.
///
/// # Errors
/// Returns [`SettingsFileError`] if it cannot be used.
pub(super) fn read(path: &Path) -> Result<BTreeMap<String, String>, SettingsFileError> {
    let unreadable = |source| SettingsFileError::Unreadable { path: path.to_owned(), source };
    let text = std::fs::read_to_string(path).map_err(unreadable)?;
    let text = text.trim_start_matches('\u{feff}');
    let file: SettingsFile = serde_json::from_str(text).map_err(|error| SettingsFileError::Malformed {
        path: path.to_owned(),
        line: error.line(),
        column: error.column(),
    })?;
    if file.is_encrypted {
        return Err(SettingsFileError::Encrypted(path.to_owned()));
    }
    Ok(file.values.into_iter().filter(|(_, value)| !value.trim().is_empty()).collect())
}
