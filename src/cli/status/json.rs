//! The report as one JSON object. Other programs rely on the names of its members.

use std::io::{self, Write};

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde::Serialize;

use super::report::{Intervals, Press, Report, TenantStatus};
use super::strip;
use super::threats::Threat;
use crate::cli::output;

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ReportJson<'a> {
    from: String,
    to: String,
    tenants: Vec<TenantJson<'a>>,
    threats: Vec<ThreatJson<'a>>,
    medians: MediansJson,
    presses: Vec<PressJson<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct TenantJson<'a> {
    tenant: String,
    domain: &'a str,
    state: &'static str,
    since: String,
    read_up_to: Option<String>,
    gaps: usize,
    retry: u32,
    missing: Vec<&'a str>,
    open_threats: usize,
    contained: ContainedJson,
    coverage: CoverageJson,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ContainedJson {
    done: usize,
    partly: usize,
    refused: usize,
    would_be: usize,
}

/// Seconds of the period.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct CoverageJson {
    read: i64,
    late: i64,
    dark: i64,
    gap: i64,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct ThreatJson<'a> {
    #[serde(rename = "LogID")]
    log_id: String,
    tenant: String,
    domain: &'a str,
    user: &'a str,
    r#type: &'static str,
    severity: &'static str,
    event_time: String,
    available: Option<String>,
    told: Option<String>,
    secured: Option<String>,
    status: &'static str,
}

/// Seconds.
#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MediansJson {
    available: Option<i64>,
    told: Option<i64>,
    secured: Option<i64>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct PressJson<'a> {
    #[serde(rename = "LogID")]
    log_id: String,
    tenant: String,
    domain: &'a str,
    user: &'a str,
    action: &'a str,
    status: &'a str,
    started: String,
    finished: Option<String>,
    reason: &'a str,
}

/// Writes the report.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let json = ReportJson {
        from: time(report.period.from),
        to: time(report.period.to),
        tenants: report.tenants.iter().map(tenant).collect(),
        threats: report.threats.iter().map(threat).collect(),
        medians: medians(report.medians),
        presses: report.presses.iter().map(press).collect(),
    };
    output::write_pretty_json(out, &json)?;
    writeln!(out)
}

fn tenant(tenant: &TenantStatus) -> TenantJson<'_> {
    let (row, strip, contained) = (&tenant.row, &tenant.strip, tenant.contained);
    TenantJson {
        tenant: row.tenant_id.to_string(),
        domain: row.domain.as_str(),
        state: row.state.as_str(),
        since: time(row.since),
        read_up_to: row.covered_until.map(time),
        gaps: tenant.gaps,
        retry: row.owed,
        missing: tenant.missing().map(|item| item.item.as_str()).collect(),
        open_threats: tenant.open_threats,
        contained: ContainedJson {
            done: contained.done,
            partly: contained.partly,
            refused: contained.refused,
            would_be: contained.would_be,
        },
        coverage: CoverageJson {
            read: strip::total(&strip.read).num_seconds(),
            late: strip::total(&strip.late).num_seconds(),
            dark: strip::total(&strip.dark).num_seconds(),
            gap: strip::total(&strip.gap).num_seconds(),
        },
    }
}

fn threat(threat: &Threat) -> ThreatJson<'_> {
    ThreatJson {
        log_id: threat.log_id.to_string(),
        tenant: threat.tenant.to_string(),
        domain: threat.domain.as_str(),
        user: &threat.user,
        r#type: threat.kind.as_str(),
        severity: threat.severity.as_str(),
        event_time: time(threat.event),
        available: threat.available.map(time),
        told: threat.told.map(time),
        secured: threat.secured.map(time),
        status: threat.status.as_str(),
    }
}

fn press(press: &Press) -> PressJson<'_> {
    let run = &press.run;
    PressJson {
        log_id: run.record_id.to_string(),
        tenant: press.tenant.to_string(),
        domain: run.domain.as_str(),
        user: &run.user,
        action: &run.action,
        status: &run.status,
        started: time(run.started),
        finished: run.finished.map(time),
        reason: &run.reason,
    }
}

fn medians(of: Intervals) -> MediansJson {
    let [available, told, secured] = of.in_order().map(|median| median.as_ref().map(TimeDelta::num_seconds));
    MediansJson { available, told, secured }
}

fn time(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
