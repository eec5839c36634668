//! Builds the [`App`] from the environment: over Azure tables, or over the embedded store in a data folder.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::app::{App, AppError};
use crate::functions::get_domain;
use crate::settings::{ActionKey, Needs, Settings, SettingsError, SettingsFileError};
use crate::tenants::service;
use base::clock::{Clock, Deadline};
use base::http::{self, HttpClientError};
use table_store::{SqliteStore, StoreError, TablesStore};

use super::data_folder::{DataError, DataFolder};

/// Why the app could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// One or more settings must be corrected.
    #[error(transparent)]
    Settings(#[from] SettingsError),
    /// A settings file cannot be used.
    #[error(transparent)]
    File(#[from] SettingsFileError),
    /// The data folder or a file in it cannot be used.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The settings were read without storage for a command that needs it.
    #[error("AzureWebJobsStorage is required but not set")]
    NoStorage,
    /// The HTTP client cannot be created.
    #[error(transparent)]
    Http(#[from] HttpClientError),
    /// The embedded store cannot be opened.
    #[error("the database {} cannot be opened: {source}", path.display())]
    Database {
        /// The file.
        path: PathBuf,
        /// Why it cannot be opened.
        source: StoreError,
    },
    /// The table store cannot be prepared.
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

/// Returns the system clock, or with the feature `test-clock` the clock that a test has set.
pub(super) fn clock() -> Result<Arc<dyn Clock>, BootstrapError> {
    #[cfg(feature = "test-clock")]
    return Ok(base::clock::shifted::of_this_process()?);
    #[cfg(not(feature = "test-clock"))]
    return Ok(Arc::new(base::clock::SystemClock));
}

/// Returns the environment variables.
///
/// Bytes that are not UTF-8 become U+FFFD, which no setting accepts. So such a value is rejected and never taken for unset.
pub fn environment() -> BTreeMap<String, String> {
    let text =
        |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned()));
    std::env::vars_os().filter_map(text).collect()
}

/// Builds the app over Azure tables, as the environment's settings say.
///
/// # Errors
/// Returns [`BootstrapError::Settings`] with everything that is wrong with the settings.
pub fn in_azure() -> Result<App, BootstrapError> {
    let settings = Settings::from_environment(environment(), Needs::AZURE)?;
    let clock = clock()?;
    let storage = settings.storage.as_ref().ok_or(BootstrapError::NoStorage)?;
    let http = http::client(settings.root_certificates.as_deref())?;
    let store = TablesStore::new(storage, settings.tables.clone(), http, Arc::clone(&clock))?;
    Ok(App::new(settings, Arc::new(store), clock)?)
}

/// Builds the app over the embedded store in `data`. The folder, and an action key if `ACTION_KEY` is not set, are created
/// when they are first needed.
///
/// # Errors
/// Returns [`BootstrapError::Settings`] with everything that is wrong with the settings, or another error if the folder cannot
/// be used.
pub fn in_folder(data: &Path) -> Result<App, BootstrapError> {
    over_embedded_store(&DataFolder::open(data)?)
}

pub(super) fn open_database(folder: &DataFolder, clock: &Arc<dyn Clock>) -> Result<SqliteStore, BootstrapError> {
    let path = folder.database()?;
    SqliteStore::open(&path, Arc::clone(clock)).map_err(|source| BootstrapError::Database { path, source })
}

fn over_embedded_store(folder: &DataFolder) -> Result<App, BootstrapError> {
    let mut environment = environment();
    if environment.get("ACTION_KEY").is_none_or(|key| key.trim().is_empty()) {
        environment.insert("ACTION_KEY".to_owned(), folder.action_key()?);
    }
    let settings = Settings::from_environment(environment, Needs::LOCAL)?;
    let clock = clock()?;
    let store = open_database(folder, &clock)?;
    Ok(App::new(settings, Arc::new(store), clock)?)
}

/// Logs what every start has to say about the settings.
pub fn log_warnings(app: &App) {
    if let Some(warning) = app.settings.actions.key.warning() {
        tracing::warn!("{warning}");
    }
    if let Some(warning) = app.settings.containment.warning(&app.settings.actions.key) {
        tracing::warn!("{warning}");
    }
}

/// Sends the notice about a missing `ACTION_KEY`. GetDomain retries the delivery if a channel does not accept it.
pub async fn send_warnings(app: &App) {
    if !matches!(app.settings.actions.key, ActionKey::Unset) {
        return;
    }
    let deadline = Deadline::after(Arc::clone(&app.clock), Duration::from_secs(get_domain::DEADLINE_SECONDS));
    let outbox = app.outbox(&deadline);
    if let Err(error) = service::notice_missing_action_key(app, &outbox).await {
        tracing::warn!("the notice about ACTION_KEY could not be stored: {error}; the next start tries again");
    }
}
