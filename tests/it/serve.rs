//! The built binary under the Functions host: start, settings, log lines and rejected calls.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tenantwatch_simulator::functions_host::{FunctionsHost, HostError, Level, Options};
use tokio::process::Command;
use uuid::Uuid;

use crate::azurite::azurite;

const LONG: Duration = Duration::from_secs(60);

fn serve() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tenantwatch"));
    command.arg("serve").env_clear().stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// The app of this repository with the binary just built, and settings with which it starts.
async fn options() -> Option<Options> {
    let azurite = azurite().await?;
    let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")), azurite.connection_string.clone());
    options.executable = Some(PathBuf::from(env!("CARGO_BIN_EXE_tenantwatch")));
    options.queue_suffix = format!("-{}", Uuid::new_v4().simple());
    options.visibility_timeout = Some(Duration::ZERO);
    let settings = [
        ("PARTNER_TENANT_ID", "7b3f3f3e-0000-4000-8000-000000000001"),
        ("CLIENT_ID", "7b3f3f3e-0000-4000-8000-000000000002"),
        ("CLIENT_SECRET", "not-a-secret"),
        ("FLOW_URL", "https://flow.invalid/"),
        ("GetDomainSchedule", "0 */15 * * * *"),
    ];
    options.environment = settings.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    options.environment.insert("ACTION_KEY".to_owned(), BASE64.encode([7_u8; 32]));
    Some(options)
}

#[tokio::test]
async fn missing_port_names_the_variable_and_the_other_command() {
    let output = serve().output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("FUNCTIONS_CUSTOMHANDLER_PORT") && errors.contains("tenantwatch run"), "{errors}");
}

#[tokio::test]
async fn used_port_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = serve().env("FUNCTIONS_CUSTOMHANDLER_PORT", &port).output().await.unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains(&format!("port {port}")));
}

#[tokio::test]
async fn wrong_settings_stop_the_host_with_one_message() {
    let Some(mut options) = options().await else { return };
    for (name, value) in
        [("PARTNER_TENANT_ID", ""), ("CLIENT_SECRET", ""), ("FLOW_URL", "http://secret.example/?sig=hush")]
    {
        options.environment.insert(name.to_owned(), value.to_owned());
    }
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = serve()
        .envs(&options.environment)
        .env("AzureWebJobsStorage", &options.connection_string)
        .env("FUNCTIONS_HTTPWORKER_PORT", port.to_string())
        .output()
        .await
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    for name in ["PARTNER_TENANT_ID", "CLIENT_SECRET", "FLOW_URL"] {
        assert!(errors.contains(name), "{name}: {errors}");
    }
    assert!(!errors.contains("hush"), "{errors}");

    // The real host starts it three times, then gives up.
    let why = match FunctionsHost::start(options).await {
        Ok(host) => host.stopped(LONG).await.unwrap(),
        Err(HostError::Stopped(why)) => why,
        Err(other) => panic!("{other}"),
    };
    assert!(why.contains("crashed 3 times") && why.contains("exit status: 2"), "{why}");
    for name in ["PARTNER_TENANT_ID", "CLIENT_SECRET", "FLOW_URL"] {
        assert!(why.contains(name), "people see only the last lines of standard error: {why}");
    }
}

#[tokio::test]
async fn unreadable_message_becomes_poison_with_one_line_per_try() {
    let Some(options) = options().await else { return };
    let host = FunctionsHost::start(options).await.unwrap();
    host.enqueue("no JSON at all\r\nERROR forged").await.unwrap();
    host.drain(LONG).await.unwrap();
    assert_eq!(host.poison_messages().await.unwrap(), ["no JSON at all\r\nERROR forged"]);
    let calls = host.invocations();
    assert_eq!(calls.iter().map(|call| call.status).collect::<Vec<_>>(), [Some(422); 5]);
    assert_eq!(host.starts(), 1, "{:?}", host.logs());

    // Each failure is one line on standard error that names its invocation and is no warning.
    for call in calls {
        let id = call.id.to_string();
        let lines: Vec<_> = host.logs().into_iter().filter(|line| line.text.contains(&id)).collect();
        let [line] = lines.as_slice() else { panic!("{id}: {lines:?}") };
        assert_eq!(line.level, Level::Error);
        assert!(line.text.starts_with("ERROR invocation{"), "{line:?}");
    }
    assert!(host.logs().iter().any(|line| line.level == Level::Information), "{:?}", host.logs());
}

#[tokio::test]
async fn rejected_request_is_one_line_without_url_or_headers() {
    let Some(options) = options().await else { return };
    let host = FunctionsHost::start(options).await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("{}/api/RemediateAccount?code={}", host.http_url(), host.function_key());
    let response = client.post(&url).header("x-secret", "hush").body("no JSON").send().await.unwrap();
    assert_eq!(response.status(), 400);
    let response = client.post(&url).body(vec![b' '; 64 * 1024 + 1]).send().await.unwrap();
    assert_eq!(response.status(), 413);
    assert_eq!(client.post(url.split('?').next().unwrap()).send().await.unwrap().status(), 401);
    for line in host.logs() {
        assert!(!line.text.contains("hush") && !line.text.contains(host.function_key()), "{line:?}");
    }
}
