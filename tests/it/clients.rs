//! The clients against the simulated services: every way to prove who the app is, and links that lead elsewhere.

use std::sync::Arc;

use base::clock::SystemClock;
use base::ids::TenantId;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{TimeDelta, Utc};
use m365::exchange::{Forwarding, MailboxId};
use m365::management_activity::ContentType;
use m365::{Service as Asked, TokenFault, aadsts};
use serde_json::json;
use table_store::MemoryStore;
use tenantwatch::app::App;
use tenantwatch::settings::{Needs, Settings};
use tenantwatch_simulator::world::Consent;
use tenantwatch_simulator::{
    FIELD_NUMBERS_OF_CREDENTIALS, FIELD_NUMBERS_OF_TENANTS, Fault, FaultKind, Service, Simulator, Tenant, World,
};
use uuid::Uuid;

const CONTOSO: Uuid = Uuid::from_u128(0xc0);
const CERTIFICATE: &str = include_str!("../fixtures/app-certificate.pem");

async fn simulator() -> Simulator {
    let mut world = World::new(Uuid::from_u128(0x99), Uuid::from_u128(0xc1));
    let tenant = world.add(Tenant::new(CONTOSO, "contoso.com", "Contoso"));
    tenant.add_person("victor", "Victor");
    tenant.subscriptions.insert("Audit.Exchange".to_owned(), true);
    Simulator::start(world).await.unwrap()
}

fn app(simulator: &Simulator, change: &[(&str, &str)]) -> App {
    let mut environment: std::collections::BTreeMap<String, String> = simulator.environment().into_iter().collect();
    environment.extend(change.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    let settings = Settings::from_environment(environment, Needs::LOCAL).unwrap();
    let clock = Arc::new(SystemClock);
    App::new(settings, Arc::new(MemoryStore::new(clock.clone())), clock).unwrap()
}

fn tenant() -> TenantId {
    TenantId::new(CONTOSO)
}

/// The DER of the test certificate.
fn certificate() -> Vec<u8> {
    let body = CERTIFICATE.split("-----BEGIN CERTIFICATE-----").nth(1).unwrap().split("-----END").next().unwrap();
    BASE64.decode(body.split_whitespace().collect::<String>()).unwrap()
}

#[tokio::test]
async fn a_secret_gives_one_token_for_many_callers_at_once() {
    let simulator = simulator().await;
    let app = app(&simulator, &[]);
    let tenant = tenant();
    for domains in futures::future::join_all((0..20).map(|_| app.graph.domains(&tenant))).await {
        assert_eq!(domains.unwrap().len(), 1);
    }
    assert_eq!(simulator.count(|request| request.service == Service::Entra), 1);
}

#[tokio::test]
async fn a_certificate_proves_the_app_by_a_signed_assertion() {
    let simulator = simulator().await;
    let change = [("CLIENT_SECRET", ""), ("CLIENT_CERTIFICATE", CERTIFICATE)];
    let stranger = app(&simulator, &change).tokens.token(&tenant(), Asked::Graph).await.unwrap_err();
    assert_eq!((stranger.fault, stranger.aadsts), (TokenFault::OurFault, Some(700_027)), "an unknown certificate");
    simulator.world().certificates.push(certificate());
    assert_eq!(app(&simulator, &change).graph.domains(&tenant()).await.unwrap().len(), 1);
}

#[tokio::test]
async fn managed_identity_replaces_the_secret() {
    let simulator = simulator().await;
    let identity = Uuid::from_u128(0x1d).to_string();
    simulator.world().federated_identities.insert(identity.clone());
    let data = tempfile::tempdir().unwrap();
    // The platform tells a process of its identity by environment variables, so this one is a process of its own.
    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["run", "--once", "--data", data.path().to_str().unwrap()])
        .env_clear()
        .envs(simulator.environment())
        .env_remove("CLIENT_SECRET")
        .env("FEDERATED_IDENTITY_CLIENT_ID", &identity)
        .env("IDENTITY_ENDPOINT", &simulator.urls().identity)
        .env("IDENTITY_HEADER", "simulated-identity-header")
        .output()
        .await
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(simulator.count(|request| request.service == Service::Identity && request.status == 200) > 0);
    assert!(simulator.count(|request| request.path.ends_with("/subscriptions/content") && request.status == 200) > 0);
}

