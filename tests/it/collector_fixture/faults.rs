//! Faults of the services and of the store.

use serde_json::json;
use tenantwatch_simulator::world::Consent;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::CollectorFixture;

impl CollectorFixture {
    /// Lets the store carry out this number of operations and fail all later ones. `None` removes the limit.
    pub fn lose_store_after(&self, operations: Option<usize>) {
        self.store.lose_after(operations);
    }

    pub fn refuse_flow(&self, refuse: bool) {
        self.fault(
            refuse,
            Service::Flow,
            "",
            FaultKind::Status { status: 401, headers: vec![], body: String::new() },
            None,
        );
    }

    pub fn set_consent(&self, granted: bool) {
        self.contoso(|tenant| tenant.consent = if granted { Consent::Granted } else { Consent::Missing });
        // Tokens that were given out end as well, else it would show only when the last of them does.
        self.sim.revoke_tokens();
    }

    /// Entra refuses our own secret: AADSTS7000222.
    pub fn break_credential(&self, broken: bool) {
        self.sim.revoke_tokens();
        let body = json!({ "error": "invalid_client", "error_description": "AADSTS7000222: The provided client secret keys are expired.", "error_codes": [7_000_222] });
        self.fault(
            broken,
            Service::Entra,
            "token",
            FaultKind::Status { status: 401, headers: vec![], body: body.to_string() },
            None,
        );
    }

    pub fn cut_blobs(&self, times: u32) {
        self.fault(true, Service::Activity, "/activity/feed/audit/", FaultKind::Cut, Some(times));
    }

    pub fn deny_blobs(&self) {
        let body = json!({ "error": { "code": "AF20051", "message": "Content requested has already expired." } });
        self.fault(
            true,
            Service::Activity,
            "/activity/feed/audit/",
            FaultKind::Status { status: 400, headers: vec![], body: body.to_string() },
            None,
        );
    }

    pub fn fail_listing(&self, fail: bool) {
        self.fault(fail, Service::Activity, "subscriptions/content", FaultKind::Drop, None);
    }

    pub fn exchange_down(&self, down: bool) {
        self.fault(down, Service::Exchange, "Get-InboxRule", FaultKind::Drop, None);
    }

    pub fn fail_customers(&self, fail: bool) {
        let body = json!({ "error": { "code": "Authorization_RequestDenied", "message": "Insufficient privileges." } });
        self.fault(
            fail,
            Service::Graph,
            "/contracts",
            FaultKind::Status { status: 403, headers: vec![], body: body.to_string() },
            None,
        );
    }

    fn fault(&self, on: bool, service: Service, route: &str, kind: FaultKind, times: Option<u32>) {
        if on {
            self.sim.inject(Fault { times, ..Fault::new(service, route, kind) });
        } else {
            self.sim.clear_faults();
        }
    }
}
