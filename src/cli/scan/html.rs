//! Findings as one page that needs nothing else and that a customer can be shown.

use std::collections::BTreeMap;
use std::io::Write;

use askama::Template;
use chrono::{DateTime, Utc};

use super::broken::BrokenPart;
use super::findings::FindingGroup;
use super::{Reading, ScanError};
use crate::cli::page::{hash, put, readable};
use crate::detection::Severity;
use crate::investigation::counted;
use crate::location::parse_client_ip;

const STYLE: &str = concat!(include_str!("../page/base.css"), include_str!("page.css"));
const SCRIPT: &str = include_str!("page.js");

/// The width of the time line's drawing, and the margin on both sides of it.
const LINE_WIDTH: f64 = 1_000.0;
const LINE_MARGIN: f64 = 20.0;

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{{ style_hash }}'; script-src '{{ script_hash }}'">
<title>Audit log scan</title><style>{{ style|safe }}</style></head><body>
<header><h1>Audit log scan</h1>
<p>{% if !all_first.is_empty() %}Findings from <time>{{ all_first }}</time> to <time>{{ all_last }} UTC</time>. {% endif %}Accepted domains: {{ domains }}.</p>
<dl class="numbers">
<div><dt>Records</dt><dd>{{ records }}</dd></div>
<div><dt>Evaluated</dt><dd>{{ selected }}</dd></div>
<div class="{% if threats > 0 %}High{% endif %}"><dt>Threats</dt><dd>{{ threats }}</dd></div>
<div><dt>Accounts with threats</dt><dd>{{ accounts.len() }}</dd></div>
<div><dt>Recorded without a threat</dt><dd>{{ recorded }}</dd></div>
<div class="{% if broken_count > 0 %}Medium{% endif %}"><dt>Malformed</dt><dd>{{ broken_count }}</dd></div>
</dl>
{% if !broken.is_empty() %}<details class="malformed"><summary>Malformed parts: they were not evaluated and may hide a threat</summary><ul>
{% for part in broken %}<li>{{ part.file }}:{{ part.line }}: {{ part.error }}</li>
{% endfor %}</ul>{% if broken_count > broken.len() as u64 %}<p>The first {{ broken.len() }} of {{ broken_count }}.</p>{% endif %}</details>{% endif %}
</header>
{% if dots.is_empty() %}<p class="clean">No threats were found.</p>{% else %}<section><h2>Time line of threats</h2>
<svg viewBox="0 0 1000 60" role="img" aria-label="Threats from {{ first }} to {{ last }} UTC">
<line class="axis" x1="20" y1="40" x2="980" y2="40"/>
{% for dot in dots %}<a href="#f{{ dot.id }}"><circle class="{{ dot.severity }}" cx="{{ dot.x }}" cy="{{ dot.y }}" r="6"><title>{{ dot.title }}</title></circle></a>
{% endfor %}</svg><p class="ends"><time>{{ first }}</time> <time>{{ last }} UTC</time></p></section>{% endif %}
<p class="filter"><label>Filter <input id="filter" type="search" placeholder="account, address, rule, reason"></label></p>
{% if !accounts.is_empty() %}<h2>Threats by account</h2>{% endif %}
"##
)]
struct Head<'a> {
    style: &'static str,
    style_hash: String,
    script_hash: String,
    all_first: String,
    all_last: String,
    domains: String,
    records: u64,
    selected: u64,
    threats: usize,
    recorded: usize,
    accounts: &'a [Account<'a>],
    broken: Vec<BrokenPart>,
    broken_count: u64,
    dots: Vec<Dot>,
    first: String,
    last: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<article class="finding {{ severity }}" id="f{{ id }}"><h3><span class="badge">{{ severity }}</span> {{ kind }}{% if !name.is_empty() %} “{{ name }}”{% endif %}</h3>
