//! Findings as one page that needs nothing else.

use std::io::{self, Write};

use askama::Template;

use super::broken::BrokenPart;
use super::organizations::Organization;
use super::{Reading, ScanError};
use crate::detection::Finding;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:75rem;padding:0 1rem;color:#1b1f24;background:#fff}\
table{border-collapse:collapse;width:100%}td,th{border-bottom:1px solid #d0d7de;padding:.4rem;text-align:left;vertical-align:top;\
overflow-wrap:anywhere}.High{color:#b3261e;font-weight:600}.Medium{color:#8a5300;font-weight:600}pre{white-space:pre-wrap;\
overflow-wrap:anywhere;background:#f6f8fa;padding:.6rem}input{font:inherit;padding:.4rem;width:100%;max-width:30rem}\
ol.line{list-style:none;padding-left:1rem;border-left:3px solid #d0d7de}";

const SCRIPT: &str = "const box=document.getElementById('filter');box.addEventListener('input',()=>{const want=box.value.toLowerCase();\
for(const row of document.querySelectorAll('tbody tr.finding'))row.hidden=!row.textContent.toLowerCase().includes(want)});";

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<title>Audit log scan</title><style>{{ style|safe }}</style></head><body>
<h1>Audit log scan</h1>
<p>{{ records }} records, {{ selected }} selected, {{ broken_count }} broken. Accepted domains: {{ domains }}.</p>
{% if !broken.is_empty() %}<details><summary>What was broken</summary><ul>
{% for part in broken %}<li>{{ part.file }}:{{ part.line }}: {{ part.error }}</li>
{% endfor %}</ul>{% if broken_count > broken.len() as u64 %}<p>The first {{ broken.len() }} of {{ broken_count }}.</p>{% endif %}</details>{% endif %}
<h2>Findings</h2><p><label>Filter <input id="filter" type="search"></label></p>
<table><thead><tr><th>Time (UTC)</th><th>Severity</th><th>Type</th><th>Mailbox</th><th>Actor</th><th>What and why</th></tr></thead><tbody>
"#
)]
struct Head<'a> {
    style: &'a str,
    records: u64,
    selected: u64,
    broken: &'a [BrokenPart],
    broken_count: u64,
    domains: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<tr class="finding" id="f{{ finding.record_id }}"><td>{{ finding.event_time.format("%Y-%m-%d %H:%M:%S") }}</td>
<td class="{{ finding.severity.as_str() }}">{{ finding.severity.as_str() }} ({{ finding.score }})</td><td>{{ finding.kind.as_str() }}</td>
<td>{{ finding.mailbox }}<br>{{ organization }}</td><td>{{ finding.actor }}</td><td>{{ finding.description }}
<ul>{% for reason in finding.reasons %}<li><b>{{ reason.name.as_str() }}</b> {{ reason.sentence }}</li>{% endfor %}</ul>
<details><summary>Record</summary><pre>{{ finding.record }}</pre></details></td></tr>
"#
)]
struct Row<'a> {
    finding: &'a Finding,
    organization: &'a str,
}

/// A threat on the time line.
struct Moment {
    id: String,
    time: String,
    severity: &'static str,
    text: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"</tbody></table>
<h2>Time line of threats</h2>{% if moments.is_empty() %}<p>No threats.</p>{% endif %}
<ol class="line">{% for moment in moments %}<li><a href="#f{{ moment.id }}">{{ moment.time }}</a>
<span class="{{ moment.severity }}">{{ moment.severity }}</span> {{ moment.text }}</li>
{% endfor %}</ol><script>{{ script|safe }}</script></body></html>
"##
)]
struct Foot<'a> {
    moments: &'a [Moment],
    script: &'a str,
}

/// Writes the page; gives the number of threats.
pub(super) fn write(reading: &Reading, out: &mut dyn Write) -> Result<u64, ScanError> {
    let domains: Vec<_> = reading.organizations.accepted_domains().iter().map(|domain| domain.as_str()).collect();
    let domains = if domains.is_empty() { "none".to_owned() } else { domains.join(", ") };
    let (records, selected) = (reading.records, reading.selected);
    let (broken, broken_count) = (reading.broken.told(), reading.broken.count());
    put(out, &Head { style: STYLE, records, selected, broken, broken_count, domains })?;
    let mut moments = Vec::new();
    let threats = reading.judge(|organization, finding| {
        moments.extend(moment(&finding));
        put(out, &row(organization, &finding))
    })?;
    put(out, &Foot { moments: &moments, script: SCRIPT })?;
    Ok(threats)
}

fn row<'a>(organization: &'a Organization, finding: &'a Finding) -> Row<'a> {
    Row { finding, organization: &organization.name }
}

fn moment(finding: &Finding) -> Option<Moment> {
    finding.threat.then(|| Moment {
        id: finding.record_id.to_string(),
        time: finding.event_time.format("%Y-%m-%d %H:%M:%S").to_string(),
        severity: finding.severity.as_str(),
        text: format!("{} on {} by {}", finding.operation, finding.mailbox, finding.actor),
    })
}

fn put(out: &mut dyn Write, template: &impl Template) -> io::Result<()> {
    let page = template.render().map_err(io::Error::other)?;
    out.write_all(page.as_bytes())
}
