//! The sections of the page: tables and lists.

use std::net::IpAddr;

use chrono::NaiveDateTime;

use super::{MINUTE, minute, readable};
use crate::cli::investigate::texts::{harmless, whose};
use crate::investigation::{ChangeState, Known, LIMITS, Noted, Report, Session};

/// One section.
#[derive(Default)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) lines: Vec<String>,
    pub(super) list: Vec<String>,
    pub(super) tables: Vec<Table>,
}

/// A table with a title, or with none.
pub(super) struct Table {
    pub(super) title: &'static str,
    pub(super) headings: Vec<&'static str>,
    pub(super) rows: Vec<Row>,
    pub(super) more: usize,
}

/// A row of a table.
pub(super) struct Row {
    pub(super) class: &'static str,
    /// Each with its class.
    pub(super) cells: Vec<(&'static str, String)>,
    /// A long text over the whole width below them, or an empty one.
    pub(super) below: String,
}

/// Rows of one table of the page.
const ROWS: usize = 500;

/// Words that are longer may be broken anywhere, so that a narrow page has room for them.
const LONG_WORD: usize = 28;

impl Table {
    fn new(title: &'static str, headings: &'static [&'static str], mut rows: Vec<Row>) -> Self {
        let more = rows.len().saturating_sub(ROWS);
        rows.truncate(ROWS);
        // A column without any content tells nothing.
        let is_filled = |at: usize| rows.iter().any(|row| row.cells.get(at).is_some_and(|(_, cell)| !cell.is_empty()));
        let filled: Vec<bool> = (0..headings.len()).map(is_filled).collect();
        let kept = |at: usize| filled.get(at).copied().unwrap_or_default();
        for row in &mut rows {
            let cells = std::mem::take(&mut row.cells).into_iter().enumerate();
            row.cells = cells.filter(|(at, _)| kept(*at)).map(|(_, cell)| cell).collect();
        }
        let headings = headings.iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, heading)| *heading).collect();
        Self { title, headings, rows, more }
    }
}

fn row(cells: impl IntoIterator<Item = String>) -> Row {
    let is_time = |cell: &str| cell.len() == 16 && NaiveDateTime::parse_from_str(cell, MINUTE).is_ok();
    let is_addresses = |cell: &str| cell.split(", ").all(|part| part.parse::<IpAddr>().is_ok());
    let class = |cell: &str| match cell {
        cell if is_time(cell) => "nowrap",
        cell if is_addresses(cell) => "ip",
        cell if cell.len() > 60 || cell.split([' ', '-']).any(|word| word.len() > LONG_WORD) => "long",
        _ => "",
    };
    let cells = cells.into_iter().map(|cell| (class(&cell), cell)).collect();
    Row { class: "", cells, below: String::new() }
}

/// Returns the sections in their order.
pub(super) fn sections(report: &Report) -> Vec<Section> {
    let all = vec![
        Section {
            title: "How it began",
            lines: std::iter::once(&report.origin)
                .chain(&report.beginning)
                .filter(|text| !text.is_empty())
                .map(|text| readable(text))
                .collect(),
            ..Section::default()
        },
        Section {
            title: "Addresses and sessions",
            tables: vec![addresses(report), sessions(report)],
            ..Section::default()
        },
        Section { title: "Mail", tables: mail(report), ..Section::default() },
        Section { title: "Files", lines: unknown_files(report), tables: vec![files(report)], ..Section::default() },
        Section { title: "Changes", tables: vec![changes(report)], ..Section::default() },
        Section { title: "Other accounts", tables: vec![others(report)], ..Section::default() },
        Section {
            title: "Response, and what happened after it",
            tables: vec![
                noted("What was done", &report.response),
                noted("The attacker after the first response", &report.after_response),
            ],
            ..Section::default()
        },
        Section {
            title: "What the data cannot show",
            list: report
                .not_logged
                .iter()
                .map(|text| readable(text))
                .chain(LIMITS.iter().map(|text| (*text).to_owned()))
                .collect(),
            ..Section::default()
        },
    ];
    all.into_iter().map(only_filled).collect()
}

/// Drops empty tables; a section with none of its tables says so.
fn only_filled(mut section: Section) -> Section {
    section.tables.retain(|table| !table.rows.is_empty());
    if section.tables.is_empty() && section.lines.is_empty() && section.list.is_empty() {
        section.lines.push("Nothing is recorded.".to_owned());
    }
    section
}

fn addresses(report: &Report) -> Table {
    let rows = report.addresses.iter().map(|address| Row {
        class: address.attribution.as_str(),
        cells: vec![
            ("ip", address.ip.to_string()),
            ("whose", whose(address.attribution).to_owned()),
            ("why", address.rule.as_text().to_owned()),
            ("", readable(&address.place)),
            ("", readable(&address.network)),
            ("nowrap", minute(address.first)),
            ("nowrap", minute(address.last)),
            ("number", address.activities.to_string()),
        ],
        below: match address.clients.join(" · ") {
            clients if clients.is_empty() => clients,
            clients => format!("Clients: {}", attacker_text(&clients)),
        },
    });
    Table::new(
        "Addresses",
        &["Address", "Whose", "Why", "Place", "Network", "First", "Last", "Records"],
        rows.collect(),
    )
}

