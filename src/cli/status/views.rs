//! The report as texts and drawings for the page. All text that others chose is made readable here; the template escapes it.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::charts::{self, Rectangle};
use super::report::{Intervals, Report, TenantStatus};
use super::strip::{is_dark, total};
use super::text::{length, minute};
use super::threats::{Threat, ThreatStatus};
use crate::cli::page::readable;
use crate::tables::TenantState;
use base::ids::Domain;

/// An account, in two parts so that a line may end before the at sign.
pub(super) struct AccountView {
    pub name: String,
    pub host: String,
    /// The tenant's domain, if the address does not end with it.
    pub domain: String,
}

/// A tenant's part of the page.
pub(super) struct TenantView {
    pub domain: String,
    pub name: String,
    pub state: &'static str,
    pub class: &'static str,
    pub facts: Vec<FactView>,
    pub outcome: String,
    pub strip: Vec<Rectangle>,
    pub label: String,
}

/// A fact about a tenant, in parts so that no line ends within its time.
pub(super) struct FactView {
    pub before: String,
    /// Empty in a fact without a time.
    pub time: String,
    pub after: String,
}

/// One incident: the threats of one account that belong together.
pub(super) struct IncidentView {
    pub time: String,
    pub user: AccountView,
    pub severity: &'static str,
    pub what: String,
    pub intervals: [String; 3],
    pub drawn: Vec<Rectangle>,
    pub status: &'static str,
    pub class: &'static str,
}

/// A remediation run.
pub(super) struct PressView {
    pub time: String,
    pub user: AccountView,
    pub action: String,
    pub result: String,
    pub reason: String,
}

/// A dismissed threat.
pub(super) struct DismissedView {
    pub time: String,
    pub user: AccountView,
    pub what: String,
    pub by: String,
}

/// A missing item of a tenant.
pub(super) struct ReadinessView {
    pub domain: String,
    /// The name, in parts after which a line may end.
    pub item: Vec<String>,
    pub detail: String,
    pub at: String,
}

/// An incident before it is shown.
pub(super) struct Incident<'a> {
    first: &'a Threat,
    threats: Vec<&'a Threat>,
    pub status: ThreatStatus,
    pub intervals: Intervals,
}

/// Returns the incidents, those first in which something is open, then the newest first.
pub(super) fn incidents(threats: &[Threat]) -> Vec<Incident<'_>> {
    let mut groups: BTreeMap<String, Vec<&Threat>> = BTreeMap::new();
    for threat in threats {
        let id = if threat.incident_id.is_empty() { threat.log_id.to_string() } else { threat.incident_id.clone() };
        groups.entry(format!("{} {id}", threat.tenant)).or_default().push(threat);
    }
    let mut incidents: Vec<Incident<'_>> = groups.into_values().filter_map(incident).collect();
    incidents.sort_by_key(|incident| (!incident.status.is_open(), std::cmp::Reverse(incident.first.event)));
    incidents
}

/// The intervals are those of the first event, until everything is secured.
fn incident(threats: Vec<&Threat>) -> Option<Incident<'_>> {
    let first = *threats.iter().min_by_key(|threat| threat.event)?;
    let status = threats.iter().map(|threat| threat.status).min()?;
    let told = threats.iter().filter_map(|threat| threat.told).min();
    let is_secured = status == ThreatStatus::Secured;
    let secured = threats.iter().filter_map(|threat| threat.secured).max().filter(|_| is_secured);
    let intervals = Intervals::of(first.event, first.available, told, secured);
    Some(Incident { first, threats, status, intervals })
}

/// Returns the text of an interval.
pub(super) fn interval(of: Option<TimeDelta>) -> String {
    of.map_or_else(|| "–".to_owned(), length)
}

fn account(user: &str, domain: &Domain) -> AccountView {
    let user = readable(user);
    let (name, host) = user.split_at(user.rfind('@').unwrap_or(user.len()));
    let is_own = host.get(1..).is_some_and(|host| host.eq_ignore_ascii_case(domain.as_str()));
    let domain = if is_own { String::new() } else { readable(&domain.to_unicode()) };
    AccountView { name: name.to_owned(), host: host.to_owned(), domain }
}

/// Returns the view of an incident.
pub(super) fn incident_view(incident: &Incident<'_>) -> IncidentView {
    let first = incident.first;
    let severity = incident.threats.iter().map(|threat| threat.severity).max().unwrap_or(first.severity);
    let mut kinds: Vec<&str> = incident.threats.iter().map(|threat| threat.kind.as_str()).collect();
    kinds.sort_unstable();
    kinds.dedup();
    let name = readable(&first.rule_name);
    let mut what = kinds.join(", ");
    match (incident.threats.len(), name.is_empty()) {
        (1, true) => {}
        (1, false) => what = format!("{what} “{name}”"),
        (count, _) => what = format!("{count} threats: {what}"),
    }
    IncidentView {
        time: minute(first.event),
        user: account(&first.user, &first.domain),
        severity: severity.as_str(),
        what,
        intervals: incident.intervals.in_order().map(interval),
        drawn: charts::intervals(&incident.intervals),
        status: incident.status.as_str(),
        class: if incident.status.is_open() { "High" } else { "Low" },
    }
}

