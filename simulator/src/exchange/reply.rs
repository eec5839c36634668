//! Writes answers: rows in pages, and errors in the words of Exchange.

use serde_json::{Map, Value, json};
use uuid::Uuid;

use super::Row;
use super::params::Params;
use crate::reply::Reply;

/// The warning on a listing that has a next page.
const MORE: &str = "There are more results available than are currently displayed. To view them, increase the value for \
                    the ResultSize parameter.";

/// Returns a JSON answer with the headers of Exchange.
fn with_body(status: u16, body: &Value) -> Reply {
    let kind = "application/json;odata.metadata=minimal;odata.streaming=true;charset=utf-8";
    let mut reply = Reply::empty(status).with_header("content-type", kind);
    reply.body = body.to_string().into_bytes();
    let id = Uuid::new_v5(&Uuid::NAMESPACE_URL, &reply.body);
    reply.with_header("request-id", id.to_string())
}

/// Returns the answer to an app without a directory role: NUL bytes, the reason in a header.
pub(super) fn forbidden() -> Reply {
    let reason = "2000003;reason=\"The role assigned to application isn't supported in this scenario.\"";
    let mut reply = Reply::empty(403).with_header("x-ms-diagnostics", reason);
    reply.body = vec![0; 128];
    reply.with_header("request-id", Uuid::new_v5(&Uuid::NAMESPACE_URL, reason.as_bytes()).to_string())
}

/// Returns the other reported answer to an app without a directory role.
pub(super) fn unauthorized(cmdlet: &str) -> Reply {
    let message = format!("User is not allowed to call {cmdlet}");
    with_body(401, &json!({"error": {"code": "Unauthorized", "message": message}}))
}

/// The result of a cmdlet.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    rows: Vec<Row>,
    warnings: Vec<String>,
}

impl Outcome {
    /// Returns an outcome without rows.
    pub fn done() -> Self {
        Self::default()
    }

    /// Returns an outcome with a warning only.
    pub fn warned(warning: String) -> Self {
        Self { rows: Vec::new(), warnings: vec![warning] }
    }

    /// Returns an outcome with rows.
    pub fn rows(rows: impl IntoIterator<Item = Value>) -> Self {
        let rows = rows.into_iter().filter_map(|row| match row {
            Value::Object(row) => Some(row),
            _ => None,
        });
        Self { rows: rows.collect(), warnings: Vec::new() }
    }

    /// Drops the rows that `ResultSize` does not allow.
    pub fn limited_by(mut self, params: &Params) -> Result<Self, Failure> {
        if let Some(limit) = params.result_size()?.filter(|limit| self.rows.len() > *limit) {
            self.rows.truncate(limit);
            self.warnings.push(MORE.to_owned());
        }
        Ok(self)
    }

    /// Returns the page that the query asks for.
    pub fn reply(mut self, tenant: Uuid, origin: &str, query: &str, size: usize) -> Reply {
        let from = match parameter(query, "$skiptoken").map(|token| token.parse::<usize>()) {
            None => 0,
            Some(Ok(from)) if from < self.rows.len() => from,
            Some(_) => {
                let message = "Expired or Invalid pagination request. Default Expiry time is 00:30:00";
                return Failure::bad_request(message).reply();
            }
        };
        let select = parameter(query, "$select");
        let next = from + size;
        let more = next < self.rows.len();
        let page: Vec<Value> =
            self.rows.drain(..).skip(from).take(size).map(|row| finish(row, select.as_deref())).collect();
        if more && !self.warnings.iter().any(|warning| warning == MORE) {
            self.warnings.push(MORE.to_owned());
        }
        let base = format!("{origin}/adminapi/beta/{tenant}");
        let mut body = json!({
            "@odata.context": format!("{base}/$metadata#Collection(Exchange.GenericHashTable)"),
            "adminapi.warnings@odata.type": "#Collection(String)",
            "@adminapi.warnings": self.warnings,
            "value": page,
        });
        if more {
            let select = select.map(|select| format!("%24select={select}&")).unwrap_or_default();
            body["@odata.nextLink"] = format!("{base}/InvokeCommand?{select}%24skiptoken={next}").into();
        }
        with_body(200, &body)
    }
}

/// Drops members that were not selected, and adds the annotations.
fn finish(row: Row, select: Option<&str>) -> Value {
    let mut out = Map::new();
    for (key, value) in row {
        if select.is_some_and(|select| !select.split(',').any(|name| name.trim().eq_ignore_ascii_case(&key))) {
            continue;
        }
        match &value {
            Value::Number(number) if number.as_i64().is_some_and(|number| i32::try_from(number).is_ok()) => {
                out.insert(format!("{key}@data.type"), "System.Int32".into());
            }
            Value::Number(_) => {
                out.insert(format!("{key}@data.type"), "System.UInt64".into());
            }
            Value::Array(_) => {
                out.insert(format!("{key}@odata.type"), "#Collection(String)".into());
            }
            _ => {}
        }
        out.insert(key, value);
    }
    Value::Object(out)
}

