//! The options of the commands that work beside the Function App: where their settings come from, and which tables they use.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::settings::{ActionSettings, Settings, TableNames, TableSettings, layered, read_settings_file};
use base::clock::Clock;
use base::http;
use table_store::{StorageAccess, StorageAccount, Store, TablesStore};

use super::bootstrap::{self, BootstrapError};
use super::data_folder::DataFolder;

/// The settings file of the working folder, which the Functions tools read as well.
const LOCAL_FILE: &str = "local.settings.json";

/// The variables that the platform sets where it offers a managed identity.
const IDENTITY_VARIABLES: [&str; 2] = ["IDENTITY_ENDPOINT", "MSI_ENDPOINT"];

/// The source of the settings and of the tables.
#[derive(Debug, Clone, clap::Args)]
pub struct SettingsArgs {
    /// Settings file in the form of local.settings.json; the environment goes first
    #[arg(long, value_name = "FILE")]
    pub settings: Option<PathBuf>,
    /// Data folder of `tenantwatch run`; without it, the tables of AzureWebJobsStorage are used
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

/// The tables of a command, and its clock.
#[derive(Debug, Clone)]
pub struct Tables {
    /// The store that holds them.
    pub store: Arc<dyn Store>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
}

impl SettingsArgs {
    /// Returns the variables: of the environment, then of the named file, then of the file in the working folder.
    ///
    /// # Errors
    /// Returns an error if a file cannot be used.
    pub fn variables(&self) -> Result<BTreeMap<String, String>, BootstrapError> {
        let mut layers = vec![bootstrap::environment()];
        if let Some(file) = &self.settings {
            layers.push(read_settings_file(file)?);
        }
        let local = Path::new(LOCAL_FILE);
        if local.is_file() {
            layers.push(read_settings_file(local)?);
        }
        Ok(layered(layers))
    }

    /// Opens the tables for a command that needs no other setting. Nothing is created.
    ///
    /// # Errors
    /// Returns what is wrong with the settings, or why the folder cannot be used.
    pub fn tables(&self) -> Result<Tables, BootstrapError> {
        let settings = TableSettings::from_variables(self.variables()?, self.data.is_none())?;
        self.open(&settings)
    }

    /// Opens the tables as [`SettingsArgs::tables`], together with the key of action tokens: the one of the folder if `ACTION_KEY`
    /// is not set.
    ///
    /// # Errors
    /// As [`SettingsArgs::tables`].
    pub fn tables_and_action_key(&self) -> Result<(Tables, ActionSettings), BootstrapError> {
        let variables = self.action_key_of_folder(self.variables()?)?;
        let (settings, actions) = TableSettings::with_action_key(variables, self.data.is_none())?;
        Ok((self.open(&settings)?, actions))
    }

    /// Returns the variables with the action key of the data folder, if none is set.
    ///
    /// # Errors
    /// Returns an error if no run has used the folder.
    pub(super) fn action_key_of_folder(
        &self,
        mut variables: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, BootstrapError> {
        if let Some(data) = &self.data {
            let folder = DataFolder::open_used(data)?;
            if !variables.contains_key("ACTION_KEY") {
                variables.insert("ACTION_KEY".to_owned(), folder.action_key()?);
            }
        }
        Ok(variables)
    }

    /// Opens the store that these settings and the data folder name.
    ///
    /// # Errors
    /// As [`SettingsArgs::tables`].
    pub(super) fn open_for(&self, settings: &Settings) -> Result<Arc<dyn Store>, BootstrapError> {
        let (storage, tables) = (settings.storage.clone(), settings.tables.clone());
        let root_certificates = settings.root_certificates.clone();
        Ok(self.open(&TableSettings { storage, tables, root_certificates })?.store)
    }

    /// Opens the store as [`SettingsArgs::open_for`]; a data folder that does not exist is created.
    ///
    /// # Errors
    /// As [`SettingsArgs::tables`].
    pub(super) fn create_for(&self, settings: &Settings) -> Result<Arc<dyn Store>, BootstrapError> {
        match &self.data {
            Some(data) => Ok(Arc::new(bootstrap::open_database(&DataFolder::open(data)?, &bootstrap::clock()?)?)),
            None => self.open_for(settings),
        }
    }

    fn open(&self, settings: &TableSettings) -> Result<Tables, BootstrapError> {
        let clock = bootstrap::clock()?;
        let store: Arc<dyn Store> = match &self.data {
            Some(data) => open_folder(data, &clock)?,
            None => {
                let storage = settings.storage.as_ref().ok_or(BootstrapError::NoStorage)?;
                open_azure(storage, &settings.tables, settings.root_certificates.as_deref(), &clock)?
            }
        };
        Ok(Tables { store, clock })
    }
}

/// Opens the embedded store of a folder that a run has used.
fn open_folder(data: &Path, clock: &Arc<dyn Clock>) -> Result<Arc<dyn Store>, BootstrapError> {
    Ok(Arc::new(bootstrap::open_database(&DataFolder::open_used(data)?, clock)?))
}

/// Opens Azure tables: with the account's key, with the managed identity where the platform offers one, else with the sign-in of the
/// developer's own tools.
pub(super) fn open_azure(
    storage: &StorageAccount,
    tables: &TableNames,
    root_certificates: Option<&Path>,
    clock: &Arc<dyn Clock>,
) -> Result<Arc<dyn Store>, BootstrapError> {
    let storage = reachable(storage);
    let http = http::client(root_certificates)?;
    Ok(Arc::new(TablesStore::new(&storage, tables.clone(), http, Arc::clone(clock))?))
}

/// Returns the account with the sign-in of the developer's tools, where the platform offers no managed identity.
pub(super) fn reachable(storage: &StorageAccount) -> StorageAccount {
    let mut storage = storage.clone();
    let has_identity = IDENTITY_VARIABLES.iter().any(|name| std::env::var_os(name).is_some());
    if matches!(storage.access, StorageAccess::ManagedIdentity(_)) && !has_identity {
        storage.access = StorageAccess::DeveloperSignIn;
    }
    storage
}