<p class="when"><time>{{ time }} UTC</time> · {{ operation }} by {{ actor }}{% if !ip.is_empty() %} from {{ ip }}{% endif %}{% if !repeats.is_empty() %} · {{ repeats }}{% endif %}</p>
{% if !description.is_empty() %}<p>{{ description }}</p>{% endif %}
<ul>{% for sentence in sentences %}<li>{{ sentence }}</li>{% endfor %}</ul>
{% if !command.is_empty() %}<details><summary>What did the attacker do?</summary><pre>{{ command }}</pre></details>
{% endif %}<details><summary>Record</summary><pre>{{ record }}</pre></details></article>
"#
)]
struct Card {
    id: String,
    severity: &'static str,
    kind: &'static str,
    name: String,
    time: String,
    operation: String,
    actor: String,
    ip: String,
    repeats: String,
    description: String,
    sentences: Vec<String>,
    /// The command that investigates it.
    command: String,
    record: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<details class="recorded"><summary>{{ title }}</summary><table><thead><tr><th>Time (UTC)</th><th>Type</th><th>Account</th><th>Operation</th><th>What</th></tr></thead><tbody>
"#
)]
struct RecordedHead {
    title: String,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<tr class="finding" id="f{{ id }}"><td><time>{{ date }}</time> <time>{{ time }}</time></td><td>{{ kind }}</td><td>{{ account }}</td><td>{{ operation }}</td><td>{{ what }}</td></tr>
"#
)]
struct RecordedRow {
    id: String,
    date: String,
    time: String,
    kind: &'static str,
    account: String,
    operation: String,
    what: String,
}

/// The threats to one account.
struct Account<'a> {
    name: String,
    organization: String,
    threats: Vec<&'a FindingGroup>,
}

/// A threat on the time line.
struct Dot {
    id: String,
    x: String,
    y: u32,
    severity: &'static str,
    title: String,
}

/// Writes the page.
pub(super) fn write(reading: &Reading, groups: &[FindingGroup], out: &mut dyn Write) -> Result<(), ScanError> {
    let (threats, recorded): (Vec<&FindingGroup>, Vec<&FindingGroup>) =
        groups.iter().partition(|group| group.finding.threat);
    let accounts = by_account(reading, &threats);
    put(out, &head(reading, groups, &accounts, threats.len(), recorded.len()))?;
    for account in &accounts {
        let (name, organization) = (escaped(&account.name), escaped(&account.organization));
        writeln!(out, "<section class=\"account\"><h2>{name} <small>{organization}</small></h2>")?;
        for group in &account.threats {
            put(out, &card(group, command(&reading.files, group), reading.record(group)?))?;
        }
        writeln!(out, "</section>")?;
    }
    let title = format!("{} recorded without a threat", counted(recorded.len() as u64, "finding"));
    if !recorded.is_empty() {
        put(out, &RecordedHead { title })?;
        for group in &recorded {
            put(out, &recorded_row(group))?;
        }
        writeln!(out, "</tbody></table></details>")?;
    }
    writeln!(out, "<script>{SCRIPT}</script></body></html>")?;
    Ok(())
}

/// Accounts in the order of their worst threat; the threats of one in the order of time.
fn by_account<'a>(reading: &Reading, threats: &[&'a FindingGroup]) -> Vec<Account<'a>> {
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    let mut accounts: Vec<Account<'a>> = Vec::new();
    for group in threats {
        let finding = &group.finding;
        let name = if finding.mailbox.is_empty() { &finding.actor } else { &finding.mailbox };
        let place = *places.entry(name.to_lowercase()).or_insert(accounts.len());
        match accounts.get_mut(place) {
            Some(account) => account.threats.push(group),
            None => accounts.push(Account {
                name: readable(name),
                organization: readable(&reading.organization(group).name),
                threats: vec![group],
            }),
        }
    }
    for account in &mut accounts {
        account.threats.sort_by_key(|group| group.first);
    }
    accounts
}

fn head<'a>(
    reading: &Reading,
    groups: &[FindingGroup],
    accounts: &'a [Account<'a>],
    threats: usize,
    recorded: usize,
) -> Head<'a> {
    let domains: Vec<_> = reading.organizations.accepted_domains().iter().map(|domain| domain.as_str()).collect();
    let times = || accounts.iter().flat_map(|account| &account.threats);
    let (first, last) = (times().map(|group| group.first).min(), times().map(|group| group.last).max());
    let text = |time: Option<DateTime<Utc>>| time.map(minute).unwrap_or_default();
    let broken = reading.broken.told().iter().map(|part| BrokenPart {
        file: readable(&part.file),
        line: part.line,
        error: readable(&part.error),
    });
    Head {
        style: STYLE,
        style_hash: hash(STYLE),
        script_hash: hash(SCRIPT),
        all_first: text(groups.iter().map(|group| group.first).min()),
        all_last: text(groups.iter().map(|group| group.last).max()),
        domains: if domains.is_empty() { "none".to_owned() } else { domains.join(", ") },
        records: reading.records,
        selected: reading.selected,
        threats,
        recorded,
        accounts,
        broken: broken.collect(),
        broken_count: reading.broken.count(),
        dots: dots(accounts, first, last),
        first: text(first),
        last: text(last),
    }
}

