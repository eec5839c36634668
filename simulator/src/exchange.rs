//! Exchange Online admin API: `InvokeCommand` with the cmdlets that a remediation needs. What is changed stays changed.

mod mailboxes;
mod organization;
mod permissions;
mod rules;

use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::entra::form;
use crate::reply::Reply;
use crate::world::{Tenant, World};

/// Rows of a cmdlet, or why there are none.
type Outcome = Result<Vec<Value>, Failure>;

/// How a cmdlet fails.
enum Failure {
    /// The mailbox, rule or recipient is not there.
    NotFound(String),
    /// A parameter that the cmdlet does not have, or a cmdlet that does not exist.
    BadParameter(String),
    /// It would ask somebody, and nobody is there.
    WouldPrompt(String),
    /// Exchange refuses to do it.
    Refused(String),
}

/// A cmdlet's parameters.
struct Parameters<'a>(&'a Map<String, Value>);

impl Parameters<'_> {
    /// Refuses whatever is not among `known`.
    fn only(&self, known: &[&str]) -> Result<(), Failure> {
        let is_known = |name: &String| known.iter().any(|known| known.eq_ignore_ascii_case(name));
        match self.0.keys().find(|name| !name.contains('@') && !is_known(name)) {
            Some(name) => Err(Failure::BadParameter(name.clone())),
            None => Ok(()),
        }
    }

    fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    fn text(&self, name: &str) -> &str {
        self.value(name).and_then(Value::as_str).unwrap_or_default()
    }

    fn flag(&self, name: &str) -> Option<bool> {
        match self.value(name)? {
            Value::Bool(flag) => Some(*flag),
            Value::String(text) => Some(text.eq_ignore_ascii_case("true")),
            _ => None,
        }
    }
}

/// The cmdlet that a body names.
pub(crate) fn cmdlet_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    Some(body["CmdletInput"]["CmdletName"].as_str()?.to_owned())
}

/// One call of `POST /adminapi/beta/{tenant}/InvokeCommand`.
pub(crate) fn answer(
    world: &mut World,
    tenant_id: Uuid,
    origin: &str,
    query: &str,
    anchor: Option<&str>,
    body: &[u8],
) -> Reply {
    let page = world.rows_page;
    let Some(tenant) = world.tenants.get_mut(&tenant_id) else { return Reply::empty(401) };
    if !tenant.exchange_role {
        return without_role();
    }
    let body: Value = serde_json::from_slice(body).unwrap_or_default();
    let cmdlet = body["CmdletInput"]["CmdletName"].as_str().unwrap_or_default();
    let Some(parameters) = body["CmdletInput"]["Parameters"].as_object() else {
        return failed(&Failure::BadParameter("Parameters".to_owned()));
    };
    if anchor.is_none_or(|anchor| !anchor.starts_with("UPN:") && !anchor.starts_with("APP:")) {
        return failed(&Failure::BadParameter("X-AnchorMailbox".to_owned()));
    }
    match run(tenant, cmdlet, &Parameters(parameters)) {
        Ok(rows) => paged(tenant_id, origin, query, page, &rows),
        Err(failure) => failed(&failure),
    }
}

