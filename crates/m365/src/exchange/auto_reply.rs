//! The automatic reply of a mailbox.
//! <https://learn.microsoft.com/powershell/module/exchange/get-mailboxautoreplyconfiguration>

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::json;

use base::ids::TenantId;

use super::row::{Row, text};
use super::{Exchange, MailboxId};
use crate::ServiceError;

/// State and audience of an automatic reply, in Exchange's words.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct AutoReply {
    /// `Disabled`, `Enabled` or `Scheduled`. A state that is not known is carried on.
    #[serde(default, deserialize_with = "text_or_null")]
    pub auto_reply_state: String,
    /// `None`, `Known` or `All`.
    #[serde(default, deserialize_with = "text_or_null")]
    pub external_audience: String,
}

/// Reads a string. Rows of the first version store what Exchange returned, which may be null.
fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

impl AutoReply {
    /// Returns whether the reply goes to external senders, now or at its time.
    pub fn answers_external_senders(&self) -> bool {
        matches!(self.auto_reply_state.as_str(), "Enabled" | "Scheduled") && self.external_audience != "None"
    }
}

impl From<&Row> for AutoReply {
    fn from(row: &Row) -> Self {
        let owned = |member| text(row, member).unwrap_or_default().to_owned();
        Self { auto_reply_state: owned("AutoReplyState"), external_audience: owned("ExternalAudience") }
    }
}

impl Exchange {
    /// Reads the automatic reply. Returns `None` if there is no such mailbox.
    ///
    /// # Errors
    /// Returns what Exchange answered; an answer without a state is a transient error.
    pub async fn auto_reply(&self, tenant: &TenantId, mailbox: &MailboxId) -> Result<Option<AutoReply>, ServiceError> {
        const CMDLET: &str = "Get-MailboxAutoReplyConfiguration";
        let row = self.row_of(tenant, mailbox, CMDLET).await?;
        match row.as_ref().map(AutoReply::from) {
            Some(reply) if reply.auto_reply_state.is_empty() => {
                Err(self.caller.unreachable(format!("{CMDLET} returned no state of the automatic reply")))
            }
            reply => Ok(reply),
        }
    }

    /// Sets the state of the automatic reply: `Disabled`, `Enabled` or `Scheduled`.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn set_auto_reply_state(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        state: &str,
    ) -> Result<(), ServiceError> {
        let parameters = json!({ "Identity": mailbox.identity(), "AutoReplyState": state });
        self.invoke(tenant, &mailbox.into(), "Set-MailboxAutoReplyConfiguration", parameters).await.map(drop)
    }
}
