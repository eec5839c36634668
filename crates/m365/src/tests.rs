//! The three clients against servers that answer from a script and remember what they were asked.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use base::clock::SystemClock;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use azure_core::credentials::{AccessToken, TokenCredential, TokenRequestOptions};
use azure_core::time::{Duration, OffsetDateTime};
use chrono::{TimeZone as _, Utc};
use serde_json::json;
use url::Url;

use crate::hosts::{Cloud, Hosts};
use base::ids::TenantId;

use super::exchange::{Anchor, Exchange};
use super::graph::Graph;
use super::management_activity::{ActivityCode, ContentType, ManagementActivity, SubscriptionStart};
use super::tokens::Tokens;
use super::{Service, ServiceError};

const TENANT: &str = "11111111-1111-1111-1111-111111111111";
const OTHER_TENANT: &str = "22222222-2222-2222-2222-222222222222";
const PARTNER: &str = "33333333-3333-3333-3333-333333333333";

/// A credential whose tokens are numbered.
#[derive(Debug, Default)]
struct Numbered(AtomicUsize);

#[async_trait::async_trait]
impl TokenCredential for Numbered {
    async fn get_token(&self, _: &[&str], _: Option<TokenRequestOptions<'_>>) -> azure_core::Result<AccessToken> {
        let number = self.0.fetch_add(1, Ordering::Relaxed);
        Ok(AccessToken::new(format!("token-{number}"), OffsetDateTime::now_utc() + Duration::seconds(3_600)))
    }
}

/// What a server was asked.
#[derive(Debug, Clone)]
struct Asked {
    method: String,
    target: String,
    token: String,
}

#[derive(Debug, Default)]
struct Script {
    answers: Mutex<VecDeque<Answer>>,
    asked: Mutex<Vec<Asked>>,
}

/// One answer; the last of a script is repeated.
#[derive(Debug, Clone, Default)]
struct Answer {
    status: u16,
    headers: Vec<(&'static str, Vec<u8>)>,
    body: Vec<u8>,
}

impl Answer {
    fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    fn json(status: u16, body: &serde_json::Value) -> Self {
        Self::new(status, body.to_string())
    }