fn run(tenant: &mut Tenant, cmdlet: &str, parameters: &Parameters<'_>) -> Outcome {
    match cmdlet {
        "Get-InboxRule" => rules::get(tenant, parameters),
        "Disable-InboxRule" => rules::switch(tenant, parameters, false),
        "Enable-InboxRule" => rules::switch(tenant, parameters, true),
        "Remove-InboxRule" => rules::remove(tenant, parameters),
        "Get-SweepRule" => rules::get_sweep(tenant, parameters),
        "Disable-SweepRule" => rules::switch_sweep(tenant, parameters, false),
        "Enable-SweepRule" => rules::switch_sweep(tenant, parameters, true),
        "Get-Mailbox" => mailboxes::get(tenant, parameters),
        "Set-Mailbox" => mailboxes::set(tenant, parameters),
        "Get-CASMailbox" => mailboxes::get_access(tenant, parameters),
        "Set-CASMailbox" => mailboxes::set_access(tenant, parameters),
        "Get-MailboxAutoReplyConfiguration" => mailboxes::get_auto_reply(tenant, parameters),
        "Set-MailboxAutoReplyConfiguration" => mailboxes::set_auto_reply(tenant, parameters),
        "Get-Recipient" => mailboxes::recipient(tenant, parameters),
        "Get-AcceptedDomain" => organization::accepted_domains(tenant),
        "Get-OrganizationConfig" => organization::config(tenant),
        "Get-AdminAuditLogConfig" => organization::audit_log(tenant),
        "Get-MailboxPermission" => permissions::get(tenant, parameters, false),
        "Remove-MailboxPermission" => permissions::remove(tenant, parameters, false),
        "Get-MailboxFolderPermission" => permissions::get(tenant, parameters, true),
        "Remove-MailboxFolderPermission" => permissions::remove(tenant, parameters, true),
        "Get-RecipientPermission" => permissions::get_send_as(tenant, parameters),
        "Remove-RecipientPermission" => permissions::remove_send_as(tenant, parameters),
        unknown => Err(Failure::BadParameter(unknown.to_owned())),
    }
}

/// A run of NUL bytes; the reason stands in a header.
fn without_role() -> Reply {
    let mut reply = Reply::empty(403).with_header(
        "x-ms-diagnostics",
        "2000003;reason=\"The role assigned to application isn't supported in this scenario.\"",
    );
    reply.body = vec![0; 64];
    reply.with_header("request-id", Uuid::new_v4().to_string())
}

fn paged(tenant: Uuid, origin: &str, query: &str, size: usize, rows: &[Value]) -> Reply {
    let from = form(query.as_bytes()).get("$skiptoken").and_then(|skip| skip.parse().ok()).unwrap_or(0_usize);
    let to = (from + size).min(rows.len());
    let mut page = json!({
        "@odata.context": format!("{origin}/adminapi/beta/{tenant}/$metadata#Collection(Exchange.GenericHashTable)"),
        "adminapi.warnings@odata.type": "#Collection(String)",
        "@adminapi.warnings": [],
        "value": rows.get(from..to).unwrap_or_default(),
    });
    if to < rows.len() {
        page["@odata.nextLink"] = json!(format!("{origin}/adminapi/beta/{tenant}/InvokeCommand?%24skiptoken={to}"));
        page["@adminapi.warnings"] = json!(["There are more results available than are currently displayed."]);
    }
    Reply::json(200, &page)
}

fn failed(failure: &Failure) -> Reply {
    let (status, kind, text) = match failure {
        Failure::NotFound(name) => (
            404,
            "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException",
            format!(
                "The operation couldn't be performed because object '{name}' couldn't be found on 'EURPR04A009.PROD.OUTLOOK.COM'."
            ),
        ),
        Failure::BadParameter(name) => (
            400,
            "Microsoft.Exchange.AdminApi.CommandInvocation.AmbiguousParameterSetException",
            format!(
                "Parameter set cannot be resolved using the specified named parameters. Invalid cmdlet parameters specified. {name}"
            ),
        ),
        Failure::WouldPrompt(what) => (
            400,
            "System.Management.Automation.PSInvalidOperationException",
            format!(
                "A command that prompts the user failed because the host program or the command type does not support user interaction: {what}"
            ),
        ),
        Failure::Refused(why) => (400, "Microsoft.Exchange.Management.Tasks.InvalidOperationException", why.clone()),
    };
    let inner = json!({"message": text, "type": kind, "stacktrace": ""});
    Reply::json(
        status,
        &json!({"error": {"code": "BadRequest", "message": "Invalid Operation",
            "details": [{"code": "Client", "target": "", "message": format!("|{kind}|{text}")}],
            "innererror": {"message": "Invalid Operation", "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                "stacktrace": "", "internalexception": inner}}}),
    )
}
