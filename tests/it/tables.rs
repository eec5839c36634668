//! The table service, played by Azurite, directly and through a door that loses answers.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base::clock::Clock;
use chrono::{DateTime, Utc};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use table_store::{Entity, Key, PartitionKey, Query, RowKey, Store as _, StoreError, TablesStore};
use table_store::{StorageAccess, StorageAccount};
use tenantwatch::settings::TableNames;
use tenantwatch::tables::{ACTIONS, COVERAGE, PROCESSED};
use url::Url;
use uuid::Uuid;

use crate::azurite::{ACCOUNT, Azurite, KEY, azurite};
use crate::store::conforms;

/// A clock on which waiting takes no time.
#[derive(Debug)]
struct NoWait;

impl Clock for NoWait {
    fn now(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<'static, ()> {
        futures::future::ready(()).boxed()
    }
}

/// Tables that no other test uses; they do not exist yet.
fn new_names() -> TableNames {
    let name = |letter| format!("{letter}{}", Uuid::new_v4().simple());
    TableNames { processed: name('P'), actions: name('A'), coverage: name('C') }
}

fn settings(table_url: &str) -> StorageAccount {
    StorageAccount {
        queue_endpoint: None,
        table_endpoint: table_url.parse().unwrap(),
        account: ACCOUNT.to_owned(),
        access: StorageAccess::SharedKey(KEY.into()),
    }
}

fn tables(table_url: &str) -> TablesStore {
    TablesStore::new(&settings(table_url), new_names(), reqwest::Client::new(), Arc::new(NoWait)).unwrap()
}

fn entity(row: &str, text: &str) -> Entity {
    let key = Key::new(PartitionKey::parse("partition").unwrap(), RowKey::parse(row).unwrap());
    let mut entity = Entity::new(key);
    entity.set_text("Text", text);
    entity
}

/// A server between the store and Azurite, or in place of Azurite, that can lose or reject requests.
#[derive(Debug, Clone)]
struct Door {
    url: String,
    requests: Arc<AtomicUsize>,
    lose: Arc<AtomicUsize>,
    refuse: Option<(StatusCode, &'static str, &'static str)>,
    behind: Option<Url>,
    http: reqwest::Client,
}

impl Door {
    async fn open(behind: Option<&Azurite>, refuse: Option<(StatusCode, &'static str, &'static str)>) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let door = Self {
            url: format!("http://{}/{ACCOUNT}", listener.local_addr().unwrap()),
            requests: Arc::default(),
            lose: Arc::default(),
            refuse,
            behind: behind.map(|azurite| azurite.table_url.parse().unwrap()),
            http: reqwest::Client::new(),
        };
        let router = Router::new().fallback(pass).with_state(door.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        door
    }

    /// Returns the number of requests since the previous call.
    fn requests(&self) -> usize {
        self.requests.swap(0, Ordering::SeqCst)
    }

    /// Lets the next request through, and loses its answer.
    fn lose_next_answer(&self) {
        self.lose.store(1, Ordering::SeqCst);
    }
}

async fn pass(State(door): State<Door>, request: Request) -> Response {
    door.requests.fetch_add(1, Ordering::SeqCst);
    if let Some((status, kind, body)) = door.refuse {
        return (status, [("content-type", kind)], body).into_response();
    }
    let answer = forward(&door, request).await;
    let lost = door.lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok();
    if lost { StatusCode::SERVICE_UNAVAILABLE.into_response() } else { answer }
}

async fn forward(door: &Door, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let mut url = door.behind.clone().unwrap();
    url.set_path(parts.uri.path());
    url.set_query(parts.uri.query());
    let body = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    let mut headers: HeaderMap = parts.headers;
    headers.remove("host");
    let answer = door.http.request(parts.method, url).headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    headers.remove("transfer-encoding");
    let body: Bytes = answer.bytes().await.unwrap();
    (status, headers, body).into_response()
}

#[tokio::test]
async fn rows_in_the_table_service_keep_every_promise() {
    let Some(azurite) = azurite().await else { return };
    conforms(Arc::new(tables(&azurite.table_url))).await;
}

