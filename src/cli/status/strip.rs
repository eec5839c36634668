//! Divides the period into spans by how the tenant was monitored: read, late, dark, gap.

use chrono::{DateTime, TimeDelta, Utc};

use super::period::Period;
use super::rows::{ServiceRows, StoredNotice, TenantRows};
use crate::tables::{CoverageRow, Span, TenantState, merge, without};
use crate::tenants::LATE_AFTER;

/// Spans of time that do not overlap. Time in none of them was not monitored, or is not read yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Strip {
    /// Read as it became available.
    pub read: Vec<Span>,
    /// Not read for more than two hours.
    pub late: Vec<Span>,
    /// Could not be read at that time.
    pub dark: Vec<Span>,
    /// Permanently lost.
    pub gap: Vec<Span>,
}

/// Returns whether Tenantwatch cannot read a tenant in this state.
pub fn is_dark(state: TenantState) -> bool {
    use TenantState as S;
    match state {
        S::AuditingOff | S::ConsentMissing | S::AccessLost | S::NotListed | S::OurFault | S::Unknown => true,
        S::New | S::Healthy | S::Late => false,
    }
}

/// Returns whether the tenant is late: by its state, or because no run has read it recently.
pub fn is_late(row: &CoverageRow, now: DateTime<Utc>) -> bool {
    let last = row.covered_until.unwrap_or(row.since);
    !is_dark(row.state) && (row.state == TenantState::Late || now - last > LATE_AFTER)
}

/// Returns the strip of a tenant.
pub fn of_tenant(rows: &TenantRows, service_dark: &[Span], period: &Period, now: DateTime<Utc>) -> Strip {
    let row = &rows.coverage;
    let end = row.covered_until.unwrap_or(now).max(now.min(period.to)).min(period.to);
    let whole = Span { from: period.from, to: end };
    let begin = began(rows);
    let monitored = begin.unwrap_or(row.since);
    let gap = within(row.gaps.clone(), whole);
    let mut dark = dark_by_notices(&rows.notices);
    let mut late = spans_in(&rows.notices, |state| state == TenantState::Late.as_str(), Some(row), now);
    dark.extend(spans_in(&rows.notices, is_dark_word, Some(row), now));
    dark.extend(service_dark.iter().map(|span| Span { from: span.from.max(monitored), to: span.to }));
    if is_late(row, now) {
        late.push(Span { from: row.covered_until.unwrap_or(row.since), to: now });
    }
    let dark = minus(within(dark, whole), &[&gap]);
    let late = minus(within(late, whole), &[&gap, &dark]);
    let read = begin.zip(row.covered_until).map(|(from, to)| Span { from, to });
    let read = minus(within(read.into_iter().collect(), whole), &[&gap, &dark, &late]);
    Strip { read, late, dark, gap }
}

/// Returns when no tenant was monitored: nothing ran, or Tenantwatch's own credential was rejected.
pub fn dark_for_all(service: &ServiceRows, now: DateTime<Utc>) -> Vec<Span> {
    let mut dark = dark_by_notices(&service.notices);
    let fault = |word: &str| word == TenantState::OurFault.as_str();
    let mut own_fault = spans_in(&service.notices, fault, None, now);
    if let Some(row) = &service.row {
        if row.state == TenantState::OurFault {
            own_fault.push(Span { from: row.since, to: now });
        } else {
            // The notice of the recovery may have been removed; the row knows.
            own_fault.iter_mut().for_each(|span| span.to = span.to.min(row.since.max(span.from)));
        }
        if let Some(last) = row.last_run.filter(|last| now - *last > LATE_AFTER) {
            dark.push(Span { from: last, to: now });
        }
    }
    dark.extend(own_fault);
    merge(dark)
}

/// Outages of Tenantwatch: the notice is about the last run before, and was stored by the first run after.
fn dark_by_notices(notices: &[StoredNotice]) -> Vec<Span> {
    let outages = notices.iter().filter(|notice| notice.what == "Standstill");
    outages.map(|notice| Span { from: notice.at, to: notice.stored }).collect()
}

/// The earliest time for which something shows that the tenant was read.
fn began(rows: &TenantRows) -> Option<DateTime<Utc>> {
    let row = &rows.coverage;
    row.covered_until?;
    let state_since = Some(row.since).filter(|_| row.state == TenantState::Healthy);
    let found = rows.threats.iter().map(|threat| threat.row.processed_at);
    // Only a tenant that was read before has notices and gaps.
    let noticed = rows.notices.iter().map(|notice| notice.at).chain(row.gaps.iter().map(|gap| gap.from));
    row.read_from.into_iter().chain(state_since).chain(found).chain(noticed).chain(row.covered_until).min()
}

fn is_dark_word(word: &str) -> bool {
    TenantState::ALL.iter().any(|state| state.as_str() == word && is_dark(*state))
}

/// The spans in which the state was one of those. A state lasts until the next notice of a state, the current one until now.
fn spans_in(
    notices: &[StoredNotice],
    is_wanted: impl Fn(&str) -> bool,
    row: Option<&CoverageRow>,
    now: DateTime<Utc>,
) -> Vec<Span> {
    let is_state = |word: &str| TenantState::ALL.iter().any(|state| state.as_str() == word);
    let mut states: Vec<(DateTime<Utc>, &str)> = notices
        .iter()
        .filter(|notice| is_state(&notice.what))
        .map(|notice| (notice.at, notice.what.as_str()))
        .chain(row.map(|row| (row.since, row.state.as_str())))
        .collect();
    states.sort_by_key(|(since, _)| *since);
    let ends = states.iter().skip(1).map(|(since, _)| *since).chain([now]);
    let wanted = states.iter().zip(ends).filter(|((_, word), _)| is_wanted(word));
    wanted.map(|((from, _), to)| Span { from: *from, to }).collect()
}

fn within(spans: Vec<Span>, whole: Span) -> Vec<Span> {
    merge(spans.into_iter().map(|span| Span { from: span.from.max(whole.from), to: span.to.min(whole.to) }).collect())
}

fn minus(spans: Vec<Span>, others: &[&Vec<Span>]) -> Vec<Span> {
    let others: Vec<Span> = others.iter().flat_map(|spans| spans.iter().copied()).collect();
    spans.into_iter().flat_map(|span| without(span, &others)).collect()
}

/// Returns the time in some spans.
pub fn total(spans: &[Span]) -> TimeDelta {
    spans.iter().map(|span| span.to - span.from).sum()
}
