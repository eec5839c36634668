//! Where rows are kept in Azure: the storage account that the Functions host uses as well.

use secrecy::SecretString;
use url::Url;

/// `AzureWebJobsStorage` in one of its two forms.
#[derive(Debug, Clone)]
pub struct StorageSettings {
    /// The address of the table service: https, or http on loopback for Azurite.
    pub table_endpoint: Url,
    /// The name of the account.
    pub account: String,
    /// How we prove who we are.
    pub access: StorageAccess,
}

/// How the table service lets us in.
#[derive(Debug, Clone)]
pub enum StorageAccess {
    /// `AzureWebJobsStorage` as a connection string with `AccountKey`, or `UseDevelopmentStorage=true`.
    SharedKey(SecretString),
    /// `AzureWebJobsStorage__accountName` or `__tableServiceUri`, with the client id of a user-assigned identity from
    /// `__clientId`, or the system-assigned one.
    ManagedIdentity(Option<String>),
}

/// `PROCESSED_TABLE`, `ACTIONS_TABLE`, `COVERAGE_TABLE`: 3 to 63 letters and digits, a letter first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableNames {
    /// `ProcessedAuditLogs`
    pub processed: String,
    /// `AuditLogActionsLog`
    pub actions: String,
    /// `AuditLogCoverage`
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
