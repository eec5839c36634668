//! The page of a provider with everything that a report can show: nothing sticks out of a window, a phone or a sheet of paper.
//!
//! With `TENANTWATCH_STATUS_IMAGES` the pictures of docs/status.md are written into that folder, and `status.pdf`, whose sheets
//! `status-print.png` shows side by side: `TENANTWATCH_STATUS_IMAGES=docs/images cargo test --test it -- status::layout`

use super::rows::tenant;
use super::*;
use crate::browser::Browser;
use crate::remediation::remediation_fixture::threat;
use base::ids::{RunId, TenantId};
use tenantwatch::detection::{FindingKind, Severity};
use tenantwatch::tables::{FindingState, ProcessedRow};
use uuid::Uuid;

/// Domain and display name of the customers.
const CUSTOMERS: [(&str, &str); 9] = [
    ("adatum.com", "A. Datum Corporation"),
    ("alpineskihouse.com", "Alpine Ski House"),
    ("contoso.com", "Contoso"),
    ("fabrikam.com", "Fabrikam Inc."),
    ("litwareinc.com", "Litware, Inc."),
    ("northwindtraders.com", "Northwind Traders"),
    ("tailspintoys.com", "Tailspin Toys"),
    ("wingtiptoys.com", "Wingtip Toys"),
    ("woodgrovebank.com", "Woodgrove Bank"),
];

const PEOPLE: [&str; 6] =
    ["megan.bowen", "diego.siciliani", "alex.wilber", "isaiah.langer", "johanna.lorenz", "lidia.holloway"];

const TECHNICIANS: [&str; 3] = ["lena.kraus", "omar.haddad", "tess.ward"];

const KINDS: [(FindingKind, &str, Severity); 5] = [
    (FindingKind::InboxForward, "", Severity::High),
    (FindingKind::MailboxPermission, "", Severity::Medium),
    (FindingKind::InboxRule, "Invoices", Severity::High),
    (FindingKind::Consent, "", Severity::High),
    (FindingKind::InboxRule, ".", Severity::Medium),
];

