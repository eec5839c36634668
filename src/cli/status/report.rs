//! Puts the numbers of the report together from the rows.

use std::cmp::Reverse;

use chrono::{DateTime, TimeDelta, Utc};

use super::period::Period;
use super::rows::{ReadinessItem, ServiceRows, TenantRows};
use super::strip::{self, Strip, is_dark, is_late};
use super::text::minute;
use super::threats::{self, Containments, Threat};
use crate::tables::{ActionRow, CoverageRow};
use crate::tenants::LATE_AFTER;

/// Everything that the three forms show.
#[derive(Debug)]
pub struct Report {
    /// The period.
    pub period: Period,
    /// The time of the report.
    pub now: DateTime<Utc>,
    /// The tenants, the worst first.
    pub tenants: Vec<TenantStatus>,
    /// The threats of the period and the open ones, in the order of their events.
    pub threats: Vec<Threat>,
    /// The remediation runs of the period, oldest first.
    pub presses: Vec<Press>,
    /// Over the threats of the period.
    pub medians: Medians,
    /// The last run of GetDomain, if it is more than two hours ago.
    pub stopped_since: Option<DateTime<Utc>>,
    /// Since when the webhook is off, if it is.
    pub webhook_off_since: Option<DateTime<Utc>>,
}

/// A sentence about the service as a whole, in parts so that no line ends within its time.
#[derive(Debug)]
pub struct Warning {
    /// The part before the time.
    pub before: &'static str,
    /// The time.
    pub time: String,
    /// The part after ` UTC`.
    pub after: &'static str,
}

/// One tenant.
#[derive(Debug)]
pub struct TenantStatus {
    /// Its coverage row.
    pub row: CoverageRow,
    /// `true` if it is late now.
    pub is_late: bool,
    /// The permanently lost spans in the period.
    pub gaps: usize,
    /// The findings of the daily check.
    pub readiness: Vec<ReadinessItem>,
    /// The time of that check.
    pub readiness_at: Option<DateTime<Utc>>,
    /// The number of its open threats.
    pub open_threats: usize,
    /// The automatic containments of its listed threats.
    pub contained: Containments,
    /// The states of its monitoring over the period.
    pub strip: Strip,
}

/// One remediation run.
#[derive(Debug)]
pub struct Press {
    /// Its row.
    pub run: ActionRow,
    /// The tenant.
    pub tenant: base::ids::TenantId,
}

/// The three intervals; an interval with an unknown end counts nowhere.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Intervals {
    /// From the event until the record was available.
    pub available: Option<TimeDelta>,
    /// From there until the first channel accepted the notification.
    pub told: Option<TimeDelta>,
    /// From there until the account was secured.
    pub secured: Option<TimeDelta>,
}

/// The medians of the intervals.
pub type Medians = Intervals;

impl TenantStatus {
    /// Returns the names of the items that are missing.
    pub fn missing(&self) -> impl Iterator<Item = &ReadinessItem> {
        self.readiness.iter().filter(|item| item.state == "missing")
    }

    /// Returns the time since the end of what was read.
    pub fn lag(&self, now: DateTime<Utc>) -> Option<TimeDelta> {
        self.row.covered_until.map(|until| (now - until).max(TimeDelta::zero()))
    }

    /// The worst thing that is wrong comes first; the rest decides among tenants with the same.
    fn rank(&self) -> impl Ord + use<> {
        let is_wrong = [
            is_dark(self.row.state),
            self.is_late,
            self.open_threats > 0,
            self.gaps > 0,
            self.row.owed > 0,
            self.missing().next().is_some(),
        ];
        let worst = is_wrong.iter().position(|is_wrong| *is_wrong).unwrap_or(is_wrong.len());
        (worst, Reverse(self.open_threats), Reverse(is_wrong), self.row.domain.clone(), self.row.tenant_id)
    }
}

impl Intervals {
    /// Returns the intervals of a threat. Clocks that differ a little make none negative.
    pub fn of(
        event: DateTime<Utc>,
        available: Option<DateTime<Utc>>,
        told: Option<DateTime<Utc>>,
        secured: Option<DateTime<Utc>>,
    ) -> Self {
        let between = |from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>| {
            from.zip(to).map(|(from, to)| (to - from).max(TimeDelta::zero()))
        };
        Self {
            available: between(Some(event), available),
            told: between(available, told),
            secured: between(told, secured),
        }
    }