    fn header(mut self, name: &'static str, value: impl Into<Vec<u8>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A server on this machine that answers from a script.
#[derive(Debug, Clone)]
struct Server {
    url: String,
    script: Arc<Script>,
}

impl Server {
    async fn start() -> Self {
        let script = Arc::new(Script::default());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(answer).with_state(Arc::clone(&script));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, script }
    }

    fn says(&self, answers: impl IntoIterator<Item = Answer>) {
        *self.script.answers.lock().unwrap() = answers.into_iter().collect();
    }

    fn asked(&self) -> Vec<Asked> {
        self.script.asked.lock().unwrap().clone()
    }

    fn hosts(&self) -> Hosts {
        let url = Url::parse(&self.url).unwrap();
        Hosts {
            cloud: Cloud::Worldwide,
            authority: url.clone(),
            management: url.clone(),
            graph: url.clone(),
            exchange: url,
        }
    }

    fn tokens(&self) -> (reqwest::Client, Arc<Tokens>) {
        let http = base::http::client(None).unwrap();
        let tokens = Tokens::given(&self.hosts(), http.clone(), Arc::new(Numbered::default()));
        (http, Arc::new(tokens))
    }

    fn graph(&self) -> Graph {
        let (http, tokens) = self.tokens();
        Graph::new(&self.hosts(), tenant(PARTNER), http, tokens, Arc::new(SystemClock))
    }

    fn exchange(&self) -> Exchange {
        let (http, tokens) = self.tokens();
        Exchange::new(&self.hosts(), http, tokens, Arc::new(SystemClock))
    }

    fn activity(&self) -> ManagementActivity {
        let (http, tokens) = self.tokens();
        ManagementActivity::new(&self.hosts(), tenant(PARTNER), http, tokens, Arc::new(SystemClock))
    }
}

async fn answer(State(script): State<Arc<Script>>, request: Request) -> Response {
    let token = request.headers().get("authorization").map(|value| value.to_str().unwrap().to_owned());
    script.asked.lock().unwrap().push(Asked {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        token: token.unwrap_or_default(),
    });
    let mut answers = script.answers.lock().unwrap();
    let next = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
    let next = next.unwrap_or_else(|| Answer::new(599, "nothing was expected"));
    let mut response = Response::builder().status(next.status);
    for (name, value) in next.headers {
        response = response.header(name, value);
    }
    response.body(Body::from(next.body)).unwrap()
}

fn tenant(guid: &str) -> TenantId {
    guid.parse().unwrap()
}

fn page(ids: &[&str], next: Option<&str>) -> Answer {
    let value: Vec<_> = ids.iter().map(|id| json!({"id": id})).collect();
    let mut body = json!({"value": value});
    if let Some(next) = next {
        body["@odata.nextLink"] = next.into();
    }
    Answer::json(200, &body)
}

fn is_foreign<T: std::fmt::Debug>(outcome: &Result<T, ServiceError>) -> bool {
    matches!(outcome, Err(ServiceError::ForeignLink { .. }))
}

#[tokio::test]
async fn a_listing_is_read_page_by_page_to_its_end() {
    let server = Server::start().await;
    let next = format!("{}/v1.0/domains?$skiptoken=x", server.url);
    server.says([page(&["contoso.com"], Some(&next)), page(&["fabrikam.com"], None)]);
    let domains = server.graph().domains(&tenant(TENANT)).await.unwrap();
    assert_eq!(domains.iter().map(|domain| domain.id.as_str()).collect::<Vec<_>>(), ["contoso.com", "fabrikam.com"]);
    assert_eq!(server.asked()[1].target, "/v1.0/domains?$skiptoken=x");
}

#[tokio::test]
async fn a_listing_that_leads_in_a_circle_is_an_error_and_never_the_whole() {
    let server = Server::start().await;
    server.says([page(&["contoso.com"], Some(&format!("{}/v1.0/domains", server.url)))]);
    let outcome = server.graph().domains(&tenant(TENANT)).await;
    assert!(matches!(outcome, Err(ServiceError::Unreachable { service: Service::Graph, .. })), "{outcome:?}");
}

#[tokio::test]
async fn nothing_is_sent_to_another_origin_than_the_services_own() {
    let (server, foreign) = (Server::start().await, Server::start().await);
    let tenant = tenant(TENANT);

    server.says([page(&["contoso.com"], Some(&format!("{}/v1.0/domains", foreign.url)))]);
    assert!(is_foreign(&server.graph().domains(&tenant).await));

    let anchor = Anchor::Organization;
    assert!(is_foreign(&server.exchange().invoke(&tenant, &anchor, "Get-AcceptedDomain", json!({})).await));

    let link = format!("{}/api/v1.0/{TENANT}/activity/feed/subscriptions/content?nextPage=1", foreign.url);
    server.says([Answer::new(200, "[]").header("NextPageUri", link.clone())]);
    let (from, to) = (Utc.timestamp_opt(0, 0).unwrap(), Utc.timestamp_opt(3_600, 0).unwrap());
    assert!(is_foreign(&server.activity().list(&tenant, ContentType::Exchange, from, to).await));
    assert!(is_foreign(&server.activity().list_next(&tenant, &link).await));
    assert!(is_foreign(&server.activity().fetch(&tenant, &link).await));

    assert!(foreign.asked().is_empty(), "{:?}", foreign.asked());
}

#[tokio::test]
async fn content_of_another_tenant_is_not_fetched() {
    let server = Server::start().await;
    let links = [
        format!("{}/api/v1.0/{OTHER_TENANT}/activity/feed/audit/1$1", server.url),
        format!("{}/api/v1.0/{TENANT}/../{OTHER_TENANT}/activity/feed/audit/1$1", server.url),
        format!("{}/api/v2.0/{TENANT}/activity/feed/audit/1$1", server.url),
        format!("{}/other/v1.0/{TENANT}/activity/feed/audit/1$1", server.url),
        server.url.replace("http://", "http://somebody@"),
        "not a link".to_owned(),
    ];
    for link in links {
        assert!(is_foreign(&server.activity().fetch(&tenant(TENANT), &link).await), "{link}");
    }
    assert!(server.asked().is_empty());
}

#[tokio::test]
async fn every_audit_call_names_the_publisher_and_leaves_the_link_as_it_is() {
    let server = Server::start().await;
    let (activity, tenant) = (server.activity(), tenant(TENANT));
    let upper = TENANT.to_uppercase();
    server.says([Answer::new(200, "[]")]);
    activity.subscriptions(&tenant).await.unwrap();
    let (from, to) = (Utc.timestamp_opt(0, 0).unwrap(), Utc.timestamp_opt(3_600, 0).unwrap());
    activity.list(&tenant, ContentType::Exchange, from, to).await.unwrap();
    let next = format!("{}/api/v1/{upper}/activity/feed/subscriptions/content?nextPage=2", server.url);
    activity.list_next(&tenant, &next).await.unwrap();
    activity
        .fetch(&tenant, &format!("{}/api/v1.0/{TENANT}/activity/feed/audit/1$2$audit_exchange", server.url))
        .await
        .unwrap();

    let targets: Vec<String> = server.asked().into_iter().map(|asked| asked.target).collect();
    let root = format!("/api/v1.0/{TENANT}/activity/feed");
    let publisher = format!("PublisherIdentifier={PARTNER}");
    assert_eq!(
        targets,
        [
            format!("{root}/subscriptions/list?{publisher}"),
            format!(
                "{root}/subscriptions/content?contentType=Audit.Exchange&startTime=1970-01-01T00%3A00%3A00\
                 &endTime=1970-01-01T01%3A00%3A00&{publisher}"
            ),
            format!("/api/v1/{upper}/activity/feed/subscriptions/content?nextPage=2&{publisher}"),
            format!("{root}/audit/1$2$audit_exchange?{publisher}"),
        ]
    );
}

#[tokio::test]
async fn a_next_page_that_cannot_be_read_is_an_error_and_not_the_end() {
    let server = Server::start().await;
    server.says([Answer::new(200, "[]").header("NextPageUri", vec![b'h', 0xFF])]);
    let (from, to) = (Utc.timestamp_opt(0, 0).unwrap(), Utc.timestamp_opt(3_600, 0).unwrap());
    let outcome = server.activity().list(&tenant(TENANT), ContentType::Exchange, from, to).await;
    assert!(matches!(outcome, Err(ServiceError::Unreachable { .. })), "{outcome:?}");
}

#[tokio::test]
async fn the_answers_to_a_start_are_told_apart() {
    let already =
        json!({"error": {"code": "AF20024", "message": "The subscription is already enabled. No property change."}});
    let off = json!({"error": {
        "code": "StartSubscription [CorrId=1][TenantId=2,ContentType=Audit.Exchange][AppId",
        "message": "=3]Microsoft.Office.Compliance.Audit.DataServiceException: Tenant 2 does not exist.\r\n at X"}});
    let server = Server::start().await;
    for (answer, expected) in [
        (Answer::json(200, &json!({"contentType": "Audit.Exchange", "status": "enabled"})), SubscriptionStart::Started),
        (Answer::json(400, &already), SubscriptionStart::AlreadyEnabled),
        (Answer::json(400, &off), SubscriptionStart::AuditingOff),
    ] {
        server.says([answer]);
        let start = server.activity().start(&tenant(TENANT), ContentType::Exchange).await.unwrap();
        assert_eq!(start, expected);
    }
    assert!(server.asked().iter().all(|asked| asked.method == "POST"));
}

#[tokio::test]
async fn a_code_is_found_in_a_body_that_is_no_json() {
    let server = Server::start().await;
    server.says([Answer::new(400, "{'error':{'code':'AF20022','message':'No subscription found.'}}")]);
    let error = server.activity().subscriptions(&tenant(TENANT)).await.unwrap_err();
    assert_eq!(ActivityCode::of(&error), Some(ActivityCode::NotSubscribed));
}

#[tokio::test]
async fn a_refused_token_is_replaced_once() {
    let server = Server::start().await;
    let refused = Answer::json(401, &json!({"error": {"code": "InvalidAuthenticationToken", "message": "expired"}}));
    server.says([refused.clone(), page(&[], None)]);
    server.graph().domains(&tenant(TENANT)).await.unwrap();
    let tokens: Vec<String> = server.asked().into_iter().map(|asked| asked.token).collect();
    assert_eq!(tokens, ["Bearer token-0", "Bearer token-1"]);

    let server = Server::start().await;
    server.says([refused]);
    let error = server.graph().domains(&tenant(TENANT)).await.unwrap_err();
    assert_eq!((error.status(), server.asked().len()), (Some(401), 2));
}

#[tokio::test]
async fn throttling_is_waited_out_also_where_it_looks_like_a_refusal() {
    let server = Server::start().await;
    let throttled = json!({"error": {"code": "AF429", "message": "Too many requests. Method=GetBlob"}});
    server.says([Answer::json(403, &throttled).header("Retry-After", "0"), Answer::new(200, "[]")]);
    server.activity().subscriptions(&tenant(TENANT)).await.unwrap();
    assert_eq!(server.asked().len(), 2);
}

#[tokio::test]
async fn whoever_asks_for_an_hour_is_not_waited_for() {
    let server = Server::start().await;
    server.says([Answer::new(429, "").header("Retry-After", "3600")]);
    let error = server.graph().domains(&tenant(TENANT)).await.unwrap_err();
    let ServiceError::Answered { retry_after, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*retry_after, Some(std::time::Duration::from_secs(3_600)));
    assert!(error.is_transient());
    assert_eq!(server.asked().len(), 1);
}

#[tokio::test]
async fn denied_request_is_repeated_once_with_a_fresh_token_in_an_hour() {
    let server = Server::start().await;
    let denied = json!({"error": {"code": "Authorization_RequestDenied", "message": "Insufficient privileges", "innererror": {}}});
    server.says([Answer::json(403, &denied), Answer::json(403, &denied), Answer::json(403, &denied)]);
    let graph = server.graph();
    let error = graph.set_account_enabled(&tenant(TENANT), "u", false).await.unwrap_err();
    assert_eq!((error.status(), error.code()), (Some(403), "Authorization_RequestDenied"));
    assert_eq!(server.asked().len(), 2);
    graph.set_account_enabled(&tenant(TENANT), "u", false).await.unwrap_err();
    assert_eq!(server.asked().len(), 3, "not again within the hour");
}

#[tokio::test]
async fn a_page_of_html_from_a_gateway_is_an_error_with_its_status() {
    let server = Server::start().await;
    server.says([Answer::new(502, "<html>nginx</html>").header("Retry-After", "0")]);
    let error = server.graph().domains(&tenant(TENANT)).await.unwrap_err();
    assert_eq!(error.status(), Some(502));
    assert!(error.to_string().ends_with("Bad Gateway"), "{error}");
}

#[tokio::test]
async fn names_of_users_stay_names_in_the_path() {
    let server = Server::start().await;
    server.says([Answer::new(204, "")]);
    let graph = server.graph();
    for user in ["a_b.com#EXT#@c.com", "$odd'name@c.com", "a/b@c.com", "x?y@c.com"] {
        graph.set_account_enabled(&tenant(TENANT), user, false).await.unwrap();
    }
    let targets: Vec<String> = server.asked().into_iter().map(|asked| asked.target).collect();
    assert_eq!(
        targets,
        [
            "/v1.0/users/a_b.com%23EXT%23@c.com",
            "/v1.0/users('$odd''name@c.com')",
            "/v1.0/users/a%2Fb@c.com",
            "/v1.0/users/x%3Fy@c.com"
        ]
    );
}

#[tokio::test]
async fn a_null_where_a_text_belongs_does_not_hide_the_other_consents() {
    let server = Server::start().await;
    let grant = |id: &str, scope: serde_json::Value| json!({"id": id, "clientId": "c", "consentType": "Principal", "principalId": "p", "scope": scope});
    server.says([Answer::json(200, &json!({"value": [grant("1", json!(null)), grant("2", json!("Mail.Read"))]}))]);
    let grants = server.graph().permission_grants(&tenant(TENANT), "u").await.unwrap();
    assert_eq!(grants.iter().map(|grant| grant.scope.as_str()).collect::<Vec<_>>(), ["", "Mail.Read"]);
}

#[tokio::test]
async fn a_relationship_without_a_customer_or_of_microsofts_own_is_no_customer() {
    let server = Server::start().await;
    let relationship = |name: &str, tenant: serde_json::Value| json!({"displayName": name, "customer": {"tenantId": tenant, "displayName": "Contoso"}});
    server.says([Answer::json(
        200,
        &json!({"value": [
            relationship("One", json!(TENANT)),
            relationship("Two", json!(TENANT)),
            relationship("MLT_Three", json!(OTHER_TENANT)),
            relationship("Four", json!(null)),
        ]}),
    )]);
    let customers = server.graph().gdap_customers().await.unwrap();
    assert_eq!(customers.iter().map(|customer| customer.tenant_id).collect::<Vec<_>>(), [tenant(TENANT)]);
}

#[tokio::test]
async fn rows_of_exchange_lose_annotations_and_keep_every_digit() {
    let server = Server::start().await;
    let rows = r#"{"@adminapi.warnings":[],"value":[{"Name":"r","RuleIdentity":15394007230974001153,"Priority@data.type":"System.Int32"}]}"#;
    server.says([Answer::new(200, rows)]);
    let found =
        server.exchange().invoke(&tenant(TENANT), &Anchor::Organization, "Get-InboxRule", json!({})).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(found[0]["RuleIdentity"].as_u64(), Some(15_394_007_230_974_001_153));
    assert!(!found[0].contains_key("Priority@data.type"));
}

#[tokio::test]
async fn a_change_may_be_answered_with_nothing() {
    let server = Server::start().await;
    server.says([Answer::new(200, "")]);
    let anchor = Anchor::mailbox("v@contoso.com");
    assert!(server.exchange().invoke(&tenant(TENANT), &anchor, "Set-Mailbox", json!({})).await.unwrap().is_empty());
}

#[tokio::test]
async fn exchange_says_no_in_many_ways() {
    let inner = json!({"error": {"code": "NotFound", "message": "Error", "innererror": {"internalexception": {
        "message": "The object 'x' couldn't be found", "type": "Microsoft.Exchange.Configuration.Tasks.ManagementObjectNotFoundException"}}}});
    let detail = json!({"error": {"code": "BadRequest", "message": "Invalid Operation",
        "details": [{"code": "Client", "message": "|Microsoft.Exchange.AmbiguousParameterSetException|Parameter set cannot be resolved."}]}});
    let table = [
        (Answer::json(404, &inner), "ManagementObjectNotFoundException", "The object 'x' couldn't be found"),
        (Answer::json(400, &detail), "AmbiguousParameterSetException", "Parameter set cannot be resolved."),
        (
            Answer::new(403, vec![0; 64]).header("x-ms-diagnostics", "2000003;reason=\"no role\""),
            "",
            "2000003;reason=\"no role\"",
        ),
        (Answer::new(401, ""), "", "the app role Exchange.ManageAsApp is missing in the token"),
    ];
    let server = Server::start().await;
    for (answer, code, message) in table {
        server.says([answer]);
        let outcome = server.exchange().invoke(&tenant(TENANT), &Anchor::Organization, "Get-Mailbox", json!({})).await;
        let Err(ServiceError::Answered { code: found, message: text, .. }) = outcome else { panic!("{outcome:?}") };
        assert_eq!((found.as_str(), text.as_str()), (code, message));
    }
}