/// Returns what the daily look found, in the words of the items.
fn readiness(missing: &[(&str, &str)]) -> [(&'static str, Column); 2] {
    let items: Vec<Value> =
        missing.iter().map(|(item, detail)| json!({"Item": item, "State": "missing", "Detail": detail})).collect();
    [("Readiness", text(&json!(items).to_string())), ("ReadinessAt", Column::Time(hours_ago(7)))]
}

/// Returns what is unusual in the row of a customer.
fn unusual(domain: &str) -> Vec<(&'static str, Column)> {
    let permission = "the app does not have this permission in the tenant";
    match domain {
        "fabrikam.com" => vec![
            ("State", text("ConsentMissing")),
            ("Since", Column::Time(hours_ago(70))),
            ("CoveredUntil", Column::Time(hours_ago(70))),
            ("LastOutcome", text("AADSTS65001: the app is not consented to in this tenant")),
        ],
        "northwindtraders.com" => {
            let gap = json!([{"From": stamp(hours_ago(400)), "To": stamp(hours_ago(394))}]);
            vec![("Gaps", text(&gap.to_string()))]
        }
        "adatum.com" => {
            let found = readiness(&[
                ("User-PasswordProfile.ReadWrite.All", permission),
                ("DelegatedPermissionGrant.ReadWrite.All", permission),
                ("User Administrator", "the directory role is not assigned to the app"),
            ]);
            [vec![("OwedCount", Column::Int(2))], found.to_vec()].concat()
        }
        "wingtiptoys.com" => {
            let detail = "no record of mailbox auditing was seen in the last 7 days; 14 mailboxes have auditing by default \
                only, which may not reach the feed without Audit Premium";
            readiness(&[
                ("MailboxAuditing", detail),
                ("Audit.SharePoint", "the subscription was never started, or is disabled"),
            ])
            .to_vec()
        }
        "litwareinc.com" => readiness(&[(
            "Exchange",
            "Exchange Online answered 403: The role assigned to application isn't supported in this scenario.",
        )])
        .to_vec(),
        _ => readiness(&[]).to_vec(),
    }
}

/// Returns the id of a customer, and one of no customer for the service itself.
fn id_of(domain: &str) -> TenantId {
    let number = (1..).zip(CUSTOMERS).find(|(_, (own, _))| *own == domain).map_or(0, |(number, _)| number);
    TenantId::new(Uuid::from_u128(number))
}

/// Returns the threat of that number: every fourth day one more, each in another account.
fn attack(number: u128) -> ProcessedRow {
    let index = usize::try_from(number).unwrap();
    let hours = 12 + i64::try_from(index * index).unwrap() * 2;
    let (domain, name) = CUSTOMERS[index * 5 % CUSTOMERS.len()];
    let (kind, rule_name, severity) = KINDS[index % KINDS.len()];
    let minutes = i64::try_from(index * 7 % 29).unwrap();
    let event = hours_ago(hours) + TimeDelta::minutes(minutes);
    let available = event + TimeDelta::minutes(5 + minutes);
    ProcessedRow {
        domain: domain.parse().unwrap(),
        tenant_id: id_of(domain),
        organization: name.to_owned(),
        kind,
        severity,
        rule_name: rule_name.to_owned(),
        source_mailbox: format!("{}@{domain}", PEOPLE[index % PEOPLE.len()]),
        event_time: event,
        content_created: Some(available),
        notified: [("flow".to_owned(), Some(available + TimeDelta::minutes(1 + minutes % 4)))].into(),
        incident_id: format!("incident {number}"),
        state: if index % 7 == 3 { FindingState::Dismissed } else { FindingState::Sent },
        ..threat(number, event)
    }
}

/// The events of the reading itself: partition, word, and how many hours ago it was so and was stored.
const NOTICES: [(&str, &str, i64, i64); 6] = [
    ("woodgrovebank.com", "Late", 120, 120),
    ("woodgrovebank.com", "Healthy", 100, 100),
    ("contoso.com", "AccessLost", 300, 300),
    ("contoso.com", "Healthy", 262, 262),
    ("fabrikam.com", "ConsentMissing", 70, 70),
    ("service", "Standstill", 560, 550),
];

fn noticed(number: u128, (partition, what, at, stored): (&str, &str, i64, i64)) -> ProcessedRow {
    ProcessedRow {
        domain: partition.parse().unwrap(),
        tenant_id: id_of(partition),
        kind: FindingKind::Coverage,
        threat: false,
        operation: what.to_owned(),
        event_time: hours_ago(at),
        processed_at: hours_ago(stored),
        ..threat(number, hours_ago(at))
    }
}

/// Returns the run that a technician, or the containment, started for a threat. Two threats are left open.
fn answer_to(attack: &ProcessedRow, number: u128) -> Option<ActionRow> {
    let index = usize::try_from(number).unwrap();
    let (action, status) = match index {
        0 => return None,
        1 => ("Remediate", "CompletedWithErrors"),
        2 => ("Contain", "Completed"),
        _ if attack.state == FindingState::Dismissed => ("Dismiss", "Dismissed"),
        _ => ("Remediate", "Completed"),
    };
    let started = attack.event_time + TimeDelta::minutes(40 + i64::try_from(index * 11 % 60).unwrap());
    Some(ActionRow {
        domain: attack.domain.clone(),
        record_id: attack.record_id,
        run_id: RunId::random(),
        user: attack.source_mailbox.clone(),
        action: action.to_owned(),
        status: status.to_owned(),
        started,
        finished: Some(started + TimeDelta::minutes(1)),
        steps: "[]".to_owned(),
        snapshot: String::new(),
        reason: match action {
            "Contain" => String::new(),
            _ => format!("Requested by {}@msp.example", TECHNICIANS[index % TECHNICIANS.len()]),
        },
        mailbox: String::new(),
        account_ids: String::new(),
        incident_id: attack.incident_id.clone(),
        seal: String::new(),
    })
}

async fn report_of_a_provider() -> String {
    let data = Data::empty();
    let store = data.store();
    let long_ago = Column::Time(hours_ago(24 * 60));
    for (number, (domain, name)) in (1..).zip(CUSTOMERS) {
        let usual = [("DisplayName", text(name)), ("ReadFrom", long_ago.clone()), ("Since", long_ago.clone())];
        let row = tenant(number, domain, &[usual.to_vec(), unusual(domain)].concat());
        store.insert(COVERAGE, &row).await.unwrap();
    }
    for (number, notice) in (100..).zip(NOTICES) {
        store.insert(PROCESSED, &noticed(number, notice).to_entity()).await.unwrap();
    }
    for number in 0..18 {
        let attack = attack(number);
        store.insert(PROCESSED, &attack.to_entity()).await.unwrap();
        if let Some(run) = answer_to(&attack, number) {
            store.insert(ACTIONS, &run.to_entity(false)).await.unwrap();
        }
    }
    let answer = data.status(&["--format", "html"]).await;
    assert_eq!(answer.code, Some(0), "{}", answer.err);
    answer.out
}

/// Returns the elements that are wider than their place, with their text.
pub const STICKING_OUT: &str = "[...document.querySelectorAll('body *')].filter(e => e.scrollWidth > e.clientWidth + 1 && \
    e.clientWidth > 0 && getComputedStyle(e).display !== 'inline').map(e => e.tagName + ': ' + e.innerText).join('\\n') + \
    (document.documentElement.scrollWidth > innerWidth ? '\\npage: ' + document.documentElement.scrollWidth : '')";

/// Returns the words that a table breaks in two: those whose letters are on different lines.
const BROKEN_WORDS: &str = "(() => { const broken = []; const range = document.createRange(); \
    for (const cell of document.querySelectorAll('td')) { \
      const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT); \
      while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(/[^\\s@.-]+/g)) { \
        range.setStart(texts.currentNode, word.index); range.setEnd(texts.currentNode, word.index + word[0].length); \
        if (new Set([...range.getClientRects()].map(r => Math.round(r.top))).size > 1) broken.push(word[0]); } } \
    return broken.join(', '); })()";

#[tokio::test(flavor = "multi_thread")]
async fn report_fits_a_window_a_phone_and_a_sheet() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("report.html");
    std::fs::write(&file, report_of_a_provider().await).unwrap();
    let Some(mut browser) = Browser::open(&format!("file://{}", file.display())).await else { return };
    browser.wait_until("document.readyState === 'complete'").await;
    // A sheet of A4 has 182 mm between its margins.
    for (view, width, media) in [("", 1400, "screen"), ("-narrow", 400, "screen"), ("-print", 688, "print")] {
        browser.show_as(width, media).await;
        assert_eq!(browser.evaluate(STICKING_OUT).await, "", "{width} px, {media}");
        assert_eq!(browser.evaluate(BROKEN_WORDS).await, "", "{width} px, {media}");
        if let Some(images) = std::env::var_os("TENANTWATCH_STATUS_IMAGES") {
            let write = |name: String, image: Vec<u8>| std::fs::write(Path::new(&images).join(name), image).unwrap();
            let section = "[...document.querySelectorAll('section')].at(-1)";
            write(format!("readiness{view}.png"), browser.screenshot_of(section).await);
            match media {
                "print" => write("status.pdf".to_owned(), browser.pdf().await),
                _ if width == 400 => {
                    write("status-narrow.png".to_owned(), browser.screenshot_of_top(width, 2_400).await)
                }
                _ => write("status.png".to_owned(), browser.screenshot().await),
            }
        }
    }
}
