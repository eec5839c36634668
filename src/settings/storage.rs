//! Settings of the storage account, which the Functions host uses as well.

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use m365::Cloud;
use table_store::{StorageAccess, StorageAccount};
use url::Url;

use super::cloud::storage_suffix;
use super::source::Source;

/// The names of the three tables: 3 to 63 letters and digits, a letter first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    /// `PROCESSED_TABLE`, by default `ProcessedAuditLogs`.
    pub processed: String,
    /// `ACTIONS_TABLE`, by default `AuditLogActionsLog`.
    pub actions: String,
    /// `COVERAGE_TABLE`, by default `AuditLogCoverage`.
    pub coverage: String,
}

impl Default for TableNames {
    fn default() -> Self {
        Self {
            processed: "ProcessedAuditLogs".to_owned(),
            actions: "AuditLogActionsLog".to_owned(),
            coverage: "AuditLogCoverage".to_owned(),
        }
    }
}

/// The account name of the storage emulator.
const DEVELOPMENT_ACCOUNT: &str = "devstoreaccount1";

/// The published key of the storage emulator: <https://learn.microsoft.com/azure/storage/common/storage-connect-azurite>.
const DEVELOPMENT_KEY: &str =
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";

/// Reads `AzureWebJobsStorage` in one of its two forms; `None` if it is not set or wrong.
pub(super) fn storage_account(source: &mut Source, cloud: Cloud) -> Option<StorageAccount> {
    const ACCOUNT: &str = "AzureWebJobsStorage__accountName";
    const TABLES: &str = "AzureWebJobsStorage__tableServiceUri";
    let by_identity = source.text(ACCOUNT).is_some() || source.text(TABLES).is_some();
    match (source.text("AzureWebJobsStorage").map(str::to_owned), by_identity) {
        (Some(_), true) => {
            source.reject("AzureWebJobsStorage", format!("is set together with {ACCOUNT} or {TABLES}; set only one"));
            None
        }
        (Some(text), false) => from_connection_string(source, &text),
        (None, true) => account_by_identity(source, cloud, ACCOUNT, TABLES),
        (None, false) => None,
    }
}

fn account_by_identity(
    source: &mut Source,
    cloud: Cloud,
    account_setting: &str,
    tables_setting: &str,
) -> Option<StorageAccount> {
    if let Some(kind) = source.text("AzureWebJobsStorage__credential")
        && !kind.eq_ignore_ascii_case("managedidentity")
    {
        source.reject("AzureWebJobsStorage__credential", "must be managedidentity");
    }
    let client_id = source.text("AzureWebJobsStorage__clientId").map(str::to_owned);
    let endpoint = match source.text(tables_setting) {
        Some(_) => source.parsed(tables_setting, "an https address", https),
        None => source.parsed(account_setting, "3 to 24 lower-case letters and digits", |name| {
            let is_account =
                (3..=24).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
            if is_account { https(&format!("https://{name}.table.{}", storage_suffix(cloud))) } else { None }
        }),
    }?;
    let account = endpoint.host_str()?.split('.').next()?.to_owned();
    let access = StorageAccess::ManagedIdentity(client_id);
    Some(StorageAccount { table_endpoint: endpoint, queue_endpoint: None, account, access })
}

fn from_connection_string(source: &mut Source, text: &str) -> Option<StorageAccount> {
    let parts: BTreeMap<String, &str> = text
        .split(';')
        .filter_map(|part| part.split_once('='))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim()))
        .collect();
    if parts.get("usedevelopmentstorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return assemble(source, DEVELOPMENT_ACCOUNT, DEVELOPMENT_KEY, "http://127.0.0.1:10002/devstoreaccount1");
    }
    let (Some(account), Some(key)) = (parts.get("accountname"), parts.get("accountkey")) else {
        source.reject("AzureWebJobsStorage", "must be a connection string with AccountName and AccountKey");
        return None;
    };
    let suffix = parts.get("endpointsuffix").copied().unwrap_or("core.windows.net");
    let endpoint = match parts.get("tableendpoint") {
        Some(endpoint) => (*endpoint).to_owned(),
        None => format!("https://{account}.table.{suffix}"),
    };
    let queue = parts.get("queueendpoint").and_then(|endpoint| https(endpoint).or_else(|| loopback(endpoint)));
    let account = assemble(source, account, key, &endpoint)?;
    Some(StorageAccount { queue_endpoint: queue, ..account })
}

fn assemble(source: &mut Source, account: &str, key: &str, endpoint: &str) -> Option<StorageAccount> {
    let Some(table_endpoint) = https(endpoint).or_else(|| loopback(endpoint)) else {
        source.reject("AzureWebJobsStorage", "the table endpoint in it must be https, or http on a loopback address");
        return None;
    };
    if BASE64.decode(key).is_err() {
        source.reject("AzureWebJobsStorage", "the AccountKey in it must be base64");
        return None;
    }
    Some(StorageAccount {
        table_endpoint,
        queue_endpoint: None,
        account: account.to_owned(),
        access: StorageAccess::SharedKey(key.to_owned().into()),
    })
}

impl TableNames {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let default = Self::default();
        let mut name = |setting: &str, default: String| {
            let form = "3 to 63 letters and digits, a letter first";
            source.parsed(setting, form, |text| is_table_name(text).then(|| text.to_owned())).unwrap_or(default)
        };
        let names = Self {
            processed: name("PROCESSED_TABLE", default.processed),
            actions: name("ACTIONS_TABLE", default.actions),
            coverage: name("COVERAGE_TABLE", default.coverage),
        };
        let distinct: BTreeSet<String> =
            [&names.processed, &names.actions, &names.coverage].map(|name| name.to_ascii_lowercase()).into();
        if distinct.len() < 3 {
            source.reject(
                "PROCESSED_TABLE",
                "PROCESSED_TABLE, ACTIONS_TABLE and COVERAGE_TABLE must be three different names",
            );
        }
        names
    }
}

/// Returns whether the table service accepts the name:
/// <https://learn.microsoft.com/rest/api/storageservices/understanding-the-table-service-data-model#table-names>.
fn is_table_name(text: &str) -> bool {
    (3..=63).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric())
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
}

fn https(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| url.scheme() == "https" && url.host().is_some())
}

fn loopback(text: &str) -> Option<Url> {
    Url::parse(text).ok().filter(|url| {
        url.scheme() == "http"
            && match url.host() {
                Some(url::Host::Domain(name)) => name == "localhost",
                Some(url::Host::Ipv4(address)) => address.is_loopback(),
                Some(url::Host::Ipv6(address)) => address.is_loopback(),
                None => false,
            }
    })
}