/// Returns a parameter of the query, in which `$` and `,` may be escaped.
fn parameter(query: &str, name: &str) -> Option<String> {
    query.trim_start_matches('?').split('&').find_map(|pair| {
        let pair = pair.replace("%24", "$").replace("%2C", ",").replace("%2c", ",");
        let (key, value) = pair.split_once('=')?;
        key.eq_ignore_ascii_case(name).then(|| value.to_owned())
    })
}

/// The reason for which a cmdlet did not run.
#[derive(Debug)]
pub(super) struct Failure {
    status: u16,
    kind: &'static str,
    message: String,
}

impl Failure {
    /// Returns the rejection of bad input.
    pub fn bad_request(message: &str) -> Self {
        let kind = "Microsoft.Exchange.AdminApi.CommandInvocation.InvalidOperationException";
        Self { status: 400, kind, message: message.to_owned() }
    }

    /// Returns the rejection of a cmdlet or parameter that does not exist.
    pub fn ambiguous(message: &str) -> Self {
        let kind = "Microsoft.Exchange.AdminApi.CommandInvocation.AmbiguousParameterSetException";
        Self { status: 400, kind, message: message.to_owned() }
    }

    /// Returns the error of a name that no object has.
    pub fn not_found(name: &str) -> Self {
        let message = format!(
            "The operation couldn't be performed because object '{name}' couldn't be found on \
             'EURPR04A009.PROD.OUTLOOK.COM'."
        );
        let kind = "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException";
        Self { status: 404, kind, message }
    }

    /// Returns the rejection of a cmdlet that would ask for confirmation.
    pub fn prompt(question: &str) -> Self {
        Self::bad_request(&format!(
            "A command that prompts the user failed because the host program or the command type does not support user \
             interaction: it would prompt \"{question}\""
        ))
    }

    /// Returns the rejection of a mailbox that is named twice. Source: MicrosoftDocs/office-docs-powershell#4087.
    pub fn mailbox_named_twice() -> Self {
        Self::bad_request("You can't use both the Identity and Mailbox parameters to specify a mailbox.")
    }

    /// Returns the rejection of a parameter that the cmdlet does not have in this tenant.
    pub fn unknown_parameter(name: &str) -> Self {
        let kind = "System.Management.Automation.ParameterBindingException";
        let message = format!("A parameter cannot be found that matches parameter name '{name}'.");
        Self { status: 400, kind, message }
    }

    /// Returns the rejection of a cmdlet that the roles of the app do not contain.
    pub fn not_in_role(cmdlet: &str) -> Self {
        let kind = "Microsoft.Exchange.Configuration.Authorization.CmdletAccessDeniedException";
        let message = format!("{cmdlet} is not present in the role definition of the current user.");
        Self { status: 400, kind, message }
    }

    /// Returns the rejection of a call that another server must carry out. Source: KelvinTegelaar/CIPP#4877.
    pub fn needs_proxy() -> Self {
        let kind = "Microsoft.Exchange.Configuration.Tasks.CmdletProxyNotAvailableException";
        let message =
            "Cmdlet needs proxy. Current Server FQDN : am0pr01mb0001.eurprd01.prod.exchangelabs.com, Required Server \
                       FQDN : db9pr02mb0002.eurprd02.prod.exchangelabs.com"
                .to_owned();
        Self { status: 400, kind, message }
    }

    /// Returns the rejection of a change in a tenant that was never customized.
    pub fn dehydrated() -> Self {
        let kind = "Microsoft.Exchange.Configuration.Tasks.InvalidOperationInDehydratedContextException";
        let message = "The command you tried to run isn't currently allowed in your organization. To run this command, you first \
                       need to run the command: Enable-OrganizationCustomization."
            .to_owned();
        Self { status: 400, kind, message }
    }

    /// Returns the answer with the error.
    pub fn reply(&self) -> Reply {
        let (code, outer) = match self.status {
            404 => ("NotFound", "Object not found"),
            _ => ("BadRequest", "Invalid Operation"),
        };
        let Self { status, kind, message } = self;
        with_body(
            *status,
            &json!({
                "error": {
                    "code": code,
                    "message": outer,
                    "details": [{ "code": "Client", "target": "", "message": format!("|{kind}|{message}") }],
                    "innererror": {
                        "message": outer,
                        "type": "Microsoft.Exchange.Admin.OData.Core.ODataServiceException",
                        "stacktrace": "",
                        "internalexception": { "message": message, "type": kind, "stacktrace": "" },
                    },
                },
                "adminapi.warnings@odata.type": "#Collection(String)",
                "@adminapi.warnings": [],
            }),
        )
    }
}
