//! Exchange Online admin API (`InvokeCommand`): mailboxes, inbox rules, client access, accepted domains.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::names::TenantId;
use crate::settings::Hosts;

use super::ServiceError;
use super::tokens::Tokens;

/// One row of a cmdlet's answer, without annotations (members whose name contains `@` are dropped).
pub type Row = Map<String, Value>;

/// Where a cmdlet is routed: `X-AnchorMailbox`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// The tenant's system mailbox, for cmdlets about the organization.
    Organization,
    /// The mailbox that the cmdlet is about: a user principal name or address.
    Mailbox(String),
}

/// The client. Product code builds the parameters; see [`Exchange::invoke`].
#[derive(Debug, Clone)]
pub struct Exchange {}

impl Exchange {
    /// Shares connections and tokens with the other services.
    pub fn new(hosts: &Hosts, http: reqwest::Client, tokens: Arc<Tokens>) -> Self {
        let _ = (hosts, http, tokens);
        todo!()
    }

    /// Runs a cmdlet and returns all its rows, every page. `parameters` must be an object; numbers above 2^63 keep their digits.
    /// A `Get-` is retried when that may help; so is any other cmdlet, all used here being safe to repeat.
    ///
    /// # Errors
    /// `code` is the short type name of Exchange's own exception (`ManagementObjectNotFoundException`), `message` its text;
    /// for a 403 the reason of `x-ms-diagnostics`.
    pub async fn invoke(
        &self,
        tenant: &TenantId,
        anchor: &Anchor,
        cmdlet: &str,
        parameters: Value,
    ) -> Result<Vec<Row>, ServiceError> {
        let _ = (tenant, anchor, cmdlet, parameters);
        todo!()
    }
}

/// Whether Exchange says that the object is not there.
pub fn is_not_found(error: &ServiceError) -> bool {
    error.code() == "ManagementObjectNotFoundException" || error.status() == Some(404)
}

/// Whether Exchange refuses us for good: no app role or no directory role in that tenant.
pub fn is_refused(error: &ServiceError) -> bool {
    matches!(error.status(), Some(401 | 403))
}
