//! Any bytes as one audit record: parsed, and judged offline when it parses. Nothing may panic or stall.
#![no_main]

use std::collections::{BTreeSet, HashMap};

use libfuzzer_sys::fuzz_target;
use audit_log::AuditRecord;
use tenantwatch::detection::{AcceptedDomains, Knowledge, judge, questions};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(record) = AuditRecord::parse(bytes) {
        let mut known = knowledge();
        judge(&record, &known);
        known.offline = false;
        questions(&record, &known);
    }
});

fn knowledge() -> Knowledge {
    let domain: base::ids::Domain = "contoso.com".parse().expect("a domain");
    Knowledge {
        tenant_id: "11111111-1111-1111-1111-111111111111".parse().expect("a GUID"),
        domain: domain.clone(),
        offline: true,
        accepted: AcceptedDomains { exact: BTreeSet::from([domain]), with_sub_domains: BTreeSet::new() },
        trusted_targets: Vec::new(),
        trusted_apps: BTreeSet::new(),
        off: BTreeSet::new(),
        mailboxes: HashMap::new(),
        live: HashMap::new(),
        recipients: HashMap::new(),
    }
}
