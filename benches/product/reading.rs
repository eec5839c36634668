//! Much content: as a file through `scan`, and as blobs through ProcessAuditLog over TLS.

use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Instant;

use chrono::{TimeDelta, Utc};
use tenantwatch::audit::export;
use tenantwatch::detection::is_selected;
use tenantwatch_simulator::records::ordinary_json_lines;
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Simulator, scenario};

use super::process::{Taken, cpu, run, run_once, tenantwatch};
use super::{Row, Size};

const SEED: u64 = 20_261_123;

/// As many as a busy tenant has in an hour.
const BLOBS: u64 = 16;

/// How many bytes of different records a blob repeats.
const PIECE: u64 = 256 * 1024;

/// A file through `scan`, and the same file through the selector alone, in turn.
pub fn scan(size: Size) -> Vec<Row> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("export.jsonl");
    ordinary_json_lines(SEED, size.bytes, BufWriter::new(File::create(&path).unwrap())).unwrap();
    let (mut alone, mut whole) = (read_alone(&path), run_scan(&path));
    for _ in 0..2 {
        alone = lesser(alone, read_alone(&path));
        whole = lesser(whole, run_scan(&path));
    }
    let times = whole.cpu.as_secs_f64() / alone.cpu.as_secs_f64();
    let gigabytes = size.bytes as f64 / 1e9;
    vec![
        Row::new(
            "the file through the selector alone",
            format!("{:.2} s of CPU per GB", alone.cpu.as_secs_f64() / gigabytes),
        ),
        Row::of_bytes("`scan --format json` of that file", whole, size.bytes),
        Row::new("`scan` beside the selector alone", format!("{times:.2} times the CPU")),
    ]
}

fn lesser(one: Taken, other: Taken) -> Taken {
    if other.cpu < one.cpu { other } else { one }
}

fn run_scan(path: &Path) -> Taken {
    run(&mut tenantwatch(&["scan", "--format", "json", path.to_str().unwrap()], &[]))
}

fn read_alone(path: &Path) -> Taken {
    let (started, before) = (Instant::now(), cpu("self"));
    export::read(File::open(path).unwrap(), is_selected, |event| {
        std::hint::black_box(event);
    })
    .unwrap();
    Taken { wall: started.elapsed(), cpu: cpu("self") - before, peak: 0 }
}

/// Blobs of one tenant through a first run of ProcessAuditLog.
pub async fn blobs(size: Size) -> Vec<Row> {
    let mut world = scenario::quiet(1);
    let mut lines = Vec::new();
    ordinary_json_lines(SEED, PIECE, &mut lines).unwrap();
    let records: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let (last, piece) = (records[0], records.join(&b','));
    let times = size.bytes / BLOBS / piece.len() as u64;
    for number in 0..BLOBS {
        let created = Utc::now() - TimeDelta::minutes(5) - TimeDelta::seconds(number.try_into().unwrap());
        let body = BlobBody::Repeated { piece: piece.as_slice().into(), times, last: last.into() };
        let tenant = world.tenants.values_mut().next().unwrap();
        tenant.publish_body(scenario::EXCHANGE, created, created + TimeDelta::days(7), body);
    }
    let bytes = BLOBS * (times * (piece.len() as u64 + 1) + last.len() as u64 + 1);
    let simulator = Simulator::start(world).await.unwrap();
    let data = tempfile::tempdir().unwrap();
    let taken = run_once(simulator.environment(), data.path()).await;
    let fetched = simulator.count(|request| request.path.contains("/activity/feed/audit/") && request.status == 200);
    assert_eq!(fetched as u64, BLOBS, "every blob once");
    vec![Row::of_bytes("ProcessAuditLog over TLS, one tenant, 16 blobs", taken, bytes)]
}
