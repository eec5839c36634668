//! The report as one page that needs nothing else and contains no script.

mod drawing;
mod sections;

use std::io::Write;

use askama::Template;
use chrono::{DateTime, Utc};

use super::InvestigateError;
use super::texts::whose;
use crate::casework::Made;
use crate::cli::page::{self, hash, put};
use crate::investigation::{ActivityRow, Known, Report, Timeline, access_lasted, number, signed_in};
use sections::{Section, sections};

const STYLE: &str = include_str!("page.css");

/// The format of times on the page.
const MINUTE: &str = "%Y-%m-%d %H:%M";

/// Rows of the annex; the CSV has all.
const ANNEX: u64 = 5_000;

#[derive(Template)]
#[template(
    ext = "html",
    source = r##"<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src '{{ style_hash }}'">
<title>Investigation of {{ account }}</title><style>{{ style|safe }}</style></head><body>
<header><h1>Investigation of {{ account }}</h1>
<p class="quiet">Records from <time>{{ from }}</time> to <time>{{ to }} UTC</time>{% if !tenant.is_empty() %} · tenant {{ tenant }}{% endif %}</p>
<p class="verdict">{{ verdict }}</p>
{% for text in warnings %}<p class="warning">{{ text }}</p>
{% endfor %}<dl class="tiles">{% for tile in tiles %}
<div class="{{ tile.class }}"><dt>{{ tile.title }}</dt><dd>{{ tile.value }}</dd></div>{% endfor %}
</dl></header>
{% if !marks.is_empty() %}<section><h2>Time line</h2><div class="chart">
<svg viewBox="0 0 1000 {{ bottom + 26 }}" role="img" aria-label="Activities from {{ begin }} to {{ end }} UTC">
{% for lane in lanes %}<text x="0" y="{{ lane.text }}">{{ lane.title }}</text>{% for y in lane.rows %}<line class="lane" x1="90" x2="1000" y1="{{ y }}" y2="{{ y }}"/>{% endfor %}
{% endfor %}{% for tick in ticks %}<line class="lane" x1="{{ tick.x }}" x2="{{ tick.x }}" y1="8" y2="{{ bottom }}"/><text x="{{ tick.x }}" y="{{ bottom + 20 }}" text-anchor="{{ tick.anchor }}">{{ tick.title }}</text>
{% endfor %}{% if !alarm.is_empty() %}<line class="alarm" x1="{{ alarm }}" x2="{{ alarm }}" y1="4" y2="{{ bottom }}"><title>first record of the threat</title></line>
{% endif %}{% for mark in marks %}<path class="{{ mark.class }}" d="{{ mark.shape }}" transform="translate({{ mark.x }} {{ mark.y }})"><title>{{ mark.title }}</title></path>
{% endfor %}</svg></div>
<p class="key">{% for (class, shape, title) in key %}<span><svg viewBox="-8 -8 16 16"><path class="{{ class }}" d="{{ shape }}"/></svg>{{ title }}</span>{% endfor %}<span>dashed line: first record of the threat</span></p></section>
{% endif %}{% for section in sections %}<section><h2>{{ section.title }}</h2>
{% for line in section.lines %}<p>{{ line }}</p>
{% endfor %}{% if !section.list.is_empty() %}<ul>{% for item in section.list %}<li>{{ item }}</li>
{% endfor %}</ul>{% endif %}{% for table in section.tables %}{% if !table.title.is_empty() %}<h3>{{ table.title }}</h3>{% endif %}
<div class="table"><table class="stack"><thead><tr>{% for heading in table.headings %}<th>{{ heading }}</th>{% endfor %}</tr></thead><tbody>
{% for row in table.rows %}<tr class="{{ row.class }}{% if !row.below.is_empty() %} above{% endif %}">{% for (class, cell) in row.cells %}<td class="{{ class }}" data-label="{{ table.headings[loop.index0] }}">{% for part in self::parts(class, cell) %}{% if !loop.first %}<wbr>{% endif %}{{ part }}{% endfor %}</td>{% endfor %}</tr>
{% if !row.below.is_empty() %}<tr class="below"><td></td><td colspan="{{ row.cells.len() - 1 }}">{{ row.below }}</td></tr>
{% endif %}{% endfor %}</tbody></table></div>
{% if table.more > 0 %}<p class="quiet">{{ table.more }} more; the JSON has all.</p>{% endif %}{% endfor %}</section>
{% endfor %}"##
)]
struct Page<'a> {
    style: &'static str,
    style_hash: String,
    account: String,
    tenant: &'a str,
    from: String,
    to: String,
    verdict: String,
    warnings: &'a [String],
    tiles: Vec<Tile>,
    begin: String,
    end: String,
    lanes: Vec<drawing::Lane>,
    ticks: Vec<drawing::Tick>,
    alarm: String,
    marks: Vec<drawing::Mark>,
    bottom: u32,
    key: Vec<(&'static str, &'static str, &'static str)>,
    sections: Vec<Section>,
}

