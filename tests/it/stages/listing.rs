//! Subscriptions that start slowly, pages that lead in a circle or elsewhere, and what the start of a subscription says about a tenant.

use chrono::TimeDelta;
use serde_json::json;
use tenantwatch::functions::FunctionError;
use tenantwatch::tables::TenantState;
use tenantwatch_simulator::world::Consent;
use tenantwatch_simulator::{Fault, FaultKind, Service, Tenant};

use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, forwarding_rule};

const EXCHANGE: &str = "Audit.Exchange";

/// The number of starts of a subscription that were requested.
fn starts(fixture: &CollectorFixture) -> usize {
    fixture.sim.count(|request| request.path.ends_with("/subscriptions/start"))
}

/// A fixture whose subscription was stopped after it had been read, and content that has become available since.
async fn stopped() -> CollectorFixture {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.contoso(|tenant| tenant.subscriptions.insert(EXCHANGE.to_owned(), false));
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture
}

#[tokio::test]
async fn restarted_subscription_that_lags_is_started_once() {
    let fixture = stopped().await;
    let covered = fixture.coverage().await.covered_until;
    for _ in 0..4 {
        fixture.read().await.unwrap();
        assert_eq!(fixture.coverage().await.covered_until, covered, "nothing was listed, so nothing is covered");
    }
    assert_eq!(starts(&fixture), 1);
    assert_eq!(fixture.notice_texts(), Vec::<String>::new());
    fixture.wait(TimeDelta::minutes(5));
    assert_eq!(fixture.read().await.unwrap().threats, 1);
    assert_eq!(starts(&fixture), 1);
    assert_eq!(fixture.coverage().await.covered_until, Some(fixture.now()));
}

#[tokio::test]
async fn lag_survives_a_new_process() {
    let mut fixture = stopped().await;
    fixture.read().await.unwrap();
    fixture.set_up_again(|_| {});
    fixture.read().await.unwrap();
    assert_eq!(starts(&fixture), 1, "the coverage row says when the subscription was started");
}

#[tokio::test]
async fn start_is_repeated_after_15_minutes_of_lag() {
    let fixture = stopped().await;
    fixture.sim.world().unkindness.restart_lag = TimeDelta::hours(2);
    for _ in 0..15 {
        fixture.read().await.unwrap();
        assert_eq!(starts(&fixture), 1);
    }
    fixture.read().await.unwrap();
    assert_eq!(starts(&fixture), 2);
}

#[tokio::test]
async fn throttled_start_ends_the_run_quietly_after_one_request() {
    for status in [429, 403] {
        let fixture = stopped().await;
        let text = "Too many frequent subscription start requests. Please retry again after 12m 3s.";
        let body = json!({ "error": { "code": "429", "message": text } }).to_string();
        let throttled = FaultKind::Status { status, headers: Vec::new(), body };
        fixture.sim.inject(Fault::new(Service::Activity, "subscriptions/start", throttled));
        fixture.read().await.unwrap();
        assert_eq!(starts(&fixture), 1, "{status}");
        assert_eq!(fixture.coverage().await.state, TenantState::Healthy, "{status}");
        assert!(fixture.coverage().await.last_outcome.contains("15 minutes"), "{status}");
        fixture.read().await.unwrap();
        assert_eq!(starts(&fixture), 1, "{status}: a throttled start is not repeated at once");
        fixture.sim.clear_faults();
        fixture.wait(TimeDelta::minutes(16));
        fixture.read().await.unwrap();
        assert_eq!(starts(&fixture), 2, "{status}");
        fixture.wait(TimeDelta::minutes(5));
        assert_eq!(fixture.read().await.unwrap().threats, 1, "{status}");
    }
}

#[tokio::test]
async fn disabled_auditing_names_both_commands() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.contoso(|tenant| {
        *tenant = Tenant::new(CONTOSO, "contoso.com", "Contoso").brand_new();
    });
    assert!(matches!(fixture.read().await, Err(FunctionError::Permanent(_))));
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    let commands =
        ["Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true", "Enable-OrganizationCustomization"];
    assert!(commands.iter().all(|command| texts[0].contains(command)), "{texts:?}");
}

