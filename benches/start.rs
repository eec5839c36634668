//! How long the process takes from its start to its first answer, and how large it is: `cargo bench --bench start`.
//!
//! The Functions host polls `GET /` every 25 ms until anything answers; until then no function runs.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const RUNS: usize = 31;
const BINARY: &str = env!("CARGO_BIN_EXE_tenantwatch");

fn main() {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| first_answer()).collect();
    times.sort();
    let size = std::fs::metadata(BINARY).map(|file| file.len()).unwrap_or_default();
    let milliseconds = |time: Duration| time.as_secs_f64() * 1_000.0;
    println!(
        "start to first answer, {RUNS} runs: least {:.1} ms, median {:.1} ms, most {:.1} ms",
        milliseconds(times[0]),
        milliseconds(times[RUNS / 2]),
        milliseconds(times[RUNS - 1])
    );
    println!("size of the binary: {:.1} MB", size as f64 / 1e6);
}

/// Starts the handler with complete settings and asks as soon as the port is open.
fn first_answer() -> Duration {
    let port =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a free port").port();
    let started = Instant::now();
    let mut child = Command::new(BINARY)
        .arg("serve")
        .env_clear()
        .env("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string())
        .env("PARTNER_TENANT_ID", "11111111-1111-1111-1111-111111111111")
        .env("CLIENT_ID", "22222222-2222-2222-2222-222222222222")
        .env("CLIENT_SECRET", "none")
        .env("FLOW_URL", "https://flow.invalid/")
        .env("AzureWebJobsStorage", "UseDevelopmentStorage=true")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("the binary starts");
    while !answers(port) {
        assert!(started.elapsed() < Duration::from_secs(10), "no answer");
        std::thread::sleep(Duration::from_micros(200));
    }
    let time = started.elapsed();
    // It never ends by itself.
    let _ = child.kill();
    let _ = child.wait();
    time
}

fn answers(port: u16) -> bool {
    let Ok(mut socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let asked = socket.write_all(b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n");
    let mut first = [0; 12];
    asked.is_ok() && socket.read_exact(&mut first).is_ok() && first.starts_with(b"HTTP/1.1 ")
}
