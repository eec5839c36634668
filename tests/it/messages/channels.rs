//! Faults of the channels, as they are logged, notified and shown by `check --notify`.

use std::time::Duration;

use base::clock::Deadline;
use tenantwatch::notify::Channel;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::Catalogue;
use crate::card::example;
use crate::channels::with;

/// Error codes of a flow's trigger.
const CODES: [&str; 8] = [
    "DirectApiAuthorizationRequired",
    "MisMatchingOAuthClaims",
    "DirectApiRequestHasMoreThanOneAuthorization",
    "WorkflowTriggerIsNotEnabled",
    "WorkflowNotFound",
    "TriggerInputSchemaMismatch",
    "MissingApiVersionParameter",
    "NewIn2027",
];

#[tokio::test]
async fn faults_of_channels_are_in_the_catalogue() {
    let mut catalogue = Catalogue::default();
    let fixture = with(&["flow", "webhook", "slack", "mail"]).await;
    let fault = async |channel: Channel, service: Service, status: u16, body: String| {
        fixture.sim.clear_faults();
        let status = FaultKind::Status { status, headers: Vec::new(), body };
        let path = if channel == Channel::Mail { "/sendMail" } else { "" };
        fixture.sim.inject(Fault::new(service, path, status));
        let limit = Deadline::after(fixture.app.clock.clone(), Duration::from_secs(20));
        fixture.app.notifier.send(channel, &example(), &limit).await.unwrap_err().to_string()
    };
    catalogue.situation("Flow, by error code");
    for code in CODES {
        let body = format!("{{\"error\":{{\"code\":\"{code}\",\"message\":\"see https://x\"}}}}");
        catalogue.message(&fault(Channel::Flow, Service::Flow, 400, body).await);
    }
    for (channel, service) in [
        (Channel::Flow, Service::Flow),
        (Channel::Webhook, Service::Webhook),
        (Channel::Slack, Service::Slack),
        (Channel::Mail, Service::Graph),
    ] {
        catalogue.situation(&format!("{}, by status", channel.as_str()));
        for status in [302, 400, 401, 403, 404, 410, 413, 503] {
            catalogue.message(&fault(channel, service, status, String::new()).await);
        }
    }
    catalogue.compare("channels");
}
