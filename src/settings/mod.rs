//! Reads the settings from environment variables, one file per concern. One reading finds everything that is wrong and
//! lists it in one message, by setting name and without a secret.

mod actions;
mod channels;
mod cloud;
mod collection;
mod containment;
mod credential;
mod file;
mod heartbeat;
mod investigation;
mod list;
mod location;
mod minimum;
mod partner;
mod source;
mod storage;
mod tenants;
mod trust;

pub use actions::{ActionKey, ActionSettings, ProtectedUser};
pub use channels::{ChannelSettings, MailSettings, WebhookSettings};
pub use collection::CollectionSettings;
pub use containment::{ContainedTenants, ContainmentMode, ContainmentSettings};
pub use file::{SettingsFileError, layered, read_settings_file};
pub use heartbeat::{HeartbeatSettings, HeartbeatStyle};
pub use investigation::InvestigationSettings;
pub use list::{SETTINGS, SettingDoc};
pub use location::LocationSettings;
pub use minimum::{MinimumSeverity, NotifyMinimum};
pub use source::{Problem, SettingsError};
pub use storage::TableNames;
pub use tenants::{ListedTenant, TenantSettings, TenantSource};
pub use trust::{DETECTION_TYPES, TrustSettings, TrustedTarget};

use std::collections::BTreeMap;
use std::path::PathBuf;

use m365::{AppRegistration, Cloud, Hosts};
use table_store::StorageAccount;

use source::Source;

/// All settings. Read once at the start and shared in the `App`.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The provider and its app registration.
    pub partner: AppRegistration,
    /// The Microsoft cloud and its hosts.
    pub hosts: Hosts,
    /// The monitored tenants.
    pub tenants: TenantSettings,
    /// The schedule, the listed periods and the retention.
    pub collection: CollectionSettings,
    /// The storage account. `None` if the embedded store is used.
    pub storage: Option<StorageAccount>,
    /// The names of the three tables.
    pub tables: TableNames,
    /// The channels of notifications.
    pub channels: ChannelSettings,
    /// The monitor outside that is called after every cycle.
    pub heartbeat: HeartbeatSettings,
    /// The requirements and limits of RemediateAccount.
    pub actions: ActionSettings,
    /// Automatic containment.
    pub containment: ContainmentSettings,
    /// Targets that are never external, and disabled detections.
    pub trust: TrustSettings,
    /// Investigations that follow a threat: on or off, and their bounds.
    pub investigation: InvestigationSettings,
    /// The look-up of IP addresses.
    pub location: LocationSettings,
    /// `SSL_CERT_FILE`: PEM root certificates that replace the system's.
    pub root_certificates: Option<PathBuf>,
}

/// The settings of a command that only reads the tables. No other setting is read.
#[derive(Debug, Clone)]
pub struct TableSettings {
    /// The storage account. `None` if the embedded store is used.
    pub storage: Option<StorageAccount>,
    /// The names of the three tables.
    pub tables: TableNames,
    /// `SSL_CERT_FILE`: PEM root certificates that replace the system's.
    pub root_certificates: Option<PathBuf>,
}

impl TableSettings {
    /// Reads the settings of the tables; with `storage`, a storage account is required.
    ///
    /// # Errors
    /// Returns everything that is missing, malformed or contradictory.
    pub fn from_variables(
        variables: impl IntoIterator<Item = (String, String)>,
        storage: bool,
    ) -> Result<Self, SettingsError> {
        let mut source = Source::limited_to(variables, Self::is_one);
        let read = Self::from_source(&mut source, storage);
        source.finished(read)
    }

    /// Reads the settings of the tables together with those of action tokens.
    ///
    /// # Errors
    /// As [`TableSettings::from_variables`].
    pub fn with_action_key(
        variables: impl IntoIterator<Item = (String, String)>,
        storage: bool,
    ) -> Result<(Self, ActionSettings), SettingsError> {
        let is_one = |name: &str| Self::is_one(name) || matches!(name, "ACTION_KEY" | "ACTION_TOKEN_HOURS");
        let mut source = Source::limited_to(variables, is_one);
        let read = (Self::from_source(&mut source, storage), ActionSettings::from_source(&mut source));
        source.finished(read)
    }

