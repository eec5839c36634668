//! How fast the few records that matter are found among ordinary ones: `cargo bench --bench select`.
//!
//! The selector, alone and with a glance at what it selected, beside what stands around it: `serde_json::Value` for every
//! record, a borrowed serde head, and a bare search for the operation's key as the limit. The same bytes in the same run, one core, the best of several rounds of each in turn.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

use std::hint::black_box;
use std::time::{Duration, Instant};

use memchr::memmem;
use serde::Deserialize;
use tenantwatch::audit::select::{Event, Selector};
use tenantwatch::detection::{is_selected, pass_over};
use tenantwatch_simulator::records::ordinary_json_lines;

const BYTES: u64 = 64 * 1024 * 1024;
const ROUNDS: usize = 9;
const SEED: u64 = 20_261_123;

type Reader = fn(&[u8]) -> usize;

fn main() {
    let mut lines = Vec::new();
    ordinary_json_lines(SEED, BYTES, &mut lines).expect("memory can be written to");
    let readers: [(&str, Reader); 5] = [
        ("serde_json::Value", by_value),
        ("borrowed serde head", by_head),
        ("selector", by_selector),
        ("with a glance at each", by_glance),
        ("bare search", by_search),
    ];
    let mut best = [Duration::MAX; 5];
    let mut found = [0; 5];
    for _ in 0..ROUNDS {
        for (at, (_, read)) in readers.iter().enumerate() {
            let started = Instant::now();
            found[at] = black_box(read(black_box(&lines)));
            best[at] = best[at].min(started.elapsed());
        }
    }
    assert!(found[0] == found[1] && found[1] == found[2], "all find the same records: {found:?}");
    let rate = |time: Duration| lines.len() as f64 / 1e6 / time.as_secs_f64();
    println!("{:.0} MB of ordinary Exchange content, {} of its records selected", lines.len() as f64 / 1e6, found[2]);
    for (at, (name, _)) in readers.iter().enumerate() {
        println!(
            "{name:>21}: {:>7.0} MB/s, {:>5.1} times as fast as Value",
            rate(best[at]),
            rate(best[at]) / rate(best[0])
        );
    }
}

fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

fn by_value(bytes: &[u8]) -> usize {
    let operation = |line: &[u8]| {
        serde_json::from_slice::<serde_json::Value>(line)
            .is_ok_and(|record| record["Operation"].as_str().is_some_and(is_selected))
    };
    records(bytes).filter(|line| operation(line)).count()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Head<'a> {
    #[serde(borrow)]
    operation: std::borrow::Cow<'a, str>,
}

fn by_head(bytes: &[u8]) -> usize {
    let is_one = |line: &&[u8]| serde_json::from_slice::<Head<'_>>(line).is_ok_and(|head| is_selected(&head.operation));
    records(bytes).filter(is_one).count()
}

fn by_selector(bytes: &[u8]) -> usize {
    selected(bytes, |_| true)
}

fn selected(bytes: &[u8], counts: impl Fn(&[u8]) -> bool) -> usize {
    let mut selected = 0;
    let mut selector = Selector::new(is_selected);
    let mut count = |event: Event<'_>| {
        selected += usize::from(matches!(event, Event::Selected { json, .. } if counts(json)));
    };
    for chunk in bytes.chunks(64 * 1024) {
        selector.push(chunk, &mut count);
    }
    selector.finish(&mut count);
    selected
}

/// As the selector, and what the system did to quotas and the like is told apart: what is left is parsed and judged.
fn by_glance(bytes: &[u8]) -> usize {
    selected(bytes, |json| pass_over(json).is_none())
}

fn by_search(bytes: &[u8]) -> usize {
    memmem::find_iter(bytes, b"\"Operation\":").count()
}
