//! The same records through `scan` and through ProcessAuditLog: the same findings, except for what only live state and other
//! records can add.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};
use tenantwatch::detection::ReasonName;
use tenantwatch::tables::ProcessedRow;
use tenantwatch_simulator::records::Seeded;
use tenantwatch_simulator::world::AcceptedDomain;
use uuid::Uuid;

use crate::collector_fixture::{CONTOSO, CollectorFixture, forwarding_rule};
use crate::scan::scan_json;

use super::fixtures::situations;

const DOMAINS: [&str; 3] = ["contoso.com", "contoso.onmicrosoft.com", "fabrikam.com"];

/// The finding of one record, as `scan` and ProcessAuditLog both report it.
#[derive(Debug, Clone, PartialEq)]
struct Said {
    kind: String,
    severity: String,
    score: u64,
    threat: bool,
    reasons: BTreeSet<String>,
    mailbox: String,
    actor: String,
    event_time: String,
    ip: String,
    forwarding_address: String,
}

impl Said {
    /// Without `SharedTarget`: records of one time have no order, and a mailbox may use one target in several of them.
    fn alone(&self) -> Self {
        let mut alone = self.clone();
        if alone.reasons.remove(ReasonName::SharedTarget.as_str()) || alone.forwarding_address == "x@evil.example" {
            alone.score = 0;
        }
        alone
    }
}

/// A tenant in which Exchange tells us nothing, as it tells `scan` nothing.
async fn watch_without_exchange() -> CollectorFixture {
    let fixture = CollectorFixture::start().await;
    let mut world = fixture.sim.world();
    let tenant = world.tenants.get_mut(&CONTOSO).unwrap();
    tenant.exchange_role = false;
    tenant.accepted_domains = DOMAINS.iter().map(|name| AcceptedDomain::new(name)).collect();
    drop(world);
    fixture
}

async fn read(fixture: &CollectorFixture, records: &[Value]) -> BTreeMap<String, Said> {
    fixture.publish(records.to_vec());
    fixture.read().await.unwrap();
    fixture.findings().await.iter().map(|row| (row.record_id.to_string(), said_by_row(row))).collect()
}

fn said_by_row(row: &ProcessedRow) -> Said {
    Said {
        kind: row.kind.as_str().to_owned(),
        severity: row.severity.as_str().to_owned(),
        score: row.score.into(),
        threat: row.threat,
        reasons: row.reasons.iter().map(|reason| reason.name.as_str().to_owned()).collect(),
        mailbox: row.source_mailbox.clone(),
        actor: row.actor.clone(),
        event_time: json!(row.event_time).as_str().unwrap().to_owned(),
        ip: row.ip.clone(),
        forwarding_address: row.forwarding_address.clone(),
    }
}

fn scanned(records: &[Value]) -> BTreeMap<String, Said> {
    shown(&scan_answer(records))
}

fn shown(answer: &Value) -> BTreeMap<String, Said> {
    let findings = answer["Findings"].as_array().unwrap();
    findings.iter().map(|finding| (text(finding, "LogID"), said_by_scan(finding))).collect()
}

fn scan_answer(records: &[Value]) -> Value {
    let lines: String = records.iter().map(|record| format!("{record}\n")).collect();
    let arguments = DOMAINS.iter().flat_map(|domain| ["--accepted-domain", domain]).collect::<Vec<_>>();
    scan_json(&arguments, lines.as_bytes())
}

/// The ids of all findings of a scan: those of one fingerprint are shown as one.
fn ids_of(answer: &Value) -> BTreeSet<String> {
    let findings = answer["Findings"].as_array().unwrap().iter();
    findings
        .flat_map(|finding| finding["LogIDs"].as_array().unwrap())
        .map(|id| id.as_str().unwrap().to_owned())
        .collect()
}

fn said_by_scan(finding: &Value) -> Said {
    Said {
        kind: text(finding, "Type"),
        severity: text(finding, "Severity"),
        score: finding["Score"].as_u64().unwrap(),
        threat: finding["Threat"].as_bool().unwrap(),
        reasons: finding["Reasons"].as_array().unwrap().iter().map(|name| name.as_str().unwrap().to_owned()).collect(),
        mailbox: text(finding, "SourceMailbox"),
        actor: text(finding, "Actor"),
        event_time: text(finding, "EventTime"),
        ip: text(finding, "IP"),
        forwarding_address: text(finding, "ForwardingAddress"),
    }
}

