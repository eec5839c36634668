//! Investigations: offline over a large export, and live over a week of a tenant.

use std::fs::File;
use std::io::{BufRead as _, BufReader, BufWriter, Write as _};
use std::path::Path;
use std::sync::Arc;

use chrono::{TimeDelta, Utc};
use serde_json::{Value, json};
use tenantwatch_simulator::records::ordinary_json_lines;
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Simulator, scenario};
use uuid::Uuid;

use super::process::{Taken, run, run_once, tenantwatch};
use super::reading::{PASSES, SEED, read_alone};
use super::{Row, Size};

const ACCOUNT: &str = "joey@huber.example";

/// An address that many others use as well, and the attacker's.
const OWN: &str = "192.0.2.7";
const ATTACKER: &str = "203.0.113.5";

/// Records of the account itself.
const OWN_RECORDS: u32 = 2_000;

/// The content of a week of a tenant of 50 people.
const LIVE_RECORDS: usize = 100_000;
const LIVE_BLOBS: usize = 100;
const LIVE_BYTES: usize = 300_000_000;

/// A file through `investigate`, from given addresses and from the threats that `scan` finds, and through the selector alone, in turn.
pub fn offline(size: Size) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    let mut file = BufWriter::new(File::create(&path).unwrap());
    ordinary_json_lines(SEED, size.bytes, &mut file).unwrap();
    for record in incident() {
        writeln!(file, "{record}").unwrap();
    }
    drop(file);
    let ways: [(&str, &[&str]); 3] = [
        ("investigate --ip", &["--ip", ATTACKER]),
        ("investigate", &[]),
        ("investigate --ip --parse-all", &["--ip", ATTACKER, "--parse-all"]),
    ];
    let mut alone = read_alone(&path, |_| true);
    let mut taken: Vec<Taken> = ways.iter().map(|(_, arguments)| investigate(&path, arguments)).collect();
    for _ in 1..PASSES {
        alone = alone.least(read_alone(&path, |_| true));
        // Parsing everything takes so long that once is enough.
        for (best, (_, arguments)) in taken.iter_mut().zip(ways).take(2) {
            *best = best.least(investigate(&path, arguments));
        }
    }
    let mut rows = vec![Row::of_reading("export through the selector alone".to_owned(), alone, size.bytes)];
    for ((name, _), taken) in ways.iter().zip(&taken) {
        let (wall, cpu) =
            (taken.wall.as_secs_f64() / alone.wall.as_secs_f64(), taken.cpu.as_secs_f64() / alone.cpu.as_secs_f64());
        rows.push(Row::of_bytes(format!("`{name}` of the export"), *taken, size.bytes));
        rows.push(Row::new(
            format!("`{name}` beside the selector alone"),
            format!("{wall:.2} times the time from start to end, {cpu:.2} times the CPU"),
        ));
    }
    rows
}

fn investigate(path: &Path, arguments: &[&str]) -> Taken {
    let path = path.to_str().unwrap();
    let all = [&["investigate", "--account", ACCOUNT, "--format", "json"], arguments, &[path]].concat();
    run(&mut tenantwatch(&all, &[]))
}

/// Days of the owner, then a sign-in and a rule of the attacker.
fn incident() -> Vec<Value> {
    let tenant = Uuid::from_u128(7);
    let record = |number: u32, operation: &str, record_type: u32, members: Value| {
        let time = chrono::DateTime::from_timestamp(1_795_000_000 + i64::from(number) * 200, 0).unwrap();
        let mut record = json!({"CreationTime": time.format("%Y-%m-%dT%H:%M:%S").to_string(), "Id": Uuid::from_u128(u128::from(number) << 64),
            "Operation": operation, "OrganizationId": tenant, "RecordType": record_type, "UserId": ACCOUNT, "UserType": 0});
        record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        record
    };
    let read = |number: u32, ip: &str, session: &str| {
        let items = json!([{"FolderItems": [{"InternetMessageId": format!("<{number}@x>")}], "Path": "\\Inbox"}]);
        let members = json!({"ClientIPAddress": ip, "MailboxOwnerUPN": ACCOUNT, "SessionId": session, "Folders": items,
            "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}]});
        record(number, "MailItemsAccessed", 50, members)
    };
    let mut records: Vec<Value> = (1..=OWN_RECORDS).map(|number| read(number, OWN, "own")).collect();
    let signed_in = json!({"ClientIP": ATTACKER, "ErrorNumber": "0", "DeviceProperties": [{"Name": "SessionId", "Value": "stolen"}]});
    records.push(record(OWN_RECORDS + 1, "UserLoggedIn", 15, signed_in));
    records.extend((2..300).map(|number| read(OWN_RECORDS + number, ATTACKER, "stolen")));
    let parameters = json!([{"Name": "Name", "Value": "."}, {"Name": "ForwardTo", "Value": "thief@evil.example"},
        {"Name": "DeleteMessage", "Value": "True"}]);
    let rule = json!({"ClientIP": ATTACKER, "SessionId": "stolen", "ObjectId": format!("{ACCOUNT}\\."), "ResultStatus": "True",
        "OrganizationName": "huber.example", "Parameters": parameters});
    records.push(record(OWN_RECORDS + 300, "New-InboxRule", 1, rule));
    records
}

/// A stored threat through `investigate --log-id`, over a feed with the records of a week.
pub async fn live(size: Size) -> Vec<Row> {
    let part = if size.bytes < 1_000_000_000 { 10 } else { 1 };
    let (mut world, planted) = scenario::one_threat_each(1, Utc::now());
    let each = LIVE_RECORDS / LIVE_BLOBS / part;
    let records = padded(LIVE_RECORDS / part);
    let tenant = world.tenants.values_mut().find(|tenant| tenant.default_domain == planted[0].tenant_domain).unwrap();
    for (number, part) in records.chunks(each).enumerate() {
        let created = Utc::now() - TimeDelta::hours(1 + i64::try_from(number).unwrap());
        let body = BlobBody::Whole(Arc::from(format!("[{}]", part.join(",")).into_bytes()));
        tenant.publish_body(scenario::EXCHANGE, created, created + TimeDelta::days(7), body);
    }
    let simulator = Simulator::start(world).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    run_once(simulator.environment(), data.path()).await;
    let (id, folder) = (planted[0].record_id.to_string(), data.path().to_str().unwrap().to_owned());
    let arguments = ["investigate", "--log-id", &id, "--hours", "167", "--format", "json", "--data", &folder];
    let mut command = tenantwatch(&arguments, &simulator.environment());
    let taken = tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap();
    let bytes: usize = records.iter().map(String::len).sum();
    let what = format!("`investigate --log-id` over TLS, {} records of a week", records.len());
    vec![Row::of_bytes(what, taken, bytes as u64)]
}

/// Ordinary records, each as long as the average of a week.
fn padded(count: usize) -> Vec<String> {
    let mut lines = Vec::new();
    ordinary_json_lines(SEED, count as u64 * 1_100, &mut lines).unwrap();
    let length = LIVE_BYTES / LIVE_RECORDS;
    let padded = |line: String| {
        let more = "x".repeat(length.saturating_sub(line.len() + 12));
        format!("{},\"Filler\":\"{more}\"}}", line.strip_suffix('}').unwrap())
    };
    BufReader::new(lines.as_slice()).lines().map(|line| padded(line.unwrap())).take(count).collect()
}