#[tokio::test]
async fn federated_credential_that_does_not_fit_is_one_notice() {
    for number in [70_021, 700_212, 7_002_138] {
        let fixture = CollectorFixture::start().await;
        fixture.list_customers(&[CONTOSO, FABRIKAM]);
        for message in fixture.get_domain().await {
            fixture.deliver(&message).await.unwrap();
        }
        for tenant in fixture.sim.world().tenants.values_mut() {
            tenant.consent = Consent::Aadsts(number);
        }
        fixture.sim.revoke_tokens();
        fixture.wait(TimeDelta::minutes(15));
        for message in fixture.get_domain().await {
            let failure = fixture.deliver(&message).await.unwrap_err();
            assert!(matches!(&failure, FunctionError::Permanent(why) if why.starts_with("OurFault")), "{failure}");
        }
        let texts = fixture.notice_texts();
        assert_eq!(texts.len(), 1, "{number}: {texts:?}");
        assert!(texts[0].contains("Tenantwatch itself"), "{number}: {texts:?}");
    }
}

#[tokio::test]
async fn pages_in_a_circle_end_the_listing_and_are_read() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.sim.inject(Fault::new(Service::Activity, "subscriptions/content", FaultKind::PagesInACircle));
    let failure = fixture.read().await.unwrap_err();
    assert!(matches!(&failure, FunctionError::Transient(why) if why.contains("circle")), "{failure}");
    assert_eq!(fixture.notified("InboxRule").len(), 1, "what the page shows is read");
    let listed = fixture.sim.count(|request| request.path.ends_with("/subscriptions/content"));
    assert!(listed <= 4, "{listed} pages were requested");
    assert!(fixture.coverage().await.covered_until.unwrap() < fixture.now() - TimeDelta::hours(1));

    fixture.sim.clear_faults();
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.covered_until, Some(fixture.now()));
    assert_eq!(fixture.notified("InboxRule").len(), 1);
}

/// A listing of the first blob of contoso whose next page is this.
fn listing_with_next(fixture: &CollectorFixture, next: &str) -> FaultKind {
    let origin = fixture.sim.urls().management.clone();
    let blob = fixture.contoso(|tenant| tenant.content[0].clone());
    let time = |at: chrono::DateTime<chrono::Utc>| at.format("%Y-%m-%dT%H:%M:%S%.3fZ").to_string();
    let row = json!({
        "contentUri": format!("{origin}/api/v1.0/{CONTOSO}/activity/feed/audit/{}", blob.id),
        "contentId": blob.id,
        "contentType": EXCHANGE,
        "contentCreated": time(blob.created),
        "contentExpiration": time(blob.expires),
    });
    let headers = vec![("NextPageUri".to_owned(), next.to_owned())];
    FaultKind::Status { status: 200, headers, body: json!([row]).to_string() }
}

#[tokio::test]
async fn page_that_cannot_be_followed_hides_no_earlier_page() {
    for next in ["https://attacker.example/api/v1.0/x", "not a link", "/relative"] {
        let fixture = CollectorFixture::start().await;
        fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
        let listing = listing_with_next(&fixture, next);
        fixture.sim.inject(Fault::new(Service::Activity, "contentType=Audit.Exchange", listing));
        let failure = fixture.read().await.unwrap_err();
        assert!(matches!(failure, FunctionError::Transient(_)), "{next}: {failure}");
        assert_eq!(fixture.notified("InboxRule").len(), 1, "{next}");
        let covered = fixture.coverage().await.covered_until.unwrap();
        assert!(covered < fixture.now() - TimeDelta::hours(1), "{next}: the rest of the listing is unknown");
    }
}

#[tokio::test]
async fn later_page_that_fails_hides_no_earlier_page() {
    let fixture = CollectorFixture::start().await;
    fixture.sim.world().content_page = 2;
    for id in 1..=5 {
        let target = format!("eve{id}@evil.example");
        fixture.publish(vec![forwarding_rule(id, "Invoices", &target, fixture.now())]);
    }
    fixture.sim.inject(Fault::status(Service::Activity, "nextPage=4", 500));
    assert!(matches!(fixture.read().await, Err(FunctionError::Transient(_))));
    assert_eq!(fixture.notified("InboxRule").len(), 4);
    fixture.sim.clear_faults();
    assert_eq!(fixture.read().await.unwrap().threats, 1);
}
