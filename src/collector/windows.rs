//! Which spans of time a run lists. Pure: the row, the time and the settings go in, spans come out.

use chrono::{DateTime, TimeDelta, Utc};

use crate::ledger::{CoverageRow, Span, without};

/// How far back content can be listed. The service says 7 days; five minutes are left for the way there.
const REACH: TimeDelta = TimeDelta::minutes(7 * 24 * 60 - 5);

/// The longest span of one listing. A longer one may be answered with a part of the content only.
const LONGEST: TimeDelta = TimeDelta::hours(24);

/// What a run has to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Where reading begins; what lies before is covered or lost.
    pub start: DateTime<Utc>,
    /// What can never be listed any more and was never read.
    pub lost: Vec<Span>,
    /// What is listed, in this order: the oldest owed window, then the newest first.
    pub windows: Vec<Span>,
}

/// Plans a run at `now` for a tenant.
pub fn plan(row: &CoverageRow, now: DateTime<Utc>, lookback: TimeDelta, overlap: TimeDelta) -> Plan {
    let reach = now - REACH;
    let wanted = match row.covered_until {
        Some(covered) => covered.checked_sub_signed(overlap).unwrap_or(reach),
        None => now.checked_sub_signed(lookback).unwrap_or(reach),
    };
    let start = wanted.max(reach);
    let lost = row.covered_until.map(|covered| without(Span { from: covered, to: reach }, &row.ahead));
    // Late content may still appear at the upper end of a span that was read ahead, as it may below `CoveredUntil`.
    let settled: Vec<Span> = row
        .ahead
        .iter()
        .map(|span| Span { from: span.from, to: span.to.checked_sub_signed(overlap).unwrap_or(span.from) })
        .collect();
    let open = without(Span { from: start, to: now }, &settled);
    Plan { start, lost: lost.unwrap_or_default(), windows: in_order(open.into_iter().flat_map(cut).collect()) }
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