fn text(finding: &Value, name: &str) -> String {
    finding[name].as_str().unwrap_or_else(|| panic!("{name} of {finding}")).to_owned()
}

/// Every record of every fixture file in this tenant, each once, written in one of the ways in which exporters write.
fn mix(seed: u64) -> Vec<Value> {
    let mut seeded = Seeded::new(seed);
    let mut records: Vec<Value> = situations()
        .into_iter()
        .map(|(_, situation)| {
            let Value::Object(mut record) = situation.json else { panic!("{}", situation.name) };
            if record.get("Id").and_then(Value::as_str).is_some_and(|id| Uuid::try_parse(id).is_ok()) {
                record.insert("Id".to_owned(), json!(seeded.guid()));
            }
            record.insert("OrganizationId".to_owned(), json!(CONTOSO));
            write_oddly(record, &mut seeded)
        })
        .collect();
    seeded.shuffle(&mut records);
    records
}

fn write_oddly(mut record: Map<String, Value>, seeded: &mut Seeded) -> Value {
    match seeded.range(0, 5) {
        0 => record = record.into_iter().map(|(name, value)| (name.to_lowercase(), value)).collect(),
        1 => record = record.into_iter().map(|(name, value)| (name.to_uppercase(), value)).collect(),
        2 => {
            for name in ["RecordType", "UserType"] {
                if let Some(number) = record.get(name).and_then(Value::as_i64) {
                    record.insert(name.to_owned(), json!(number.to_string()));
                }
            }
        }
        3 => {
            let inner = Value::Object(record);
            let operation = inner["Operation"].clone();
            return json!({"id": seeded.guid(), "operation": operation, "service": "Exchange", "auditData": inner});
        }
        _ => {}
    }
    Value::Object(record)
}

/// Returns whether it is a record of a consent. The consents of the mix are of one account at one time and share names, so which of them
/// are united depends on the batch that each comes in.
fn is_consent(records: &[Value], id: &str) -> bool {
    let text = records.iter().map(Value::to_string).find(|text| text.contains(id)).unwrap_or_default().to_lowercase();
    ["consent to application", "delegated permission grant", "app role assignment"]
        .iter()
        .any(|name| text.contains(name))
}

/// Returns whether it makes a difference that Exchange was asked: whether a mailbox forwards to a contact, or who a recipient is. An
/// address of the organization's own is asked for too.
fn depends_on_look_ups(finding: &Value) -> bool {
    let is_unresolved = finding["Reasons"].as_array().unwrap().contains(&json!("TargetUnresolved"));
    let targets = text(finding, "ForwardingAddress");
    let is_own = targets.split(';').any(|target| DOMAINS.iter().any(|domain| target.ends_with(&format!("@{domain}"))));
    is_unresolved || is_own || finding["Type"] == "ContactRetargeted"
}

#[tokio::test]
async fn scan_and_process_audit_log_say_the_same_of_every_record() {
    let mut seen = BTreeSet::new();
    for seed in [1, 2, 3] {
        let records = mix(seed);
        let answer = scan_answer(&records);
        let online = read(&watch_without_exchange().await, &records).await;
        let is_other = |id: &&String| !is_consent(&records, id);
        let stored: BTreeSet<String> = online.keys().filter(is_other).cloned().collect();
        let ids: BTreeSet<String> = ids_of(&answer).into_iter().filter(|id| is_other(&id)).collect();
        assert_eq!(ids.symmetric_difference(&stored).collect::<Vec<_>>(), Vec::<&String>::new(), "seed {seed}");
        seen.extend(online.values().flat_map(|said| said.reasons.iter().cloned()));
        for finding in answer["Findings"].as_array().unwrap().iter().filter(|finding| !depends_on_look_ups(finding)) {
            let (id, said) = (text(finding, "LogID"), said_by_scan(finding));
            let group = finding["LogIDs"].as_array().unwrap().iter().map(|id| id.as_str().unwrap());
            // Records of one time have no order: another one of the group may be the one that was notified and related.
            let mut told = group.filter(|id| !is_consent(&records, id)).map(|id| &online[id]).peekable();
            let is_compared = told.peek().is_some();
            assert!(
                !is_compared || told.any(|online| online.alone() == said.alone()),
                "seed {seed}: {said:?} is not {:?}",
                online.get(&id)
            );
        }
    }
    // These reasons need more than one record: the current rules, an answer of Exchange, trusted targets (`scan` has none), and an
    // earlier threat.
    let beyond_records = [
        ReasonName::HiddenRule,
        ReasonName::ForwardsInternally,
        ReasonName::MailboxForwardsInternally,
        ReasonName::ForwardsToTrusted,
        ReasonName::AfterThreat,
        // Only an investigation knows who the attacker is.
        ReasonName::SameAttacker,
        ReasonName::KnownAttackerAddress,
    ];
    let missing: Vec<_> =
        ReasonName::ALL.iter().filter(|name| !seen.contains(name.as_str()) && !beyond_records.contains(name)).collect();
    assert!(missing.is_empty(), "no record of the mix has {missing:?}");
}

