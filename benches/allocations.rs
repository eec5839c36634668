//! Counts the allocations of the selector: `cargo bench --bench allocations`.
//!
//! Counts, not times: to count takes time, which is why this is not part of the benchmark `select`.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

mod content;

use std::sync::LazyLock;

use content::{ARRAY, LINES, PRETTY, records, selected};
use divan::{AllocProfiler, Bencher, Divan, black_box};
use serde_json::Value;

#[global_allocator]
static ALLOCATOR: AllocProfiler = AllocProfiler::system();

/// The lines with an escape in the key of each operation, which no known writer of audit logs produces.
static ESCAPED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let text = String::from_utf8(LINES.clone()).expect("JSON is UTF-8");
    text.replace("\"Operation\":", "\"Op\\u0065ration\":").into_bytes()
});

fn main() {
    println!("{} MB, {} records, {} selected", LINES.len() / 1_000_000, records(&LINES).count(), by_selector(&LINES));
    Divan::default().sample_count(1).sample_size(1).config_with_args().main();
}

#[divan::bench(name = "1 serde_json::Value of each")]
fn value_of_each(bencher: Bencher<'_, '_>) {
    count(bencher, &LINES, |bytes| {
        records(bytes).filter_map(|line| serde_json::from_slice::<Value>(line).ok()).count()
    });
}

#[divan::bench(name = "2 selector")]
fn selector(bencher: Bencher<'_, '_>) {
    count(bencher, &LINES, by_selector);
}

#[divan::bench(name = "3 selector in one array")]
fn selector_in_one_array(bencher: Bencher<'_, '_>) {
    count(bencher, &ARRAY, by_selector);
}

#[divan::bench(name = "4 selector in pretty lines")]
fn selector_in_pretty_lines(bencher: Bencher<'_, '_>) {
    count(bencher, &PRETTY, by_selector);
}

#[divan::bench(name = "5 selector, keys with escapes")]
fn selector_with_escapes(bencher: Bencher<'_, '_>) {
    count(bencher, &ESCAPED, by_selector);
}

fn count(bencher: Bencher<'_, '_>, bytes: &[u8], read: impl Fn(&[u8]) -> usize + Sync) {
    bencher.bench(|| read(black_box(bytes)));
}

fn by_selector(bytes: &[u8]) -> usize {
    selected(bytes, |_| true)
}