#[tokio::test]
async fn a_table_that_is_missing_is_made_by_whatever_misses_it_first() {
    let Some(azurite) = azurite().await else { return };
    let first = entity("row", "first");
    let new = || tables(&azurite.table_url);
    assert_eq!(new().get(PROCESSED, &first.key).await.unwrap(), None);
    assert!(new().list(PROCESSED, &Query::partition(first.key.partition.clone())).await.unwrap().rows.is_empty());
    new().insert(ACTIONS, &first).await.unwrap();
    new().delete(ACTIONS, &first.key, None).await.unwrap();
    new().delete_many(ACTIONS, &first.key.partition, std::slice::from_ref(&first.key.row)).await.unwrap();
}

#[tokio::test]
async fn an_insert_is_sent_once_even_when_its_answer_is_lost() {
    let Some(azurite) = azurite().await else { return };
    let door = Door::open(Some(azurite), None).await;
    let store = tables(&door.url);
    store.insert(COVERAGE, &entity("other", "makes the table")).await.unwrap();
    door.requests();
    door.lose_next_answer();
    let lost = store.insert(COVERAGE, &entity("row", "text")).await;
    assert!(matches!(lost, Err(StoreError::Unavailable(_))), "{lost:?}");
    assert_eq!(door.requests(), 1);
    assert!(store.get(COVERAGE, &entity("row", "").key).await.unwrap().is_some());
}

#[tokio::test]
async fn a_replace_knows_its_own_write_again_when_the_answer_is_lost() {
    let Some(azurite) = azurite().await else { return };
    let door = Door::open(Some(azurite), None).await;
    let store = tables(&door.url);
    let first = store.insert(COVERAGE, &entity("row", "first")).await.unwrap();
    door.lose_next_answer();
    let second = store.replace(COVERAGE, &entity("row", "second"), &first).await.unwrap();
    let stored = store.get(COVERAGE, &entity("row", "").key).await.unwrap().unwrap();
    assert_eq!((stored.entity, &stored.etag), (entity("row", "second"), &second));
    door.lose_next_answer();
    let late = store.replace(COVERAGE, &entity("row", "late"), &first).await;
    assert!(matches!(late, Err(StoreError::Changed(_))), "{late:?}");
    door.lose_next_answer();
    store.delete(COVERAGE, &entity("row", "").key, Some(&second)).await.unwrap();
    assert_eq!(store.get(COVERAGE, &entity("row", "").key).await.unwrap(), None);
}

#[tokio::test]
async fn only_what_may_be_repeated_is_tried_again() {
    let door = Door::open(None, Some((StatusCode::SERVICE_UNAVAILABLE, "application/json", ""))).await;
    let store = tables(&door.url);
    let row = entity("row", "text");
    assert!(matches!(store.get(COVERAGE, &row.key).await, Err(StoreError::Unavailable(_))));
    assert_eq!(door.requests(), 5);
    assert!(matches!(store.insert(COVERAGE, &row).await, Err(StoreError::Unavailable(_))));
    assert_eq!(door.requests(), 1);
}

#[tokio::test]
async fn a_refusal_is_not_tried_again_and_says_what_to_look_at() {
    let body =
        r#"{"odata.error":{"code":"AuthorizationFailure","message":{"lang":"en","value":"https://secret/?sig=1"}}}"#;
    let door = Door::open(None, Some((StatusCode::FORBIDDEN, "application/json", body))).await;
    let error = tables(&door.url).get(COVERAGE, &entity("row", "").key).await.unwrap_err();
    assert_eq!(door.requests(), 1);
    let text = format!("{error} {error:?}");
    assert!(text.contains("403 AuthorizationFailure") && text.contains("Storage Table Data Contributor"), "{text}");
    assert!(!text.contains("secret") && !text.contains("127.0.0.1") && !text.contains(KEY), "{text}");
}

#[tokio::test]
async fn an_error_in_xml_is_told_by_its_status_alone() {
    let body = "<?xml version=\"1.0\"?><Error><Code>Hostile</Code></Error>";
    let door = Door::open(None, Some((StatusCode::BAD_REQUEST, "application/xml", body))).await;
    let error = tables(&door.url).get(COVERAGE, &entity("row", "").key).await.unwrap_err();
    assert!(matches!(&error, StoreError::Refused(_)), "{error:?}");
    assert!(!error.to_string().contains("Hostile"), "{error}");
}

#[tokio::test]
async fn unreachable_table_service_is_named_with_the_cause() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let url = format!("http://{host}/{ACCOUNT}");
    drop(listener);
    let error = tables(&url).get(COVERAGE, &entity("row", "").key).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.contains(&host) && text.contains("refused")));
    assert!(!error.to_string().contains(ACCOUNT), "{error}");
}

