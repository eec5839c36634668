//! Compares the Functions host emulator with the real host, with a handler that plays every part.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tenantwatch_simulator::functions_host::{FunctionsHost, HostError, Level, Options};
use uuid::Uuid;

use crate::azurite::azurite;

/// Long enough for any machine. No test waits that long unless it fails.
const LONG: Duration = Duration::from_secs(60);

async fn options(jobs: Value) -> Option<Options> {
    let azurite = azurite().await?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/play_app");
    let mut options = Options::new(root, azurite.connection_string.clone());
    options.executable = Some(PathBuf::from("node"));
    options.queue_suffix = format!("-{}", Uuid::new_v4().simple());
    options.visibility_timeout = Some(Duration::ZERO);
    options.environment.insert("TickSchedule".to_owned(), "0 * * * * *".to_owned());
    options.environment.insert("PLAY_JOBS".to_owned(), jobs.to_string());
    Some(options)
}

async fn played(jobs: Value) -> Option<FunctionsHost> {
    Some(FunctionsHost::start(options(jobs).await?).await.unwrap())
}

fn job(play: &str) -> String {
    json!({"play": play}).to_string()
}

#[tokio::test]
async fn timer_messages_reach_the_queue_function_once() {
    let Some(host) = played(json!([job("well"), job("well")])).await else { return };
    let tick = host.fire_timer().await.unwrap();
    assert_eq!((tick.status, tick.error.as_deref()), (Some(200), None));
    assert_eq!(tick.queued, [job("well"), job("well")]);
    host.drain(LONG).await.unwrap();
    let work: Vec<_> = host.invocations().into_iter().filter(|call| call.function == "Work").collect();
    assert_eq!(work.len(), 2);
    assert!(work.iter().all(|call| call.succeeded() && call.logs == ["well done"]), "{work:?}");
    assert!(host.poison_messages().await.unwrap().is_empty());
}

#[tokio::test]
async fn failed_message_is_retried_with_its_count() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("failOnce")).await.unwrap();
    host.drain(LONG).await.unwrap();
    let calls: Vec<_> = host.invocations().iter().map(|call| (call.dequeue_count, call.status)).collect();
    assert_eq!(calls, [(Some(1), Some(500)), (Some(2), Some(200))]);
}

#[tokio::test]
async fn message_that_always_fails_ends_in_the_poison_queue() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("fail")).await.unwrap();
    host.drain(LONG).await.unwrap();
    assert_eq!(host.invocations().len(), 3, "maxDequeueCount of the app");
    assert_eq!(host.poison_messages().await.unwrap(), [job("fail")]);
}

#[tokio::test]
async fn empty_answer_under_a_success_counts_as_failed() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("empty")).await.unwrap();
    host.drain(LONG).await.unwrap();
    let calls = host.invocations();
    assert!(calls.iter().all(|call| call.error.as_deref().is_some_and(|why| why.contains("hang"))), "{calls:?}");
}

#[tokio::test]
async fn batch_and_threshold_limit_concurrent_calls() {
    let Some(host) = played(json!([])).await else { return };
    for _ in 0..9 {
        host.enqueue(&job("slow")).await.unwrap();
    }
    host.drain(LONG).await.unwrap();
    let calls = host.invocations();
    let most: Vec<u32> =
        calls.iter().map(|call| call.logs[0].strip_prefix("most ").unwrap().parse().unwrap()).collect();
    assert_eq!(most.len(), 9);
    assert!(most.iter().all(|most| *most <= 3), "{most:?}");
}

#[tokio::test]
async fn third_crash_stops_the_host() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("crash")).await.unwrap();
    let why = host.stopped(LONG).await.unwrap();
    assert!(why.contains("crashed 3 times"), "{why}");
    assert_eq!(host.starts(), 3);
    assert!(matches!(host.drain(LONG).await, Err(HostError::Stopped(_))));
}

#[tokio::test]
async fn exit_code_0_is_never_restarted_and_200_always() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("restart")).await.unwrap();
    host.drain(LONG).await.unwrap();
    assert!(host.starts() >= 4, "one for each try of the message and one after: {}", host.starts());
    host.enqueue(&job("exit")).await.unwrap();
    assert!(host.stopped(LONG).await.unwrap().contains("exited with 0"));
}

