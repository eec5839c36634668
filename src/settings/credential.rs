//! How the app registration proves who it is.

use secrecy::SecretString;

use crate::microsoft::Certificate;

use super::source::Source;

/// Exactly one of these is set.
#[derive(Debug, Clone)]
pub enum CredentialSettings {
    /// `CLIENT_SECRET`
    Secret(SecretString),
    /// `CLIENT_CERTIFICATE` (the text) or `CLIENT_CERTIFICATE_PATH` (a file): PEM, certificate and private key.
    Certificate(SecretString),
    /// `FEDERATED_IDENTITY_CLIENT_ID`: a user-assigned managed identity that the app registration trusts.
    Federated {
        /// The client id of the managed identity.
        identity_client_id: String,
    },
}

const WAYS: [&str; 4] =
    ["CLIENT_SECRET", "CLIENT_CERTIFICATE_PATH", "CLIENT_CERTIFICATE", "FEDERATED_IDENTITY_CLIENT_ID"];

impl CredentialSettings {
    pub(super) fn from_source(source: &mut Source) -> Option<Self> {
        let set: Vec<&str> = WAYS.into_iter().filter(|name| source.text(name).is_some()).collect();
        match set[..] {
            [] => source.refuse(WAYS[0], format!("exactly one of {} is required, and none is set", WAYS.join(", "))),
            ["CLIENT_SECRET"] => return source.text("CLIENT_SECRET").map(|secret| Self::Secret(secret.into())),
            ["CLIENT_CERTIFICATE"] => {
                let pem = source.text("CLIENT_CERTIFICATE")?.to_owned();
                return certificate(source, "CLIENT_CERTIFICATE", &pem);
            }
            ["CLIENT_CERTIFICATE_PATH"] => {
                let path = source.text("CLIENT_CERTIFICATE_PATH")?.to_owned();
                match std::fs::read_to_string(path) {
                    Ok(pem) => return certificate(source, "CLIENT_CERTIFICATE_PATH", &pem),
                    Err(error) => source.refuse("CLIENT_CERTIFICATE_PATH", format!("the file cannot be read: {error}")),
                }
            }
            ["FEDERATED_IDENTITY_CLIENT_ID"] => {
                let id: uuid::Uuid =
                    source.parsed("FEDERATED_IDENTITY_CLIENT_ID", "a GUID", |text| text.parse().ok())?;
                return Some(Self::Federated { identity_client_id: id.to_string() });
            }
            _ => source.refuse(set[0], format!("exactly one of {} may be set, and {} are", WAYS.join(", "), set.len())),
        }
        None
    }
}

/// App settings and Key Vault references often carry line ends as `\n`; both forms are understood.
fn certificate(source: &mut Source, name: &str, pem: &str) -> Option<CredentialSettings> {
    let pem = pem.replace("\\n", "\n");
    match Certificate::from_pem(&pem) {
        Ok(_) => Some(CredentialSettings::Certificate(pem.into())),
        Err(why) => {
            source.refuse(name, format!("must be PEM with a certificate and its private key, but {why}"));
            None
        }
    }
}
