//! A week of fifty ordinary people, read by ProcessAuditLog as it is published. It must not cause any notification.

mod counterparts;
mod families;
mod place;
mod situations;

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tenantwatch::detection::{FindingKind, Severity};
use tenantwatch::settings::TrustedTarget;
use tenantwatch::tables::{FindingState, ProcessedRow};
use tenantwatch_simulator::Tenant;
use tenantwatch_simulator::records::{self, Envelope, Seeded};
use tenantwatch_simulator::world::{AcceptedDomain, BlobBody};

use crate::collector_fixture::{CONTOSO, CollectorFixture, forwarding_rule};

use place::Place;
use situations::Situation;

const PEOPLE: usize = 50;
const DAYS: i64 = 7;
/// Hours between two runs. Each run finds the content of the hours before it.
const HOURS_BETWEEN: i64 = 2;
/// Number of times that each situation happens in the week.
const TIMES: usize = 5;
/// Records of no interest in the hours between two readings.
const TRAFFIC: u64 = 40;

/// A situation that one person will be in at a given time.
struct Planned {
    at: DateTime<Utc>,
    person: usize,
    situation: &'static Situation,
}

/// The row that a record must leave behind.
struct Expectation {
    name: &'static str,
    kept: Option<FindingKind>,
    /// The records of one consent are one finding, of whichever is read first.
    siblings: Vec<String>,
}

/// The expectations by record id.
type Expected = BTreeMap<String, Expectation>;

async fn fixture() -> CollectorFixture {
    let fixture = CollectorFixture::start_with(|settings| {
        let domain = "tickets.example".parse().unwrap();
        settings.trust.targets = vec![TrustedTarget::Domain { only_in: None, domain }];
    })
    .await;
    let mut world = fixture.sim.world();
    let tenant = world.tenants.get_mut(&CONTOSO).unwrap();
    for person in 0..PEOPLE {
        tenant.add_person(&alias(person), &format!("Person {person}"));
    }
    tenant.accepted_domains.push(AcceptedDomain::new("contoso.onmicrosoft.com"));
    drop(world);
    fixture
}

fn alias(person: usize) -> String {
    format!("person{person:02}")
}

/// Plans every situation several times, at any time of the week, each time for another person.
fn plan(begin: DateTime<Utc>, seeded: &mut Seeded) -> Vec<Planned> {
    let minutes = u64::try_from(TimeDelta::days(DAYS).num_minutes()).unwrap();
    let often = situations::all().flat_map(|situation| std::iter::repeat_n(situation, TIMES));
    let mut planned: Vec<Planned> = often
        .enumerate()
        .map(|(number, situation)| {
            let minute = seeded.range(1, minutes);
            // 7 and 50 have no common divisor: five times the same are five people.
            Planned { at: begin + TimeDelta::minutes(minute.cast_signed()), person: number * 7 % PEOPLE, situation }
        })
        .collect();
    planned.sort_by_key(|planned| planned.at);
    planned
}

/// Lets the week happen and reads it hour by hour; `planted` happens to victor in its midst.
async fn live_through(fixture: &CollectorFixture, seed: u64, planted: Option<&str>) -> Expected {
    let (begin, mut seeded) = (fixture.now(), Seeded::new(seed));
    let mut planned = plan(begin, &mut seeded).into_iter().peekable();
    let mut expected = Expected::new();
    for reading in 1..=DAYS * 24 / HOURS_BETWEEN {
        let until = begin + TimeDelta::hours(reading * HOURS_BETWEEN);
        let mut records = Vec::new();
        with_contoso(fixture, |tenant| {
            while let Some(next) = planned.next_if(|planned| planned.at < until) {
                records.extend(happens(tenant, &next, &mut seeded, &mut expected));
            }
            for _ in 0..TRAFFIC {
                let minutes = seeded.range(0, 60 * HOURS_BETWEEN.cast_unsigned()).cast_signed();
                records.push(traffic(tenant, until - TimeDelta::minutes(minutes), &mut seeded));
            }
        });
        if let Some(target) = planted.filter(|_| reading == DAYS * 12 / HOURS_BETWEEN) {
            records.push(forwarding_rule(0xa77ac, "Sync", target, until));
        }
        seeded.shuffle(&mut records);
        fixture.wait(until - fixture.now());
        with_contoso(fixture, |tenant| publish(tenant, until, records));
        fixture.read().await.unwrap();
    }
    expected
}

fn with_contoso<T>(fixture: &CollectorFixture, change: impl FnOnce(&mut Tenant) -> T) -> T {
    change(fixture.sim.world().tenants.get_mut(&CONTOSO).unwrap())
}