#[tokio::test]
async fn function_timeout_kills_the_handler() {
    let Some(mut options) = options(json!([])).await else { return };
    options.function_timeout = Some(Duration::from_secs(1));
    let host = FunctionsHost::start(options).await.unwrap();
    host.enqueue(&job("hang")).await.unwrap();
    host.drain(LONG).await.unwrap();
    assert!(host.starts() >= 3, "{}", host.starts());
    assert_eq!(host.poison_messages().await.unwrap(), [job("hang")]);
}

#[tokio::test]
async fn killed_handler_is_started_again() {
    let Some(host) = played(json!([job("well")])).await else { return };
    host.kill_handler().await;
    assert!(host.fire_timer().await.unwrap().succeeded());
    host.drain(LONG).await.unwrap();
    assert_eq!(host.starts(), 2);
}

#[tokio::test]
async fn http_is_forwarded_unchanged_if_the_key_is_right() {
    let Some(host) = played(json!([])).await else { return };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/Act", host.http_url());
    for (request, status) in [
        (client.post(&url), 401),
        (client.post(format!("{url}?code=wrong")), 401),
        (client.get(&url).header("x-functions-key", host.function_key()), 404),
        (client.post(format!("{}/api/Work", host.http_url())), 404),
    ] {
        assert_eq!(request.send().await.unwrap().status(), status);
    }
    let request = client.post(format!("{url}?code={}&x=1", host.function_key())).header("x-mine", "yes").body("text");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 409, "the status of the handler");
    let echo: Value = response.json().await.unwrap();
    assert_eq!(echo["url"], format!("/api/Act?code={}&x=1", host.function_key()));
    assert_eq!(
        (&echo["method"], &echo["body"], &echo["headers"]["x-mine"]),
        (&json!("POST"), &json!("text"), &json!("yes"))
    );
    let id = echo["headers"]["x-azure-functions-invocationid"].as_str().unwrap();
    assert_eq!(host.invocations()[0].id.to_string(), id);
}

#[tokio::test]
async fn last_lines_of_standard_error_stand_in_the_stop_reason() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("refuse")).await.unwrap();
    let why = host.stopped(LONG).await.unwrap();
    assert!(why.contains("exit status: 2") && why.ends_with("CLIENT_ID is not a GUID"), "{why}");
    assert_eq!(host.starts(), 3);
}

#[tokio::test]
async fn killed_host_leaves_its_handler_behind() {
    let Some(host) = played(json!([])).await else { return };
    let mut orphan = host.abandon().await.unwrap();
    assert!(!orphan.ends(Duration::ZERO).await);
}

#[tokio::test]
async fn manual_start_needs_the_master_key_and_is_not_retried() {
    let Some(host) = played(json!([])).await else { return };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/admin/functions/Work", host.http_url());
    let request = client.post(url).header("x-functions-key", host.function_key());
    assert_eq!(request.send().await.unwrap().status(), 401);
    assert_eq!(host.start_manually("Nothing", None).await.unwrap(), 404);
    assert_eq!(host.start_manually("Work", Some(&job("fail"))).await.unwrap(), 202);
    while host.invocations().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    host.drain(LONG).await.unwrap();
    let calls: Vec<_> = host.invocations().iter().map(|call| (call.dequeue_count, call.status)).collect();
    assert_eq!(calls, [(Some(0), Some(500))]);
    assert!(host.poison_messages().await.unwrap().is_empty());
}

/// A value without what may differ: its members and the kind of each, down to JSON text inside a string.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), shape(value))).collect(),
        Value::Array(elements) => elements.iter().map(shape).collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner) => json!({"JSON text of": shape(&inner)}),
            Err(_) => json!("string"),
        },
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("Boolean"),
        Value::Null => Value::Null,
    }
}