    fn from_source(source: &mut Source, needs_storage: bool) -> Self {
        let cloud = cloud::cloud(source);
        let storage = if needs_storage { storage(source, cloud) } else { None };
        let (tables, root_certificates) = (TableNames::from_source(source), root_certificates(source));
        Self { storage, tables, root_certificates }
    }

    fn is_one(name: &str) -> bool {
        let named = ["PROCESSED_TABLE", "ACTIONS_TABLE", "COVERAGE_TABLE", "CLOUD", "SSL_CERT_FILE"];
        name.starts_with("AzureWebJobsStorage") || named.contains(&name)
    }
}

/// The settings that a command requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Needs {
    /// `AzureWebJobsStorage` in one of its forms.
    pub storage: bool,
    /// One of the five channels.
    pub channels: bool,
}

impl Needs {
    /// `serve`: rows are stored in Azure tables.
    pub const AZURE: Self = Self { storage: true, channels: true };
    /// `run`: rows are stored in the embedded store.
    pub const LOCAL: Self = Self { storage: false, channels: true };
}

impl Settings {
    /// Reads all settings from environment variables.
    ///
    /// # Errors
    /// Returns everything that is missing, malformed or contradictory, never only the first problem.
    pub fn from_environment(
        variables: impl IntoIterator<Item = (String, String)>,
        needs: Needs,
    ) -> Result<Self, SettingsError> {
        let mut source = Source::new(variables);
        let partner = partner::app_registration(&mut source);
        let hosts = cloud::hosts(&mut source);
        let tenants = TenantSettings::from_source(&mut source);
        let collection = CollectionSettings::from_source(&mut source);
        let storage = if needs.storage {
            storage(&mut source, hosts.as_ref().map(|hosts| hosts.cloud).unwrap_or_default())
        } else {
            None
        };
        let tables = TableNames::from_source(&mut source);
        let channels = ChannelSettings::from_source(&mut source, needs.channels);
        let heartbeat = HeartbeatSettings::from_source(&mut source);
        let actions = ActionSettings::from_source(&mut source);
        let containment = ContainmentSettings::from_source(&mut source);
        let trust = TrustSettings::from_source(&mut source);
        let investigation = InvestigationSettings::from_source(&mut source);
        let location = LocationSettings::from_source(&mut source);
        let root_certificates = root_certificates(&mut source);
        match (partner, hosts, collection, source.into_problems()) {
            (Some(partner), Some(hosts), Some(collection), problems) if problems.is_empty() => Ok(Self {
                partner,
                hosts,
                tenants,
                collection,
                storage,
                tables,
                channels,
                heartbeat,
                actions,
                containment,
                trust,
                investigation,
                location,
                root_certificates,
            }),
            (_, _, _, problems) => Err(SettingsError { problems }),
        }
    }
}

impl Settings {
    /// Reads all settings as [`Settings::from_environment`], and leaves out each one that is rejected, together with what is wrong with
    /// it. `None` if a setting that nothing can do without is missing.
    pub fn without_rejected(mut variables: BTreeMap<String, String>, needs: Needs) -> (Option<Self>, Vec<Problem>) {
        let mut problems: Vec<Problem> = Vec::new();
        let mut needs = needs;
        loop {
            let error = match Self::from_environment(variables.clone(), needs) {
                Ok(read) => return (Some(read), problems),
                Err(error) => error,
            };
            let before = (variables.len(), needs);
            for problem in error.problems {
                variables.remove(&problem.setting);
                needs.channels &= problem.setting != "FLOW_URL";
                if !problems.iter().any(|known| known.setting == problem.setting) {
                    problems.push(problem);
                }
            }
            if (variables.len(), needs) == before {
                return (None, problems);
            }
        }
    }
}

fn storage(source: &mut Source, cloud: Cloud) -> Option<StorageAccount> {
    let is_set = ["AzureWebJobsStorage", "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__tableServiceUri"]
        .iter()
        .any(|name| source.text(name).is_some());
    if !is_set {
        source.reject(
            "AzureWebJobsStorage",
            "is required but not set; alternatively set AzureWebJobsStorage__accountName",
        );
    }
    storage::storage_account(source, cloud)
}

fn root_certificates(source: &mut Source) -> Option<PathBuf> {
    let path = source.text("SSL_CERT_FILE").map(PathBuf::from)?;
    if !path.is_file() {
        source.reject("SSL_CERT_FILE", "must be the path of a PEM file; no file exists at this path");
    }
    Some(path)
}
