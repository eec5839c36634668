//! The custom handler, driven as the Functions host drives it, over functions that only play.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tenantwatch::functions::remediate_account::Answer;
use tenantwatch::functions::{FunctionError, TenantMessage, get_domain, process_audit_log};
use tenantwatch::host::{Functions, Limits, envelope, router};
use tenantwatch::remediation::BODY_LIMIT;
use tokio::sync::Notify;
use tower::ServiceExt as _;

const TENANT: &str = "4fdbff88-0000-4000-8000-000000000001";

/// What the play functions do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Play {
    Well,
    Passing,
    Permanent,
    Panic,
    Forever,
}

#[derive(Debug)]
struct Players {
    play: Play,
    ended: Arc<Notify>,
}

impl Players {
    async fn perform(&self) -> Result<(), FunctionError> {
        match self.play {
            Play::Well => Ok(()),
            Play::Passing => Err(FunctionError::Passing("the directory did not answer".to_owned())),
            Play::Permanent => Err(FunctionError::Permanent("the tenant has left".to_owned())),
            Play::Panic => panic!("played"),
            Play::Forever => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Functions for Players {
    async fn get_domain(&self) -> Result<Vec<TenantMessage>, FunctionError> {
        self.perform().await?;
        Ok(vec![serde_json::from_value(tenant_message()).unwrap()])
    }

    async fn process_audit_log(&self, message: &TenantMessage) -> Result<String, FunctionError> {
        self.perform().await?;
        Ok(format!("read {}", message.domain))
    }

    async fn remediate_account(&self, body: &[u8]) -> Answer {
        tokio::task::yield_now().await;
        let outcome = self.perform().await;
        self.ended.notify_one();
        Answer { status: if outcome.is_ok() { 409 } else { 500 }, body: json!({"Length": body.len()}) }
    }
}

fn handler(play: Play) -> Router {
    router(Arc::new(Players { play, ended: Arc::new(Notify::new()) }), Limits::default())
}

fn tenant_message() -> Value {
    json!({
        "tenantId": TENANT, "domain": "contoso.com", "displayName": "Contoso \"& Söhne\"",
        "runId": "7b3f3f3e-0000-4000-8000-000000000002", "queuedAt": "2026-11-22T10:00:00Z",
    })
}

/// As the host encodes it: text inside a string, and once more because the trigger value was a string.
fn queue_envelope(text: &str) -> String {
    let wrapped = serde_json::to_string(text).unwrap();
    json!({"Data": {"tenant": wrapped}, "Metadata": {"DequeueCount": "1", "Id": "\"8d0c\""}}).to_string()
}

fn timer_envelope() -> String {
    let timer = json!({"Schedule": {"AdjustForDST": true}, "ScheduleStatus": null, "IsPastDue": false});
    json!({"Data": {"timer": timer}, "Metadata": {"sys": {"MethodName": "GetDomain"}}}).to_string()
}

fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    Request::post(path)
        .header(header::CONTENT_TYPE, "application/json")
        .header("X-Azure-Functions-InvocationId", "0f4b2d0e-0000-4000-8000-000000000003")
        .body(body.into())
        .unwrap()
}

async fn ask(play: Play, request: Request<Body>) -> (StatusCode, Value) {
    read(handler(play).oneshot(request).await.unwrap()).await
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {body:?}")))
}

#[tokio::test]
async fn the_host_learns_at_once_that_the_handler_lives() {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = handler(Play::Forever).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn a_timer_call_puts_each_tenant_on_the_queue_as_compact_json_in_an_array() {
    let (status, answer) = ask(Play::Well, post("/GetDomain", timer_envelope())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["ReturnValue"], Value::Null);
    let messages = answer["Outputs"]["tenants"].as_array().unwrap();
    let [message] = messages.as_slice() else { panic!("{answer}") };
    let text = message.as_str().unwrap();
    assert!(!text.contains('\n'), "{text}");
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), tenant_message());
}

#[tokio::test]
async fn a_queue_message_is_read_through_its_wrapping() {
    let (status, answer) =
        ask(Play::Well, post("/ProcessAuditLog", queue_envelope(&tenant_message().to_string()))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer, json!({"Outputs": {}, "Logs": ["read contoso.com"], "ReturnValue": null}));
}

#[tokio::test]
async fn unknown_members_of_a_message_are_ignored() {
    let mut message = tenant_message();
    message["later"] = json!({"deep": [1]});
    let (status, _) = ask(Play::Well, post("/ProcessAuditLog", queue_envelope(&message.to_string()))).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn a_message_without_a_tenant_or_with_none_that_is_a_guid_is_refused_by_name() {
    let mut without = tenant_message();
    without.as_object_mut().unwrap().remove("tenantId");
    let (status, answer) = ask(Play::Well, post("/ProcessAuditLog", queue_envelope(&without.to_string()))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer["Error"].as_str().unwrap().contains("tenantId"), "{answer}");

    let mut wrong = tenant_message();
    wrong["tenantId"] = json!("contoso");
    let (status, answer) = ask(Play::Well, post("/ProcessAuditLog", queue_envelope(&wrong.to_string()))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer["Error"].as_str().unwrap().contains("is not a GUID"), "{answer}");
}

#[tokio::test]
async fn a_message_that_can_never_be_read_fails_so_that_the_host_keeps_it_as_poison() {
    for text in ["hello", "", "[]", "null", "{", "\u{0}"] {
        let (status, answer) = ask(Play::Well, post("/ProcessAuditLog", queue_envelope(text))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text:?}: {answer}");
    }
}

#[tokio::test]
async fn what_is_no_envelope_is_refused() {
    for body in ["", "null", "[]", "{}", "{\"Data\":[]}", "\u{feff}{", "{\"Data\":{\"mine\":{}}}"] {
        for path in ["/GetDomain", "/ProcessAuditLog"] {
            let (status, answer) = ask(Play::Well, post(path, body)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_failure_that_may_pass_is_left_to_the_host() {
    for (path, body) in
        [("/GetDomain", timer_envelope()), ("/ProcessAuditLog", queue_envelope(&tenant_message().to_string()))]
    {
        let (status, answer) = ask(Play::Passing, post(path, body)).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(answer["Error"], "the directory did not answer");
    }
}

#[tokio::test]
async fn a_failure_that_no_retry_cures_is_done_and_says_so() {
    let (status, answer) =
        ask(Play::Permanent, post("/ProcessAuditLog", queue_envelope(&tenant_message().to_string()))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["Logs"], json!(["not tried again: the tenant has left"]));

    let (status, answer) = ask(Play::Permanent, post("/GetDomain", timer_envelope())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["Outputs"], json!({"tenants": []}));
}

#[tokio::test]
async fn remediation_is_plain_http_with_its_own_status() {
    let (status, answer) = ask(Play::Well, post("/api/RemediateAccount?code=x", "12345")).await;
    assert_eq!((status, answer), (StatusCode::CONFLICT, json!({"Length": 5})));
    // The host forwards the path as the client wrote it.
    let (status, _) = ask(Play::Well, post("/api/remediateaccount", "{}")).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn a_panic_ends_its_call_and_nothing_else() {
    let handler = handler(Play::Panic);
    for (path, body) in [
        ("/GetDomain", timer_envelope()),
        ("/ProcessAuditLog", queue_envelope(&tenant_message().to_string())),
        ("/api/RemediateAccount", "{}".to_owned()),
    ] {
        let (status, answer) = read(handler.clone().oneshot(post(path, body)).await.unwrap()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!answer["Error"].as_str().unwrap().contains("played"), "{answer}");
    }
}

#[tokio::test]
async fn a_function_that_does_not_end_is_given_up_before_the_host_kills_the_process() {
    let soon = Duration::from_millis(5);
    let limits = Limits { get_domain: soon, process_audit_log: soon, remediate_account: soon };
    let handler = router(Arc::new(Players { play: Play::Forever, ended: Arc::new(Notify::new()) }), limits);
    for (path, body) in [
        ("/GetDomain", timer_envelope()),
        ("/ProcessAuditLog", queue_envelope(&tenant_message().to_string())),
        ("/api/RemediateAccount", "{}".to_owned()),
    ] {
        let (status, _) = read(handler.clone().oneshot(post(path, body)).await.unwrap()).await;
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT, "{path}");
    }
}

#[tokio::test]
async fn a_caller_who_hangs_up_does_not_stop_a_remediation() {
    let ended = Arc::new(Notify::new());
    let players = Players { play: Play::Well, ended: Arc::clone(&ended) };
    let mut call = Box::pin(router(Arc::new(players), Limits::default()).oneshot(post("/api/RemediateAccount", "{}")));
    // Polled once, so that the call is under way, then dropped as a closed connection drops it.
    assert!(futures::poll!(&mut call).is_pending());
    drop(call);
    ended.notified().await;
}

#[tokio::test]
async fn an_unknown_function_is_named() {
    for path in ["/Nothing", "/api/GetDomain", "/RemediateAccount", "//", "/GetDomain/"] {
        let (status, answer) = ask(Play::Well, post(path, "{}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(answer["Error"].as_str().unwrap().contains(path), "{answer}");
    }
}

#[tokio::test]
async fn only_post_calls_a_function() {
    for path in ["/GetDomain", "/ProcessAuditLog", "/api/RemediateAccount"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = handler(Play::Panic).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.headers()[header::ALLOW], "POST");
    }
}

#[tokio::test]
async fn a_body_over_its_limit_is_refused_over_a_real_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, handler(Play::Well)).into_future());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, length) in
        [("/GetDomain", 10 << 20), ("/ProcessAuditLog", 10 << 20), ("/api/RemediateAccount", BODY_LIMIT + 1)]
    {
        let response = client.post(format!("http://{address}{path}")).body(vec![b' '; length]).send().await.unwrap();
        assert_eq!(response.status(), 413, "{path}");
    }
    let response = client.get(format!("http://{address}/")).send().await.unwrap();
    assert_eq!(response.status(), 200, "the handler still lives");
}

fn file(name: &str) -> Value {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn span_of(text: &Value) -> Duration {
    let parts: Vec<u64> = text.as_str().unwrap().split(':').map(|part| part.parse().unwrap()).collect();
    let [hours, minutes, seconds] = parts[..] else { panic!("{text}") };
    Duration::from_secs(hours * 3600 + minutes * 60 + seconds)
}

fn binding<'a>(function: &'a Value, name: &str) -> &'a Value {
    let bindings = function["bindings"].as_array().unwrap();
    bindings.iter().find(|binding| binding["name"] == name).unwrap_or_else(|| panic!("no binding {name}"))
}

#[test]
fn every_function_gives_up_before_the_host_kills_it() {
    let host = file("host.json");
    let timeout = span_of(&host["functionTimeout"]);
    assert_eq!(timeout, Duration::from_secs(600));
    let limits = Limits::default();
    assert!(Duration::from_secs(get_domain::DEADLINE_SECONDS) < limits.get_domain && limits.get_domain < timeout);
    assert!(
        Duration::from_secs(process_audit_log::DEADLINE_SECONDS) < limits.process_audit_log
            && limits.process_audit_log < timeout
    );
    // The load balancer of Azure cuts HTTP at 230 s.
    assert!(limits.remediate_account < Duration::from_secs(230));
}

#[test]
fn host_json_says_how_the_queue_is_read_and_what_is_started() {
    let host = file("host.json");
    let queues = &host["extensions"]["queues"];
    assert_eq!(queues["batchSize"], 8);
    assert_eq!(queues["newBatchThreshold"], 4);
    assert_eq!(span_of(&queues["visibilityTimeout"]), Duration::from_secs(60));
    assert_eq!(queues["maxDequeueCount"], 5);
    assert_eq!(queues["messageEncoding"], "base64");
    assert_eq!(host["extensionBundle"]["version"], "[4.*, 5.0.0)");
    let handler = &host["customHandler"];
    assert_eq!(handler["description"]["defaultExecutablePath"], "tenantwatch");
    assert_eq!(handler["description"]["arguments"], json!(["serve"]));
    assert_eq!(handler["enableForwardingHttpRequest"], true);
}

#[test]
fn function_json_files_and_the_code_use_the_same_names() {
    let get_domain = file("GetDomain/function.json");
    assert_eq!(binding(&get_domain, envelope::TIMER_BINDING)["schedule"], "%GetDomainSchedule%");
    let out = binding(&get_domain, envelope::TENANTS_BINDING);
    assert_eq!((&out["type"], &out["direction"]), (&json!("queue"), &json!("out")));

    let process = file("ProcessAuditLog/function.json");
    let trigger = binding(&process, envelope::TENANT_BINDING);
    assert_eq!(trigger["type"], "queueTrigger");
    for queue in [out, trigger] {
        assert_eq!(queue["queueName"], "process-audit-log");
        assert_eq!(queue["connection"], "AzureWebJobsStorage");
    }

    let remediate = file("RemediateAccount/function.json");
    let request = binding(&remediate, "req");
    assert_eq!(request["authLevel"], "function");
    assert_eq!(request["methods"], json!(["post"]));
    assert_eq!(binding(&remediate, "res")["type"], "http");
}