    /// Returns the intervals in their order.
    pub fn in_order(&self) -> [Option<TimeDelta>; 3] {
        [self.available, self.told, self.secured]
    }
}

impl From<&Threat> for Intervals {
    fn from(threat: &Threat) -> Self {
        Self::of(threat.event, threat.available, threat.told, threat.secured)
    }
}

impl Report {
    /// Returns one sentence for each thing about the service as a whole that somebody has to mend.
    pub fn warnings(&self) -> Vec<Warning> {
        let stopped = self.stopped_since.map(|since| Warning {
            before: "Tenantwatch has not run since",
            time: minute(since),
            after: ", so this is not the current state.",
        });
        let webhook_off = self.webhook_off_since.map(|since| Warning {
            before: "The webhook has been off since",
            time: minute(since),
            after: ": its receiver answered 410, so Tenantwatch sends nothing to it and drops its pending notifications. Set \
                    WEBHOOK_URL to a new URL.",
        });
        stopped.into_iter().chain(webhook_off).collect()
    }

    /// Puts the report together.
    pub fn new(rows: Vec<TenantRows>, service: &ServiceRows, period: Period, now: DateTime<Utc>) -> Self {
        let service_dark = strip::dark_for_all(service, now);
        let mut report = Self {
            period,
            now,
            tenants: Vec::new(),
            threats: Vec::new(),
            presses: Vec::new(),
            medians: Medians::default(),
            stopped_since: service.row.as_ref().and_then(|row| row.last_run).filter(|last| now - *last > LATE_AFTER),
            webhook_off_since: service.webhook_off_since,
        };
        for tenant in rows {
            report.add(tenant, &service_dark);
        }
        report.tenants.sort_by_cached_key(TenantStatus::rank);
        report.threats.sort_by_key(|threat| (threat.event, threat.log_id));
        report.presses.sort_by_key(|press| press.run.started);
        report.medians = medians(report.threats.iter().filter(|threat| period.contains(threat.event)));
        report
    }

    fn add(&mut self, rows: TenantRows, service_dark: &[crate::tables::Span]) {
        let period = self.period;
        let mut threats = threats::of_tenant(&rows);
        threats.retain(|threat| threat.status.is_open() || period.contains(threat.event));
        let overlaps = |gap: &&crate::tables::Span| gap.from <= period.to && gap.to > period.from;
        self.tenants.push(TenantStatus {
            is_late: is_late(&rows.coverage, self.now),
            gaps: rows.coverage.gaps.iter().filter(overlaps).count(),
            open_threats: threats.iter().filter(|threat| threat.status.is_open()).count(),
            contained: threats::containments(&threats.iter().collect::<Vec<_>>()),
            strip: strip::of_tenant(&rows, service_dark, &period, self.now),
            readiness: rows.readiness,
            readiness_at: rows.readiness_at,
            row: rows.coverage,
        });
        let tenant = self.tenants.last().map(|tenant| tenant.row.tenant_id);
        let runs = rows.runs.into_iter().filter(|run| period.contains(run.started));
        self.presses.extend(tenant.into_iter().cycle().zip(runs).map(|(tenant, run)| Press { run, tenant }));
        self.threats.extend(threats);
    }
}

fn medians<'a>(threats: impl Iterator<Item = &'a Threat>) -> Medians {
    let mut all: [Vec<TimeDelta>; 3] = Default::default();
    for threat in threats {
        for (all, interval) in all.iter_mut().zip(Intervals::from(threat).in_order()) {
            all.extend(interval);
        }
    }
    let [available, told, secured] = all.map(median);
    Medians { available, told, secured }
}

/// The middle of some intervals, or the mean of the middle two.
fn median(mut intervals: Vec<TimeDelta>) -> Option<TimeDelta> {
    intervals.sort_unstable();
    let upper = *intervals.get(intervals.len() / 2)?;
    let lower = *intervals.get((intervals.len() - 1) / 2)?;
    Some((lower + upper) / 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_middle_or_the_mean_of_the_middle_two() {
        let of = |minutes: &[i64]| median(minutes.iter().copied().map(TimeDelta::minutes).collect());
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[7]), Some(TimeDelta::minutes(7)));
        assert_eq!(of(&[9, 1, 2]), Some(TimeDelta::minutes(2)));
        assert_eq!(of(&[9, 1, 2, 4]), Some(TimeDelta::minutes(3)));
    }
}
