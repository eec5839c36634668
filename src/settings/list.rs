//! Names every setting once. The documentation, `local.settings.json.example` and the tests are checked against this list.

/// One environment variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingDoc {
    /// The name of the variable.
    pub name: &'static str,
    /// `true` if the value must never be shown.
    pub secret: bool,
}

/// All settings, in the order of the documentation.
pub const SETTINGS: &[SettingDoc] = &[
    open("PARTNER_TENANT_ID"),
    open("CLIENT_ID"),
    secret("CLIENT_SECRET"),
    open("CLIENT_CERTIFICATE_PATH"),
    secret("CLIENT_CERTIFICATE"),
    open("FEDERATED_IDENTITY_CLIENT_ID"),
    open("CLOUD"),
    open("AZURE_AUTHORITY_HOST"),
    open("MANAGEMENT_API_URL"),
    open("GRAPH_URL"),
    open("EXCHANGE_URL"),
    open("TENANT_SOURCE"),
    open("TENANTS"),
    open("TENANTS_EXCLUDE"),
    open("GetDomainSchedule"),
    secret("AzureWebJobsStorage"),
    open("AzureWebJobsStorage__accountName"),
    open("AzureWebJobsStorage__tableServiceUri"),
    open("AzureWebJobsStorage__credential"),
    open("AzureWebJobsStorage__clientId"),
    open("PROCESSED_TABLE"),
    open("ACTIONS_TABLE"),
    open("COVERAGE_TABLE"),
    secret("FLOW_URL"),
    secret("TEAMS_WEBHOOK_URL"),
    secret("HEARTBEAT_URL"),
    open("HEARTBEAT_STYLE"),
    secret("WEBHOOK_URL"),
    secret("WEBHOOK_SECRET"),
    open("WEBHOOK_ALLOW_PRIVATE"),
    secret("SLACK_WEBHOOK_URL"),
    open("MAIL_FROM"),
    open("MAIL_TO"),
    open("NOTIFY_MINIMUM"),
    secret("ACTION_KEY"),
    open("ACTION_TOKEN_HOURS"),
    open("AUTO_CONTAIN"),
    open("AUTO_CONTAIN_MODE"),
    open("AUTO_CONTAIN_LIMIT"),
    open("LOOKBACK_MINUTES"),
    open("OVERLAP_MINUTES"),
    open("TRUSTED_DOMAINS"),
    open("TRUSTED_APPS"),
    open("REMOVE_SIGNIN_METHODS"),
    open("RETENTION_DAYS"),
    open("PROTECTED_USERS"),
    open("DETECTIONS_OFF"),
    open("INVESTIGATE"),
    open("INVESTIGATE_HOURS"),
    open("INVESTIGATE_MB"),
    open("GEOIP_DATABASE"),
    open("ASN_DATABASE"),
    secret("IPSTACK_API_KEY"),
    open("SSL_CERT_FILE"),
    open("RUST_LOG"),
];

const fn open(name: &'static str) -> SettingDoc {
    SettingDoc { name, secret: false }
}

const fn secret(name: &'static str) -> SettingDoc {
    SettingDoc { name, secret: true }
}
