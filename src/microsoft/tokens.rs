//! Tokens from Entra: one credential per tenant, kept, all sharing one transport.

use secrecy::SecretString;

use crate::names::TenantId;
use crate::settings::{Hosts, PartnerSettings};

use super::{Service, TokenError};

/// Gives tokens for any tenant and service.
#[derive(Debug)]
pub struct Tokens {}

impl Tokens {
    /// Prepares; nothing is asked for yet.
    ///
    /// # Errors
    /// When the certificate cannot be used.
    pub fn new(partner: &PartnerSettings, hosts: &Hosts, http: reqwest::Client) -> Result<Self, TokenError> {
        let _ = (partner, hosts, http);
        todo!()
    }

    /// A token for `service` in `tenant`, from the cache while it lives.
    pub async fn token(&self, tenant: &TenantId, service: Service) -> Result<SecretString, TokenError> {
        let _ = (tenant, service);
        todo!()
    }

    /// Forgets what is cached for `tenant`, after a service answered 401.
    pub async fn forget(&self, tenant: &TenantId) {
        let _ = tenant;
        todo!()
    }
}