/// Asserts that one of the recorded requests has the line, the headers and the members of a captured one.
fn assert_sent(recorded: &[Value], captured: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/fixtures/host_requests/{captured}.json"));
    let captured: Value = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    let comparable = |request: &Value| {
        let mut headers: Vec<&String> = request["headers"].as_object().unwrap().keys().collect();
        // Node keeps connections alive by itself, and the client of hyper says nothing about it.
        headers.retain(|name| *name != "connection");
        headers.sort();
        let body = serde_json::from_str(request["body"].as_str().unwrap()).unwrap_or(Value::Null);
        json!({"line": request["line"], "headers": headers, "body": shape(&body)})
    };
    let expected = json!({"line": captured["line"], "headers": captured["headers"], "body": shape(&captured["body"])});
    let sent: Vec<Value> = recorded.iter().map(comparable).collect();
    let same_line: Vec<&Value> = sent.iter().filter(|sent| sent["line"] == expected["line"]).collect();
    assert!(sent.contains(&expected), "expected {expected:#}, sent {same_line:#?}");
}

#[tokio::test]
async fn requests_have_the_members_of_captured_ones() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("requests");
    let Some(mut options) = options(json!([])).await else { return };
    options.environment.insert("PLAY_RECORD".to_owned(), file.to_string_lossy().into_owned());
    let host = FunctionsHost::start(options).await.unwrap();
    let message = json!({"play": "well", "weight": 7}).to_string();
    host.fire_timer().await.unwrap();
    host.enqueue(&message).await.unwrap();
    host.enqueue(&job("failOnce")).await.unwrap();
    host.drain(LONG).await.unwrap();
    for (function, input) in [("Tick", None), ("Tick", Some("")), ("Work", Some(message.as_str()))] {
        let before = host.invocations().len();
        assert_eq!(host.start_manually(function, input).await.unwrap(), 202);
        while host.invocations().len() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    let client = reqwest::Client::builder().no_proxy().user_agent("azure-logic-apps/1.0").build().unwrap();
    let url = format!("{}/api/Act?code={}&x=1", host.http_url(), host.function_key());
    let press = client.post(url).header("x-mine", "yes").header("accept-encoding", "identity");
    press.json(&json!({"Domain": "contoso.com"})).send().await.unwrap();

    let text = std::fs::read_to_string(&file).unwrap().replace(host.function_key(), "KEY");
    let recorded: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for captured in [
        "readiness",
        "timer_by_schedule",
        "timer_by_hand",
        "timer_by_hand_with_input",
        "queue_message",
        "queue_by_hand",
        "press",
    ] {
        assert_sent(&recorded, captured);
    }
    let find =
        |line: &str| recorded.iter().find(|request| request["line"].as_str().unwrap().starts_with(line)).unwrap();
    let press = find("POST /api/Act");
    assert_eq!(press["headers"]["user-agent"], "azure-logic-apps/1.0 Azure-Functions-Host/4.1037.0.0");
    assert_eq!(find("POST /Work")["headers"]["transfer-encoding"], "chunked");
    let retried = recorded.iter().filter(|request| request["line"] == "POST /Work");
    let retried: Vec<Value> =
        retried.map(|request| serde_json::from_str(request["body"].as_str().unwrap()).unwrap()).collect();
    let second = retried.iter().find(|envelope| envelope["Metadata"]["DequeueCount"] == "2").unwrap();
    assert!(second["Metadata"].get("RetryContext").is_none(), "{second:#}");
}

#[tokio::test]
async fn handler_lines_get_the_level_of_their_stream() {
    let Some(host) = played(json!([])).await else { return };
    let found = |text: &str| host.logs().into_iter().find(|line| line.text.contains(text)).map(|line| line.level);
    // Each stream is read by a task of its own.
    while host.logs().len() < 3 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(found("plays in "), Some(Level::Information));
    assert!(host.logs().iter().any(|line| line.text.ends_with("play_app")), "working directory");
    assert_eq!(found("this is a Warning"), Some(Level::Warning));
    assert_eq!(found("this is bad"), Some(Level::Error));
}

#[tokio::test]
async fn unresolved_schedule_is_reported() {
    let Some(mut options) = options(json!([])).await else { return };
    options.environment.remove("TickSchedule");
    let error = FunctionsHost::start(options).await.unwrap_err();
    assert_eq!(error.to_string(), "Tick is not indexed: %TickSchedule% does not resolve to a value");
}
