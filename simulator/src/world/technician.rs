//! Models the technician of the provider who signs in to customers' tenants.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::applications::{
    CLOUD_APPLICATION_ADMINISTRATOR, EXCHANGE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR,
};

/// The technician and the registration that they sign in with.
#[derive(Debug, Clone)]
pub struct Technician {
    /// The public-client registration of the provider.
    pub client_id: Uuid,
    /// `true` if the technician has signed in to the Azure CLI.
    pub signed_in_to_cli: bool,
    /// The number of polls of a device code that find the sign-in still pending.
    pub pending_polls: u32,
    /// The end of a sign-in with a device code or in a browser, if it fails: an OAuth error.
    pub sign_in_error: Option<String>,
    /// An AADSTS number with which the sign-in in the provider's own tenant fails.
    pub sign_in_aadsts: Option<u32>,
}

impl Technician {
    pub(super) fn new(client_id: Uuid) -> Self {
        Self { client_id, signed_in_to_cli: true, pending_polls: 1, sign_in_error: None, sign_in_aadsts: None }
    }
}

/// The rights of the technician in one tenant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TechnicianAccess {
    /// The directory roles that the technician holds there through the delegated relationship.
    pub roles: BTreeSet<Uuid>,
    /// The AADSTS number with which Entra refuses the technician a token.
    pub refused: Option<u32>,
    /// The same for the provider's public-client registration only.
    pub client_refused: Option<u32>,
    /// `true` if the group that maps the relationship grants no write access.
    pub cannot_write: bool,
}

impl TechnicianAccess {
    /// Returns whether Exchange accepts the technician as an administrator.
    pub fn administers_exchange(&self) -> bool {
        [EXCHANGE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR].iter().any(|role| self.roles.contains(role))
    }
}

impl Default for TechnicianAccess {
    fn default() -> Self {
        let roles = [CLOUD_APPLICATION_ADMINISTRATOR, PRIVILEGED_ROLE_ADMINISTRATOR, EXCHANGE_ADMINISTRATOR];
        Self { roles: roles.into(), refused: None, client_refused: None, cannot_write: false }
    }
}
