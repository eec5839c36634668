//! From the start of the process to its first answer. The Functions host polls `GET /` every 25 ms until anything answers;
//! until then no function runs.

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use super::Row;
use super::process::{binary, tenantwatch};

const RUNS: usize = 31;

pub fn rows() -> Vec<Row> {
    let mut times: Vec<Duration> = (0..RUNS).map(|_| first_answer()).collect();
    times.sort();
    let [least, median, most] = [0, RUNS / 2, RUNS - 1].map(|at| times[at].as_secs_f64() * 1_000.0);
    let size = std::fs::metadata(binary()).map(|file| file.len()).unwrap_or_default();
    vec![
        Row::new(
            "start of `serve` to its first answer",
            format!("{median:.1} ms (median of {RUNS}; {least:.1} to {most:.1} ms)"),
        ),
        Row::new("size of the binary", format!("{:.1} MB", size as f64 / 1e6)),
    ]
}

/// Starts the handler with complete settings and asks as soon as the port is open.
fn first_answer() -> Duration {
    let port =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|socket| socket.local_addr()).expect("a free port").port();
    let environment = [
        ("FUNCTIONS_CUSTOMHANDLER_PORT", port.to_string().as_str()),
        ("PARTNER_TENANT_ID", "11111111-1111-1111-1111-111111111111"),
        ("CLIENT_ID", "22222222-2222-2222-2222-222222222222"),
        ("CLIENT_SECRET", "none"),
        ("FLOW_URL", "https://flow.invalid/"),
        ("AzureWebJobsStorage", "UseDevelopmentStorage=true"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let started = Instant::now();
    let mut child = tenantwatch(&["serve"], &environment).spawn().expect("the binary starts");
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
