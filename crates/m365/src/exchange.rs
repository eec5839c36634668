//! Exchange Online admin API (`InvokeCommand`): mailboxes, inbox rules, client access, accepted domains. Undocumented by
//! Microsoft but what its own PowerShell module speaks; the shapes are those of public clients
//! (`KelvinTegelaar/CIPP-API`, `tiredithumans/azapptoolkit`).

mod failure;

use std::sync::Arc;

use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use url::Url;

use crate::hosts::Hosts;
use base::clock::Clock;
use base::ids::TenantId;

use super::call::Caller;
use super::tokens::Tokens;
use super::{Service, ServiceError};

/// One row of a cmdlet's answer, without annotations (members whose name contains `@` are dropped).
pub type Row = Map<String, Value>;

/// A truth value of a row, in any of the forms that come.
pub fn is_true(row: &Row, member: &str) -> bool {
    match row.get(member) {
        Some(Value::Bool(value)) => *value,
        Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
        _ => false,
    }
}

/// The mailbox that stands for the organization itself in every tenant.
const SYSTEM_MAILBOX: &str = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}";

/// The most pages of one answer; more means that a link leads in a circle.
const PAGES: usize = 500;

/// Where a cmdlet is routed: `X-AnchorMailbox`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// The tenant's system mailbox, for cmdlets about the organization.
    Organization,
    /// The mailbox that the cmdlet is about: a user principal name or address.
    Mailbox(String),
}

impl Anchor {
    fn header(&self, tenant: &TenantId) -> String {
        match self {
            Self::Organization => format!("APP:{SYSTEM_MAILBOX}@{tenant}"),
            // A header takes no control characters, and a name of somebody else's choice may hold any.
            Self::Mailbox(name) => {
                format!("UPN:{}", name.chars().filter(|c| !c.is_control() && c.is_ascii()).collect::<String>())
            }
        }
    }
}

/// The client. Product code builds the parameters; see [`Exchange::invoke`].
#[derive(Debug, Clone)]
pub struct Exchange {
    caller: Caller,
    root: Url,
}

#[derive(Deserialize)]
struct Page {
    #[serde(default)]
    value: Vec<Row>,
    #[serde(rename = "@odata.nextLink")]
    next: Option<String>,
}

impl Exchange {
    /// Shares connections and tokens with the other services.
    pub fn new(hosts: &Hosts, http: Client, tokens: Arc<Tokens>, clock: Arc<dyn Clock>) -> Self {
        Self {
            caller: Caller::new(Service::Exchange, http, tokens, clock, failure::read_error),
            root: hosts.exchange.clone(),
        }
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
        let body = json!({"CmdletInput": {"CmdletName": cmdlet, "Parameters": parameters}});
        let anchor = anchor.header(tenant);
        let mut rows = Vec::new();
        let mut next = Some(self.command_url(tenant));
        for _ in 0..PAGES {
            let Some(url) = next.take() else { return Ok(rows) };
            let page = self.page(tenant, &url, &anchor, &body).await?;
            rows.extend(page.value.into_iter().map(without_annotations));
            // Page links live for minutes only, so they are followed at once; each is a POST of the same body.
            next = page.next.map(|link| self.own_link(&link)).transpose()?;
        }
        if next.is_none() { Ok(rows) } else { Err(self.caller.endless("the cmdlet's answer")) }
    }

    async fn page(&self, tenant: &TenantId, url: &Url, anchor: &str, body: &Value) -> Result<Page, ServiceError> {
        let request = self
            .caller
            .request(Method::POST, url.clone())
            .header("X-AnchorMailbox", anchor)
            .header("Prefer", "odata.maxpagesize=1000")
            .header("X-ResponseFormat", "json")
            .json(body);
        let answer = self.caller.whole(tenant, request).await?;
        // A cmdlet that changes something may answer with nothing at all.
        if answer.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Page { value: Vec::new(), next: None });
        }
        serde_json::from_slice(&answer.body).map_err(|error| self.caller.unreadable("the cmdlet's answer", &error))
    }

    fn command_url(&self, tenant: &TenantId) -> Url {
        let mut url = self.root.clone();
        url.set_path(&format!("/adminapi/beta/{tenant}/InvokeCommand"));
        url
    }

    fn own_link(&self, link: &str) -> Result<Url, ServiceError> {
        Url::parse(link)
            .ok()
            .filter(|url| url.origin() == self.root.origin() && url.username().is_empty())
            .ok_or(ServiceError::ForeignLink { service: Service::Exchange })
    }
}

fn without_annotations(row: Row) -> Row {
    row.into_iter().filter(|(name, _)| !name.contains('@')).collect()
}

/// Whether Exchange says that the object is not there. A 404 without these words is a gateway's, and says nothing about it.
pub fn is_not_found(error: &ServiceError) -> bool {
    error.code() == "ManagementObjectNotFoundException"
}

/// Whether Exchange refuses us for good: no app role or no directory role in that tenant.
pub fn is_refused(error: &ServiceError) -> bool {
    matches!(error.status(), Some(401 | 403))
}
