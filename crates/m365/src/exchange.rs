//! Exchange Online admin API (`InvokeCommand`) as typed calls: mailboxes and their rules, client access, recipients, accepted domains.
//!
//! Microsoft does not document the API, but its own PowerShell module uses it; the shapes are those of public clients
//! (`KelvinTegelaar/CIPP-API`, `tiredithumans/azapptoolkit`). The names of cmdlets and of their members appear in this module only.

mod anchor;
mod auto_reply;
mod client_access;
mod failure;
mod inbox_rule;
mod mailbox;
mod names;
mod organization;
mod permission;
mod recipient;
mod row;

use std::sync::Arc;

use reqwest::{Client, Method};
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;

use crate::hosts::Hosts;
use base::clock::Clock;
use base::ids::TenantId;

use super::call::Caller;
use super::tokens::Tokens;
use super::{Service, ServiceError};
use anchor::needs_proxy;
use names::{Named, Names};
use row::{Row, text};

pub use anchor::{Anchor, MailboxId};
pub use auto_reply::AutoReply;
pub use client_access::{ClientAccess, ClientAccessSwitch};
pub use inbox_rule::{InboxRule, ListedRule, RuleForm, SweepRule};
pub use mailbox::{Forwarding, Mailbox};
pub use organization::{
    AcceptedDomain, AdminAuditLogConfig, DomainType, OrganizationConfig, UNAUDITED_MAILBOXES, is_customized_already,
    needs_customization,
};
pub use permission::{MailboxGrant, MailboxPermission, is_grant_gone};
pub use recipient::{GROUP_MEMBERS_LIMIT, GroupKind, GroupMembers, Recipient};

/// The most pages of one answer; more means that a link leads in a circle.
const PAGES: usize = 500;

/// The member of a row with the object id in the directory.
const OBJECT_ID: &str = "ExternalDirectoryObjectId";

/// Calls Exchange Online.
#[derive(Debug, Clone)]
pub struct Exchange {
    caller: Caller,
    root: Url,
}

#[derive(Deserialize)]
struct Page {
    value: Option<Vec<Row>>,
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
    /// Every cmdlet that is used here is safe to repeat, so all are retried when that may help.
    ///
    /// # Errors
    /// `code` is the short type name of Exchange's own exception (`ManagementObjectNotFoundException`), `message` its text;
    /// for a 403 the reason of `x-ms-diagnostics`. A `Get-` without a list of rows is a transient error.
    pub(crate) async fn invoke(
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

    /// Finds one object by its name. Exchange also finds objects by a part of a name, so the only row is believed only if it has the
    /// name that was asked for.
    async fn find<T: Named + From<Row>>(
        &self,
        tenant: &TenantId,
        anchor: &Anchor,
        cmdlet: &str,
        name: &str,
    ) -> Result<Option<T>, ServiceError> {
        let mut rows = match self.invoke(tenant, anchor, cmdlet, json!({ "Identity": name })).await {
            Err(error) if is_not_found(&error) => return Ok(None),
            answer => answer?,
        };
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(Some(T::from(row)).filter(|found| found.has_name(name))),
            (Some(_), false) => Ok(None),
            (None, _) => Err(self.caller.no_rows(cmdlet)),
        }
    }

    /// Returns the only row that a cmdlet gives for a mailbox; `None` if Exchange says that there is no such mailbox.
    async fn only_row(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        cmdlet: &str,
    ) -> Result<Option<Row>, ServiceError> {
        let rows = match self.invoke(tenant, &mailbox.into(), cmdlet, json!({ "Identity": mailbox.identity() })).await {
            Err(error) if is_not_found(&error) => return Ok(None),
            answer => answer?,
        };
        let mut rows = rows.into_iter();
        match (rows.next(), rows.next()) {
            (Some(row), None) => Ok(Some(row)),
            (Some(_), Some(_)) => Err(self.of_another(cmdlet)),
            (None, _) => Err(self.caller.no_rows(cmdlet)),
        }
    }

    /// Returns the row of a mailbox that a cmdlet gives, if it is proven to be that of the mailbox that was asked for; `None` if
    /// Exchange says that there is no such mailbox.
    async fn row_of(&self, tenant: &TenantId, mailbox: &MailboxId, cmdlet: &str) -> Result<Option<Row>, ServiceError> {
        let Some(row) = self.only_row(tenant, mailbox, cmdlet).await? else { return Ok(None) };
        if !bears(&row, mailbox) {
            let names = Names::of(&row);
            let owners: Vec<&str> = names.iter().chain(text(&row, "MailboxOwnerId")).collect();
            if text(&row, OBJECT_ID).is_some() && mailbox.object_id.is_some() {
                return Err(self.of_another(cmdlet));
            }
            // A row without any name counts if the name that was asked for leads to the right mailbox.
            self.prove_owners(tenant, mailbox, &owners, cmdlet).await?;
        }
        Ok(Some(row))
    }

    /// Proves that all `owners`, by which the rows of an answer name a mailbox, are names of the mailbox that was asked for. Exchange
    /// can answer with rows of another mailbox, and some rows name their mailbox in another way than it was asked for. Without rows it
    /// proves that the name leads to that mailbox.
    ///
    /// # Errors
    /// Returns a transient error if one of the names is that of another mailbox, and what Exchange answered.
    pub async fn prove_owners(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        owners: &[&str],
        what: &str,
    ) -> Result<(), ServiceError> {
        let asked = mailbox.identity();
        if !owners.is_empty() && owners.iter().all(|owner| owner.eq_ignore_ascii_case(asked)) {
            return Ok(());
        }
        let proven = self.proven_mailbox(tenant, mailbox).await?;
        match proven.is_some_and(|proven| owners.iter().all(|owner| proven.is_named(owner))) {
            true => Ok(()),
            false => Err(self.of_another(what)),
        }
    }

    fn of_another(&self, what: &str) -> ServiceError {
        self.caller.unreachable(format!("{what} is not proven to be about the mailbox that was asked for"))
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
        if next.is_none() { Ok(rows) } else { Err(self.caller.endless("the cmdlet's response")) }
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
        // A cmdlet that changes something may return an empty body.
        if answer.body.iter().all(u8::is_ascii_whitespace) {
            return Ok(Page { value: None, next: None });
        }
        self.caller.parsed("the cmdlet's response", &answer)
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

/// Returns whether a row is that of the mailbox: it bears its object id, or the name that was asked for if one of the two has no id.
fn bears(row: &Row, mailbox: &MailboxId) -> bool {
    match (text(row, OBJECT_ID), &mailbox.object_id) {
        (Some(own), Some(asked)) => own.eq_ignore_ascii_case(asked),
        _ => Names::of(row).contain(mailbox.identity()),
    }
}

fn without_annotations(row: Row) -> Row {
    row.into_iter().filter(|(name, _)| !name.contains('@')).collect()
}

/// Returns whether Exchange says that the object does not exist. A 404 without its exception comes from a gateway and proves nothing.
pub fn is_not_found(error: &ServiceError) -> bool {
    error.code() == "ManagementObjectNotFoundException"
}

/// Returns whether Exchange denies access: the app role or the directory role is missing in that tenant.
pub fn is_refused(error: &ServiceError) -> bool {
    matches!(error.status(), Some(401 | 403))
}

/// Returns whether Exchange rejects a parameter that it does not know in this tenant: "A parameter cannot be found that matches
/// parameter name".
pub fn is_unknown_parameter(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Answered { message, .. } if message.to_lowercase().contains("parameter cannot be found"))
        || error.code() == "ParameterBindingException"
}