#[tokio::test]
async fn entra_errors_are_told_apart() {
    let simulator = simulator().await;
    let cases = [
        (Consent::Missing, TokenFault::ConsentMissing, 7_000_229),
        (Consent::AppDisabled, TokenFault::AccessLost, 7_000_112),
        (Consent::Blocked, TokenFault::AccessLost, 53_003),
        (Consent::Gone, TokenFault::AccessLost, 90_002),
        (Consent::NoLicence, TokenFault::AccessLost, 500_014),
    ];
    for (consent, fault, number) in cases {
        simulator.world().tenants.get_mut(&CONTOSO).unwrap().consent = consent;
        let error = app(&simulator, &[]).tokens.token(&tenant(), Asked::Graph).await.unwrap_err();
        assert_eq!((error.fault, error.aadsts), (fault, Some(number)), "{consent:?}");
    }
    let error = app(&simulator, &[("CLIENT_SECRET", "wrong")]).tokens.token(&tenant(), Asked::Graph).await.unwrap_err();
    assert_eq!((error.fault, error.aadsts), (TokenFault::OurFault, Some(7_000_215)));
}

#[tokio::test]
async fn every_known_aadsts_number_is_classified_with_its_advice() {
    let simulator = simulator().await;
    for row in aadsts::TABLE {
        let number = row.number;
        let description = format!("AADSTS{number}: Rejected client_secret=a+wrong~secret.\r\nTrace ID: 1");
        let body = json!({"error": "invalid_client", "error_description": description, "error_codes": [number]});
        let rejection = FaultKind::Status { status: 401, headers: Vec::new(), body: body.to_string() };
        simulator.inject(Fault::new(Service::Entra, "/oauth2/v2.0/token", rejection).times(1));
        let app = app(&simulator, &[("CLIENT_SECRET", "a+wrong~secret")]);
        let error = app.tokens.token(&tenant(), Asked::Graph).await.unwrap_err();
        assert_eq!((error.aadsts, error.fault), (Some(number), row.fault), "{number}");
        assert!(error.to_string().ends_with(row.advice), "{error}");
        assert!(error.message.contains("client_secret=[removed]"), "{}", error.message);
    }
}

/// The simulator has a list of its own of the numbers that were seen in the field, so a row that vanishes from the table is missed.
#[test]
fn every_aadsts_number_from_the_field_is_in_the_table() {
    let (of_tenants, of_credentials) = (FIELD_NUMBERS_OF_TENANTS, FIELD_NUMBERS_OF_CREDENTIALS);
    assert_eq!((of_tenants.len(), of_credentials.len()), (13, 3));
    for number in of_tenants.iter().chain(of_credentials) {
        assert!(aadsts::find(*number).is_some(), "AADSTS{number} is not in the table");
    }
}

#[test]
fn wrong_federated_credential_is_not_a_tenant_problem() {
    for number in [7_002_138, 70_021, 700_212] {
        assert_eq!(aadsts::find(number).map(|row| row.fault), Some(TokenFault::OurFault), "{number}");
    }
}

#[tokio::test]
async fn every_page_of_a_listing_names_the_provider() {
    let simulator = simulator().await;
    let now = Utc::now();
    {
        let mut world = simulator.world();
        world.content_page = 2;
        let tenant = world.tenants.get_mut(&CONTOSO).unwrap();
        for minutes in 1..=5 {
            tenant.publish_at("Audit.Exchange", now - TimeDelta::minutes(minutes), &[json!({"Operation": "Send"})]);
        }
    }
    let app = app(&simulator, &[]);
    let mut page = app.activity.list(&tenant(), ContentType::Exchange, now - TimeDelta::hours(1), now).await.unwrap();
    let mut found = page.content.len();
    while let Some(next) = page.next {
        page = app.activity.list_next(&tenant(), &next.unwrap()).await.unwrap();
        found += page.content.len();
    }
    assert_eq!(found, 5);
    app.activity.fetch(&tenant(), &page.content[0].content_uri).await.unwrap();
    let publisher = format!("PublisherIdentifier={}", Uuid::from_u128(0x99));
    let calls: Vec<_> =
        simulator.requests().into_iter().filter(|request| request.service == Service::Activity).collect();
    assert_eq!(calls.len(), 4);
    assert!(calls.iter().all(|request| request.query.contains(&publisher)), "{calls:?}");
}