fn sessions(report: &Report) -> Table {
    let ips = |session: &Session| session.ips.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let rows = report.sessions.iter().map(|session| {
        let shared = if session.is_shared { "yes: only the attacker's addresses count" } else { "no" };
        row([
            readable(&session.session),
            readable(&session.account),
            ips(session),
            shared.to_owned(),
            minute(session.first),
            minute(session.last),
            session.activities.to_string(),
        ])
    });
    let headings = &["Session", "Account", "Addresses", "Shared with the owner", "First", "Last", "Acts"];
    Table::new("Sessions of the attacker", headings, rows.collect())
}

fn mail(report: &Report) -> Vec<Table> {
    let sent = report.sent.iter().map(|sent| {
        let to = if sent.recipients.is_empty() { "not logged".to_owned() } else { sent.recipients.join(", ") };
        row([minute(sent.time), attacker_text(&sent.subject), attacker_text(&to), readable(&sent.mailbox)])
    });
    let read = report.read.iter().map(|read| {
        row([attacker_text(&read.folder), read.messages.to_string(), size(read.bytes), readable(&read.mailbox)])
    });
    let synced = report.synchronised.iter().map(|synced| {
        row([
            attacker_text(&synced.folder),
            "every message: assume that all of it was taken".to_owned(),
            readable(&synced.mailbox),
        ])
    });
    let deleted = report.deleted.iter().map(|deleted| {
        row([
            minute(deleted.time),
            attacker_text(&deleted.subject),
            attacker_text(&deleted.folder),
            attacker_text(&deleted.operation),
        ])
    });
    vec![
        Table::new("Sent", &["Time", "Subject", "To", "Mailbox"], sent.collect()),
        Table::new("Read, by folder", &["Folder", "Messages", "Size", "Mailbox"], read.collect()),
        Table::new("Folders copied as a whole", &["Folder", "What", "Mailbox"], synced.collect()),
        noted("Searches", &report.searches),
        Table::new("Deleted", &["Time", "Subject", "Folder", "Operation"], deleted.collect()),
    ]
}

/// The page does not say "nothing" of what is not logged.
fn unknown_files(report: &Report) -> Vec<String> {
    let text = match report.worth.files {
        Known::NotLogged => "Files are not logged here.",
        Known::Unknown => "Not all records of files were read.",
        _ => return Vec::new(),
    };
    vec![text.to_owned()]
}

fn files(report: &Report) -> Table {
    let rows = report.files.iter().map(|file| {
        let cells = [minute(file.time), attacker_text(&file.name), file.operations.join(", "), size(file.bytes)];
        Row { below: attacker_text(&file.url), ..row(cells) }
    });
    Table::new("", &["Time", "File", "What", "Size"], rows.collect())
}

fn others(report: &Report) -> Table {
    let rows = report.other_accounts.iter().map(|other| {
        let ips: Vec<String> = other.ips.iter().map(ToString::to_string).collect();
        row([
            readable(&other.account),
            other.kind.as_text().to_owned(),
            ips.join(", "),
            minute(other.first),
            minute(other.last),
            other.activities.to_string(),
        ])
    });
    Table::new("", &["Account", "How far", "From", "First", "Last", "Records"], rows.collect())
}

/// The last column has content in a live report only.
fn changes(report: &Report) -> Table {
    let rows = report.changes.iter().map(|change| {
        let mut row = row(cells(&change.noted));
        let class = if change.state == Some(ChangeState::Present) { "bad" } else { "" };
        row.cells.push((class, change.state.map_or("", ChangeState::as_text).to_owned()));
        row
    });
    Table::new("", &["Time", "Account", "Operation", "What", "Now"], rows.collect())
}

fn noted(title: &'static str, rows: &[Noted]) -> Table {
    let rows = rows.iter().map(|noted| row(cells(noted)));
    Table::new(title, &["Time", "Account", "Operation", "What"], rows.collect())
}

fn cells(noted: &Noted) -> [String; 4] {
    [minute(noted.time), readable(&noted.account), readable(&noted.operation), attacker_text(&noted.text)]
}

fn size(bytes: u64) -> String {
    match bytes {
        0 => String::new(),
        1..1_000 => format!("{bytes} B"),
        1_000..1_000_000 => format!("{} kB", bytes / 1_000),
        _ => format!("{}.{} MB", bytes / 1_000_000, bytes / 100_000 % 10),
    }
}

/// Text of an attacker's choice: no address in it is made a link by a mail program.
fn attacker_text(text: &str) -> String {
    readable(&harmless(text))
}
