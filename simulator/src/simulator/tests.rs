use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use serde_json::{Value, json};
use uuid::Uuid;

use super::Simulator;
use crate::faults::{Fault, FaultKind, Nothing};
use crate::requests::Service;
use crate::world::{Consent, Tenant, World};

const ID: Uuid = Uuid::from_u128(7);
const OTHER: Uuid = Uuid::from_u128(8);

/// A simulator with two tenants, and a client that trusts its certificate authority.
struct Setting {
    simulator: Simulator,
    http: reqwest::Client,
}

impl Setting {
    async fn new() -> Self {
        let mut world = World::new(Uuid::from_u128(1), Uuid::from_u128(2));
        for (id, domain) in [(ID, "contoso.com"), (OTHER, "fabrikam.com")] {
            let tenant = world.add(Tenant::new(id, domain, domain));
            tenant.add_person("ann", "Ann");
            tenant.add_person("bob", "Bob");
            tenant.subscriptions.insert("Audit.Exchange".to_owned(), true);
        }
        let simulator = Simulator::start(world).await.unwrap();
        let authority = std::fs::read(simulator.ca_path()).unwrap();
        let authority = reqwest::Certificate::from_pem(&authority).unwrap();
        let http = reqwest::Client::builder().no_proxy().tls_certs_only([authority]).build().unwrap();
        Self { simulator, http }
    }

    async fn token(&self, tenant: Uuid, audience: &str) -> String {
        let (client_id, secret) = {
            let world = self.simulator.world();
            (world.client_id.to_string(), world.client_secret.clone())
        };
        let form = [("client_id", client_id), ("client_secret", secret), ("scope", format!("{audience}/.default"))];
        let url = format!("{}/{tenant}/oauth2/v2.0/token", self.simulator.urls().authority);
        let body: Value = self.http.post(url).form(&form).send().await.unwrap().json().await.unwrap();
        body["access_token"].as_str().unwrap().to_owned()
    }

    /// Lists content of a tenant.
    async fn list(&self, tenant: Uuid) -> reqwest::Result<reqwest::Response> {
        let management = self.simulator.urls().management.clone();
        let token = self.token(tenant, &management).await;
        let path = format!("/api/v1.0/{tenant}/activity/feed/subscriptions/content?contentType=Audit.Exchange");
        self.http.get(format!("{management}{path}")).bearer_auth(token).send().await
    }

    async fn rules_with(&self, token: &str, mailbox: &str) -> reqwest::Result<reqwest::Response> {
        let url = format!("{}/adminapi/beta/{ID}/InvokeCommand", self.simulator.urls().exchange);
        let body = json!({"CmdletInput": {"CmdletName": "Get-InboxRule", "Parameters": {"Mailbox": mailbox}}});
        self.http.post(url).bearer_auth(token).header("X-AnchorMailbox", "UPN:x").json(&body).send().await
    }

    /// Lists the rules of a mailbox of the first tenant.
    async fn rules(&self, mailbox: &str) -> reqwest::Result<reqwest::Response> {
        let token = self.token(ID, &self.simulator.urls().exchange).await;
        self.rules_with(&token, mailbox).await
    }

    async fn notify(&self) -> reqwest::Result<reqwest::Response> {
        let body = json!({"TenantId": ID.to_string()});
        self.http.post(&self.simulator.urls().flow).header("x-ms-client-tracking-id", "a").json(&body).send().await
    }
}