#[tokio::test]
async fn foreign_link_gets_no_request_and_no_token() {
    let simulator = simulator().await;
    let app = app(&simulator, &[]);
    let [management, graph] = [&simulator.urls().management, &simulator.urls().graph];
    let other = Uuid::from_u128(0xbad);
    let links = [
        format!("{graph}/api/v1.0/{CONTOSO}/activity/feed/audit/x"),
        format!("{management}/api/v1.0/{other}/activity/feed/audit/x"),
        format!("{management}/elsewhere/{CONTOSO}/activity/feed/audit/x"),
        "no link at all".to_owned(),
    ];
    for link in links {
        let error = app.activity.fetch(&tenant(), &link).await.unwrap_err();
        assert!(!error.is_transient() && error.to_string().contains("not followed"), "{error}");
    }
    assert_eq!(simulator.requests().len(), 0);
}

#[tokio::test]
async fn rejected_token_is_replaced_and_busy_service_retried() {
    let simulator = simulator().await;
    let app = app(&simulator, &[]);
    app.graph.domains(&tenant()).await.unwrap();
    simulator.revoke_tokens();
    app.graph.domains(&tenant()).await.unwrap();
    assert_eq!(simulator.count(|request| request.service == Service::Entra), 2);

    let busy = |status, body: &str| FaultKind::Status {
        status,
        headers: vec![("retry-after".to_owned(), "0".to_owned())],
        body: body.to_owned(),
    };
    simulator.inject(Fault::new(Service::Graph, "/domains", busy(429, "")).times(2));
    assert_eq!(app.graph.domains(&tenant()).await.unwrap().len(), 1);
    let throttled = r#"{'error':{'code':'AF429','message':'Too many requests. Method=GetBlob'}}"#;
    simulator.inject(Fault::new(Service::Activity, "/subscriptions/list", busy(403, throttled)).times(1));
    assert_eq!(app.activity.subscriptions(&tenant()).await.unwrap(), ["Audit.Exchange"]);
}

#[tokio::test]
async fn exchange_tells_what_is_missing_in_its_own_words() {
    let simulator = simulator().await;
    let app = app(&simulator, &[]);
    let victor = MailboxId::new("victor@contoso.com");
    let mailbox = app.exchange.mailbox(&tenant(), &victor).await.unwrap().unwrap();
    assert_eq!(mailbox.user_principal_name.as_deref(), Some("victor@contoso.com"));
    assert_eq!(app.exchange.mailbox(&tenant(), &MailboxId::new("nobody@contoso.com")).await.unwrap(), None);
    let error = app.exchange.inbox_rules(&tenant(), &MailboxId::new("nobody@contoso.com"), true).await.unwrap_err();
    assert_eq!(error.code(), "ManagementObjectNotFoundException");
    assert!(error.to_string().contains("couldn't be found"), "{error}");
    simulator.world().tenants.get_mut(&CONTOSO).unwrap().exchange_role = false;
    let error = app.exchange.mailbox(&tenant(), &victor).await.unwrap_err();
    assert!(error.status() == Some(403) && error.to_string().contains("isn't supported"), "{error}");
}

#[tokio::test]
async fn mailbox_of_another_name_is_not_believed() {
    let simulator = simulator().await;
    simulator.world().unkindness.answers_to_parts_of_names = true;
    let app = app(&simulator, &[]);
    assert_eq!(app.exchange.find_mailbox(&tenant(), "vic").await.unwrap(), None);
    assert!(app.exchange.find_mailbox(&tenant(), "victor").await.unwrap().is_some(), "the alias is a name of its own");
}

