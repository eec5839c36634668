//! Runs the whole product against a simulated Microsoft 365 on this machine.
//!
//! `cargo run --release --example demo` serves a page with the notifications as cards with working buttons. With `-- --once`
//! it runs one full cycle without a browser, remediates every threat and prints the result. It fails if a planted attack was
//! missed, notified twice or not secured. With `-- --channels all` the page shows the flow, Teams, the webhook, mail and Slack side by
//! side. With `-- --keep` only the simulator runs, for the commands of another shell.

mod table;
mod variables;

use std::collections::BTreeMap;
use std::error::Error;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use base::clock::SystemClock;
use clap::Parser;
use serde_json::{Value, json};
use table_store::SqliteStore;
use tenantwatch::app::App;
use tenantwatch::cli::{Cycle, cycle};
use tenantwatch::host::standalone;
use tenantwatch::settings::{Needs, Settings};
use tenantwatch_simulator::page::Page;
use tenantwatch_simulator::scenario::{self, Planted};
use tenantwatch_simulator::{Simulator, World};

use table::new_table;
use variables::exports;

/// Always the same tenants, people and attacks.
const SEED: u64 = 20_261_123;

/// The time between two cycles. The product's own default is 15 minutes.
const CYCLE: Duration = Duration::from_secs(10);

#[derive(Debug, Parser)]
#[command(about = "Tenantwatch against a simulated Microsoft 365, on this machine alone")]
struct Arguments {
    /// Run one full cycle without a browser and print a table; fail if an attack was missed, notified twice or not secured
    #[arg(long)]
    once: bool,
    /// Run the simulator alone, and print the variables that point the commands in another shell at it
    #[arg(long, conflicts_with = "once")]
    keep: bool,
    /// Serve the page on this port of 127.0.0.1; 0 chooses a free one
    #[arg(long, default_value_t = 8365)]
    port: u16,
    /// The channels that the page shows
    #[arg(long, value_enum, default_value_t = Channels::Flow)]
    channels: Channels,
}

/// The channels of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Channels {
    /// The cards of the flow
    Flow,
    /// The flow, Teams, the webhook, mail and Slack side by side
    All,
}

impl Channels {
    /// The settings of the channels that are not set otherwise.
    fn settings(self, simulator: &Simulator) -> Vec<(String, String)> {
        match self {
            Self::Flow => Vec::new(),
            Self::All => simulator.further_channels(),
        }
    }
}

/// The parts of the demo, which run together.
struct Demo {
    simulator: Arc<Simulator>,
    planted: Vec<Planted>,
    app: App,
    page: Page,
    _data: tempfile::TempDir,
}

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    if arguments.keep {
        return keep_simulator(arguments.channels).await;
    }
    let demo = Demo::start(if arguments.once { 0 } else { arguments.port }, arguments.channels).await?;
    if arguments.once { demo.once().await } else { demo.keep_running().await }
}

/// Runs the simulator until Ctrl-C, for commands in another shell.
async fn keep_simulator(channels: Channels) -> Result<ExitCode, Box<dyn Error>> {
    let (world, _) = scenario::demo(SEED, chrono::Utc::now());
    let simulator = Simulator::start(world).await?;
    let variables: Vec<_> = simulator.environment().into_iter().chain(channels.settings(&simulator)).collect();
    print!("{}", exports(&variables, &simulator.azure_cli()?));
    println!("# Paste these lines into another shell, then for example:");
    println!("#   tenantwatch run --once --data demo && tenantwatch check --data demo; tenantwatch status --data demo");
    eprintln!("The simulator runs until you press Ctrl-C.");
    tokio::signal::ctrl_c().await?;
    Ok(ExitCode::SUCCESS)
}

impl Demo {
    async fn start(port: u16, channels: Channels) -> Result<Self, Box<dyn Error>> {
        let (world, planted): (World, Vec<Planted>) = scenario::demo(SEED, chrono::Utc::now());
        let simulator = Arc::new(Simulator::start(world).await?);
        let data = tempfile::tempdir()?;
        let clock = Arc::new(SystemClock);
        let environment = simulator.environment().into_iter().chain(channels.settings(&simulator));
        let settings = Settings::from_environment(environment, Needs::LOCAL)?;
        let store = Arc::new(SqliteStore::open(&data.path().join("tenantwatch.db"), clock.clone())?);
        let app = App::new(settings, store, clock)?;

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let remediate_url = format!("http://{}/api/RemediateAccount", listener.local_addr()?);
        tokio::spawn(standalone::serve(listener, app.clone()));
        let shared = Arc::clone(&simulator);
        let page = match channels {
            Channels::Flow => Page::start(shared, &remediate_url, port).await?,
            Channels::All => Page::start_with_channels(shared, &remediate_url, port).await?,
        };
        Ok(Self { simulator, planted, app, page, _data: data })
    }

