//! The custom handler as the Functions host drives it, over scripted functions.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, Response, StatusCode, header};
use serde_json::{Value, json};
use tenantwatch::cli::MAX_CONCURRENT_TENANTS;
use tenantwatch::functions::remediate_account::Answer;
use tenantwatch::functions::{FunctionError, TenantMessage, get_domain, process_audit_log, remediate_account};
use tenantwatch::host::{Functions, Limits, envelope, router};
use tenantwatch::remediation::BODY_LIMIT;
use tokio::sync::Notify;
use tower::ServiceExt as _;

const TENANT: &str = "4fdbff88-0000-4000-8000-000000000001";

/// The script of the functions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Succeed,
    FailTransiently,
    FailPermanently,
    Panic,
    Hang,
}

#[derive(Debug)]
struct ScriptedFunctions {
    script: Script,
    ended: Arc<Notify>,
}

impl ScriptedFunctions {
    async fn perform(&self) -> Result<(), FunctionError> {
        match self.script {
            Script::Succeed => Ok(()),
            Script::FailTransiently => Err(FunctionError::Transient("the directory did not answer".to_owned())),
            Script::FailPermanently => Err(FunctionError::Permanent("the tenant has left".to_owned())),
            Script::Panic => panic!("scripted"),
            Script::Hang => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Functions for ScriptedFunctions {
    async fn get_domain(&self) -> Result<Vec<TenantMessage>, FunctionError> {
        self.perform().await?;
        Ok(vec![serde_json::from_value(tenant_message()).unwrap()])
    }

    async fn process_audit_log(&self, message: &TenantMessage) -> Result<(), FunctionError> {
        assert_eq!(
            message.domain.as_str(),
            if message.display_name == "Fabrikam" { "fabrikam.com" } else { "contoso.com" }
        );
        self.perform().await
    }

    async fn remediate_account(&self, body: &[u8]) -> Answer {
        tokio::task::yield_now().await;
        let outcome = self.perform().await;
        self.ended.notify_one();
        Answer { status: if outcome.is_ok() { 409 } else { 500 }, body: json!({"Length": body.len()}) }
    }
}

fn handler(script: Script) -> Router {
    router(Arc::new(ScriptedFunctions { script, ended: Arc::new(Notify::new()) }), Limits::default())
}

fn tenant_message() -> Value {
    json!({
        "tenantId": TENANT, "domain": "contoso.com", "displayName": "Contoso \"& Söhne\"",
        "runId": "7b3f3f3e-0000-4000-8000-000000000002", "queuedAt": "2026-11-22T10:00:00Z",
    })
}

/// Encodes a message as the host does: its text inside a string, which is JSON text inside a string again.
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

async fn ask(script: Script, request: Request<Body>) -> (StatusCode, Value) {
    read(handler(script).oneshot(request).await.unwrap()).await
}

async fn read(response: Response<Body>) -> (StatusCode, Value) {
    let status = response.status();
    let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
    (status, serde_json::from_slice(&body).unwrap_or_else(|_| panic!("no JSON: {body:?}")))
}

#[tokio::test]
async fn readiness_request_is_answered_before_anything_else() {
    let request = Request::get("/").body(Body::empty()).unwrap();
    let response = handler(Script::Hang).oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
}

#[tokio::test]
async fn timer_call_returns_one_compact_json_string_per_tenant() {
    let (status, answer) = ask(Script::Succeed, post("/GetDomain", timer_envelope())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["ReturnValue"], Value::Null);
    let messages = answer["Outputs"]["tenants"].as_array().unwrap();
    let [message] = messages.as_slice() else { panic!("{answer}") };
    let text = message.as_str().unwrap();
    assert!(!text.contains('\n'), "{text}");
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), tenant_message());
}

#[tokio::test]
async fn queue_message_is_unwrapped_and_read() {
    let (status, answer) =
        ask(Script::Succeed, post("/ProcessAuditLog", queue_envelope(&tenant_message().to_string()))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer, json!({"Outputs": {}, "Logs": [], "ReturnValue": null}));
}

#[tokio::test]
async fn unknown_members_of_a_queue_message_are_ignored() {
    let mut message = tenant_message();
    message["later"] = json!({"deep": [1]});
    let (status, _) = ask(Script::Succeed, post("/ProcessAuditLog", queue_envelope(&message.to_string()))).await;
    assert_eq!(status, StatusCode::OK);
}

#[tokio::test]
async fn queue_message_without_a_tenant_guid_is_rejected() {
    let mut without = tenant_message();
    without.as_object_mut().unwrap().remove("tenantId");
    let (status, answer) = ask(Script::Succeed, post("/ProcessAuditLog", queue_envelope(&without.to_string()))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer["Error"].as_str().unwrap().contains("tenantId"), "{answer}");

    let mut wrong = tenant_message();
    wrong["tenantId"] = json!("contoso");
    let (status, answer) = ask(Script::Succeed, post("/ProcessAuditLog", queue_envelope(&wrong.to_string()))).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answer["Error"].as_str().unwrap().contains("is not a GUID"), "{answer}");
}

