//! Any bytes as an export file, in any of the forms that `scan` reads: records are found, taken out of rows and envelopes, parsed and
//! evaluated offline, and related to each other. Nothing may panic or stall, and the size of the reads changes nothing.
#![no_main]

use std::collections::BTreeSet;
use std::io::Read;

use audit_log::export::{read, records_in};
use audit_log::select::Event;
use audit_log::AuditRecord;
use libfuzzer_sys::fuzz_target;
use tenantwatch::detection::{AcceptedDomains, Knowledge, correlate, is_selected, judge};

fuzz_target!(|input: (u8, &[u8])| {
    let (size, bytes) = input;
    let whole = records(bytes);
    assert_eq!(whole, records(InReads { bytes, size: usize::from(size).max(1) }), "reads of {size}");
    let mut known = knowledge();
    let mut findings = Vec::new();
    for json in whole {
        if let Ok(record) = AuditRecord::parse(&json) {
            findings.extend(judge(&record, &known));
            known.note_rule(&record);
        }
    }
    let found = findings.len();
    correlate(&mut findings);
    assert!(findings.len() <= found);
});

/// Gives at most `size` bytes at once.
struct InReads<'a> {
    bytes: &'a [u8],
    size: usize,
}

impl Read for InReads<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let size = self.size.min(buffer.len());
        self.bytes.read(buffer.get_mut(..size).unwrap_or_default())
    }
}

fn records(input: impl Read) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    // A file that is not an export is an error; everything before its end has been reported by then.
    let _ = read(input, is_selected, |event| match event {
        Event::Selected { json, .. } => records.push(json.to_vec()),
        Event::Envelope { json, .. } => records.extend(records_in(json)),
        _ => {}
    });
    records
}

fn knowledge() -> Knowledge {
    let domain: base::ids::Domain = "contoso.com".parse().expect("a domain");
    Knowledge {
        offline: true,
        accepted: AcceptedDomains { exact: BTreeSet::from([domain.clone()]), ..AcceptedDomains::default() },
        ..Knowledge::new("11111111-1111-1111-1111-111111111111".parse().expect("a GUID"), domain)
    }
}
