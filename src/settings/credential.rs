//! How the app registration proves who it is.

use secrecy::SecretString;

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