/// Returns the view of a tenant.
pub(super) fn tenant_view(tenant: &TenantStatus, report: &Report) -> TenantView {
    let row = &tenant.row;
    let is_dark = is_dark(row.state);
    let name = if row.display_name.eq_ignore_ascii_case(row.domain.as_str()) { "" } else { &row.display_name };
    TenantView {
        domain: readable(&row.domain.to_unicode()),
        name: readable(name),
        state: if row.state == TenantState::Unknown { "unknown state" } else { row.state.as_str() },
        class: if is_dark {
            "High"
        } else if tenant.is_late {
            "Medium"
        } else {
            "good"
        },
        facts: facts(tenant, report),
        outcome: if is_dark || tenant.is_late { readable(&row.last_outcome) } else { String::new() },
        strip: charts::strip(&tenant.strip, &report.period),
        label: label(tenant),
    }
}

fn facts(tenant: &TenantStatus, report: &Report) -> Vec<FactView> {
    let row = &tenant.row;
    let fact = |before: &str, time: String, after: String| FactView { before: before.to_owned(), time, after };
    let read = match (row.covered_until, tenant.lag(report.now)) {
        (Some(until), Some(lag)) => fact("read up to", minute(until), format!(", {} ago", length(lag))),
        _ => fact("never read", String::new(), String::new()),
    };
    let mut facts = vec![fact("since", minute(row.since), String::new()), read];
    let counts = [
        (tenant.open_threats, "open threat", "open threats"),
        (tenant.gaps, "gap", "gaps"),
        (row.owed as usize, "blob in the retry queue", "blobs in the retry queue"),
        (tenant.missing().count(), "readiness item missing", "readiness items missing"),
        (tenant.contained.done, "contained", "contained"),
    ];
    for (count, one, many) in counts.into_iter().filter(|(count, ..)| *count > 0) {
        let text = format!("{count} {}", if count == 1 { one } else { many });
        facts.push(fact(&text, String::new(), String::new()));
    }
    facts
}

/// Says in words what the strip shows.
fn label(tenant: &TenantStatus) -> String {
    let strip = &tenant.strip;
    let parts = [("read", &strip.read), ("late", &strip.late), ("dark", &strip.dark), ("gap", &strip.gap)];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(_, spans)| !spans.is_empty())
        .map(|(kind, spans)| format!("{kind} {}", length(total(spans))))
        .collect();
    if parts.is_empty() { "not monitored".to_owned() } else { parts.join(", ") }
}

/// Returns the runs of the period, the newest first.
pub(super) fn presses(report: &Report) -> Vec<PressView> {
    let view = |press: &super::report::Press| {
        let run = &press.run;
        let result = match run.status.as_str() {
            "" if run.run_id.as_uuid().is_nil() => "run by an earlier version",
            "" => "not finished",
            status => status,
        };
        PressView {
            time: minute(run.started),
            user: account(&run.user, &run.domain),
            action: readable(&run.action),
            result: readable(result),
            reason: readable(&run.reason),
        }
    };
    report.presses.iter().rev().map(view).collect()
}

/// Returns the dismissed threats, the newest first, with the caller's words if a run of the period has them.
pub(super) fn dismissed(report: &Report) -> Vec<DismissedView> {
    let dismissed = report.threats.iter().rev().filter(|threat| threat.status == ThreatStatus::Dismissed);
    let view = |threat: &Threat| {
        let mut runs = report.presses.iter().rev().map(|press| &press.run);
        let run = runs.find(|run| run.record_id == threat.log_id && run.action == "Dismiss");
        let name = readable(&threat.rule_name);
        DismissedView {
            time: minute(threat.event),
            user: account(&threat.user, &threat.domain),
            what: match name.is_empty() {
                true => threat.kind.as_str().to_owned(),
                false => format!("{} “{name}”", threat.kind.as_str()),
            },
            by: run.map(|run| readable(&run.reason)).unwrap_or_default(),
        }
    };
    dismissed.map(view).collect()
}

/// Returns the missing items of all tenants.
pub(super) fn readiness(report: &Report) -> Vec<ReadinessView> {
    let of_tenant = |tenant: &TenantStatus| -> Vec<ReadinessView> {
        let (domain, at) = (tenant.row.domain.to_unicode(), time_or_dash(tenant.readiness_at));
        let view = |item: &super::rows::ReadinessItem| ReadinessView {
            domain: domain.clone(),
            item: readable(&item.item).split_inclusive('.').map(str::to_owned).collect(),
            detail: readable(&item.detail),
            at: at.clone(),
        };
        tenant.missing().map(view).collect()
    };
    report.tenants.iter().flat_map(of_tenant).collect()
}

fn time_or_dash(time: Option<DateTime<Utc>>) -> String {
    time.map_or_else(|| "–".to_owned(), minute)
}
