//! A tenant without any content for a day may have its auditing switched off. Exchange knows, and is asked once a day.

use chrono::TimeDelta;
use serde_json::{Value, json};

use crate::tables::TenantState;
use m365::exchange::Anchor;

use super::TenantRun;

/// So long without a blob is not ordinary.
const SILENCE: TimeDelta = TimeDelta::hours(24);

impl TenantRun<'_> {
    /// Whether auditing is off, as far as is known.
    pub(super) async fn auditing_is_off(&self) -> bool {
        let now = self.app.clock.now();
        let (content, since, asked, was_off) = self
            .kept
            .read(|row| {
                let was_off = row.state == TenantState::AuditingOff;
                (row.last_content, row.since, row.audit_checked, was_off)
            })
            .await;
        // Where there never was content, the state that is in question began with the silence.
        let is_silent = content.map_or(was_off || now - since >= SILENCE, |content| now - content >= SILENCE);
        if !is_silent {
            return false;
        }
        if asked.is_some_and(|asked| now - asked < SILENCE) {
            return was_off;
        }
        let off = self.ask_whether_auditing_is_off().await;
        self.kept.change(|row| row.audit_checked = Some(now)).await;
        off.unwrap_or(was_off)
    }

    /// `None` when Exchange does not say.
    async fn ask_whether_auditing_is_off(&self) -> Option<bool> {
        let anchor = Anchor::Organization;
        match self.app.exchange.invoke(&self.tenant, &anchor, "Get-AdminAuditLogConfig", json!({})).await {
            Ok(rows) => match rows.first()?.get("UnifiedAuditLogIngestionEnabled")? {
                Value::Bool(enabled) => Some(!enabled),
                Value::String(text) => Some(text.eq_ignore_ascii_case("false")),
                _ => None,
            },
            Err(error) => {
                tracing::info!(tenant = %self.tenant, "whether auditing is on is not known: {error}");
                None
            }
        }
    }
}
