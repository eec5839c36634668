//! A service that rejects every token costs few tokens, and a rejected token of one service costs the others nothing.

use chrono::TimeDelta;
use tenantwatch_simulator::{Fault, Service};

use super::records::{add_mailboxes, blank};
use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM};

fn token_requests(fixture: &CollectorFixture) -> usize {
    fixture.sim.count(|request| request.service == Service::Entra)
}

/// Reads two tenants with content that needs Exchange, eight times in the hour.
async fn read_for_an_hour(fixture: &CollectorFixture, first_id: u128) {
    for number in 0..8 {
        fixture.wait(TimeDelta::minutes(7));
        for (tenant, domain) in [(CONTOSO, "contoso.com"), (FABRIKAM, "fabrikam.com")] {
            let id = first_id + 2 * number + u128::from(tenant == FABRIKAM);
            fixture.publish_for(tenant, &[blank(tenant, &format!("box0@{domain}"), id, fixture.now())]);
            let message = fixture.message_for(tenant);
            let _ = fixture.deliver(&message).await;
        }
    }
}

#[tokio::test]
async fn always_401_costs_one_token_per_tenant_service_and_hour() {
    for service in [Service::Activity, Service::Graph, Service::Exchange] {
        let fixture = CollectorFixture::start().await;
        // Tokens outlive the test, so that none is renewed because of its age.
        fixture.sim.world().token_seconds = 86_400;
        for tenant in [CONTOSO, FABRIKAM] {
            add_mailboxes(&fixture, tenant, 1);
        }
        // Graph says the accepted domains as long as Exchange does not, so that each service is asked for each tenant.
        fixture.sim.inject(Fault::status(Service::Exchange, "Get-AcceptedDomain", 503));
        read_for_an_hour(&fixture, 1).await;
        assert_eq!(token_requests(&fixture), 6, "one for each tenant and service");
        if service != Service::Graph {
            fixture.sim.clear_faults();
        }
        fixture.sim.inject(Fault::status(service, "", 401));
        // The cached facts must not hide the service.
        fixture.wait(TimeDelta::hours(2));
        fixture.sim.forget_requests();
        read_for_an_hour(&fixture, 100).await;
        let rejected = fixture.sim.count(|request| request.service == service && request.status == 401);
        assert_eq!(token_requests(&fixture), 2, "{service:?} with {rejected} rejections");
        assert!(rejected >= 4, "{service:?} was asked: {rejected}");
        fixture.wait(TimeDelta::minutes(10));
        fixture.sim.forget_requests();
        read_for_an_hour(&fixture, 200).await;
        assert_eq!(token_requests(&fixture), 2, "{service:?}: again in the next hour");
    }
}
