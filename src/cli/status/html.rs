//! The report as one page that needs nothing else and prints well: for the provider's service manager and the customer.

use std::io::{self, Write};

use askama::Template;

use super::charts::{self, BARS_HEIGHT, Bars, Rectangle, WIDTH};
use super::report::Report;
use super::text::minute;
use super::threats::ThreatStatus;
use super::views::{self, DismissedView, IncidentView, PressView, ReadinessView, TenantView};
use crate::cli::page::{hash, put};

const STYLE: &str = concat!(include_str!("../page/base.css"), include_str!("page.css"));

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"{% macro rectangles(drawn) %}{% for one in drawn.iter() %}<rect class="{{ one.class }}" x="{{ one.x }}" y="{{ one.y }}" width="{{ one.width }}" height="{{ one.height }}"><title>{{ one.title }}</title></rect>{% endfor %}{% endmacro %}{% macro account(user) %}{{ user.name }}{% if !user.host.is_empty() %}<wbr>{{ user.host }}{% endif %}{% if !user.domain.is_empty() %} <small>{{ user.domain }}</small>{% endif %}{% endmacro %}<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{{ style_hash }}'">
<title>Monitoring report, {{ from }} to {{ to }} UTC</title><style>{{ style|safe }}</style></head><body>
<header><h1>Monitoring report</h1>
<p><time>{{ from }}</time> to <time>{{ to }} UTC</time>, created at <time>{{ now }} UTC</time> from the tables of Tenantwatch.</p>
{% for warning in warnings %}<p class="warning">{{ warning.before }} <time>{{ warning.time }} UTC</time>{{ warning.after }}</p>{% endfor %}
<dl class="numbers">
<div><dt>Tenants</dt><dd>{{ tenants.len() }}</dd></div>
<div class="{% if unread > 0 %}High{% endif %}"><dt>Not read now</dt><dd>{{ unread }}</dd></div>
<div><dt>Incidents</dt><dd>{{ incidents.len() }}</dd></div>
<div class="{% if open > 0 %}High{% endif %}"><dt>Open incidents</dt><dd>{{ open }}</dd></div>
<div><dt>Secured</dt><dd>{{ secured }}</dd></div>
<div><dt>Dismissed</dt><dd>{{ dismissed_incidents }}</dd></div>
</dl></header>
<section><h2>Response times</h2>
<p class="note">Medians over the threats of the period. A technician can act from the notification on.</p>
<dl class="numbers intervals">
<div class="microsoft"><dt>Event until available from Microsoft</dt><dd>{{ medians[0] }}</dd></div>
<div class="tenantwatch"><dt>Available until notified</dt><dd>{{ medians[1] }}</dd></div>
<div class="technician"><dt>Notified until secured</dt><dd>{{ medians[2] }}</dd></div>
</dl>
{% if !medians_drawn.is_empty() %}<svg class="flat" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label="The three medians to scale">{% call rectangles(medians_drawn) %}{% endcall %}</svg>{% endif %}
</section>
<section><h2>Threats by day</h2>
{% if bars.highest == 0 %}<p class="clean">No threats were found in this period.</p>{% else %}
<p class="note">{% if bars.days > 1 %}Each bar is {{ bars.days }} days. {% endif %}The highest bar is {{ bars.highest }}. <span class="key High">High</span> <span class="key Medium">Medium</span> <span class="key Low">Low</span></p>
<svg class="bars" viewBox="0 0 {{ width }} {{ bars_height }}" preserveAspectRatio="none" role="img" aria-label="Threats by day">{% call rectangles(bars_drawn) %}{% endcall %}</svg>
<p class="ends"><time>{{ from }}</time> <time>{{ to }} UTC</time></p>{% endif %}
</section>
<section><h2>Coverage</h2>
<p class="note"><span class="key read">read</span> as it became available, <span class="key late">late</span> by more than two hours, <span class="key dark">dark</span>: could not be read at that time, and was read afterwards unless a gap is shown, <span class="key gap">gap</span>: permanently lost, <span class="key none">empty</span>: not monitored, or not read yet.</p>
{% for tenant in tenants %}<div class="tenant"><h3>{{ tenant.domain }}{% if !tenant.name.is_empty() %} <small>{{ tenant.name }}</small>{% endif %} <span class="badge {{ tenant.class }}">{{ tenant.state }}</span></h3>
<p class="when">{% for fact in tenant.facts %}{% if !loop.first %} · {% endif %}{{ fact.before }}{% if !fact.time.is_empty() %} <time>{{ fact.time }} UTC</time>{% endif %}{{ fact.after }}{% endfor %}</p>{% if !tenant.outcome.is_empty() %}<p class="when">{{ tenant.outcome }}</p>{% endif %}
<svg class="flat strip" viewBox="0 0 1000 20" preserveAspectRatio="none" role="img" aria-label="{{ tenant.domain }}: {{ tenant.label }}"><title>{{ tenant.label }}</title>{% call rectangles(tenant.strip) %}{% endcall %}</svg></div>
{% endfor %}{% if tenants.is_empty() %}<p>No tenant is stored.</p>{% else %}<p class="ends"><time>{{ from }}</time> <time>{{ to }} UTC</time></p>{% endif %}
</section>
<section><h2>Incidents</h2>
{% if incidents.is_empty() %}<p class="clean">There were no incidents.</p>{% else %}<p class="note">An incident has all threats to one account that belong together. Open incidents come first, whatever their age. The line shows the shares of the three intervals: <span class="key microsoft">until available from Microsoft</span>, <span class="key tenantwatch">until notified</span>, <span class="key technician">until secured</span>.</p>
<table class="stack"><thead><tr><th>First event (UTC)</th><th>Account</th><th>Severity</th><th>What</th><th>Until available</th><th>Until notified</th><th>Until secured</th><th>Status</th></tr></thead><tbody>
{% for incident in incidents %}<tr><td data-label="First event (UTC)"><time>{{ incident.time }}</time></td><td data-label="Account" class="wide account">{% call account(incident.user) %}{% endcall %}</td><td data-label="Severity" class="{{ incident.severity }}">{{ incident.severity }}</td><td data-label="What" class="wide kind">{{ incident.what }}</td><td data-label="Until available" class="interval">{{ incident.intervals[0] }}</td><td data-label="Until notified" class="interval">{{ incident.intervals[1] }}</td><td data-label="Until secured" class="interval">{{ incident.intervals[2] }}<svg class="flat small" viewBox="0 0 1000 20" preserveAspectRatio="none" aria-hidden="true">{% call rectangles(incident.drawn) %}{% endcall %}</svg></td><td data-label="Status" class="{{ incident.class }}">{{ incident.status }}</td></tr>
{% endfor %}</tbody></table>{% endif %}
</section>
<section><h2>Actions</h2>
{% if presses.is_empty() %}<p>No action was requested in this period.</p>{% else %}
<table class="stack"><thead><tr><th>Time (UTC)</th><th>Account</th><th>Action</th><th>Result</th><th>By, in the caller's words</th></tr></thead><tbody>
{% for press in presses %}<tr><td data-label="Time (UTC)"><time>{{ press.time }}</time></td><td data-label="Account" class="wide account">{% call account(press.user) %}{% endcall %}</td><td data-label="Action">{{ press.action }}</td><td data-label="Result">{{ press.result }}</td><td data-label="By" class="wide">{{ press.reason }}</td></tr>
{% endfor %}</tbody></table>{% endif %}
</section>
<section><h2>Dismissed as false positive</h2>
{% if dismissed.is_empty() %}<p>Nothing was dismissed.</p>{% else %}
<table class="stack"><thead><tr><th>Event (UTC)</th><th>Account</th><th>What</th><th>By, in the caller's words</th></tr></thead><tbody>
{% for one in dismissed %}<tr><td data-label="Event (UTC)"><time>{{ one.time }}</time></td><td data-label="Account" class="wide account">{% call account(one.user) %}{% endcall %}</td><td data-label="What" class="wide kind">{{ one.what }}</td><td data-label="By" class="wide">{{ one.by }}</td></tr>
{% endfor %}</tbody></table>{% endif %}
</section>
<section><h2>Readiness</h2>
{% if readiness.is_empty() %}<p>{% if checked == 0 %}No tenant has been checked yet.{% else %}Nothing is missing in {% if checked == 1 %}the checked tenant{% else %}the {{ checked }} checked tenants{% endif %}.{% endif %}</p>{% else %}
<table class="stack"><thead><tr><th>Tenant</th><th>Missing</th><th>Detail</th><th>Checked (UTC)</th></tr></thead><tbody>
{% for item in readiness %}<tr><td data-label="Tenant" class="wide account">{{ item.domain }}</td><td data-label="Missing" class="wide item">{% for part in item.item %}{{ part }}<wbr>{% endfor %}</td><td data-label="Detail" class="wide">{{ item.detail }}</td><td data-label="Checked (UTC)"><time>{{ item.at }}</time></td></tr>
{% endfor %}</tbody></table>{% endif %}
</section></body></html>
"##
)]
struct Page {
    style: &'static str,
    style_hash: String,
    from: String,
    to: String,
    now: String,
    warnings: Vec<super::report::Warning>,
    unread: usize,
    open: usize,
    secured: usize,
    dismissed_incidents: usize,
    medians: [String; 3],
    medians_drawn: Vec<Rectangle>,
    bars: Bars,
    bars_drawn: Vec<Rectangle>,
    width: f64,
    bars_height: f64,
    tenants: Vec<TenantView>,
    incidents: Vec<IncidentView>,
    presses: Vec<PressView>,
    dismissed: Vec<DismissedView>,
    readiness: Vec<ReadinessView>,
    checked: usize,
}

