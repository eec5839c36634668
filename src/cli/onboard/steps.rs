//! The steps of one tenant as they are reported.

use serde::{Serialize, Serializer};

use crate::app::App;
use crate::notify::ConsentPage;
use crate::tenants::customers::Watched;

/// The state of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum StepState {
    AlreadyThere,
    Done,
    WouldDo,
    Failed,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Step {
    pub step: String,
    pub state: StepState,
    pub detail: String,
}

/// The steps of one tenant.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct TenantSteps {
    pub tenant: String,
    pub domain: String,
    pub steps: Vec<Step>,
}

impl StepState {
    /// Returns the word in documents and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::AlreadyThere => "already there",
            Self::Done => "done",
            Self::WouldDo => "would do",
            Self::Failed => "failed",
        }
    }
}

impl Serialize for StepState {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl TenantSteps {
    /// Begins with no step.
    pub fn of(customer: &Watched) -> Self {
        Self { tenant: customer.tenant_id.to_string(), domain: customer.domain.to_string(), steps: Vec::new() }
    }

    /// Returns the one step that stands for the link of an administrator's consent. Its `state` is random and nobody stores it: what
    /// comes back with the redirect is not used, because anyone can write it.
    pub fn link(app: &App, customer: &Watched) -> Self {
        let page = ConsentPage::new(&app.settings.hosts, &app.settings.partner).of(&customer.tenant_id);
        let state = uuid::Uuid::new_v4().simple().to_string();
        let mut steps = Self::of(customer);
        steps.note("Consent link", StepState::WouldDo, format!("{page}&state={state}"));
        steps
    }

    /// Adds a step.
    pub fn note(&mut self, step: impl Into<String>, state: StepState, detail: impl Into<String>) {
        self.steps.push(Step { step: step.into(), state, detail: detail.into() });
    }

    /// Returns whether a step failed.
    pub fn has_failed(&self) -> bool {
        self.has(StepState::Failed)
    }

    /// Returns whether a step is in this state.
    pub fn has(&self, state: StepState) -> bool {
        self.steps.iter().any(|step| step.state == state)
    }

    /// Returns whether the step of this name is in this state.
    pub fn is(&self, name: &str, state: StepState) -> bool {
        self.steps.iter().any(|step| step.step == name && step.state == state)
    }
}
