//! Plans the spans of time that a run lists. Pure: the row, the time and the settings go in, spans come out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::tables::{CoverageRow, Span, merge, without};

use super::time::Now;

/// The age up to which content can be listed. The service says 7 days; five minutes are left for the transfer.
const REACH: TimeDelta = TimeDelta::minutes(7 * 24 * 60 - 5);

/// The longest span of one listing. A longer one may be answered with a part of the content only.
pub const LONGEST: TimeDelta = TimeDelta::hours(24);

/// The spans that a run has to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The time from which the run reads. Everything before it is covered or lost.
    pub start: DateTime<Utc>,
    /// The spans that were never read and can never be listed any more.
    pub lost: Vec<Span>,
    /// The spans to list, in this order: the oldest missing window, then the newest first.
    pub windows: Vec<Span>,
}

/// Plans a run at `now` for a tenant.
pub fn plan(row: &CoverageRow, now: &Now, lookback: TimeDelta, overlap: TimeDelta) -> Plan {
    let until = end(row, now);
    let reach = until - REACH;
    let wanted = match row.covered_until {
        // Clocks were wrong when this was covered, or are now. Listing shows the time of the service again.
        Some(covered) if covered - overlap >= until => until - overlap,
        Some(covered) => covered.checked_sub_signed(overlap).unwrap_or(reach),
        None => until.checked_sub_signed(lookback).unwrap_or(reach),
    };
    let start = wanted.max(reach);
    // Late content may still appear at the upper end of a span that was read ahead, as it may below `CoveredUntil`.
    let settled: Vec<Span> = row
        .ahead
        .iter()
        .map(|span| Span { from: span.from, to: span.to.checked_sub_signed(overlap).unwrap_or(span.from) })
        .collect();
    // So what was to be listed again and cannot be any more may be lost as well; what is a gap already is not lost again.
    let known = [settled.as_slice(), &row.gaps].concat();
    let lost = row.covered_until.map(|_| without(Span { from: wanted, to: reach }, &merge(known)));
    let open = without(Span { from: start, to: until }, &settled);
    Plan { start, lost: lost.unwrap_or_default(), windows: in_order(open.into_iter().flat_map(cut).collect()) }
}

/// The end of what is listed: now. If that lies before what was covered already, two clocks are wrong, and the latest one may be right:
/// what it adds is listed and not covered.
fn end(row: &CoverageRow, now: &Now) -> DateTime<Utc> {
    match row.covered_until {
        Some(covered) if covered > now.time => now.latest.min(covered + LONGEST).max(now.time),
        Some(_) | None => now.time,
    }
}

/// Cuts a span into windows of at most 24 h.
fn cut(span: Span) -> Vec<Span> {
    let mut windows = Vec::new();
    let mut from = span.from;
    while from < span.to {
        let to = (from + LONGEST).min(span.to);
        windows.push(Span { from, to });
        from = to;
    }
    windows
}

/// The oldest first, because it is the next to be lost; then what happened last, because it can still be stopped.
fn in_order(mut windows: Vec<Span>) -> Vec<Span> {
    if let Some(rest) = windows.get_mut(1..) {
        rest.reverse();
    }
    windows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tables::TenantState;

    fn at(hours: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::hours(1_000_000 + hours)
    }

    fn row(covered_until: Option<i64>, ahead: &[(i64, i64)]) -> CoverageRow {
        let tenant = base::ids::TenantId::new(uuid::Uuid::nil());
        CoverageRow {
            state: TenantState::Healthy,
            covered_until: covered_until.map(at),
            ahead: ahead.iter().map(|(from, to)| Span { from: at(*from), to: at(*to) }).collect(),
            ..CoverageRow::first(tenant, "contoso.com".parse().unwrap(), String::new(), at(0))
        }
    }

    fn planned(row: &CoverageRow, now: i64) -> Plan {
        planned_with(row, now, now)
    }

    /// Plans by clocks of which one is ahead of the time that counts.
    fn planned_with(row: &CoverageRow, now: i64, latest: i64) -> Plan {
        let now = Now { time: at(now), latest: at(latest), disagreement: None };
        plan(row, &now, TimeDelta::hours(3), TimeDelta::hours(2))
    }

    fn hours(spans: &[Span]) -> Vec<(i64, i64)> {
        let hour = |time: DateTime<Utc>| (time - at(0)).num_hours();
        spans.iter().map(|span| (hour(span.from), hour(span.to))).collect()
    }

    #[test]
    fn the_first_run_looks_back() {
        assert_eq!(hours(&planned(&row(None, &[]), 10).windows), [(7, 10)]);
    }

    #[test]
    fn every_further_run_lists_the_overlap_again_in_one_window() {
        let plan = planned(&row(Some(10), &[]), 11);
        assert_eq!(hours(&plan.windows), [(8, 11)]);
        assert!(plan.lost.is_empty());
    }

    #[test]
    fn windows_last_a_day_at_most_and_oldest_comes_first() {
        let plan = planned(&row(Some(2), &[]), 80);
        assert_eq!(hours(&plan.windows), [(0, 24), (72, 80), (48, 72), (24, 48)]);
    }

    #[test]
    fn window_read_ahead_is_listed_again_only_for_late_content() {
        let plan = planned(&row(Some(24), &[(48, 80)]), 81);
        assert_eq!(hours(&plan.windows), [(22, 46), (78, 81), (46, 48)]);
    }

    #[test]
    fn unlistable_period_is_lost_unless_read_ahead() {
        let now = 300;
        let reach = at(now) - REACH;
        let plan = planned(&row(Some(10), &[(20, 30)]), now);
        // From 2 hours before each end on: late content may have appeared there.
        let lost = [Span { from: at(8), to: at(20) }, Span { from: at(28), to: reach }];
        assert_eq!(plan.lost, lost);
        assert_eq!(plan.start, reach);
        assert_eq!(plan.windows.first().map(|window| window.from), Some(reach));
        assert!(plan.windows.iter().all(|window| window.to - window.from <= TimeDelta::hours(24)));
    }

    #[test]
    fn known_gap_is_not_lost_again() {
        let now = 300;
        let reach = at(now) - REACH;
        let mut row = row(Some(100), &[]);
        row.gaps = vec![Span { from: at(90), to: at(100) }];
        assert_eq!(planned(&row, now).lost, [Span { from: at(100), to: reach }]);
    }

    #[test]
    fn clock_that_went_back_lists_the_overlap_and_loses_nothing() {
        let plan = planned(&row(Some(100), &[]), 90);
        assert_eq!((hours(&plan.windows), plan.lost), (vec![(88, 90)], vec![]));
    }

    #[test]
    fn latest_clock_is_listed_if_the_others_went_back() {
        let windows = |latest| hours(&planned_with(&row(Some(100), &[]), 90, latest).windows);
        assert_eq!(windows(101), [(98, 101)]);
        assert_eq!(windows(40_000), [(98, 122), (122, 124)], "not more than a day beyond");
    }
}
