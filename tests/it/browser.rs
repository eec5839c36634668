//! Headless Chromium, driven over its DevTools protocol: opens a page, evaluates JavaScript in it, takes screenshots.
//!
//! If Chromium is absent, the tests that need it say so loudly and are left out; if `CI` is set, they fail.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// One page in a Chromium of its own.
pub struct Browser {
    socket: WebSocketStream<MaybeTlsStream<TcpStream>>,
    last_id: u64,
    _chromium: Child,
    _profile: tempfile::TempDir,
}

impl Browser {
    /// Opens `url`; `None` where there is no Chromium.
    pub async fn open(url: &str) -> Option<Self> {
        let Some(program) =
            ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| is_installed(name))
        else {
            assert!(std::env::var_os("CI").is_none(), "CI is set, and Chromium is not installed");
            eprintln!("\n*** LEFT OUT: this test needs Chromium (Debian: apt-get install chromium) ***\n");
            return None;
        };
        let profile = tempfile::tempdir().unwrap();
        let mut chromium = Command::new(program)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
                "--no-first-run",
                "--hide-scrollbars",
            ])
            .args([
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--disable-dev-shm-usage",
            ])
            .args(["--remote-debugging-port=0", "--window-size=1000,1400"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg("about:blank")
            .stderr(Stdio::piped())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(chromium.stderr.take().unwrap()).lines();
        let endpoint = loop {
            let line = lines.next_line().await.unwrap().expect("Chromium ended before it listened");
            if let Some(endpoint) = line.strip_prefix("DevTools listening on ws://") {
                break endpoint.split('/').next().unwrap().to_owned();
            }
        };
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let targets: Value = reqwest::get(format!("http://{endpoint}/json/list")).await.unwrap().json().await.unwrap();
        let page = targets.as_array().unwrap().iter().find(|target| target["type"] == "page").expect("a page");
        let (socket, _) =
            tokio_tungstenite::connect_async(page["webSocketDebuggerUrl"].as_str().unwrap()).await.unwrap();
        let mut browser = Self { socket, last_id: 0, _chromium: chromium, _profile: profile };
        browser.call("Page.navigate", json!({"url": url})).await;
        Some(browser)
    }

    /// The value of a JavaScript expression; promises are awaited.
    pub async fn evaluate(&mut self, expression: &str) -> Value {
        let answer = self
            .call("Runtime.evaluate", json!({"expression": expression, "awaitPromise": true, "returnByValue": true}))
            .await;
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// Waits until an expression is true. Gives up after a minute, which only a broken page takes.
    pub async fn wait_until(&mut self, expression: &str) {
        for _ in 0..600 {
            if self.evaluate(&format!("Boolean({expression})")).await == true {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let text = self.evaluate("document.body.innerText").await;
        panic!("never came true: {expression}\nthe page says: {text}");
    }

    /// Shows the page in a window of that width, on the medium `screen` or `print`, in light colours.
    pub async fn show_as(&mut self, width: u32, media: &str) {
        let window = json!({"width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", window).await;
        let light = json!([{"name": "prefers-color-scheme", "value": "light"}]);
        self.call("Emulation.setEmulatedMedia", json!({"media": media, "features": light})).await;
    }

    /// The page as it prints, as PDF.
    pub async fn pdf(&mut self) -> Vec<u8> {
        let answer = self.call("Page.printToPDF", json!({"preferCSSPageSize": true, "printBackground": true})).await;
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    /// The whole page as PNG.
    pub async fn screenshot(&mut self) -> Vec<u8> {
        let answer = self.call("Page.captureScreenshot", json!({"format": "png", "captureBeyondViewport": true})).await;
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    /// Makes the window this wide, as media queries and `vw` see it.
    pub async fn resize(&mut self, width: u32) {
        let size = json!({"width": width, "height": 1400, "deviceScaleFactor": 1, "mobile": false});
        self.call("Emulation.setDeviceMetricsOverride", size).await;
    }

    /// The top of the page as PNG.
    pub async fn screenshot_of_top(&mut self, width: u32, height: u32) -> Vec<u8> {
        let place = json!({"x": 0, "y": 0, "width": width, "height": height, "scale": 1});
        let options = json!({"format": "png", "captureBeyondViewport": true, "clip": place});
        let answer = self.call("Page.captureScreenshot", options).await;
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    /// One element of the page as PNG, twice as sharp.
    pub async fn screenshot_of(&mut self, element: &str) -> Vec<u8> {
        let place = self
            .evaluate(&format!(
                "(() => {{ const at = {element}.getBoundingClientRect(); \
                 return {{ x: at.x + scrollX, y: at.y + scrollY, width: at.width, height: at.height, scale: 2 }}; }})()"
            ))
            .await;
        let options = json!({"format": "png", "captureBeyondViewport": true, "clip": place});
        let answer = self.call("Page.captureScreenshot", options).await;
        base64::engine::general_purpose::STANDARD.decode(answer["data"].as_str().unwrap()).unwrap()
    }

    async fn call(&mut self, method: &str, params: Value) -> Value {
        self.last_id += 1;
        let request = json!({"id": self.last_id, "method": method, "params": params});
        self.socket.send(Message::text(request.to_string())).await.unwrap();
        loop {
            let message = self.socket.next().await.expect("Chromium closed the connection").unwrap();
            let Message::Text(text) = message else { continue };
            let answer: Value = serde_json::from_str(&text).unwrap();
            if answer["id"] == self.last_id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].clone();
            }
        }
    }
}

fn is_installed(name: &str) -> bool {
    std::env::var_os("PATH").is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).is_file()))
}
