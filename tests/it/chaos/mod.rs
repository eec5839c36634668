//! Days full of accidents: the built binary under the Functions host over real tables and queues, killed at any step, twice
//! at once, with clocks that disagree, while every service fails now and then and content comes late, twice, or not at all.
//! The notifications at the end are compared with the planted threats.
//!
//! A seed decides everything that is decided here. `CHAOS_SEED=17` repeats one seed; `CHAOS_SEEDS=1000` tries a thousand:
//! `CHAOS_SEEDS=1000 cargo test --test it chaos::every_threat -- --nocapture`.

mod accidents;
mod plan;
mod story;
mod time;
mod verdict;

use std::io::Write as _;

use futures::StreamExt as _;

use crate::azurite::{Azurite, azurite};
use accidents::live_through;
use plan::Plan;
use verdict::{Verdict, judge};

/// Number of seeds that every run of the tests tries.
const SEEDS: u64 = 24;

/// Number of seeds that are tried with containment.
const SEEDS_CONTAINED: u64 = 8;

/// Number of seeds that are tried concurrently.
const AT_ONCE: usize = 4;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

/// The seeds that are asked for.
fn seeds() -> std::ops::Range<u64> {
    match number("CHAOS_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("CHAOS_SEEDS").unwrap_or(SEEDS),
    }
}

/// Writes a line to standard error. Not with println, whose output a successful test hides.
fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_threat_is_notified_exactly_once_under_faults() {
    let Some(azurite) = azurite().await else { return };
    let sum = live_through_all(azurite, seeds(), Plan::of).await;
    assert!(sum.threats > 0 && sum.kills > 0 || seeds().count() < 4, "nothing has happened: {sum}");
    assert_eq!(sum.complaints, Vec::<String>::new(), "try one again with CHAOS_SEED");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_account_is_contained_twice_or_without_notification() {
    let Some(azurite) = azurite().await else { return };
    let few = seeds().start..seeds().end.min(seeds().start + number("CHAOS_SEEDS").unwrap_or(SEEDS_CONTAINED));
    let sum = live_through_all(azurite, few.clone(), Plan::with_containment).await;
    assert!(sum.contained > 0 || few.count() < 4, "nobody was contained: {sum}");
    assert!(sum.blocked_once > 0 || sum.contained == 0, "no run is known by its words: {sum}");
    assert_eq!(sum.complaints, Vec::<String>::new(), "try one again with CHAOS_SEED");
}

async fn live_through_all(azurite: &'static Azurite, seeds: std::ops::Range<u64>, plan: fn(u64) -> Plan) -> Verdict {
    let tries = futures::stream::iter(seeds).map(|seed| async move {
        let plan = plan(seed);
        let try_it = tokio::spawn(async move { judge(&live_through(azurite, &plan).await) });
        (seed, try_it.await)
    });
    let mut tried = tries.buffer_unordered(AT_ONCE);
    let mut sum = Verdict::default();
    while let Some((seed, outcome)) = tried.next().await {
        match outcome {
            Ok(verdict) => sum.add(seed, verdict),
            Err(error) => sum.complaints.push(format!("seed {seed}: {error}")),
        }
        if sum.seeds % 50 == 0 || !sum.complaints.is_empty() {
            say(&sum.to_string());
        }
    }
    say(&sum.to_string());
    sum
}

#[tokio::test(flavor = "multi_thread")]
async fn day_without_faults_repeats_nothing_and_verdict_works() {
    let Some(azurite) = azurite().await else { return };
    let story = live_through(azurite, &Plan::calm(7)).await;
    let verdict = judge(&story);
    assert_eq!((verdict.complaints.clone(), verdict.repeats), (Vec::new(), 0));
    assert!(verdict.told > 0 && verdict.told + verdict.in_gaps == verdict.threats, "{verdict}");

    let mut untold = story.clone();
    let some_id = untold.accepted[0].tracking_id.clone();
    untold.accepted.retain(|accepted| accepted.tracking_id != some_id);
    assert!(judge(&untold).complaints[0].contains(&some_id), "{:?}", judge(&untold).complaints);

    let mut twice = story.clone();
    let mut second = twice.accepted[0].clone();
    second.order = u64::MAX;
    twice.accepted.push(second);
    assert!(judge(&twice).complaints[0].contains("again after"), "{:?}", judge(&twice).complaints);

    let mut silent = story.clone();
    silent.blocked.insert("nobody@contoso.com".to_owned());
    assert!(judge(&silent).complaints[0].contains("no notification says so"), "{:?}", judge(&silent).complaints);

    let mut unread = story;
    let blob = unread.blobs.iter_mut().find(|blob| blob.was_read).unwrap();
    blob.was_read = false;
    assert!(judge(&unread).complaints[0].contains("no gap"), "{:?}", judge(&unread).complaints);
}
