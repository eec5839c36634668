//! Requests of a real Functions host, with other values: the emulator sends the same, and the built binary answers each.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::{Value, json};
use tenantwatch_simulator::functions_host::{FunctionsHost, Options};
use tenantwatch_simulator::scenario::{self, Planted};
use tenantwatch_simulator::{Simulator, World};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use uuid::Uuid;

use crate::azurite::azurite;

/// Long enough for any machine. No test waits that long unless it fails.
const LONG: Duration = Duration::from_secs(60);

const READINESS: &str = include_str!("../fixtures/host_requests/readiness.http");
const TIMER_DUE: &str = include_str!("../fixtures/host_requests/timer_due.http");
const TIMER_BY_HAND: &str = include_str!("../fixtures/host_requests/timer_started_manually.http");
const TIMER_BY_HAND_WITH_INPUT: &str = include_str!("../fixtures/host_requests/timer_started_manually_with_input.http");
const QUEUE_FIRST_TRY: &str = include_str!("../fixtures/host_requests/queue_first_try.http");
const QUEUE_SECOND_TRY: &str = include_str!("../fixtures/host_requests/queue_second_try.http");
/// A function that was started manually has `DequeueCount` `"0"`, no `Id` and no `PopReceipt`.
const QUEUE_BY_HAND: &str = include_str!("../fixtures/host_requests/queue_started_manually.http");
const PRESS: &str = include_str!("../fixtures/host_requests/press.http");

/// The message and the function key of the fixtures.
const MESSAGE: &str =
    r#"{"tenantId": "52c5f1f0-7a1e-4d0b-9b0e-2f64a3d9c0aa", "domain": "fabrikam.com", "displayName": "Fabrikam"}"#;
const KEY: &str = "A-FUNCTION-KEY";

/// Sends a request as it is, its body in chunks if its header says so, and returns the response.
async fn replay(address: SocketAddr, request: &str) -> String {
    let (head, body) = request.split_once("\n\n").unwrap();
    let mut bytes = format!("{}\r\nConnection: close\r\n\r\n", head.replace('\n', "\r\n")).into_bytes();
    if head.contains("Transfer-Encoding: chunked") {
        for chunk in body.as_bytes().chunks(100).chain([&b""[..]]) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            bytes.extend([chunk, b"\r\n"].concat());
        }
    } else {
        bytes.extend(body.as_bytes());
    }
    let mut connection = TcpStream::connect(address).await.unwrap();
    connection.write_all(&bytes).await.unwrap();
    let mut response = String::new();
    connection.read_to_string(&mut response).await.unwrap();
    response
}

/// Returns the form of a value without the value: members, types, texts within texts, and the form of times and ids.
fn form(value: &Value) -> Value {
    match value {
        Value::Object(members) => members.iter().map(|(name, value)| (name.clone(), form(value))).collect(),
        Value::Array(elements) => elements.iter().map(form).collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner) => json!({"JSON text of": form(&inner)}),
            Err(_) => json!(form_of_text(text)),
        },
        Value::Number(_) => json!("number"),
        Value::Bool(_) => json!("Boolean"),
        Value::Null => Value::Null,
    }
}

fn form_of_text(text: &str) -> String {
    let is_time = DateTime::parse_from_rfc3339(text).is_ok() || text.parse::<NaiveDateTime>().is_ok();
    match Uuid::parse_str(text) {
        Ok(_) => "GUID".to_owned(),
        Err(_) if is_time => text.replace(|digit: char| digit.is_ascii_digit(), "0"),
        Err(_) => "text".to_owned(),
    }
}

/// Returns the parts of a request that every host sends alike. The port and the invocation id are of one call only.
fn comparable(line: &str, headers: impl Iterator<Item = (String, String)>, body: &str) -> Value {
    let of_the_call = |(name, value): (String, String)| match name.as_str() {
        "host" => (name, json!("127.0.0.1")),
        "x-azure-functions-invocationid" => (name, json!(form_of_text(&value))),
        _ => (name, json!(value)),
    };
    let headers: serde_json::Map<_, _> = headers.map(of_the_call).collect();
    let body = if body.is_empty() { Value::Null } else { form(&serde_json::from_str(body).unwrap()) };
    json!({"line": line, "headers": headers, "body": body})
}

fn of_fixture(request: &str) -> Value {
    let (head, body) = request.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let line = lines.next().unwrap().strip_suffix(" HTTP/1.1").unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap());
    comparable(line, headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())), body.trim_end())
}

