//! Reads the settings from environment variables, one file per concern. One reading finds everything that is wrong and
//! lists it in one message, by setting name and without a secret.

mod actions;
mod channels;
mod cloud;
mod collection;
mod credential;
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
pub use list::{SETTINGS, SettingDoc};
pub use location::LocationSettings;
pub use minimum::{MinimumSeverity, NotifyMinimum};
pub use source::{Problem, SettingsError};
pub use storage::TableNames;
pub use tenants::{ListedTenant, TenantSettings, TenantSource};
pub use trust::{DETECTION_TYPES, TrustSettings, TrustedTarget};

use std::path::PathBuf;

use m365::{AppRegistration, Hosts};
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
    /// What RemediateAccount requires and may do.
    pub actions: ActionSettings,
    /// Targets that are never external, and disabled detections.
    pub trust: TrustSettings,
    /// The look-up of IP addresses.
    pub location: LocationSettings,
    /// `SSL_CERT_FILE`: PEM root certificates that replace the system's.
    pub root_certificates: Option<PathBuf>,
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
        let storage = if needs.storage { storage(&mut source, hosts.as_ref()) } else { None };
        let tables = TableNames::from_source(&mut source);
        let channels = ChannelSettings::from_source(&mut source, needs.channels);
        let actions = ActionSettings::from_source(&mut source);
        let trust = TrustSettings::from_source(&mut source);
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
                actions,
                trust,
                location,
                root_certificates,
            }),
            (_, _, _, problems) => Err(SettingsError { problems }),
        }
    }
}

fn storage(source: &mut Source, hosts: Option<&Hosts>) -> Option<StorageAccount> {
    let is_set = ["AzureWebJobsStorage", "AzureWebJobsStorage__accountName", "AzureWebJobsStorage__tableServiceUri"]
        .iter()
        .any(|name| source.text(name).is_some());
    if !is_set {
        source.reject(
            "AzureWebJobsStorage",
            "is required but not set; alternatively set AzureWebJobsStorage__accountName",
        );
    }
    storage::storage_account(source, hosts.map(|hosts| hosts.cloud).unwrap_or_default())
}

fn root_certificates(source: &mut Source) -> Option<PathBuf> {
    let path = source.text("SSL_CERT_FILE").map(PathBuf::from)?;
    if !path.is_file() {
        source.reject("SSL_CERT_FILE", "must be the path of a PEM file; no file exists at this path");
    }
    Some(path)
}