#[tokio::test]
async fn unreadable_queue_message_fails_and_becomes_poison() {
    let handler = handler(Script::Succeed);
    for text in ["hello", "", "[]", "null", "{", "\u{0}"] {
        let request = post("/ProcessAuditLog", queue_envelope(text));
        let (status, answer) = read(handler.clone().oneshot(request).await.unwrap()).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{text:?}: {answer}");
        let why = answer["Error"].as_str().unwrap();
        assert!(why.starts_with("the queue message is not a JSON object; expected {\"tenantId\":"), "{text:?}: {why}");
    }
    let sound = post("/ProcessAuditLog", queue_envelope(&tenant_message().to_string()));
    assert_eq!(handler.oneshot(sound).await.unwrap().status(), StatusCode::OK, "the next message is read");
}

#[tokio::test]
async fn body_that_is_not_an_envelope_is_rejected() {
    for body in ["", "null", "[]", "{}", "{\"Data\":[]}", "\u{feff}{", "{\"Data\":{\"mine\":{}}}"] {
        for path in ["/GetDomain", "/ProcessAuditLog"] {
            let (status, answer) = ask(Script::Succeed, post(path, body)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{path} {body:?}: {answer}");
        }
    }
}

#[tokio::test]
async fn transient_failure_is_retried_by_the_host() {
    for (path, body) in
        [("/GetDomain", timer_envelope()), ("/ProcessAuditLog", queue_envelope(&tenant_message().to_string()))]
    {
        let (status, answer) = ask(Script::FailTransiently, post(path, body)).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        let error = answer["Error"].as_str().unwrap();
        assert!(error.ends_with("the directory did not answer"), "{error}");
        assert_eq!(error.contains("(contoso.com): "), path == "/ProcessAuditLog", "the tenant is named: {error}");
    }
}

#[tokio::test]
async fn permanent_failure_is_not_retried() {
    let (status, answer) =
        ask(Script::FailPermanently, post("/ProcessAuditLog", queue_envelope(&tenant_message().to_string()))).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer, json!({"Outputs": {}, "Logs": [], "ReturnValue": null}));

    let (status, answer) = ask(Script::FailPermanently, post("/GetDomain", timer_envelope())).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(answer["Outputs"], json!({"tenants": []}));
}

#[tokio::test]
async fn remediation_is_plain_http_with_its_own_status() {
    let (status, answer) = ask(Script::Succeed, post("/api/RemediateAccount?code=x", "12345")).await;
    assert_eq!((status, answer), (StatusCode::CONFLICT, json!({"Length": 5})));
    // The host forwards the path as the client wrote it.
    let (status, _) = ask(Script::Succeed, post("/api/remediateaccount", "{}")).await;
    assert_eq!(status, StatusCode::CONFLICT);
}

