//! The onboarding of one tenant: the order of its steps.

use std::time::Duration;

use m365::ServiceError;

use super::meaning::{Asked, Circumstances, explain};
use super::steps::{StepState, TenantSteps};
use super::{App, Options, Technician};
use crate::tenants::customers::Watched;

/// The waits for a new service principal to be replicated, in seconds: a minute together.
const REPLICATION_WAITS: [u64; 6] = [1, 2, 4, 8, 15, 30];

/// The onboarding of one tenant.
pub(super) struct Onboarding<'a> {
    pub(super) app: &'a App,
    pub(super) technician: &'a Technician,
    pub(super) options: Options,
    pub(super) customer: &'a Watched,
    pub(super) steps: TenantSteps,
    circumstances: Circumstances,
}

impl<'a> Onboarding<'a> {
    pub(super) fn new(app: &'a App, technician: &'a Technician, options: Options, customer: &'a Watched) -> Self {
        let authority = app.settings.hosts.authority.as_str().trim_end_matches('/');
        let client_id = app.settings.onboard_client_id.map(|id| id.to_string()).unwrap_or_default();
        let circumstances = Circumstances {
            is_azure_cli: technician.is_azure_cli,
            consent_to_sign_in: format!("{authority}/{}/adminconsent?client_id={client_id}", customer.tenant_id),
        };
        Self { app, technician, options, customer, steps: TenantSteps::of(customer), circumstances }
    }

    /// Does everything that is missing. A step that fails is named, and the steps that do not depend on it continue.
    pub(super) async fn run(mut self) -> TenantSteps {
        let Some(held) = self.directory().await else { return self.steps };
        if self.options.enable_auditing {
            self.auditing().await;
        }
        if self.options.enable_mailbox_auditing {
            self.mailbox_auditing().await;
        }
        if held.holds("ActivityFeed.Read") {
            self.subscriptions().await;
        }
        self.verify(&held).await;
        if !self.options.dry_run {
            self.make_due().await;
        }
        self.steps
    }

    /// Notes a step that was done, or in a dry run would be.
    pub(super) fn note(&mut self, step: &str, state: StepState, detail: &str) {
        self.steps.note(step, state, detail);
    }

    /// Notes a step that failed.
    pub(super) fn failed(&mut self, step: &str, error: &ServiceError, asked: Asked<'_>) {
        let detail = explain(error, asked, &self.circumstances);
        self.steps.note(step, StepState::Failed, detail);
    }

    /// Repeats a request about a service principal that Graph does not know yet.
    pub(super) async fn until_replicated<T, F>(&self, call: impl Fn() -> F) -> Result<T, ServiceError>
    where
        F: Future<Output = Result<T, ServiceError>>,
    {
        for seconds in REPLICATION_WAITS {
            match call().await {
                Err(error) if error.status() == Some(404) => {
                    self.app.clock.sleep(Duration::from_secs(seconds)).await;
                }
                outcome => return outcome,
            }
        }
        call().await
    }
}
