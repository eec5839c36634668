//! The Functions host emulator compared with the behaviour of the real host, with a scripted handler.

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
async fn timer_messages_reach_the_queue_function_and_are_deleted() {
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
async fn failed_message_is_delivered_again_with_its_count() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("failOnce")).await.unwrap();
    host.drain(LONG).await.unwrap();
    let calls: Vec<_> = host.invocations().iter().map(|call| (call.dequeue_count, call.status)).collect();
    assert_eq!(calls, [(Some(1), Some(500)), (Some(2), Some(200))]);
}

#[tokio::test]
async fn message_that_always_fails_becomes_poison() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("fail")).await.unwrap();
    host.drain(LONG).await.unwrap();
    assert_eq!(host.invocations().len(), 3, "maxDequeueCount of the app");
    assert_eq!(host.poison_messages().await.unwrap(), [job("fail")]);
}

#[tokio::test]
async fn empty_response_with_status_200_counts_as_failed() {
    let Some(host) = played(json!([])).await else { return };
    host.enqueue(&job("empty")).await.unwrap();
    host.drain(LONG).await.unwrap();
    let calls = host.invocations();
    assert!(calls.iter().all(|call| call.error.as_deref().is_some_and(|why| why.contains("hang"))), "{calls:?}");
}

#[tokio::test]
async fn concurrency_is_limited_to_batch_size_plus_threshold() {
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
async fn function_timeout_kills_the_process() {
    let Some(mut options) = options(json!([])).await else { return };
    options.function_timeout = Some(Duration::from_secs(1));
    let host = FunctionsHost::start(options).await.unwrap();
    host.enqueue(&job("hang")).await.unwrap();
    host.drain(LONG).await.unwrap();
    assert!(host.starts() >= 3, "{}", host.starts());
    assert_eq!(host.poison_messages().await.unwrap(), [job("hang")]);
}

#[tokio::test]
async fn killed_handler_is_restarted() {
    let Some(host) = played(json!([job("well")])).await else { return };
    host.kill_handler().await;
    assert!(host.fire_timer().await.unwrap().succeeded());
    host.drain(LONG).await.unwrap();
    assert_eq!(host.starts(), 2);
}

#[tokio::test]
async fn http_with_the_function_key_is_forwarded_unchanged() {
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
async fn stop_reason_ends_with_the_last_lines_of_standard_error() {
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
async fn unresolved_schedule_setting_is_named() {
    let Some(mut options) = options(json!([])).await else { return };
    options.environment.remove("TickSchedule");
    let error = FunctionsHost::start(options).await.unwrap_err();
    assert_eq!(error.to_string(), "Tick is not indexed: %TickSchedule% does not resolve to a value");
}