#[tokio::test]
async fn mailbox_is_read_and_changed_through_types() {
    let simulator = simulator().await;
    let app = app(&simulator, &[]);
    let (exchange, victor) = (&app.exchange, MailboxId::new("victor@contoso.com"));
    let access = exchange.client_access(&tenant(), &victor).await.unwrap().unwrap();
    assert!(!access.open().is_empty());
    exchange.set_client_access(&tenant(), &victor, &access.closed()).await.unwrap();
    let closed = exchange.client_access(&tenant(), &victor).await.unwrap().unwrap();
    assert_eq!(closed.open(), []);
    exchange.set_client_access(&tenant(), &victor, &access).await.unwrap();
    assert_eq!(exchange.client_access(&tenant(), &victor).await.unwrap().unwrap(), access);

    exchange.set_auto_reply_state(&tenant(), &victor, "Enabled").await.unwrap();
    assert_eq!(exchange.auto_reply(&tenant(), &victor).await.unwrap().unwrap().auto_reply_state, "Enabled");
    let forwarding =
        Forwarding { forwarding_smtp_address: Some("smtp:x@evil.example".to_owned()), ..Forwarding::default() };
    exchange.set_forwarding(&tenant(), &victor, &forwarding).await.unwrap();
    let mailbox = exchange.mailbox(&tenant(), &victor).await.unwrap().unwrap();
    assert_eq!(mailbox.forwarding.targets(), ["smtp:x@evil.example"]);
    exchange.clear_forwarding(&tenant(), &victor).await.unwrap();
    let mailbox = exchange.mailbox(&tenant(), &victor).await.unwrap().unwrap();
    assert_eq!(mailbox.forwarding, Forwarding::default());

    let domains = exchange.accepted_domains(&tenant()).await.unwrap();
    assert_eq!(domains[0].name.as_str(), "contoso.com");
    let audit = exchange.admin_audit_log_config(&tenant()).await.unwrap();
    assert_eq!(audit.unified_audit_log_ingestion_enabled, Some(true));
    assert_eq!(exchange.organization_config(&tenant()).await.unwrap().is_dehydrated, Some(false));
}

/// The address of a port of this machine on which nothing listens.
fn refused_url() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    format!("https://{address}")
}

/// The error of each service that is asked, if the setting of its address has this value.
async fn unreached(simulator: &Simulator, url: &str) -> Vec<(&'static str, String)> {
    let at = |name| app(simulator, &[(name, url)]);
    let tenant = tenant();
    let entra = at("AZURE_AUTHORITY_HOST").tokens.token(&tenant, Asked::Graph).await.unwrap_err();
    let graph = at("GRAPH_URL").graph.domains(&tenant).await.unwrap_err();
    let exchange = at("EXCHANGE_URL").exchange.accepted_domains(&tenant).await.unwrap_err();
    vec![("Entra", entra.to_string()), ("Graph", graph.to_string()), ("Exchange", exchange.to_string())]
}

#[tokio::test]
async fn a_refused_port_is_named_with_what_to_check() {
    let (simulator, url) = (simulator().await, refused_url());
    let host = url.trim_start_matches("https://");
    for (service, told) in unreached(&simulator, &url).await {
        assert!(told.contains(host), "{service}: {told}");
        assert!(told.contains("the connection was refused; check the port"), "{service}: {told}");
    }
}

#[tokio::test]
async fn an_unknown_host_is_named_with_what_to_check() {
    let simulator = simulator().await;
    for (service, told) in unreached(&simulator, "https://nowhere.invalid").await {
        assert!(told.contains("nowhere.invalid:443"), "{service}: {told}");
        assert!(told.contains("the name cannot be resolved; check the name"), "{service}: {told}");
    }
}

#[tokio::test]
async fn a_certificate_of_a_stranger_is_named_with_what_to_check() {
    let (simulator, stranger) = (simulator().await, simulator().await);
    for (service, told) in unreached(&simulator, &stranger.urls().graph).await {
        assert!(told.contains(stranger.urls().graph.trim_start_matches("https://")), "{service}: {told}");
        assert!(told.contains("certificate is not accepted") && told.contains("SSL_CERT_FILE"), "{service}: {told}");
    }
}

#[tokio::test]
async fn a_certain_cause_is_tried_twice_and_no_more() {
    let (simulator, stranger) = (simulator().await, simulator().await);
    let app = app(&simulator, &[("GRAPH_URL", &stranger.urls().graph)]);
    app.graph.domains(&tenant()).await.unwrap_err();
    assert_eq!(stranger.handshakes(), 2);
}
