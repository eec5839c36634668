//! Serves audit content of any amount on this machine, to measure a collector of the Office 365 Management Activity API.
//!
//! `cargo run --release --example content -- --megabytes 400` prints the settings of Tenantwatch as `export` lines. A collector
//! of another make needs the same values: authority, API, client id and secret, tenant and certificate. The content is the
//! same every time, and it is created before the first request, so that only the collector is measured.

use std::error::Error;

use chrono::{TimeDelta, Utc};
use clap::Parser;
use tenantwatch_simulator::records::json_lines_with_people;
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Simulator, World, scenario};

/// Always the same records.
const SEED: u64 = 20_261_123;

#[derive(Debug, Parser)]
#[command(about = "Serves audit content of one tenant over TLS on 127.0.0.1, for measurements")]
struct Arguments {
    /// The amount of content in megabytes; it is kept in memory
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..=8_000))]
    megabytes: u64,
    /// The number of blobs that it is divided into
    #[arg(long, default_value_t = 400, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    blobs: u64,
    /// One record in so many is by a person and becomes a finding; 0 for none
    #[arg(long, default_value_t = 400)]
    one_in: u32,
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse();
    let mut world = scenario::quiet(1);
    let (records, bytes) = publish(&arguments, &mut world)?;
    let tenant = world.tenants.keys().next().copied().unwrap_or_default();
    let simulator = Simulator::start(world).await?;
    println!("# {records} records in {bytes} bytes of the tenant {tenant}. Press Ctrl-C to stop.");
    for (name, value) in simulator.environment() {
        println!("export {name}='{value}'");
    }
    println!("# then for example: time tenantwatch run --once --data \"$(mktemp -d)\"");
    tokio::signal::ctrl_c().await?;
    let is_blob = |path: &str| path.contains("/activity/feed/audit/");
    let fetched = simulator.count(|request| is_blob(&request.path) && request.status == 200);
    println!("# {fetched} blobs were fetched.");
    Ok(())
}

/// Publishes the content as blobs of the only tenant, and returns the number of records and bytes.
fn publish(arguments: &Arguments, world: &mut World) -> Result<(u64, usize), Box<dyn Error>> {
    let mut lines = Vec::new();
    let records = json_lines_with_people(SEED, arguments.megabytes * 1_000_000, arguments.one_in, &mut lines)?;
    let all: Vec<&[u8]> = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    let tenant = world.tenants.values_mut().next().ok_or("the simulated world has no tenant")?;
    let (mut bytes, mut created) = (0, Utc::now() - TimeDelta::minutes(10));
    for part in all.chunks(all.len().div_ceil(usize::try_from(arguments.blobs)?)) {
        let body = [b"[".to_vec(), part.join(&b','), b"]".to_vec()].concat();
        bytes += body.len();
        tenant.publish_body(scenario::EXCHANGE, created, created + TimeDelta::days(7), BlobBody::Whole(body.into()));
        created += TimeDelta::milliseconds(1);
    }
    Ok((records, bytes))
}