fn dots(accounts: &[Account<'_>], first: Option<DateTime<Utc>>, last: Option<DateTime<Utc>>) -> Vec<Dot> {
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    #[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
    let seconds = |time: DateTime<Utc>| (time - first).num_seconds() as f64;
    let length = seconds(last).max(1.0);
    let groups = accounts.iter().flat_map(|account| account.threats.iter().map(move |group| (account, group)));
    let dot = |(account, group): (&Account<'_>, &&FindingGroup)| {
        let x = LINE_MARGIN + seconds(group.first) / length * (LINE_WIDTH - 2.0 * LINE_MARGIN);
        let severity = group.finding.severity;
        Dot {
            id: group.finding.record_id.to_string(),
            x: format!("{x:.1}"),
            y: if severity == Severity::High { 24 } else { 40 },
            severity: severity.as_str(),
            title: format!("{} UTC, {}: {}", minute(group.first), account.name, group.finding.kind.as_str()),
        }
    };
    groups.map(dot).collect()
}

fn card(group: &FindingGroup, command: String, record: String) -> Card {
    let finding = &group.finding;
    let repeats = match group.log_ids.len() {
        1 => String::new(),
        times => format!("{times} times, the last one at {}", minute(group.last)),
    };
    Card {
        id: finding.record_id.to_string(),
        severity: finding.severity.as_str(),
        kind: finding.kind.as_str(),
        name: readable(&finding.rule_name),
        time: group.first.format("%Y-%m-%d %H:%M:%S").to_string(),
        operation: readable(&finding.operation),
        actor: readable(&finding.actor),
        ip: finding.client_ip.as_deref().and_then(parse_client_ip).map(|ip| ip.to_string()).unwrap_or_default(),
        repeats,
        description: readable(&finding.description),
        sentences: finding.reasons.iter().map(|reason| readable(&reason.sentence)).collect(),
        command: readable(&command),
        record: readable(&record),
    }
}

/// Returns the command that tells what the attacker did, empty where the record names no account by its address.
fn command(files: &[String], group: &FindingGroup) -> String {
    let finding = &group.finding;
    let account = [&finding.mailbox, &finding.actor].into_iter().find(|name| name.contains('@'));
    let Some(account) = account else { return String::new() };
    let files: Vec<String> =
        files.iter().map(|file| if file == "-" { "FILE".to_owned() } else { quoted(file) }).collect();
    format!(
        "tenantwatch investigate {} --account {} --log-id {} --format html --output report.html",
        files.join(" "),
        quoted(account),
        finding.record_id
    )
}

/// A word for a shell. An attacker chooses the name of an account, and a person copies the command.
fn quoted(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@._+-/".contains(c);
    let begins_plain = word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '/' || c == '.');
    if begins_plain && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

fn recorded_row(group: &FindingGroup) -> RecordedRow {
    let finding = &group.finding;
    let sentences: Vec<String> = finding.reasons.iter().map(|reason| readable(&reason.sentence)).collect();
    let what = if sentences.is_empty() { readable(&finding.description) } else { sentences.join(" ") };
    let account = if finding.mailbox.is_empty() { &finding.actor } else { &finding.mailbox };
    RecordedRow {
        id: finding.record_id.to_string(),
        date: group.first.format("%Y-%m-%d").to_string(),
        time: group.first.format("%H:%M:%S").to_string(),
        kind: finding.kind.as_str(),
        account: readable(account),
        operation: readable(&finding.operation),
        what,
    }
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

fn escaped(text: &str) -> String {
    askama::filters::escape(text, askama::filters::Html).map(|safe| safe.to_string()).unwrap_or_default()
}
