//! Measures how fast the few records that matter are found among ordinary ones: `cargo bench --bench select`.
//!
//! It compares the selector, alone and with the prefilter behind it, with other ways: `serde_json::Value` for every
//! record, a borrowed serde head, and a bare search for the operation's key as the limit. All of them read the same bytes in the
//! same run, on one core. Then it runs the selector on the same records in the form of a content blob, and with each member on
//! its own line.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

mod content;

use std::borrow::Cow;

use content::{ARRAY, LINES, PRETTY, records, selected};
use divan::counter::BytesCount;
use divan::{Bencher, Divan, black_box};
use memchr::memmem;
use serde::Deserialize;
use serde_json::Value;
use tenantwatch::detection::{is_selected, system_noise};

const SAMPLES: u32 = 21;

fn main() {
    all_find_the_same();
    Divan::default().sample_count(SAMPLES).sample_size(1).config_with_args().main();
}

fn all_find_the_same() {
    let found = [by_value(&LINES), by_head(&LINES), by_selector(&LINES), by_selector(&ARRAY), by_selector(&PRETTY)];
    assert!(found.iter().all(|count| *count == found[0]), "all find the same records: {found:?}");
    assert_eq!(by_prefilter(&LINES), 0, "the system made all of them");
    println!("{} MB, {} records, {} selected", LINES.len() / 1_000_000, records(&LINES).count(), found[0]);
}

#[divan::bench(name = "1 serde_json::Value of each")]
fn value_of_each(bencher: Bencher<'_, '_>) {
    measure(bencher, &LINES, by_value);
}

#[divan::bench(name = "2 borrowed serde head of each")]
fn borrowed_head_of_each(bencher: Bencher<'_, '_>) {
    measure(bencher, &LINES, by_head);
}

#[divan::bench(name = "3 selector")]
fn selector(bencher: Bencher<'_, '_>) {
    measure(bencher, &LINES, by_selector);
}

#[divan::bench(name = "4 selector and prefilter")]
fn selector_and_prefilter(bencher: Bencher<'_, '_>) {
    measure(bencher, &LINES, by_prefilter);
}

#[divan::bench(name = "5 bare search for the key")]
fn bare_search(bencher: Bencher<'_, '_>) {
    measure(bencher, &LINES, by_search);
}

#[divan::bench(name = "6 selector in one array")]
fn selector_in_one_array(bencher: Bencher<'_, '_>) {
    measure(bencher, &ARRAY, by_selector);
}

#[divan::bench(name = "7 selector in pretty lines")]
fn selector_in_pretty_lines(bencher: Bencher<'_, '_>) {
    measure(bencher, &PRETTY, by_selector);
}

fn measure(bencher: Bencher<'_, '_>, bytes: &[u8], read: impl Fn(&[u8]) -> usize + Sync) {
    bencher.counter(BytesCount::of_slice(bytes)).bench(|| read(black_box(bytes)));
}

fn by_value(bytes: &[u8]) -> usize {
    let is_one = |line: &&[u8]| {
        let record: Option<Value> = serde_json::from_slice(line).ok();
        record.is_some_and(|record| record["Operation"].as_str().is_some_and(is_selected))
    };
    records(bytes).filter(is_one).count()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Head<'a> {
    #[serde(borrow)]
    operation: Cow<'a, str>,
}

fn by_head(bytes: &[u8]) -> usize {
    let is_one = |line: &&[u8]| serde_json::from_slice::<Head<'_>>(line).is_ok_and(|head| is_selected(&head.operation));
    records(bytes).filter(is_one).count()
}

fn by_selector(bytes: &[u8]) -> usize {
    selected(bytes, |_| true)
}

/// Counts the selected records that are not system noise, such as quotas: only these are parsed and evaluated.
fn by_prefilter(bytes: &[u8]) -> usize {
    selected(bytes, |json| system_noise(json).is_none())
}

fn by_search(bytes: &[u8]) -> usize {
    memmem::find_iter(bytes, b"\"Operation\":").count()
}
