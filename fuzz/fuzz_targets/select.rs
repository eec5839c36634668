//! Any bytes as a stream of records, in chunks of any size: found, selected, parsed and judged. Nothing may panic or stall, and
//! the size of the chunks changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tenantwatch::audit::AuditRecord;
use tenantwatch::audit::select::{Event, Selector};
use tenantwatch::detection::is_selected;

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = events(bytes, usize::MAX);
    assert_eq!(whole, events(bytes, usize::from(size).max(1)), "chunks of {size}");
});

fn events(bytes: &[u8], size: usize) -> Vec<String> {
    let mut told = Vec::new();
    let mut sink = |event: Event<'_>| {
        if let Event::Selected { json, .. } = event {
            // Whether it parses is its own matter; that it does not panic is ours.
            let _ = AuditRecord::parse(json);
        }
        told.push(format!("{event:?}"));
    };
    let mut selector = Selector::new(is_selected);
    for chunk in bytes.chunks(size.min(bytes.len().max(1))) {
        selector.push(chunk, &mut sink);
    }
    selector.finish(&mut sink);
    told
}