#[tokio::test]
async fn ip_address_and_time_forms_read_alike_live_and_exported() {
    let fixture = watch_without_exchange().await;
    let forms = [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:52378", "203.0.113.7"),
        ("[2001:db8::7]:52378", "2001:db8::7"),
        ("2001:db8::7", "2001:db8::7"),
        // Five digits are no group of an address, so this can only be a port.
        ("2001:db8::7:52378", "2001:db8::7"),
        // Four digits could be either; what parses whole is taken whole.
        ("2001:db8::7:443", "2001:db8::7:443"),
        ("2001:db8:1:2:3:4:5:6:443", "2001:db8:1:2:3:4:5:6"),
        ("::ffff:192.0.2.4", "192.0.2.4"),
        ("", ""),
        ("null", ""),
    ];
    let times = [
        "2026-11-22T09:30:00",
        "2026-11-22T09:30:00Z",
        "2026-11-22T09:30:00.000",
        "2026-11-22T09:30:00.0000000Z",
        "2026-11-22T10:30:00+01:00",
    ];
    let records: Vec<Value> = forms
        .iter()
        .enumerate()
        .map(|(number, (form, _))| {
            let mut record =
                forwarding_rule(number as u128 + 1, "Sync", &format!("eve{number}@evil.example"), fixture.now());
            record["ClientIP"] = json!(form);
            record["CreationTime"] = json!(times[number % times.len()]);
            record
        })
        .collect();
    let (offline, online) = (scanned(&records), read(&fixture, &records).await);
    for (record, (form, address)) in records.iter().zip(forms) {
        let id = text(record, "Id");
        for said in [&offline[&id], &online[&id]] {
            assert_eq!((said.ip.as_str(), said.event_time.as_str()), (address, "2026-11-22T09:30:00Z"), "{form:?}");
        }
    }
}

#[tokio::test]
async fn graph_search_envelope_hides_and_adds_nothing() {
    let fixture = watch_without_exchange().await;
    let rule = |number| forwarding_rule(number, "Sync", &format!("eve{number}@evil.example"), fixture.now());
    let mut read_only = rule(4);
    read_only["Operation"] = json!("MailItemsAccessed");
    let records = [
        json!({"id": "a", "operation": "New-InboxRule", "auditData": rule(1)}),
        json!({"auditData": rule(2), "operation": "New-InboxRule"}),
        json!({"Operation": "New-InboxRule", "AuditData": rule(3)}),
        json!({"operation": "New-InboxRule", "auditData": read_only}),
        json!({"operation": "New-InboxRule", "AuditData": rule(5).to_string()}),
    ];
    let expected: Vec<String> = [1, 2, 3, 5].map(|number: u128| Uuid::from_u128(number).to_string()).to_vec();
    assert_eq!(scanned(&records).into_keys().collect::<Vec<_>>(), expected);
    assert_eq!(read(&fixture, &records).await.into_keys().collect::<Vec<_>>(), expected);
}

/// Sound records that are as large as none should be.
fn large_records(fixture: &CollectorFixture) -> [Value; 2] {
    let [mut long, mut many] =
        [100_001, 100_002].map(|number| forwarding_rule(number, "Large", "eve@evil.example", fixture.now()));
    long["Filler"] = json!("x".repeat(10 << 20));
    let parameters = (0..100_000).map(|number| json!({"Name": format!("P{number}"), "Value": "True"}));
    many["Parameters"].as_array_mut().unwrap().extend(parameters);
    [long, many]
}

