//! Stands between Tenantwatch and the services: answers in place of one of them, or sends requests elsewhere.

use serde_json::json;
use tenantwatch::notify::token::Scope;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::collector_fixture::{CollectorFixture, forwarding_rule};
use crate::remediation::remediation_fixture::{BOB, Ward};

const KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";

/// An answer that leads to another origin.
fn elsewhere(service: Service, origin: &str) -> Fault {
    let headers = vec![("location".to_owned(), format!("{origin}/stolen"))];
    Fault::new(service, "", FaultKind::Status { status: 307, headers, body: String::new() })
}

#[tokio::test]
async fn redirect_takes_no_token_of_a_run_elsewhere() {
    for service in [Service::Entra, Service::Activity, Service::Graph, Service::Exchange, Service::Flow] {
        let fixture = CollectorFixture::start().await;
        let origin = fixture.sim.urls().ipstack.clone();
        fixture.sim.inject(elsewhere(service, &origin));
        fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
        // Neither has to succeed.
        let _ = fixture.read().await;
        fixture.get_domain().await;
        let stolen = fixture.sim.count(|request| request.path.contains("stolen"));
        assert_eq!(stolen, 0, "a redirect of {service:?} was followed");
        assert!(fixture.sim.count(|request| request.service == service) > 0, "{service:?} was not asked");
    }
}

#[tokio::test]
async fn redirect_of_a_press_changes_nothing_and_is_reported() {
    for service in [Service::Entra, Service::Graph, Service::Exchange] {
        let ward = Ward::open_with(&[("ACTION_KEY", KEY)]).await;
        ward.wait_shortly();
        let origin = ward.sim.urls().ipstack.clone();
        ward.sim.inject(elsewhere(service, &origin));
        let answer = ward.press(json!({ "Token": ward.token(Scope::Act, chrono::TimeDelta::hours(1)) })).await;
        assert_eq!(ward.sim.count(|request| request.path.contains("stolen")), 0, "{service:?}");
        assert_ne!(answer.body["Status"], "Completed", "{service:?}: {:#}", answer.body);
        if service != Service::Exchange {
            assert!(ward.user(BOB).account_enabled, "{service:?}");
        }
    }
}

#[tokio::test]
async fn request_that_is_sent_again_secures_once() {
    let ward = Ward::open_with(&[("ACTION_KEY", KEY)]).await;
    let body = ward.body(json!({ "Token": ward.token(Scope::Act, chrono::TimeDelta::hours(1)) }));
    assert_eq!(ward.send(&body).await.body["Status"], "Completed");
    let changes = ward.changes();
    assert_eq!(ward.send(&body).await.body["Status"], "AlreadyDone");
    assert_eq!(ward.changes(), changes);
}
