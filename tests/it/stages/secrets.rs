//! Secrets in logs. Every test with a `CollectorFixture` searches its own log at its end; here services repeat the secrets.

use tenantwatch_simulator::{Fault, FaultKind, Service};

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