#[test]
fn http_is_for_this_machine_only_and_a_key_is_base64() {
    let opened = |settings: &StorageAccount| {
        TablesStore::new(settings, new_names(), reqwest::Client::new(), Arc::new(NoWait)).map(drop)
    };
    for url in [
        "http://account.table.core.windows.net",
        "http://192.168.0.1/a",
        "ftp://127.0.0.1/a",
        "http://localhost.evil.example",
    ] {
        assert!(matches!(opened(&settings(url)), Err(StoreError::Refused(_))), "{url}");
    }
    for url in [
        "https://account.table.core.windows.net",
        "http://127.0.0.1:10002/a",
        "http://[::1]:10002/a",
        "http://localhost/a",
    ] {
        opened(&settings(url)).unwrap();
    }
    let wrong =
        StorageAccount { access: StorageAccess::SharedKey("not base64!".into()), ..settings("https://a.example") };
    let error = opened(&wrong).unwrap_err().to_string();
    assert!(error.contains("AccountKey") && !error.contains("not base64!"), "{error}");
}

/// A log that is kept.
#[derive(Debug, Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn trace_log_contains_no_signature_and_no_row() {
    let door = Door::open(None, Some((StatusCode::NOT_FOUND, "application/json", "{}"))).await;
    let log = Log::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_ansi(false)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    tracing::info!("the log works");
    let store = tables(&door.url);
    let _ = store.insert(COVERAGE, &entity("row", "words of a customer")).await;
    let _ = store.get(COVERAGE, &entity("row", "").key).await;
    let log = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
    assert!(log.contains("the log works"), "{log}");
    // One line for each request, with its attempt; the client crate itself is silent.
    assert!(log.contains("outbound request") && log.contains("status=404") && log.contains("attempt=1"), "{log}");
    assert_eq!(log.matches("azure").count(), 0, "{log}");
    for secret in ["SharedKey", "words of a customer", KEY] {
        assert!(!log.contains(secret), "{log}");
    }
}

/// The environment variable with the URL of the table service for the process below.
const TABLES_OF_IDENTITY: &str = "TENANTWATCH_TEST_TABLES";

/// A token for the identity `client`, and tables that take no other.
async fn identity_and_tables() -> String {
    let token = async |headers: HeaderMap, uri: Uri| {
        let asked_well = headers.get("x-identity-header").is_some_and(|header| header == "proof")
            && uri
                .query()
                .is_some_and(|query| query.contains("client_id=client") && query.contains("storage.azure.com"));
        let token = if asked_well { "right" } else { "wrong" };
        let expires = Utc::now().timestamp() + 3_600;
        format!(r#"{{"access_token":"{token}","expires_on":"{expires}","resource":"r","token_type":"Bearer"}}"#)
    };
    let table = async |headers: HeaderMap| match headers.get("authorization") {
        Some(header) if header == "Bearer right" => StatusCode::NOT_FOUND,
        _ => StatusCode::FORBIDDEN,
    };
    let router = Router::new().route("/msi/token", get(token)).fallback(table);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    format!("http://{address}")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_managed_identity_opens_the_tables() {
    let url = identity_and_tables().await;
    // The platform tells a process of its identity in the environment, so the rest happens in one that has it.
    let mut process = std::process::Command::new(std::env::current_exe().unwrap());
    process
        .args(["--exact", "tables::in_a_process_that_has_an_identity", "--ignored"])
        .env("IDENTITY_ENDPOINT", format!("{url}/msi/token"))
        .env("IDENTITY_HEADER", "proof")
        .env(TABLES_OF_IDENTITY, &url);
    let output = tokio::task::spawn_blocking(move || process.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
}

#[tokio::test]
#[ignore = "started by a_managed_identity_opens_the_tables, which sets the environment"]
async fn in_a_process_that_has_an_identity() {
    let url = std::env::var(TABLES_OF_IDENTITY).unwrap();
    let opened = |client: &str| {
        let access = StorageAccess::ManagedIdentity(Some(client.to_owned()));
        let settings = StorageAccount { access, ..settings(&url) };
        TablesStore::new(&settings, new_names(), reqwest::Client::new(), Arc::new(NoWait)).unwrap()
    };
    let key = entity("row", "").key;
    assert_eq!(opened("client").get(COVERAGE, &key).await.unwrap(), None);
    let refused = opened("other").get(COVERAGE, &key).await;
    assert!(matches!(refused, Err(StoreError::Refused(_))), "{refused:?}");
}
