//! Much content: as a file through `scan`, and as blobs through ProcessAuditLog over TLS.

use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::time::{Duration, Instant};

use audit_log::{Event, export};
use chrono::{TimeDelta, Utc};
use serde_json::Value;
use tenantwatch::detection::{is_selected, system_noise};
use tenantwatch_simulator::records::{json_lines_with_people, ordinary_json_lines};
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Simulator, scenario};

use super::process::{Taken, cpu, run, run_once, tenantwatch};
use super::{Row, Size};

pub const SEED: u64 = 20_261_123;

/// As many as a busy tenant has in an hour.
const BLOBS: u64 = 16;

/// Number of bytes of different records that a blob repeats.
const PIECE: u64 = 256 * 1024;

/// Blobs whose records are all different are held in memory here, so they are this much less.
const LESS: u64 = 10;

/// Number of times that each reader reads a file; the smallest figures count.
pub const PASSES: u32 = 5;

/// A file through `scan`, and the same file through the selector alone, in turn.
pub fn scan(size: Size) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    let file = || BufWriter::new(File::create(&path).unwrap());
    ordinary_json_lines(SEED, size.bytes, file()).unwrap();
    let mut rows = scan_of("file A", "made by the system", &path, size.bytes);
    json_lines_with_people(SEED, size.bytes, 100, file()).unwrap();
    rows.extend(scan_of("file B", "one record in a hundred by a person", &path, size.bytes));
    rows
}

fn scan_of(name: &str, kind: &str, path: &Path, bytes: u64) -> Vec<Row> {
    let held = held_by(path);
    let (mut alone, mut whole) = (read_alone(path, is_selected), run_scan(path));
    for _ in 1..PASSES {
        alone = alone.least(read_alone(path, is_selected));
        whole = whole.least(run_scan(path));
    }
    let times = |of: fn(&Taken) -> Duration| of(&whole).as_secs_f64() / of(&alone).as_secs_f64();
    let (cpu, wall) = (times(|taken| taken.cpu), times(|taken| taken.wall));
    vec![
        Row::new(format!("{name}: {kind}"), held),
        Row::of_reading(format!("{name} through the selector alone"), alone, bytes),
        Row::of_bytes(format!("`scan --format json` of {name}"), whole, bytes),
        Row::new(
            format!("`scan` of {name} beside the selector alone"),
            format!("{wall:.2} times the time from start to end, {cpu:.2} times the CPU"),
        ),
    ]
}

/// Counts the records of the file, the ones that are selected, the ones that the prefilter leaves to be parsed, and the findings.
fn held_by(path: &Path) -> String {
    let (mut records, mut selected, mut left) = (0_u64, 0_u64, 0_u64);
    export::read(export::buffered(File::open(path).unwrap()), is_selected, |event| {
        records += 1;
        if let Event::Selected { json, .. } = event {
            selected += 1;
            left += u64::from(system_noise(json).is_none());
        }
    })
    .unwrap();
    let output = path.with_extension("json");
    let arguments = ["scan", "--format", "json", "--output", output.to_str().unwrap(), path.to_str().unwrap()];
    run(&mut tenantwatch(&arguments, &[]));
    let result: Value = serde_json::from_reader(BufReader::new(File::open(output).unwrap())).unwrap();
    let findings = result["Findings"].as_array().unwrap().len();
    format!("{records} records, {selected} selected, {left} of them parsed and judged, {findings} findings")
}

fn run_scan(path: &Path) -> Taken {
    run(&mut tenantwatch(&["scan", "--format", "json", path.to_str().unwrap()], &[]))
}

pub fn read_alone(path: &Path, is_selected: impl Fn(&str) -> bool) -> Taken {
    let (started, before) = (Instant::now(), cpu("self"));
    export::read(export::buffered(File::open(path).unwrap()), is_selected, |event| {
        std::hint::black_box(event);
    })
    .unwrap();
    Taken { wall: started.elapsed(), cpu: cpu("self") - before, peak: 0 }
}

/// Blobs of one tenant through a first run of ProcessAuditLog.
pub async fn blobs(size: Size) -> Vec<Row> {
    let mut lines = Vec::new();
    ordinary_json_lines(SEED, PIECE, &mut lines).unwrap();
    let records = records_of(&lines);
    let (last, piece) = (records[0], records.join(&b','));
    let times = size.bytes / BLOBS / piece.len() as u64;
    let repeated = |_| BlobBody::Repeated { piece: piece.as_slice().into(), times, last: last.into() };
    let bytes = BLOBS * (times * (piece.len() as u64 + 1) + last.len() as u64 + 1);
    let by_the_system = row_of_blobs("made by the system", repeated, bytes).await;
    let mut lines = Vec::new();
    json_lines_with_people(SEED, size.bytes / LESS, 100, &mut lines).unwrap();
    let records = records_of(&lines);
    let parts: Vec<&[&[u8]]> = records.chunks(records.len().div_ceil(BLOBS as usize)).collect();
    let different = |number| {
        let records = parts.get(usize::try_from(number).unwrap()).copied().unwrap_or_default();
        BlobBody::Whole([b"[".to_vec(), records.join(&b','), b"]".to_vec()].concat().into())
    };
    let with_people = row_of_blobs("one record in a hundred by a person", different, lines.len() as u64).await;
    vec![by_the_system, with_people]
}

fn records_of(lines: &[u8]) -> Vec<&[u8]> {
    lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect()
}

async fn row_of_blobs(kind: &str, body: impl Fn(u64) -> BlobBody, bytes: u64) -> Row {
    let mut world = scenario::quiet(1);
    for number in 0..BLOBS {
        let created = Utc::now() - TimeDelta::minutes(5) - TimeDelta::seconds(number.try_into().unwrap());
        let tenant = world.tenants.values_mut().next().unwrap();
        tenant.publish_body(scenario::EXCHANGE, created, created + TimeDelta::days(7), body(number));
    }
    let simulator = Simulator::start(world).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let taken = run_once(simulator.environment(), data.path()).await;
    let fetched = simulator.count(|request| request.path.contains("/activity/feed/audit/") && request.status == 200);
    assert_eq!(fetched as u64, BLOBS, "every blob once");
    Row::of_bytes(format!("ProcessAuditLog over TLS, one tenant, {BLOBS} blobs {kind}"), taken, bytes)
}
