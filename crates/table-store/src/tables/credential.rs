//! Signs in to the table service with the key of the account, a managed identity, or the sign-in of the developer's tools.

use std::sync::Arc;

use azure_core::credentials::TokenCredential as Credential;
use azure_core::http::{ClientOptions, Transport};
use azure_core_legacy::auth::{AccessToken, Secret, TokenCredential};
use azure_core_legacy::error::{Error, ErrorKind};
use azure_identity::{
    DeveloperToolsCredential, ManagedIdentityCredential, ManagedIdentityCredentialOptions, UserAssignedId,
};
use azure_storage::StorageCredentials;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::ExposeSecret as _;

use crate::StoreError;
use crate::account::{StorageAccess, StorageAccount};

/// The credential of the settings. No token is asked for yet.
pub(super) fn of(settings: &StorageAccount, http: reqwest::Client) -> Result<StorageCredentials, StoreError> {
    match &settings.access {
        StorageAccess::SharedKey(key) => {
            let key = key.expose_secret();
            if BASE64.decode(key).is_err() {
                return Err(StoreError::Refused("AccountKey of AzureWebJobsStorage is not base64".to_owned()));
            }
            Ok(StorageCredentials::access_key(settings.account.clone(), Secret::new(key.to_owned())))
        }
        StorageAccess::ManagedIdentity(client_id) => {
            Ok(StorageCredentials::token_credential(Arc::new(Identity::managed(client_id.clone(), http)?)))
        }
        StorageAccess::DeveloperSignIn => Ok(StorageCredentials::token_credential(Arc::new(Identity::of_developer()?))),
    }
}

/// The error message if the managed identity yields no token.
const NO_MANAGED_TOKEN: &str =
    "the managed identity got no token for the storage account: is it assigned, and is it the one that is set?";

/// The error message if the developer's own tools yield no token.
const NO_DEVELOPER_TOKEN: &str =
    "no managed identity is offered here, and the sign-in of az or azd got no token; run `az login`";

/// Returns the message of a credential of this module among the causes of an error. No other text of the error is used.
pub(super) fn message_in(error: &(dyn std::error::Error + 'static)) -> Option<&'static str> {
    let causes = std::iter::successors(Some(error), |error| error.source()).map(ToString::to_string);
    let known = |text: String| [NO_MANAGED_TOKEN, NO_DEVELOPER_TOKEN].into_iter().find(|message| text == *message);
    causes.filter_map(known).next()
}

/// A credential of azure_identity 1.x, as the table client's older interface wants it.
#[derive(Debug)]
pub(crate) struct Identity {
    credential: Arc<dyn Credential>,
    /// The error message if the credential yields no token.
    failure: &'static str,
}

impl Identity {
    pub(crate) fn managed(client_id: Option<String>, http: reqwest::Client) -> Result<Self, StoreError> {
        let options = ManagedIdentityCredentialOptions {
            user_assigned_id: client_id.map(UserAssignedId::ClientId),
            client_options: ClientOptions { transport: Some(Transport::new(Arc::new(http))), ..Default::default() },
        };
        let refused = |error| StoreError::Refused(format!("the managed identity cannot be used: {error}"));
        let credential = ManagedIdentityCredential::new(Some(options)).map_err(refused)?;
        Ok(Self { credential, failure: NO_MANAGED_TOKEN })
    }

    pub(crate) fn of_developer() -> Result<Self, StoreError> {
        let refused = |error| StoreError::Refused(format!("the developer's sign-in cannot be used: {error}"));
        let credential = DeveloperToolsCredential::new(None).map_err(refused)?;
        Ok(Self { credential, failure: NO_DEVELOPER_TOKEN })
    }

    /// Returns a token.
    pub(crate) async fn token(&self, scope: &str) -> Result<String, StoreError> {
        let token = self.credential.get_token(&[scope], None).await;
        let token = token.map_err(|_| StoreError::Refused(self.failure.to_owned()))?;
        Ok(token.token.secret().to_owned())
    }
}

#[async_trait::async_trait]
impl TokenCredential for Identity {
    async fn get_token(&self, scopes: &[&str]) -> azure_core_legacy::Result<AccessToken> {
        match self.credential.get_token(scopes, None).await {
            Ok(token) => Ok(AccessToken::new(token.token.secret().to_owned(), token.expires_on)),
            Err(_) => Err(Error::message(ErrorKind::Credential, self.failure)),
        }
    }

    /// The credential keeps its tokens itself, and renews them in time.
    async fn clear_cache(&self) -> azure_core_legacy::Result<()> {
        Ok(())
    }
}
