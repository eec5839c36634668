//! Company proxies from the environment: used for services on the internet, never for addresses of the machine or platform.

use std::sync::{Arc, Mutex};

use tenantwatch_simulator::{Service, Simulator, scenario};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use uuid::Uuid;

/// A proxy that refuses every request, and the first line of each.
struct Proxy {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let seen = Arc::clone(&requests);
        tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                let mut line = String::new();
                // Closing the connection after the first line is the refusal.
                let _ = BufReader::new(connection).read_line(&mut line).await;
                seen.lock().unwrap().push(line);
            }
        });
        Self { url, requests }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// `tenantwatch run --once` with a managed identity, and the proxy in every variable that names one.
async fn run_once(simulator: &Simulator, proxy: &Proxy, changes: &[(&str, &str)]) -> (Option<i32>, String) {
    let identity = Uuid::from_u128(0x1d).to_string();
    simulator.world().federated_identities.insert(identity.clone());
    let data = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["run", "--once", "--data", data.path().to_str().unwrap()])
        .env_clear()
        .envs(simulator.environment())
        .env_remove("CLIENT_SECRET")
        .env("FEDERATED_IDENTITY_CLIENT_ID", &identity)
        .env("IDENTITY_ENDPOINT", &simulator.urls().identity)
        .env("IDENTITY_HEADER", "simulated-identity-header")
        .envs(["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY"].map(|name| (name, &proxy.url)))
        .envs(changes.iter().copied())
        .output()
        .await
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn loopback_and_the_managed_identity_bypass_the_proxy() {
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let proxy = Proxy::start().await;
    let (code, log) = run_once(&simulator, &proxy, &[]).await;
    assert_eq!(proxy.requests(), Vec::<String>::new(), "a proxy must never see the identity's header");
    assert_eq!((code, log.as_str()), (Some(0), ""), "libraries do not log the credential in use");
    assert!(simulator.count(|request| request.service == Service::Identity && request.status == 200) > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn services_on_the_internet_are_called_through_the_proxy() {
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let proxy = Proxy::start().await;
    let (code, log) = run_once(&simulator, &proxy, &[("GRAPH_URL", "https://graph.example")]).await;
    assert_eq!(code, Some(1), "{log}");
    assert!(
        proxy.requests().iter().all(|line| line.starts_with("CONNECT graph.example:443 ")),
        "{:?}",
        proxy.requests()
    );
    assert!(!proxy.requests().is_empty(), "{log}");

    let direct = Proxy::start().await;
    let changes = [("GRAPH_URL", "https://graph.example"), ("NO_PROXY", "graph.example")];
    assert_eq!(run_once(&simulator, &direct, &changes).await.0, Some(1));
    assert_eq!(direct.requests(), Vec::<String>::new(), "NO_PROXY is honoured");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_proxy_variable_is_named_without_its_value() {
    let simulator = Simulator::start(scenario::quiet(1)).await.unwrap();
    let proxy = Proxy::start().await;
    let (code, log) = run_once(&simulator, &proxy, &[("HTTPS_PROXY", "http://user:hush@[proxy")]).await;
    assert_eq!(code, Some(2), "{log}");
    assert!(log.contains("HTTPS_PROXY must be the URL of a proxy") && !log.contains("hush"), "{log}");
}
