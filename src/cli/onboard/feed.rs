//! Step 6: the subscriptions, with the app's own token. Content that is older than its subscription cannot be had, and investigations
//! need all four content types.

use std::time::Duration;

use m365::management_activity::SubscriptionStart;
use m365::{ServiceError, TokenFault};

use super::meaning::Asked;
use super::steps::StepState;
use super::tenant::Onboarding;
use crate::readiness::items::CONTENT_TYPES;

/// The waits until a new permission has its effect, in seconds: 2 minutes together.
const WAITS: [u64; 6] = [2, 4, 8, 16, 30, 60];

/// Returns whether an error may come from a permission that is granted and has no effect yet.
fn may_pass(error: &ServiceError) -> bool {
    match error {
        ServiceError::Token(error) => {
            error.fault == TokenFault::ConsentMissing || matches!(error.aadsts, Some(500_011 | 650_052))
        }
        error => matches!(error.status(), Some(401 | 403)),
    }
}

impl Onboarding<'_> {
    /// Starts the subscriptions that are not enabled.
    pub(super) async fn subscriptions(&mut self) {
        let is_new = self.steps.has(StepState::Done);
        let waits: &[u64] = if is_new { &WAITS } else { &[] };
        let enabled = match self.enabled(waits).await {
            Ok(enabled) => enabled,
            // In a dry run the app may have no token yet.
            Err(_) if self.options.dry_run => Vec::new(),
            Err(error) => return self.failed("Subscriptions", &error, Asked::Feed),
        };
        for name in CONTENT_TYPES {
            if enabled.iter().any(|one| one == name) {
                self.note(name, StepState::AlreadyThere, "");
            } else if self.options.dry_run {
                self.note(name, StepState::WouldDo, "start the subscription");
            } else {
                self.start(name).await;
            }
        }
    }

    /// Lists the enabled subscriptions with a new token, again and again while the permission has no effect yet.
    async fn enabled(&self, waits: &[u64]) -> Result<Vec<String>, ServiceError> {
        let tenant = &self.customer.tenant_id;
        for seconds in waits {
            self.app.tokens.forget(tenant);
            match self.app.activity.subscriptions(tenant).await {
                Err(error) if may_pass(&error) => self.app.clock.sleep(Duration::from_secs(*seconds)).await,
                listed => return listed,
            }
        }
        self.app.tokens.forget(tenant);
        self.app.activity.subscriptions(tenant).await
    }

    async fn start(&mut self, name: &str) {
        match self.app.activity.start_named(&self.customer.tenant_id, name).await {
            Ok(SubscriptionStart::Started) => self.note(name, StepState::Done, "subscription started"),
            Ok(SubscriptionStart::AlreadyEnabled) => self.note(name, StepState::AlreadyThere, ""),
            Ok(SubscriptionStart::AuditingOff) => {
                let detail = "auditing is off, or was enabled only a moment ago – run again with --enable-auditing, in an hour if it is enabled";
                self.note(name, StepState::Failed, detail);
            }
            Ok(SubscriptionStart::TooFrequent) => {
                let detail = "it was started less than 15 minutes ago – run the same command again later";
                self.note(name, StepState::Failed, detail);
            }
            Err(error) => self.failed(name, &error, Asked::Feed),
        }
    }
}