fn happens(tenant: &mut Tenant, planned: &Planned, seeded: &mut Seeded, expected: &mut Expected) -> Vec<Value> {
    let address = |person: usize| format!("{}@contoso.com", alias(person % PEOPLE));
    let (owner, colleague) = (address(planned.person), address(planned.person + 1));
    let records = (planned.situation.happens)(&mut Place { tenant, owner, colleague, at: planned.at, seeded });
    for record in &records {
        let siblings = match planned.situation.kept {
            Some(FindingKind::Consent) => records.iter().map(id).collect(),
            _ => Vec::new(),
        };
        let Situation { name, kept, .. } = *planned.situation;
        expected.insert(id(record), Expectation { name, kept, siblings });
    }
    records
}

fn traffic(tenant: &Tenant, at: DateTime<Utc>, seeded: &mut Seeded) -> Value {
    let mailbox = seeded.pick(&tenant.mailboxes).unwrap();
    let own = Envelope::new(tenant, &mailbox.upn, at, seeded);
    match seeded.range(0, 6) {
        0 => records::system_set_mailbox(&own, mailbox),
        1 => records::send(&own, mailbox, "Protokoll vom Dienstag"),
        2 => records::move_to_deleted_items(&own, mailbox, "Your password was changed"),
        3 => records::user_logged_in(&own),
        _ => records::mail_items_accessed(&own, mailbox, 3),
    }
}

/// Records of the directory come in content of their own.
fn publish(tenant: &mut Tenant, at: DateTime<Utc>, records: Vec<Value>) {
    let (directory, exchange): (Vec<_>, Vec<_>) =
        records.into_iter().partition(|record| record["Workload"] == "AzureActiveDirectory");
    for (content_type, records) in [("Audit.Exchange", exchange), ("Audit.AzureActiveDirectory", directory)] {
        let body = BlobBody::Whole(Value::from(records).to_string().replace('/', "\\/").into_bytes().into());
        tenant.publish_body(content_type, at, at + TimeDelta::days(7), body);
    }
}

fn id(record: &Value) -> String {
    record["Id"].as_str().unwrap().to_owned()
}

/// Returns the differences between the rows and the expectations of the situations.
fn surprises(rows: &[ProcessedRow], expected: &Expected) -> Vec<String> {
    let stored: BTreeMap<String, &ProcessedRow> = rows.iter().map(|row| (row.record_id.to_string(), row)).collect();
    let mut surprises: Vec<String> = expected
        .iter()
        .filter_map(|(id, Expectation { name, kept, siblings })| {
            let row = stored.get(id).or_else(|| siblings.iter().find_map(|sibling| stored.get(sibling)));
            (row.map(|row| row.kind) != *kept)
                .then(|| format!("{name}: kept as {:?}, not {kept:?}", row.map(|r| r.kind)))
        })
        .collect();
    let is_quiet =
        |row: &ProcessedRow| (row.threat, row.severity, row.state) == (false, Severity::Low, FindingState::Recorded);
    surprises.extend(stored.iter().filter(|(_, row)| !is_quiet(row)).map(|(id, row)| {
        let name = expected.get(id).map_or("nobody's", |of| of.name);
        format!("{name}: {:?} {:?} {:?}", row.severity, row.state, row.reasons)
    }));
    surprises
        .extend(stored.keys().filter(|id| !expected.contains_key(*id)).map(|id| format!("{id}: of ordinary traffic")));
    surprises.sort();
    surprises.dedup();
    surprises
}

#[tokio::test]
async fn an_ordinary_week_is_kept_and_nobody_is_told() {
    assert!(situations::all().count() >= 100);
    let fixture = fixture().await;
    let expected = live_through(&fixture, 50, None).await;
    let found = surprises(&fixture.findings().await, &expected);
    assert!(found.is_empty(), "{}", found.join("\n"));
    assert_eq!(fixture.sim.notifications(), Vec::<Value>::new());
    assert_eq!(fixture.teams_messages(), 0);
}

#[tokio::test]
async fn one_attack_in_an_ordinary_week_is_told_and_nothing_else() {
    let fixture = fixture().await;
    let expected = live_through(&fixture, 51, Some("eve@evil.example")).await;
    let mut rows = fixture.findings().await;
    let attack = rows.extract_if(.., |row| row.threat).collect::<Vec<_>>();
    assert_eq!(attack.len(), 1);
    assert_eq!((attack[0].source_mailbox.as_str(), attack[0].state), ("victor@contoso.com", FindingState::Sent));
    assert_eq!(surprises(&rows, &expected), Vec::<String>::new());
    let told: Vec<Value> = fixture.sim.notifications().into_iter().map(|body| body["LogID"].clone()).collect();
    assert_eq!(told, [attack[0].record_id.to_string()]);
    assert_eq!(fixture.teams_messages(), 1);
}
