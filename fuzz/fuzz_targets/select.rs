//! Any bytes as a stream of records, in chunks of any size: found, selected, prefiltered and parsed. Nothing may panic or stall, the
//! size of the chunks changes nothing, and what the prefilter shows is what the record says.
#![no_main]

use libfuzzer_sys::fuzz_target;
use audit_log::AuditRecord;
use audit_log::select::{Event, Selector};
use tenantwatch::detection::{is_selected, system_noise};

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = events(bytes, usize::MAX);
    assert_eq!(whole, events(bytes, usize::from(size).max(1)), "chunks of {size}");
});

fn events(bytes: &[u8], size: usize) -> Vec<String> {
    let mut told = Vec::new();
    let mut sink = |event: Event<'_>| {
        if let Event::Selected { json, .. } = event {
            // The record need not parse, but the parser must not panic.
            if let (Ok(record), Some(prefilter)) = (AuditRecord::parse(json), system_noise(json)) {
                assert_eq!(prefilter.operation, record.operation);
                assert_eq!(Some(prefilter.user_type), record.user_type);
            }
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