fn of_record(line: &str) -> Value {
    let record: Value = serde_json::from_str(line).unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let headers = record["headers"].as_object().unwrap().iter().map(|(name, value)| (name.clone(), text(value)));
    comparable(&text(&record["line"]), headers, &text(&record["body"]))
}

/// A host over this repository's functions, with a handler that records every request.
struct RecordingHost {
    host: FunctionsHost,
    folder: tempfile::TempDir,
}

impl RecordingHost {
    async fn start() -> Option<Self> {
        let azurite = azurite().await?;
        let folder = tempfile::tempdir().unwrap();
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut options = Options::new(root, azurite.connection_string.clone());
        options.executable = Some(root.join("tests/fixtures/recorder.js"));
        options.queue_suffix = format!("-{}", Uuid::new_v4().simple());
        options.visibility_timeout = Some(Duration::ZERO);
        let record = folder.path().join("requests").to_string_lossy().into_owned();
        options.environment.insert("RECORD".to_owned(), record);
        options.environment.insert("GetDomainSchedule".to_owned(), "0 */15 * * * *".to_owned());
        Some(Self { host: FunctionsHost::start(options).await.unwrap(), folder })
    }

    async fn start_manually(&self, function: &str, input: Option<&str>) {
        let before = self.host.invocations().len();
        assert_eq!(self.host.start_manually(function, input).await.unwrap(), 202);
        while self.host.invocations().len() == before {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Sends the captured press as its client sent it: without what the host adds.
    async fn press(&self) {
        let (head, body) = PRESS.split_once("\n\n").unwrap();
        let head = head.replace(KEY, self.host.function_key()).replace(" Azure-Functions-Host/4.1037.0.0", "");
        let head: Vec<&str> = head.lines().filter(|line| !line.starts_with("X-Azure-Functions-")).collect();
        let address = self.host.http_url().strip_prefix("http://").unwrap().parse().unwrap();
        let response = replay(address, &format!("{}\n\n{body}", head.join("\n"))).await;
        assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    }

    fn requests(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.path().join("requests")).unwrap();
        text.replace(self.host.function_key(), KEY).lines().map(of_record).collect()
    }
}

#[tokio::test]
async fn emulator_sends_the_requests_of_the_real_host() {
    let Some(recording) = RecordingHost::start().await else { return };
    let readiness = of_fixture(READINESS);
    let sent = recording.requests();
    assert!(!sent.is_empty() && sent.iter().all(|request| *request == readiness), "{sent:#?}");

    recording.host.fire_timer().await.unwrap();
    recording.start_manually("GetDomain", None).await;
    recording.start_manually("GetDomain", Some("")).await;
    recording.host.enqueue(MESSAGE).await.unwrap();
    recording.host.drain(LONG).await.unwrap();
    recording.start_manually("ProcessAuditLog", Some(&MESSAGE.replace("displayName", "name"))).await;
    recording.press().await;

    let mut sent = recording.requests();
    sent.retain(|request| *request != readiness);
    let expected = [
        ("timer due", TIMER_DUE),
        ("timer by hand", TIMER_BY_HAND),
        ("timer by hand with input", TIMER_BY_HAND_WITH_INPUT),
        ("queue, first try", QUEUE_FIRST_TRY),
        ("queue, second try", QUEUE_SECOND_TRY),
        ("queue by hand", QUEUE_BY_HAND),
        ("press", PRESS),
    ];
    assert_eq!(sent.len(), expected.len(), "{sent:#?}");
    for ((name, fixture), sent) in expected.into_iter().zip(sent) {
        assert_eq!(sent, of_fixture(fixture), "{name}");
    }
}

/// The built binary as the host starts it, without the host.
struct Handler {
    address: SocketAddr,
    simulator: Simulator,
    planted: Planted,
    _process: Child,
}

impl Handler {
    /// Starts the handler over one customer with a threat, and waits for its answer to the readiness request.
    async fn start() -> Option<Self> {
        let azurite = azurite().await?;
        let (world, planted) = scenario::one_threat_each(1, Utc::now());
        let (simulator, port) = (started(world).await, free_port());
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
        command.arg("serve").env_clear().envs(simulator.environment()).stdin(Stdio::null()).kill_on_drop(true);
        command.env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string()).env("INVESTIGATE", "off");
        command.env("AzureWebJobsStorage", &azurite.connection_string);
        let own = Uuid::new_v4().simple().to_string();
        for name in ["PROCESSED_TABLE", "ACTIONS_TABLE", "COVERAGE_TABLE"] {
            command.env(name, format!("{}{own}", &name[..4].to_lowercase()));
        }
        let process = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let handler = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            simulator,
            planted: planted.into_iter().next().unwrap(),
            _process: process,
        };
        while TcpStream::connect(handler.address).await.is_err() {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        Some(handler)
    }

