//! Measures what an investigation adds to reading: `cargo bench --bench investigate`.
//!
//! It compares the selector alone, the selector with a search for 1,000 addresses of attackers as the directory's content is read, and
//! every record reduced to an activity in the temporary database. All of them read the same bytes in the same run, on one core.
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on ends")]

#[expect(dead_code, reason = "the other benchmarks use more of it")]
mod content;

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use audit_log::{Event, Selector};
use base::ids::RecordId;
use content::LINES;
use divan::counter::BytesCount;
use divan::{Bencher, Divan, black_box};
use tenantwatch::casework::{Gathered, activity};
use tenantwatch::detection::{KnownAddress, KnownAttackers, is_selected, is_sign_in};
use tenantwatch::location::parse_client_ip;

fn main() {
    Divan::default().sample_count(5).sample_size(1).config_with_args().main();
}

#[divan::bench(name = "1 selector alone")]
fn selector_alone(bencher: Bencher<'_, '_>) {
    measure(bencher, |lines| {
        let mut count = 0;
        let mut selector = Selector::new(is_selected);
        selector.push(lines, |event| count += usize::from(matches!(event, Event::Selected { .. })));
        count
    });
}

#[divan::bench(name = "2 selector with 1,000 addresses")]
fn with_addresses(bencher: Bencher<'_, '_>) {
    let attackers = attackers();
    measure(bencher, |lines| {
        let (mut count, sign_in) = (0, Cell::new(false));
        let mut selector = Selector::new(|operation: &str| {
            sign_in.set(is_sign_in(operation));
            sign_in.get() || is_selected(operation)
        });
        selector.push(lines, |event| {
            if let Event::Selected { json, .. } = event {
                count += usize::from(!sign_in.get() || attackers.may_be_in(json));
            }
        });
        count
    });
}

#[divan::bench(name = "3 every record reduced and kept")]
fn reduced_and_kept(bencher: Bencher<'_, '_>) {
    measure(bencher, |lines| {
        let mut gathered = Gathered::new("nobody@contoso.com").expect("a temporary database");
        let mut count = 0;
        Selector::new(|_: &str| true).push(lines, |event| {
            if let Event::Selected { json, .. } = event
                && let Some(activity) = activity(json)
            {
                gathered.keep(&activity, json).expect("room in the temporary database");
                count += 1;
            }
        });
        count
    });
}

fn attackers() -> KnownAttackers {
    let address = |number: u32| IpAddr::V4(Ipv4Addr::from_bits(0xC633_6400 + number));
    let known = || KnownAddress {
        seen: chrono::DateTime::UNIX_EPOCH,
        log_id: RecordId::new(uuid::Uuid::nil()),
        accounts: BTreeSet::new(),
    };
    let addresses: BTreeMap<IpAddr, KnownAddress> = (0..1_000).map(|number| (address(number), known())).collect();
    KnownAttackers::new(addresses, parse_client_ip)
}

fn measure(bencher: Bencher<'_, '_>, read: impl Fn(&[u8]) -> usize + Sync) {
    bencher.counter(BytesCount::of_slice(LINES.as_slice())).bench(|| black_box(read(black_box(&LINES))));
}