/// Polls until a number of requests hang. The test never ends if they do not.
async fn until_hanging(simulator: &Simulator, number: usize) {
    while simulator.hanging() != number {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn hang_is_limited_to_tenant_and_mailbox() {
    let setting = Setting::new().await;
    let simulator = &setting.simulator;
    simulator.inject(Fault::hang(Service::Activity, "subscriptions/content").in_tenant(ID));
    let ann = simulator.world().tenants[&ID].mailbox("ann").unwrap().object_id.to_string();
    simulator.inject(Fault::hang(Service::Exchange, "Get-InboxRule").on_mailbox(&ann));
    assert_eq!(setting.list(OTHER).await.unwrap().status(), 200);
    assert_eq!(setting.rules("bob@contoso.com").await.unwrap().status(), 200);
    tokio::select! {
        _ = setting.list(ID) => panic!("answered"),
        _ = setting.rules("ann@contoso.com") => panic!("answered"),
        () = until_hanging(simulator, 2) => {}
    }
    until_hanging(simulator, 0).await;
    assert_eq!(simulator.count(|request| request.faulted && request.status == 0), 2);
    simulator.clear_faults();
    assert_eq!(setting.list(ID).await.unwrap().status(), 200);
}

#[tokio::test]
async fn accepted_notification_without_answer_is_lost() {
    let setting = Setting::new().await;
    let simulator = &setting.simulator;
    simulator.inject(Fault::new(Service::Flow, "", FaultKind::HangAfterEffect).in_tenant(ID).times(1));
    tokio::select! {
        _ = setting.notify() => panic!("answered"),
        () = until_hanging(simulator, 1) => {}
    }
    simulator.inject(Fault::new(Service::Flow, "", FaultKind::DelayAfterEffect(Duration::from_millis(5))).times(1));
    assert_eq!(setting.notify().await.unwrap().status(), 202);
    let lost: Vec<bool> = simulator.accepted().iter().map(|accepted| accepted.lost).collect();
    assert_eq!(lost, [true, false]);
}

#[tokio::test]
async fn success_without_content_comes_in_every_form() {
    let setting = Setting::new().await;
    for nothing in Nothing::ALL {
        setting.simulator.inject(Fault::new(Service::Exchange, "", FaultKind::Nothing(nothing)).times(1));
        let response = setting.rules("ann").await.unwrap();
        assert_eq!(response.status(), if nothing == Nothing::NoContent { 204 } else { 200 }, "{nothing:?}");
        let body = response.text().await.unwrap();
        let is_blank = body.trim_matches('\u{feff}').trim().is_empty();
        let has_no_value = serde_json::from_str::<Value>(&body).is_ok_and(|body| body.get("value").is_none());
        assert!(is_blank || has_no_value, "{nothing:?}: {body}");
    }
    assert!(setting.rules("ann").await.unwrap().json::<Value>().await.unwrap()["value"].is_array());
}

#[tokio::test]
async fn next_page_is_the_same_page_in_a_circle() {
    let setting = Setting::new().await;
    let simulator = &setting.simulator;
    simulator.inject(Fault::new(Service::Activity, "subscriptions/content", FaultKind::PagesInACircle));
    simulator.inject(Fault::new(Service::Exchange, "Get-InboxRule", FaultKind::PagesInACircle));
    let response = setting.list(ID).await.unwrap();
    let next = response.headers()["nextpageuri"].to_str().unwrap().to_owned();
    assert_eq!(next, response.url().to_string());
    let response = setting.rules("ann").await.unwrap();
    let (own, body) = (response.url().to_string(), response.json::<Value>().await.unwrap());
    assert_eq!(body["@odata.nextLink"].as_str().unwrap().trim_end_matches('?'), own);
}

#[tokio::test]
async fn error_repeats_token_and_body() {
    let setting = Setting::new().await;
    setting.simulator.inject(Fault::new(Service::Exchange, "", FaultKind::Echo { status: 400 }));
    let token = setting.token(ID, &setting.simulator.urls().exchange).await;
    let response = setting.rules_with(&token, "ann").await.unwrap();
    assert_eq!(response.status(), 400);
    let text = response.text().await.unwrap();
    assert!(text.contains(&token) && text.contains("Get-InboxRule"), "{text}");
}

#[tokio::test]
async fn date_header_is_wrong_for_one_service() {
    let setting = Setting::new().await;
    let simulator = &setting.simulator;
    let now = DateTime::UNIX_EPOCH + TimeDelta::days(20_000);
    simulator.set_now(now);
    simulator.set_date_error(Service::Activity, TimeDelta::hours(-3));
    let date = |response: reqwest::Response| {
        DateTime::parse_from_rfc2822(response.headers()["date"].to_str().unwrap()).unwrap().to_utc()
    };
    assert_eq!(date(setting.list(ID).await.unwrap()), now - TimeDelta::hours(3));
    assert_eq!(date(setting.rules("ann").await.unwrap()), now);
}

#[tokio::test]
async fn granted_role_counts_in_new_tokens_only() {
    let setting = Setting::new().await;
    let simulator = &setting.simulator;
    let tenant = |change: fn(&mut Tenant)| change(simulator.world().tenants.get_mut(&ID).unwrap());
    tenant(|tenant| tenant.exchange_role = false);
    let old = setting.token(ID, &simulator.urls().exchange).await;
    tenant(|tenant| tenant.exchange_role = true);
    assert_eq!(setting.rules_with(&old, "ann").await.unwrap().status(), 403);
    assert_eq!(setting.rules("ann").await.unwrap().status(), 200);

    let good = setting.token(ID, &simulator.urls().exchange).await;
    simulator.make_tokens_stale(Some(OTHER));
    assert_eq!(setting.rules_with(&good, "ann").await.unwrap().status(), 200);
    simulator.make_tokens_stale(Some(ID));
    assert_eq!(setting.rules_with(&good, "ann").await.unwrap().status(), 403);

    tenant(|tenant| tenant.consent = Consent::WithoutActivityFeed);
    assert_eq!(setting.list(ID).await.unwrap().status(), 401);
    tenant(|tenant| tenant.consent = Consent::Granted);
    assert_eq!(setting.list(ID).await.unwrap().status(), 200);
}

#[tokio::test]
async fn unreachable_origins_fail_in_three_ways() {
    let setting = Setting::new().await;
    let stranger = Setting::new().await;
    let untrusted = stranger.simulator.urls().graph.clone();
    let refused = crate::unreachable::refused_origin().unwrap();
    for origin in [untrusted.as_str(), refused.as_str(), crate::unreachable::UNKNOWN_HOST] {
        let error = setting.http.get(origin).send().await.unwrap_err();
        assert!(error.is_connect(), "{origin}: {error}");
    }
}