/// Parts that are no sound records.
fn broken_parts() -> Vec<Vec<u8>> {
    let head = "{\"CreationTime\":\"2026-11-22T09:30:00\",\"Operation\":\"New-InboxRule\"";
    let with = |member: String| format!("{head},{member}}}").into_bytes();
    vec![
        with("\"UserType\":1e".to_owned()),
        [head.as_bytes(), b",\"a\":\"\xff\xfe\x00\"}"].concat(),
        b"{\"Operation\":\"New-InboxRule\"}".to_vec(),
        b"{\"CreationTime\":\"2026-11-22T09:30:00\"}".to_vec(),
        b"{\"Operation\":\"New-InboxRule\",\"CreationTime\":7}".to_vec(),
        b"null".to_vec(),
    ]
}

/// Returns records with a member that a strict parser rejects and no detection reads.
fn odd_records() -> Vec<Vec<u8>> {
    let deep = |open: &str, close: &str| format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
    let members = [deep("[", "]"), deep("{\"a\":", "}"), "\"\\ud800\"".to_owned(), "1e400".to_owned()];
    let record = |(number, member): (usize, String)| {
        let id = Uuid::from_u128(0x20000 + number as u128);
        format!("{{\"CreationTime\":\"2026-11-22T09:30:00\",\"Operation\":\"New-InboxRule\",\"Id\":\"{id}\",\"Parameters\":[{{\"Name\":\"Name\",\"Value\":\"Odd\"}}],\"a\":{member}}}").into_bytes()
    };
    members.into_iter().enumerate().map(record).collect()
}

#[tokio::test]
async fn text_between_records_is_reported_and_costs_no_record() {
    let fixture = CollectorFixture::start().await;
    let broken = broken_parts();
    let behind = (1..=broken.len())
        .map(|number| forwarding_rule(number as u128, &format!("Rule {number}"), "eve@evil.example", fixture.now()));
    let sound: Vec<Value> = behind.chain(large_records(&fixture)).collect();
    let odd = odd_records();
    let mut expected: BTreeSet<String> = sound.iter().map(|record| text(record, "Id")).collect();
    expected.extend((0..odd.len()).map(|number| Uuid::from_u128(0x20000 + number as u128).to_string()));
    let mut parts: Vec<Vec<u8>> = sound.iter().map(|record| record.to_string().into_bytes()).collect();
    for (number, part) in broken.iter().enumerate() {
        parts.insert(2 * number, part.clone());
    }
    parts.extend(odd);
    let body = [&b"["[..], &parts.join(&b",\n"[..]), b"]"].concat();

    let answer = scan_json(&["--accepted-domain", "contoso.com"], &body);
    let found = ids_of(&answer);
    assert_eq!((&found, &answer["BrokenCount"]), (&expected, &json!(broken.len())), "{}", answer["Broken"]);

    fixture.publish_body(body);
    let report = fixture.read().await.unwrap();
    let rows = fixture.findings().await;
    let stored: BTreeSet<String> = rows.iter().map(|row| row.record_id.to_string()).collect();
    assert_eq!((&stored, report.broken, report.owed), (&expected, broken.len() as u64, 1));
}

#[tokio::test]
async fn arbitrary_bytes_do_not_stop_the_next_blob() {
    let fixture = CollectorFixture::start().await;
    let mut seeded = Seeded::new(6);
    for number in 0..24 {
        let head: &[u8] = [&b"[{\"Operation\":\"New-InboxRule\","[..], b"[", b"", b"\xff\xfe"][number % 4];
        let noise: Vec<u8> = (0..512).map(|_| seeded.next().to_le_bytes()[0]).collect();
        fixture.publish_body([head, &noise].concat());
    }
    fixture.publish(vec![forwarding_rule(1, "Sync", "eve@evil.example", fixture.now())]);
    let report = fixture.read().await.unwrap();
    assert!(report.broken >= 18 && report.owed >= 18, "{report:?}");
    assert_eq!((report.threats, fixture.notified("InboxRule").len()), (1, 1));
}
