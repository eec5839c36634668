//! Secrets in logs. Every test with a `CollectorFixture` or a `Ward` searches its own log at its end, which has every line at the
//! most talkative level; here services repeat the secrets, and the search itself is tested.

use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::collector_fixture::log::{Log, secrets_of};
use crate::collector_fixture::{CollectorFixture, blank_rule_change, forwarding_rule};

#[tokio::test]
async fn secrets_that_services_repeat_are_in_no_log_and_no_row() {
    for service in [Service::Activity, Service::Exchange, Service::Graph, Service::Flow, Service::Teams] {
        for status in [400, 403, 500] {
            let fixture = CollectorFixture::start().await;
            fixture.sim.inject(Fault::new(service, "", FaultKind::Echo { status }));
            // Graph is asked as soon as Exchange is of no help.
            fixture.exchange_down(true);
            fixture.sim.inject(Fault::status(Service::Exchange, "Get-AcceptedDomain", 503));
            let now = fixture.now();
            fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", now), blank_rule_change(2, now)]);
            let _ = fixture.read().await;
            let rows = format!("{:?}", fixture.rows("contoso.com").await);
            let coverage = format!("{:?}", fixture.coverage().await);
            for secret in ["eyJ0eXAi", "sig="] {
                assert!(!rows.contains(secret) && !coverage.contains(secret), "{service:?} {status}: {secret}");
            }
            assert!(fixture.log().contains("outbound request"), "the log has every request");
        }
    }
}

#[tokio::test]
async fn search_of_the_log_finds_every_secret_of_the_settings() {
    let fixture = CollectorFixture::start().await;
    let secrets = secrets_of(&fixture.app.settings);
    assert!(secrets.iter().filter(|secret| !secret.is_empty()).count() >= 4, "credential and two channels");
    for secret in secrets.iter().filter(|secret| !secret.is_empty()) {
        let found = std::panic::catch_unwind(|| {
            let log = Log::start();
            tracing::debug!(target: "tenantwatch", "it was {secret}");
            log.assert_no_secret(std::slice::from_ref(secret));
        });
        assert!(found.is_err(), "{secret} was logged and not found");
    }
}
