//! Settings of the credential with which the app registration signs in.

use m365::{AppCredential, Certificate};

use super::source::Source;

const WAYS: [&str; 4] =
    ["CLIENT_SECRET", "CLIENT_CERTIFICATE_PATH", "CLIENT_CERTIFICATE", "FEDERATED_IDENTITY_CLIENT_ID"];

/// Reads the credential: exactly one of the settings in [`WAYS`].
pub(super) fn credential(source: &mut Source) -> Option<AppCredential> {
    let set: Vec<&str> = WAYS.into_iter().filter(|name| source.text(name).is_some()).collect();
    match set[..] {
        [] => source.reject(WAYS[0], format!("set exactly one of {}; none is set", WAYS.join(", "))),
        ["CLIENT_SECRET"] => return source.text("CLIENT_SECRET").map(|secret| AppCredential::Secret(secret.into())),
        ["CLIENT_CERTIFICATE"] => {
            let pem = source.text("CLIENT_CERTIFICATE")?.to_owned();
            return certificate(source, "CLIENT_CERTIFICATE", &pem);
        }
        ["CLIENT_CERTIFICATE_PATH"] => {
            let path = source.text("CLIENT_CERTIFICATE_PATH")?.to_owned();
            match std::fs::read_to_string(path) {
                Ok(pem) => return certificate(source, "CLIENT_CERTIFICATE_PATH", &pem),
                Err(error) => source.reject("CLIENT_CERTIFICATE_PATH", format!("the file cannot be read: {error}")),
            }
        }
        ["FEDERATED_IDENTITY_CLIENT_ID"] => {
            let id: uuid::Uuid = source.parsed("FEDERATED_IDENTITY_CLIENT_ID", "a GUID", |text| text.parse().ok())?;
            return Some(AppCredential::Federated { identity_client_id: id.to_string() });
        }
        _ => source.reject(set[0], format!("set exactly one of {}; {} are set", WAYS.join(", "), set.len())),
    }
    None
}

/// Accepts a PEM text with line breaks, or with `\n` for them as app settings and Key Vault secrets often have.
fn certificate(source: &mut Source, name: &str, pem: &str) -> Option<AppCredential> {
    let pem = pem.replace("\\n", "\n");
    match Certificate::from_pem(&pem) {
        Ok(_) => Some(AppCredential::Certificate(pem.into())),
        Err(why) => {
            source.reject(name, format!("must be PEM with a certificate and its private key: {why}"));
            None
        }
    }
}
