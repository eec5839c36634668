//! Settings from environment variables, and the ways in which they are rejected.

mod channels;
mod rejected;
mod storage;
mod values;

use tenantwatch::settings::{Needs, Settings, SettingsError};

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const OTHER: &str = "22222222-2222-2222-2222-222222222222";
const CERTIFICATE: &str = include_str!("../../fixtures/app-certificate.pem");

/// The minimum that a command with storage and channels needs.
fn minimum() -> Vec<(String, String)> {
    [
        ("PARTNER_TENANT_ID", TENANT),
        ("CLIENT_ID", OTHER),
        ("CLIENT_SECRET", "a-client-secret"),
        ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
        ("FLOW_URL", "https://flow.example/triggers/manual/paths/invoke?sig=a-signature"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

/// Reads the minimum with some settings changed; an empty value unsets.
fn read(changes: &[(&str, &str)]) -> Result<Settings, SettingsError> {
    let changes = changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_environment(minimum().into_iter().chain(changes), Needs::AZURE)
}

fn names(error: &SettingsError) -> Vec<&str> {
    error.problems.iter().map(|problem| problem.setting.as_str()).collect()
}
