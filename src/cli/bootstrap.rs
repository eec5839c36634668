//! Puts the product together from the environment: over Azure tables, or over the embedded store in a data folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use crate::app::{App, AppError};
use crate::settings::{Needs, Settings, SettingsError};
use base::clock::Clock;
use base::http::{self, HttpClientError};
use table_store::{SqliteStore, StoreError, TablesStore};

/// The file in the data folder that holds the `ACTION_KEY` made by us.
const ACTION_KEY_FILE: &str = "action-key";

/// The file in the data folder that holds the tables.
const DATABASE_FILE: &str = "tenantwatch.db";

/// Why it could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// One or more settings have to be mended.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// The data folder cannot be made, read or written.
    #[error("the data folder {0} cannot be used: {1}")]
    Data(PathBuf, #[source] std::io::Error),
    /// Settings without storage were read for a command that needs it.
    #[error("AzureWebJobsStorage is required and not set")]
    NoStorage,
    /// No HTTP client.
    #[error(transparent)]
    Http(#[from] HttpClientError),
    /// The store cannot be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The services cannot be prepared.
    #[error(transparent)]
    App(#[from] AppError),
    /// The clock of a test cannot be used.
    #[cfg(feature = "test-clock")]
    #[error(transparent)]
    Clock(#[from] base::clock::shifted::ShiftError),
}

/// What tells the time: the system, or with the feature `test-clock` whatever a test has set.
fn clock() -> Result<Arc<dyn Clock>, OpenError> {
    #[cfg(feature = "test-clock")]
    return Ok(base::clock::shifted::of_this_process()?);
    #[cfg(not(feature = "test-clock"))]
    return Ok(Arc::new(base::clock::SystemClock));
}

/// The environment variables. What is no text in a value becomes a mark that no setting's form allows, so that it is refused
/// and never taken for unset.
pub fn environment() -> BTreeMap<String, String> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned()));
    std::env::vars_os().filter_map(text).collect()
}

/// Over Azure tables, as the settings of the environment say.
///
/// # Errors
/// With everything that is wrong with the settings.
pub fn in_azure() -> Result<App, OpenError> {
    let settings = Settings::from_environment(environment(), Needs::AZURE)?;
    let clock = clock()?;
    let storage = settings.storage.as_ref().ok_or(OpenError::NoStorage)?;
    let http = http::client(settings.root_certificates.as_deref())?;
    let store = TablesStore::new(storage, settings.tables.clone(), http, Arc::clone(&clock))?;
    Ok(App::new(settings, Arc::new(store), clock)?)
}

/// Over the embedded store in `data`, which is made when it is not there, readable by its owner alone. An `ACTION_KEY` that
/// is not set is made and kept there.
///
/// # Errors
/// With everything that is wrong with the settings, or when the folder cannot be used.
pub fn in_folder(data: &Path) -> Result<App, OpenError> {
    let refuse = |error| OpenError::Data(data.to_owned(), error);
    let mut environment = environment();
    make_folder(data).map_err(refuse)?;
    if environment.get("ACTION_KEY").is_none_or(|key| key.trim().is_empty()) {
        environment.insert("ACTION_KEY".to_owned(), kept_action_key(&data.join(ACTION_KEY_FILE)).map_err(refuse)?);
    }
    let settings = Settings::from_environment(environment, Needs::LOCAL)?;
    let clock = clock()?;
    let database = data.join(DATABASE_FILE);
    // SQLite gives the files beside it the same rights.
    private_file().open(&database).map_err(refuse)?;
    let store = Arc::new(SqliteStore::open(&database, Arc::clone(&clock))?);
    Ok(App::new(settings, store, clock)?)
}

/// As [`in_folder`], but nothing is made where no run has been.
///
/// # Errors
/// As [`in_folder`], and when there are no tables in the folder.
pub fn in_used_folder(data: &Path) -> Result<App, OpenError> {
    if !data.join(DATABASE_FILE).is_file() {
        let none = format!("there is no {DATABASE_FILE} in it; name the folder of `tenantwatch run`");
        return Err(OpenError::Data(data.to_owned(), std::io::Error::new(std::io::ErrorKind::NotFound, none)));
    }
    in_folder(data)
}

fn make_folder(data: &Path) -> std::io::Result<()> {
    if data.is_dir() {
        return Ok(());
    }
    let mut folder = std::fs::DirBuilder::new();
    folder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut folder, 0o700);
    folder.create(data)
}

/// The action key in `file`; made there when there is none yet.
fn kept_action_key(file: &Path) -> std::io::Result<String> {
    match std::fs::read_to_string(file) {
        Ok(key) if !key.trim().is_empty() => return Ok(key.trim().to_owned()),
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes).map_err(std::io::Error::other)?;
    let key = BASE64.encode(bytes);
    private_file().truncate(true).open(file)?.write_all(key.as_bytes())?;
    Ok(key)
}

/// How a file is made that only its owner may read.
fn private_file() -> std::fs::OpenOptions {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}
