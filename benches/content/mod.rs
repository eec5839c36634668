//! Ordinary records, written in different ways. The same for ever: they are made from a seed.

use std::sync::LazyLock;

use audit_log::select::{Event, Selector};
use serde_json::Value;
use tenantwatch::detection::is_selected;
use tenantwatch_simulator::records::ordinary_json_lines;

const BYTES: u64 = 64 * 1024 * 1024;
const CHUNK: usize = 64 * 1024;
const SEED: u64 = 20_261_123;

/// One record a line, as an export has them.
pub static LINES: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let mut lines = Vec::new();
    ordinary_json_lines(SEED, BYTES, &mut lines).expect("memory can be written to");
    lines
});

/// One array without a line break, as a content blob is.
pub static ARRAY: LazyLock<Vec<u8>> =
    LazyLock::new(|| [b"[".to_vec(), records(&LINES).collect::<Vec<_>>().join(&b','), b"]".to_vec()].concat());

/// Each member on its own line.
pub static PRETTY: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let pretty = |line| {
        let record: Value = serde_json::from_slice(line).expect("what was written is JSON");
        format!("{record:#}\n").into_bytes()
    };
    records(&LINES).flat_map(pretty).collect()
});

/// The lines that hold anything.
pub fn records(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// Counts what the selector finds in chunks as they are read, and what else is asked for.
pub fn selected(bytes: &[u8], counts: impl Fn(&[u8]) -> bool) -> usize {
    let mut selected = 0;
    let mut selector = Selector::new(is_selected);
    let mut count = |event: Event<'_>| {
        selected += usize::from(matches!(event, Event::Selected { json, .. } if counts(json)));
    };
    for chunk in bytes.chunks(CHUNK) {
        selector.push(chunk, &mut count);
    }
    selector.finish(&mut count);
    selected
}