    async fn keep_running(self) -> Result<ExitCode, Box<dyn Error>> {
        println!("Open {} – press Ctrl-C to stop.", self.page.url());
        loop {
            print_cycle(&cycle(&self.app).await?);
            tokio::select! {
                () = tokio::time::sleep(CYCLE) => {}
                _ = tokio::signal::ctrl_c() => return Ok(ExitCode::SUCCESS),
            }
        }
    }

    async fn once(self) -> Result<ExitCode, Box<dyn Error>> {
        print_cycle(&cycle(&self.app).await?);
        let mut answers = BTreeMap::new();
        for planted in &self.planted {
            answers.insert(planted.record_id, self.press(planted).await?);
        }
        // The second cycle reads the same content again and must not notify anyone again.
        cycle(&self.app).await?;

        let notifications = self.simulator.notifications();
        let verdicts: Vec<Verdict> = self
            .planted
            .iter()
            .map(|planted| Verdict::of(planted, &notifications, &answers[&planted.record_id]))
            .collect();
        print_verdicts(&verdicts);
        let surplus = surplus(&self.planted, &notifications);
        for notification in &surplus {
            println!("Not planted, but notified: {} {}", notification["Type"], notification["Summary"]);
        }
        let good = verdicts.iter().all(Verdict::is_good) && surplus.is_empty();
        println!(
            "{} planted, {} notified exactly once, {} secured and verified, {} false alarms: {}",
            verdicts.len(),
            verdicts.iter().filter(|verdict| verdict.notified == 1).count(),
            verdicts.iter().filter(|verdict| verdict.verified).count(),
            surplus.len(),
            if good { "all is well" } else { "NOT as it must be" }
        );
        Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }

    /// Uses the button of a notification on the page, as a technician does.
    async fn press(&self, planted: &Planted) -> Result<Value, reqwest::Error> {
        let body = json!({"LogID": planted.record_id, "Action": "Remediate"});
        reqwest::Client::new().post(format!("{}press", self.page.url())).json(&body).send().await?.json().await
    }
}

/// The outcome of one planted attack.
struct Verdict {
    mailbox: String,
    shape: String,
    found: String,
    notified: usize,
    status: String,
    verified: bool,
}

impl Verdict {
    fn of(planted: &Planted, notifications: &[Value], answer: &Value) -> Self {
        let log_id = planted.record_id.to_string();
        let mine: Vec<&Value> = notifications.iter().filter(|body| body["LogID"] == log_id.as_str()).collect();
        let found = mine.first().map_or_else(
            || "not found".to_owned(),
            |body| format!("{} {}", text(&body["Severity"]), text(&body["Score"])),
        );
        let status = text(if answer["Status"].is_string() { &answer["Status"] } else { &answer["Error"] });
        let verify = answer["Steps"].as_array().and_then(|steps| steps.iter().find(|step| step["Step"] == "Verify"));
        let verified = matches!(status.as_str(), "Completed" | "AlreadyDone")
            && verify.is_some_and(|step| step["Outcome"] == "Done");
        Self {
            mailbox: planted.mailbox.clone(),
            shape: planted.shape.to_owned(),
            found,
            notified: mine.len(),
            status,
            verified,
        }
    }

    fn is_good(&self) -> bool {
        self.notified == 1 && self.verified
    }
}

/// Returns the notifications of threats that were not planted.
fn surplus<'a>(planted: &[Planted], notifications: &'a [Value]) -> Vec<&'a Value> {
    let is_planted =
        |body: &Value| planted.iter().any(|planted| body["LogID"] == planted.record_id.to_string().as_str());
    notifications.iter().filter(|body| body["Threat"] == "True" && !is_planted(body)).collect()
}

/// Prints what was read. Failures are told below the table, where there is room for them.
fn print_cycle(cycle: &Cycle) {
    let mut table = new_table(&["Tenant", "Records", "Selected", "Findings", "Threats", "Sent", "Outcome"]);
    for (message, outcome) in &cycle.tenants {
        let (done, outcome) = match outcome {
            Ok(done) => (done.clone(), "read"),
            Err(_) => (Default::default(), "not read"),
        };
        let numbers = [done.records, done.selected, done.findings, done.threats, done.notified];
        let mut row = vec![message.domain.to_string()];
        row.extend(numbers.iter().map(u64::to_string));
        row.push(outcome.to_owned());
        table.add_row(row);
    }
    println!("{table}");
    for (message, outcome) in &cycle.tenants {
        if let Err(error) = outcome {
            println!("{}: {error}", message.domain);
        }
    }
}

fn print_verdicts(verdicts: &[Verdict]) {
    let mut table = new_table(&["Mailbox", "Planted attack", "Found", "Notified", "Remediation", "Verified"]);
    for verdict in verdicts {
        table.add_row([
            verdict.mailbox.clone(),
            verdict.shape.clone(),
            verdict.found.clone(),
            format!("{}×", verdict.notified),
            verdict.status.clone(),
            if verdict.verified { "yes" } else { "NO" }.to_owned(),
        ]);
    }
    println!("{table}");
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