#[tokio::test]
async fn panic_ends_only_its_call() {
    let handler = handler(Script::Panic);
    for (path, body) in [
        ("/GetDomain", timer_envelope()),
        ("/ProcessAuditLog", queue_envelope(&tenant_message().to_string())),
        ("/api/RemediateAccount", "{}".to_owned()),
    ] {
        let (status, answer) = read(handler.clone().oneshot(post(path, body)).await.unwrap()).await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert!(!answer["Error"].as_str().unwrap().contains("scripted"), "{answer}");
    }
}

#[tokio::test]
async fn hanging_function_is_dropped_at_its_limit() {
    let soon = Duration::from_millis(5);
    let limits = Limits { get_domain: soon, process_audit_log: soon, remediate_account: soon };
    let handler = router(Arc::new(ScriptedFunctions { script: Script::Hang, ended: Arc::new(Notify::new()) }), limits);
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
async fn disconnected_caller_does_not_stop_a_remediation() {
    let ended = Arc::new(Notify::new());
    let functions = ScriptedFunctions { script: Script::Succeed, ended: Arc::clone(&ended) };
    let mut call =
        Box::pin(router(Arc::new(functions), Limits::default()).oneshot(post("/api/RemediateAccount", "{}")));
    // Poll once so that the call has started, then drop it as a closed connection does.
    assert!(futures::poll!(&mut call).is_pending());
    drop(call);
    ended.notified().await;
}

#[tokio::test]
async fn unknown_function_is_named() {
    for path in ["/Nothing", "/api/GetDomain", "/RemediateAccount", "//", "/GetDomain/"] {
        let (status, answer) = ask(Script::Succeed, post(path, "{}")).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
        assert!(answer["Error"].as_str().unwrap().contains(path), "{answer}");
    }
}

#[tokio::test]
async fn functions_accept_only_post() {
    for path in ["/GetDomain", "/ProcessAuditLog", "/api/RemediateAccount"] {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = handler(Script::Panic).oneshot(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
        assert_eq!(response.headers()[header::ALLOW], "POST");
    }
}

#[tokio::test]
async fn body_over_the_limit_is_rejected_on_a_connection() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, handler(Script::Succeed)).into_future());
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for (path, length) in
        [("/GetDomain", 10 << 20), ("/ProcessAuditLog", 10 << 20), ("/api/RemediateAccount", BODY_LIMIT + 1)]
    {
        let response = client.post(format!("http://{address}{path}")).body(vec![b' '; length]).send().await.unwrap();
        assert_eq!(response.status(), 413, "{path}");
    }
    let response = client.get(format!("http://{address}/")).send().await.unwrap();
    assert_eq!(response.status(), 200, "the handler still responds");
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
fn every_limit_is_below_the_function_timeout() {
    let host = file("host.json");
    let timeout = span_of(&host["functionTimeout"]);
    assert_eq!(timeout, Duration::from_secs(600));
    assert_eq!(get_domain::DEADLINE_SECONDS, 5 * 60);
    assert_eq!(process_audit_log::DEADLINE_SECONDS, 8 * 60);
    assert_eq!(remediate_account::DEADLINE_SECONDS, 100);
    let limits = Limits::default();
    assert!(Duration::from_secs(get_domain::DEADLINE_SECONDS) < limits.get_domain && limits.get_domain < timeout);
    assert!(
        Duration::from_secs(process_audit_log::DEADLINE_SECONDS) < limits.process_audit_log
            && limits.process_audit_log < timeout
    );
    // Azure's load balancer ends HTTP requests after 230 s.
    assert!(limits.remediate_account < Duration::from_secs(230));
}

#[test]
fn host_json_sets_the_queue_and_starts_the_handler() {
    let host = file("host.json");
    let queues = &host["extensions"]["queues"];
    assert_eq!(queues["batchSize"], 8);
    assert_eq!(queues["newBatchThreshold"], 4);
    assert_eq!(MAX_CONCURRENT_TENANTS, 12, "`run` reads as many tenants concurrently as one instance of the host");
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
fn function_json_files_use_the_names_of_the_code() {
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