/// Writes the page.
pub(super) fn write(report: &Report, out: &mut dyn Write) -> io::Result<()> {
    let incidents = views::incidents(&report.threats);
    let count = |status: ThreatStatus| incidents.iter().filter(|incident| incident.status == status).count();
    let (bars, bars_drawn) = charts::bars(&report.threats, &report.period);
    let is_unread = |tenant: &&super::report::TenantStatus| super::strip::is_dark(tenant.row.state) || tenant.is_late;
    let page = Page {
        style: STYLE,
        style_hash: hash(STYLE),
        from: minute(report.period.from),
        to: minute(report.period.to),
        now: minute(report.now),
        warnings: report.warnings(),
        unread: report.tenants.iter().filter(is_unread).count(),
        open: incidents.iter().filter(|incident| incident.status.is_open()).count(),
        secured: count(ThreatStatus::Secured) + count(ThreatStatus::Contained),
        dismissed_incidents: count(ThreatStatus::Dismissed),
        medians: report.medians.in_order().map(views::interval),
        medians_drawn: charts::intervals(&report.medians),
        bars,
        bars_drawn,
        width: WIDTH,
        bars_height: BARS_HEIGHT,
        tenants: report.tenants.iter().map(|tenant| views::tenant_view(tenant, report)).collect(),
        incidents: incidents.iter().map(views::incident_view).collect(),
        presses: views::presses(report),
        dismissed: views::dismissed(report),
        readiness: views::readiness(report),
        checked: report.tenants.iter().filter(|tenant| tenant.readiness_at.is_some()).count(),
    };
    put(out, &page)
}