    /// Sends a fixture about the customer of this handler, and returns the status, the head and the body of the response.
    async fn ask(&self, fixture: &str) -> (u16, String, Value) {
        let request = fixture
            .replace("52c5f1f0-7a1e-4d0b-9b0e-2f64a3d9c0aa", &self.planted.tenant_id.to_string())
            .replace("fabrikam.com", self.planted.tenant_domain.as_str());
        let (head, body) = request.split_once("\n\n").unwrap();
        let length = format!("Content-Length: {}", body.len());
        let response = replay(self.address, &request.replace("Content-Length: 25", &length)).await;
        let (head, body) = response.split_once("\r\n\r\n").unwrap_or_else(|| panic!("{head}: {response:?}"));
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head.to_ascii_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
    }

    /// Asks a timer or queue function, which must succeed, and returns `Outputs`.
    async fn outputs(&self, fixture: &str) -> Value {
        let (status, head, answer) = self.ask(fixture).await;
        assert_eq!(status, 200, "{answer}");
        assert!(head.contains("content-type: application/json"), "{head}");
        assert_eq!(answer, json!({"Outputs": answer["Outputs"], "Logs": [], "ReturnValue": null}));
        answer["Outputs"].clone()
    }

    fn told(&self) -> usize {
        self.simulator.notifications().iter().filter(|body| body["Threat"] == "True").count()
    }
}

async fn started(world: World) -> Simulator {
    Simulator::start(world).await.unwrap()
}

fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_answers_each_request_of_the_real_host() {
    let Some(handler) = Handler::start().await else { return };
    assert_eq!(handler.ask(READINESS).await.0, 200);

    for fixture in [TIMER_DUE, TIMER_BY_HAND, TIMER_BY_HAND_WITH_INPUT] {
        let outputs = handler.outputs(fixture).await;
        let [message] = outputs["tenants"].as_array().unwrap().as_slice() else { panic!("{outputs}") };
        let message: Value = serde_json::from_str(message.as_str().unwrap()).unwrap();
        assert_eq!(message["tenantId"], handler.planted.tenant_id.to_string());
    }

    for fixture in [QUEUE_FIRST_TRY, QUEUE_SECOND_TRY, QUEUE_BY_HAND] {
        assert_eq!(handler.outputs(fixture).await, json!({}));
        assert_eq!(handler.told(), 1, "the first try tells the threat, and no other does");
    }

    let (status, _, answer) = handler.ask(PRESS).await;
    assert_eq!(status, 400, "this press names no user: {answer}");
    let body = &handler.simulator.notifications()[0];
    let press = json!({"Domain": body["ManagementDomain"], "User": body["SourceMailbox"], "ID": body["LogID"],
        "Token": body["ActionToken"]});
    let (head, _) = PRESS.split_once("\n\n").unwrap();
    let (status, _, answer) = handler.ask(&format!("{head}\n\n{press}")).await;
    assert_eq!((status, &answer["Status"]), (200, &json!("Completed")), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn binary_refuses_a_text_that_is_no_message_and_goes_on() {
    let Some(handler) = Handler::start().await else { return };
    handler.outputs(TIMER_DUE).await;
    let escaped = MESSAGE.replace('"', r#"\\\""#);
    for (text, missing) in [
        ("hello", "the queue message is not a JSON object; expected {\"tenantId\":"),
        ("{\\\\\\\"domain\\\\\\\": \\\\\\\"fabrikam.com\\\\\\\"}", "tenantId"),
    ] {
        let (status, _, answer) = handler.ask(&QUEUE_FIRST_TRY.replace(&escaped, text)).await;
        assert_eq!(status, 422, "{answer}");
        assert!(answer["Error"].as_str().unwrap().contains(missing), "{answer}");
    }
    assert_eq!(handler.outputs(QUEUE_FIRST_TRY).await, json!({}));
    assert_eq!(handler.told(), 1);
}
