//! The coverage row: its spans and blobs, and two runs that write it at once.

use std::collections::{BTreeMap, BTreeSet};

use chrono::TimeDelta;
use proptest::prelude::*;
use tenantwatch::tables::{CoverageRow, Span, TenantState, coverage, merge, save, without};

use super::row_fixture::{clock, content, hour, owed, span, store, tenant, tenant_row};

#[tokio::test]
async fn a_tenant_with_very_many_blobs_keeps_the_newest_in_mind() {
    let fetched: BTreeMap<i64, BTreeSet<u64>> = (0..10).map(|hour| (480_000 + hour, (0..30_000).collect())).collect();
    let row = CoverageRow { fetched, ..tenant_row() };
    let store = store();
    save(store.as_ref(), &row, None).await.unwrap();
    let (read, _) = coverage::read(store.as_ref(), &tenant()).await.unwrap().unwrap();
    assert_eq!(read.fetched.get(&480_009), row.fetched.get(&480_009));
    assert_eq!(read.fetched.get(&480_008), row.fetched.get(&480_008));
    assert_eq!(read.fetched.values().map(BTreeSet::len).sum::<usize>(), 80_000);
}

#[test]
fn fetched_blob_id_is_stored_until_its_hour_is_over() {
    let mut row = CoverageRow { fetched: BTreeMap::new(), ..tenant_row() };
    row.note_fetched(&content("a"));
    assert!(row.has_fetched(&content("a")) && !row.has_fetched(&content("b")));
    assert_eq!(coverage::still_owed(vec![owed("a"), owed("b")], &row), [owed("b")]);
    row.forget_fetched_before(hour(1) + TimeDelta::minutes(59));
    assert!(row.has_fetched(&content("a")));
    row.forget_fetched_before(hour(2));
    assert!(!row.has_fetched(&content("a")));
}

#[tokio::test]
async fn two_runs_that_write_coverage_at_once_lose_nothing_of_either() {
    let store = store();
    let start = CoverageRow {
        fetched: BTreeMap::new(),
        ahead: Vec::new(),
        gaps: Vec::new(),
        pending: false,
        owed: 0,
        ..tenant_row()
    };
    let (row, etag) = coverage::write(store.as_ref(), &clock(), start, None).await.unwrap();

    let mut first = CoverageRow { pending: true, owed: 1, last_run: Some(hour(11)), ..row.clone() };
    first.note_fetched(&content("first"));
    first.cover(span(10, 12));
    first.add_gap(span(3, 4));
    coverage::write(store.as_ref(), &clock(), first, Some(etag.clone())).await.unwrap();

    let mut second = CoverageRow { last_run: Some(hour(12)), last_outcome: "second".to_owned(), ..row };
    second.note_fetched(&content("second"));
    second.cover(span(13, 14));
    second.add_gap(span(1, 2));
    let (written, newest) = coverage::write(store.as_ref(), &clock(), second, Some(etag)).await.unwrap();

    let (stored, stored_etag) = coverage::read(store.as_ref(), &tenant()).await.unwrap().unwrap();
    assert_eq!((&stored, &stored_etag), (&written, &newest));
    assert!(stored.has_fetched(&content("first")) && stored.has_fetched(&content("second")));
    assert_eq!((stored.covered_until, stored.ahead), (Some(hour(12)), vec![span(13, 14)]));
    assert_eq!(stored.gaps, [span(1, 2), span(3, 4)]);
    assert_eq!((stored.pending, stored.owed, stored.last_outcome.as_str()), (true, 1, "second"));
}

#[tokio::test]
async fn concurrent_first_runs_keep_the_domain_stored_first() {
    let store = store();
    coverage::write(store.as_ref(), &clock(), tenant_row(), None).await.unwrap();
    let renamed =
        CoverageRow { domain: "renamed.example".parse().unwrap(), display_name: "Renamed".to_owned(), ..tenant_row() };
    let (written, _) = coverage::write(store.as_ref(), &clock(), renamed, None).await.unwrap();
    assert_eq!((written.domain.as_str(), written.display_name.as_str()), ("contoso.com", "Renamed"));
}

#[test]
fn concurrent_states_keep_the_earlier_beginning() {
    let dark = CoverageRow { state: TenantState::ConsentMissing, notified: String::new(), ..tenant_row() };
    let theirs = CoverageRow { since: hour(1), notified: "told".to_owned(), ..dark.clone() };
    let ours = CoverageRow { since: hour(2), ..dark };
    let united = coverage::merge_concurrent(&ours, &theirs);
    assert_eq!((united.state, united.since, united.notified.as_str()), (TenantState::ConsentMissing, hour(1), "told"));
}

