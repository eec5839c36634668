//! The queue message that starts a run, and the report that the run returns.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use base::ids::{Domain, RunId, TenantId};

/// One message of the queue `process-audit-log`: one tenant to read. Only `tenantId` is required; unknown members are ignored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", try_from = "Members")]
pub struct TenantMessage {
    /// The tenant.
    pub tenant_id: TenantId,
    /// Its domain in the partner's list. The domain that was stored first is used instead if there is one.
    pub domain: Domain,
    /// The name of the tenant.
    pub display_name: String,
    /// The GetDomain run that queued the message.
    pub run_id: RunId,
    /// When it was queued.
    pub queued_at: DateTime<Utc>,
}

/// Why a queue message cannot be read. It never repeats the message, which may contain anything.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// The text is not a JSON object.
    #[error("the queue message is not a JSON object; expected {EXAMPLE}")]
    NotAnObject,
    /// The required member is missing.
    #[error("the queue message has no tenantId; expected {EXAMPLE}")]
    NoTenant,
    /// A member has the wrong form.
    #[error("{member} in the queue message is not {form}; expected {EXAMPLE}")]
    Member {
        /// The name of the member.
        member: &'static str,
        /// The form that it must have.
        form: &'static str,
    },
}

/// The shortest message that is accepted.
const EXAMPLE: &str = r#"{"tenantId":"<GUID of the tenant>"}"#;

/// The members that are read, in whatever form a person may have written them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", expecting = "a queue message, a JSON object")]
struct Members {
    tenant_id: Option<Value>,
    domain: Option<Value>,
    display_name: Option<Value>,
    run_id: Option<Value>,
    queued_at: Option<Value>,
}

impl TenantMessage {
    /// Parses the text of a queue message.
    ///
    /// # Errors
    /// Returns [`MessageError`], which names what is missing or wrong.
    pub fn parse(text: &str) -> Result<Self, MessageError> {
        serde_json::from_str::<Members>(text).map_err(|_| MessageError::NotAnObject)?.try_into()
    }

    /// Returns the name by which a person knows the tenant, with its domain.
    pub fn tenant_name(&self) -> String {
        match self.display_name.as_str() {
            "" => self.domain.to_string(),
            name => format!("{name} ({})", self.domain),
        }
    }
}

impl TryFrom<Members> for TenantMessage {
    type Error = MessageError;

    fn try_from(members: Members) -> Result<Self, MessageError> {
        let tenant_id = member("tenantId", "a GUID", members.tenant_id)?.ok_or(MessageError::NoTenant)?;
        let queued_at = member("queuedAt", "a time such as 2026-11-22T10:00:00Z", members.queued_at)?;
        Ok(Self {
            tenant_id,
            domain: member("domain", "a domain name", members.domain)?.unwrap_or_else(|| Domain::from(&tenant_id)),
            display_name: member("displayName", "a string", members.display_name)?.unwrap_or_default(),
            run_id: member("runId", "a GUID", members.run_id)?.unwrap_or_else(RunId::random),
            // Without a time the message counts as newer than every run so far, so it is never skipped as outdated.
            queued_at: queued_at.unwrap_or(DateTime::<Utc>::MAX_UTC),
        })
    }
}

/// Returns the value of a member, `None` if it is missing or null.
fn member<T: serde::de::DeserializeOwned>(
    member: &'static str,
    form: &'static str,
    value: Option<Value>,
) -> Result<Option<T>, MessageError> {
    let parse = |value| serde_json::from_value(value).map_err(|_| MessageError::Member { member, form });
    value.map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: &str = "4fdbff88-0000-4000-8000-000000000001";

    fn refused(text: &str) -> String {
        TenantMessage::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn tenant_id_alone_is_a_message_that_is_never_outdated() {
        let message = TenantMessage::parse(&format!(r#"{{"tenantId":"{TENANT}","name":null,"later":[1]}}"#)).unwrap();
        assert_eq!(message.tenant_id.to_string(), TENANT);
        assert_eq!(message.domain, Domain::from(&message.tenant_id));
        assert_eq!(message.queued_at, DateTime::<Utc>::MAX_UTC);
    }

    #[test]
    fn unreadable_message_is_described_in_terms_of_the_queue() {
        for text in ["", "hello", "[]", "null", "7", "\"text\"", "{", "{\"tenantId\":"] {
            assert_eq!(
                refused(text),
                format!("the queue message is not a JSON object; expected {EXAMPLE}"),
                "{text:?}"
            );
        }
        for text in ["{}", r#"{"tenantId":null}"#, r#"{"TenantId":"x"}"#] {
            assert_eq!(refused(text), format!("the queue message has no tenantId; expected {EXAMPLE}"), "{text}");
        }
    }

    #[test]
    fn wrong_member_is_named_without_its_value() {
        for (member, value, form) in [
            ("tenantId", "\"hush\"", "is not a GUID"),
            ("tenantId", "7", "is not a GUID"),
            ("domain", "\"hush hush\"", "is not a domain name"),
            ("displayName", "{\"hush\":1}", "is not a string"),
            ("runId", "\"hush\"", "is not a GUID"),
            ("queuedAt", "\"hush\"", "is not a time"),
        ] {
            let text = match member {
                "tenantId" => format!(r#"{{"tenantId":{value}}}"#),
                _ => format!(r#"{{"tenantId":"{TENANT}","{member}":{value}}}"#),
            };
            let error = refused(&text);
            assert!(error.starts_with(&format!("{member} in the queue message {form}")), "{error}");
            assert!(!error.contains("hush"), "{error}");
        }
    }
}