#[derive(Template)]
#[template(
    ext = "html",
    source = r#"<tr class="{{ class }}"><td><time>{{ date }}</time> <time>{{ time }}</time></td><td>{{ account }}{% if !mailbox.is_empty() %}<br><small>mailbox {{ mailbox }}</small>{% endif %}</td><td>{{ operation }}{% if !result.is_empty() %}<br><small>{{ result }}</small>{% endif %}</td><td class="ip">{% for part in self::parts("ip", ip) %}{% if !loop.first %}<wbr>{% endif %}{{ part }}{% endfor %}</td><td class="why"><span class="whose">{{ whose }}</span><br><small>{{ why }}</small></td><td class="id">{{ id }}</td></tr>
"#
)]
struct AnnexRow {
    class: &'static str,
    date: String,
    time: String,
    account: String,
    operation: String,
    result: String,
    mailbox: String,
    ip: String,
    whose: &'static str,
    why: &'static str,
    id: String,
}

struct Tile {
    class: &'static str,
    title: &'static str,
    value: String,
}

/// Writes the page.
pub(super) fn write(made: &Made, warnings: &[String], out: &mut dyn Write) -> Result<(), InvestigateError> {
    let (report, timeline) = (&made.report, &made.timeline);
    put(out, &page_of(report, timeline, made.attribution.alarm, warnings))?;
    write_annex(made, out)?;
    Ok(writeln!(out, "</body></html>")?)
}

fn page_of<'a>(report: &'a Report, timeline: &Timeline, alarm: DateTime<Utc>, warnings: &'a [String]) -> Page<'a> {
    let drawing = drawing::drawing(timeline);
    Page {
        style: STYLE,
        style_hash: hash(STYLE),
        account: readable(&report.account),
        tenant: &report.tenant,
        from: minute(report.from),
        to: minute(report.to),
        verdict: readable(&report.verdict),
        warnings,
        tiles: tiles(report),
        begin: minute(timeline.begin),
        end: minute(timeline.end),
        lanes: drawing.lanes,
        ticks: drawing::ticks(timeline),
        alarm: drawing::alarm(timeline, alarm),
        marks: drawing.marks,
        bottom: drawing.bottom,
        key: drawing::key(),
        sections: sections(report),
    }
}

fn tiles(report: &Report) -> Vec<Tile> {
    let counts = &report.counts;
    let worth = &report.worth;
    let tile = |title, count: u64| Tile { class: if count > 0 { "bad" } else { "" }, title, value: count.to_string() };
    let worth_of = |title, count: u64, known: Known| match known {
        Known::All => tile(title, count),
        _ => Tile { class: "wide", title, value: number(count, known) },
    };
    vec![
        Tile { class: "wide", title: "Access lasted", value: access_lasted(report.access) },
        Tile { class: "wide", title: "Signed in", value: signed_in(counts, worth) },
        worth_of("Messages read", counts.messages_read, worth.messages_read),
        worth_of("Folders synchronised", counts.folders_synchronised, worth.folders_synchronised),
        worth_of("Messages sent", counts.messages_sent, worth.messages_sent),
        worth_of("Messages deleted", counts.messages_deleted, worth.messages_deleted),
        worth_of("Files", counts.files, worth.files),
        tile("Other accounts", counts.other_accounts),
    ]
}

/// The annex is not folded: a print leaves out what is.
fn write_annex(made: &Made, out: &mut dyn Write) -> Result<(), InvestigateError> {
    writeln!(
        out,
        "<section class=\"annex\"><h2>Annex: every record that was looked at</h2><div class=\"table\"><table class=\"stack\"><thead><tr><th>Time (UTC)</th><th>Account</th><th>Operation</th><th>Address</th><th>Whose</th><th>Id</th></tr></thead><tbody>"
    )?;
    let mut count = 0;
    made.activities(|row| -> Result<(), InvestigateError> {
        count += 1;
        if count > ANNEX {
            return Ok(());
        }
        Ok(put(out, &annex_row(row))?)
    })?;
    writeln!(out, "</tbody></table></div>")?;
    if let Some(more @ 1..) = count.checked_sub(ANNEX) {
        writeln!(out, "<p class=\"quiet\">{more} more; --format csv has all.</p>")?;
    }
    Ok(writeln!(out, "</section>")?)
}

fn annex_row(row: &ActivityRow<'_>) -> AnnexRow {
    AnnexRow {
        class: row.attribution.as_str(),
        date: row.time.format("%Y-%m-%d").to_string(),
        time: row.time.format("%H:%M:%S").to_string(),
        account: readable(row.account),
        operation: readable(row.operation),
        result: row.result.to_owned(),
        mailbox: if row.mailbox == row.account { String::new() } else { readable(row.mailbox) },
        ip: row.ip.clone(),
        whose: whose(row.attribution),
        why: row.rule.as_text(),
        id: row.id.to_string(),
    }
}

/// Returns the parts between which the text of a cell may be broken beside the usual places: a long IPv6 address at its colons.
fn parts<'a>(class: &str, cell: &'a str) -> Vec<&'a str> {
    if class == "ip" { cell.split_inclusive(':').collect() } else { vec![cell] }
}

fn minute(time: DateTime<Utc>) -> String {
    time.format(MINUTE).to_string()
}

/// Returns a text of an attacker's choice on one line, without marks that turn or hide text.
fn readable(text: &str) -> String {
    page::readable(text).chars().filter(|c| !c.is_control()).collect()
}
