//! Measures the time, CPU and memory of the whole product, as one table: `cargo bench --bench product`, or `-- quick` for a
//! tenth of everything. With `-- investigate` only investigations are measured, with `-- first-cycles` the first cycle over 1,000
//! tenants fifty times.
//!
//! The binary runs as a process of its own, as it does on the platform; Microsoft 365 is the simulator in this process, over TLS.
//! The kernel's figures for the child process are reported, so that the simulator is not counted. The content never changes,
//! because it is made from a seed.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "a benchmark that cannot go on ends")]

mod investigation;
mod process;
mod reading;
mod scale;
mod start;

use process::Taken;

/// The amount of work: customer tenants, and bytes of content.
#[derive(Debug, Clone, Copy)]
struct Size {
    tenants: usize,
    bytes: u64,
}

/// One row of the table.
#[derive(Debug)]
struct Row {
    what: String,
    told: String,
}

impl Row {
    fn new(what: impl Into<String>, told: impl Into<String>) -> Self {
        Self { what: what.into(), told: told.into() }
    }

    /// Describes the time and the memory that a process took for `bytes`.
    fn of_bytes(what: String, taken: Taken, bytes: u64) -> Self {
        let reading = Self::of_reading(what, taken, bytes);
        Self { told: format!("{}, {:.1} MiB at most", reading.told, taken.mebibytes()), ..reading }
    }

    /// Describes the time that a process took for `bytes`.
    fn of_reading(what: String, taken: Taken, bytes: u64) -> Self {
        let gigabytes = bytes as f64 / 1e9;
        let told = format!(
            "{:.2} s from start to end for {gigabytes:.2} GB, {:.2} s of CPU per GB",
            taken.wall.as_secs_f64(),
            taken.cpu.as_secs_f64() / gigabytes,
        );
        Self::new(what, told)
    }
}

fn main() {
    let has = |name: &str| std::env::args().any(|argument| argument == name);
    let is_quick = has("quick");
    let size = if is_quick {
        Size { tenants: 100, bytes: 100_000_000 }
    } else {
        Size { tenants: 1_000, bytes: 1_000_000_000 }
    };
    println!("measured: {}", process::binary().display());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    if has("investigate") {
        let mut rows = investigation::offline(size);
        rows.extend(runtime.block_on(investigation::live(size)));
        return print(&rows);
    }
    if has("first-cycles") {
        return print(&runtime.block_on(scale::first_cycles(size, 50)));
    }
    let mut rows = start::rows();
    rows.extend(reading::scan(size));
    rows.extend(runtime.block_on(reading::blobs(size)));
    rows.extend(runtime.block_on(scale::quiet(size)));
    rows.extend(runtime.block_on(scale::one_threat_each(size)));
    rows.extend(investigation::offline(size));
    rows.extend(runtime.block_on(investigation::live(size)));
    print(&rows);
}

fn print(rows: &[Row]) {
    println!("\n| what | measured |\n|---|---|");
    for row in rows {
        println!("| {} | {} |", row.what, row.told);
    }
}