#[test]
fn complete_run_wins_over_a_stopped_run() {
    let stopped = CoverageRow { state: TenantState::AccessLost, last_run: Some(hour(9)), ..tenant_row() };
    let complete = CoverageRow { last_run: Some(hour(10)), ..tenant_row() };
    assert_eq!(coverage::merge_concurrent(&stopped, &complete).state, TenantState::Healthy);
    assert_eq!(coverage::merge_concurrent(&complete, &stopped).state, TenantState::Healthy);
}

#[test]
fn coverage_advances_only_without_a_missing_span() {
    let mut row = CoverageRow { ahead: Vec::new(), ..tenant_row() };
    row.cover(span(12, 13));
    assert_eq!((row.covered_until, row.ahead.as_slice()), (Some(hour(10)), [span(12, 13)].as_slice()));
    assert_eq!(row.uncovered(hour(14)), [span(10, 12), span(13, 14)]);
    row.cover(span(9, 12));
    assert_eq!((row.covered_until, row.ahead.len()), (Some(hour(13)), 0));
    row.cover(span(1, 2));
    assert_eq!(row.covered_until, Some(hour(13)));
    let mut new = CoverageRow { covered_until: None, ahead: Vec::new(), ..tenant_row() };
    new.cover(span(12, 13));
    assert_eq!((new.covered_until, new.ahead.len()), (None, 1));
}

#[test]
fn spans_ahead_are_limited_to_fifty() {
    let mut row = CoverageRow { ahead: Vec::new(), ..tenant_row() };
    for number in 0..60 {
        let from = hour(20 + number * 2);
        row.cover(Span { from, to: from + TimeDelta::minutes(number + 1) });
    }
    assert_eq!(row.ahead.len(), 50);
    let missing = row.uncovered(hour(200));
    assert!(missing.iter().any(|span| span.from <= hour(20) && span.to >= hour(20) + TimeDelta::minutes(1)));
}

fn minutes() -> impl Strategy<Value = Vec<Span>> {
    let time = |minute: i64| hour(0) + TimeDelta::minutes(minute);
    let span = (0i64..60, -3i64..20).prop_map(move |(from, length)| Span { from: time(from), to: time(from + length) });
    proptest::collection::vec(span, 0..12)
}

fn covered(spans: &[Span]) -> BTreeSet<i64> {
    (0..100).filter(|minute| spans.iter().any(|span| has(span, *minute))).collect()
}

fn has(span: &Span, minute: i64) -> bool {
    let time = hour(0) + TimeDelta::minutes(minute);
    span.from <= time && time < span.to
}

proptest! {
    #[test]
    fn merged_spans_hold_the_same_time_in_order_and_apart(spans in minutes()) {
        let merged = merge(spans.clone());
        prop_assert_eq!(covered(&merged), covered(&spans));
        prop_assert!(merged.iter().all(|span| !span.is_empty()));
        prop_assert!(merged.windows(2).all(|pair| pair[0].to < pair[1].from));
    }

    #[test]
    fn span_difference_is_the_time_outside_the_others(spans in minutes(), from in 0i64..60, length in 0i64..40) {
        let whole = Span { from: hour(0) + TimeDelta::minutes(from), to: hour(0) + TimeDelta::minutes(from + length) };
        let left = without(whole, &spans);
        let expected: BTreeSet<i64> = covered(&[whole]).difference(&covered(&spans)).copied().collect();
        prop_assert_eq!(covered(&left), expected);
        prop_assert!(left.iter().all(|span| !span.is_empty()));
    }

    #[test]
    fn united_coverage_holds_what_either_holds_and_no_more(a in minutes(), b in minutes(), x in 0i64..30, y in 0i64..30) {
        let time = |minute| Some(hour(0) + TimeDelta::minutes(minute));
        let mut ours = CoverageRow { covered_until: time(x), ahead: a.clone(), ..tenant_row() };
        let theirs = CoverageRow { covered_until: time(y), ahead: b.clone(), ..tenant_row() };
        let before = Span { from: hour(0), to: hour(0) + TimeDelta::minutes(x.max(y)) };
        let united = coverage::merge_concurrent(&ours, &theirs);
        let until = Span { from: hour(0), to: united.covered_until.unwrap() };
        let both = [a.as_slice(), &b, &[before]].concat();
        prop_assert_eq!(covered(&[united.ahead.as_slice(), &[until]].concat()), covered(&both));
        ours = coverage::merge_concurrent(&united, &theirs);
        prop_assert_eq!((ours.covered_until, ours.ahead), (united.covered_until, united.ahead));
    }
}
