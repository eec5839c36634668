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
    /// The mailbox that the cmdlet is about.
    Mailbox {
        /// A user principal name, an address or an object id.
        name: String,
        /// The object id of its owner, if it is known.
        object_id: Option<String>,
    },
}

impl Anchor {
    /// The mailbox with this name.
    pub fn mailbox(name: &str) -> Self {
        Self::Mailbox { name: name.to_owned(), object_id: None }
    }

    /// The values of the header, in the order in which they are tried: an anchor that does not lead to the mailbox's server is answered
    /// with "Cmdlet needs proxy" (KelvinTegelaar/CIPP#4877).
    fn headers(&self, tenant: &TenantId) -> Vec<String> {
        let organization = format!("APP:{SYSTEM_MAILBOX}@{tenant}");
        match self {
            Self::Organization => vec![organization],
            Self::Mailbox { name, object_id } => {
                // A header takes no control characters, and a name of somebody else's choice may contain any.
                let name: String = name.chars().filter(|c| !c.is_control() && c.is_ascii()).collect();
                let object_id = object_id.as_ref().or(Some(&name)).filter(|id| uuid::Uuid::try_parse(id).is_ok());
                let by_id = object_id.map(|id| format!("OID:{id}@{tenant}"));
                [Some(format!("UPN:{name}")), by_id, Some(organization)].into_iter().flatten().collect()
            }
        }
    }
}

/// Returns whether the anchor did not lead to the server of the mailbox.
fn needs_proxy(error: &ServiceError) -> bool {
    match error {
        ServiceError::Answered { status: 400, code, message, .. } => {
            code == "CmdletProxyNotAvailableException" || message.contains("Cmdlet needs proxy")
        }
        _ => false,
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
    value: Option<Vec<Row>>,
    error: Option<Value>,
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
        let mut outcome = Ok(Vec::new());
        for anchor in anchor.headers(tenant) {
            // On the heap: a call waits in many places, and each would hold room for it on the stack.
            outcome = Box::pin(self.invoke_by(tenant, &anchor, cmdlet, &body)).await;
            match &outcome {
                Err(error) if needs_proxy(error) => {}
                _ => break,
            }
        }
        outcome
    }

    async fn invoke_by(
        &self,
        tenant: &TenantId,
        anchor: &str,
        cmdlet: &str,
        body: &Value,
    ) -> Result<Vec<Row>, ServiceError> {
        let mut rows = Vec::new();
        let mut next = Some(self.command_url(tenant));
        for _ in 0..PAGES {
            let Some(url) = next.take() else { return Ok(rows) };
            let page = self.page(tenant, &url, anchor, body).await?;
            // Only a cmdlet that reads must give rows. None of them, and no list of rows, are two different things.
            let value = match page.value {
                Some(value) => value,
                None if cmdlet.starts_with("Get-") => return Err(self.caller.no_rows(cmdlet)),
                None => Vec::new(),
            };
            rows.extend(value.into_iter().map(without_annotations));
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
            return Ok(Page { value: None, error: None, next: None });
        }
        let page: Page = serde_json::from_slice(&answer.body)
            .map_err(|error| self.caller.unreadable("the cmdlet's answer", &error))?;
        // An error under 200 is one all the same.
        match page.error {
            Some(_) => Err(self.caller.unreachable("the answer has status 200, but reports an error".to_owned())),
            None => Ok(page),
        }
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

/// Returns whether Exchange rejects a parameter that it does not know in this tenant: "A parameter cannot be found that matches
/// parameter name".
pub fn is_unknown_parameter(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Answered { message, .. } if message.to_lowercase().contains("parameter cannot be found"))
        || error.code() == "ParameterBindingException"
}
