//! Log rows under the Functions host, which are paid for one by one, and the states of `ACTION_KEY`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use tenantwatch_simulator::functions_host::{FunctionsHost, Invocation, Level, LogLine, Options};
use tenantwatch_simulator::world::Consent;
use tenantwatch_simulator::{Simulator, World, scenario};
use uuid::Uuid;

use crate::azurite::azurite;

/// Long enough for any machine; nothing waits for it unless something is broken.
const LONG: Duration = Duration::from_secs(120);

/// The built binary under the host, with tables of its own.
struct App {
    simulator: Simulator,
    host: FunctionsHost,
}

impl App {
    /// Starts the app with some settings changed. `None` if Azurite is missing.
    async fn start(world: World, changes: &[(&str, &str)]) -> Option<Self> {
        let azurite = azurite().await?;
        let simulator = Simulator::start(world).await.unwrap();
        let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")), azurite.connection_string.clone());
        options.executable = Some(PathBuf::from(env!("CARGO_BIN_EXE_tenantwatch")));
        options.queue_suffix = format!("-{}", Uuid::new_v4().simple());
        options.environment = simulator.environment().into_iter().collect();
        // The days count every notification; investigations have tests of their own.
        options.environment.insert("INVESTIGATE".to_owned(), "off".to_owned());
        options.environment.insert("GetDomainSchedule".to_owned(), "0 */15 * * * *".to_owned());
        let own = Uuid::new_v4().simple().to_string();
        for name in ["PROCESSED_TABLE", "ACTIONS_TABLE", "COVERAGE_TABLE"] {
            options.environment.insert(name.to_owned(), format!("{}{own}", &name[..4].to_lowercase()));
        }
        options.environment.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Some(Self { simulator, host: FunctionsHost::start(options).await.unwrap() })
    }

    /// Runs a cycle and returns its invocations.
    async fn cycle(&self) -> Vec<Invocation> {
        let before = self.host.invocations().len();
        self.host.fire_timer().await.unwrap();
        self.host.drain(LONG).await.unwrap();
        self.host.invocations().split_off(before)
    }

    /// Returns the rows of an invocation: lines of the handler and entries of `Logs`. A line arrives through a pipe, so the
    /// caller waits for one that must come.
    fn rows(&self, invocation: &Invocation) -> Vec<LogLine> {
        let id = invocation.id.to_string();
        assert_eq!(invocation.logs, Vec::<String>::new(), "an entry of Logs is a row as well");
        self.host.logs().into_iter().filter(|line| line.text.contains(&id)).collect()
    }

    async fn first_row(&self, invocation: &Invocation) -> LogLine {
        loop {
            if let Some(row) = self.rows(invocation).into_iter().next() {
                return row;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn line_that_contains(&self, text: &str) -> LogLine {
        loop {
            if let Some(line) = self.host.logs().into_iter().find(|line| line.text.contains(text)) {
                return line;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Presses the button of the first notification with three members, as flows of 2019 do.
    async fn press_without_token(&self) -> (u16, Value) {
        self.press(false).await
    }

    async fn press(&self, with_token: bool) -> (u16, Value) {
        let notification = self.simulator.notifications().into_iter().find(|body| body["Threat"] == "True").unwrap();
        let mut body = json!({"Domain": notification["ManagementDomain"], "User": notification["SourceMailbox"],
            "ID": notification["LogID"]});
        if with_token {
            body["Token"] = notification["ActionToken"].clone();
        }
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let url = format!("{}/api/RemediateAccount", self.host.http_url());
        let request = client.post(url).header("x-functions-key", self.host.function_key()).json(&body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    fn last_invocation(&self) -> Invocation {
        self.host.invocations().pop().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn quiet_cycle_writes_no_row() {
    let Some(app) = App::start(scenario::quiet(3), &[]).await else { return };
    for _ in 0..2 {
        let invocations = app.cycle().await;
        assert_eq!(invocations.len(), 4);
        for invocation in invocations {
            assert!(invocation.succeeded());
            assert_eq!(app.rows(&invocation), [], "{}", invocation.function);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn invocation_with_a_finding_or_failure_writes_one_row() {
    let (mut world, planted) = scenario::one_threat_each(2, Utc::now());
    world.tenants.get_mut(&planted[1].tenant_id).unwrap().consent = Consent::Missing;
    let Some(app) = App::start(world, &[]).await else { return };
    let invocations = app.cycle().await;
    for (planted, level, text) in
        [(&planted[0], Level::Information, "threats=1 notified=2"), (&planted[1], Level::Error, "ConsentMissing")]
    {
        let mut rows = Vec::new();
        for invocation in invocations.iter().filter(|invocation| invocation.function == "ProcessAuditLog") {
            rows.push(app.first_row(invocation).await);
            assert_eq!(app.rows(invocation).len(), 1, "{:?}", app.rows(invocation));
        }
        let row = rows.iter().find(|row| row.text.contains(&planted.tenant_id.to_string())).unwrap();
        assert_eq!(row.level, level, "{row:?}");
        // docs/operations.md calculates the cost of logs with this.
        assert!(row.text.len() < 500, "{} bytes: {}", row.text.len(), row.text);
        assert!(row.text.contains(text) && row.text.contains(planted.tenant_domain.as_str()), "{row:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn missing_action_key_still_notifies_but_rejects_requests() {
    let (world, _) = scenario::one_threat_each(1, Utc::now());
    let settings = [("ACTION_KEY", ""), ("AUTO_CONTAIN", "*"), ("AUTO_CONTAIN_MODE", "act")];
    let Some(app) = App::start(world, &settings).await else { return };
    for start in ["ACTION_KEY is not set: ", "AUTO_CONTAIN_MODE is act, but ACTION_KEY is not set"] {
        assert_eq!(app.line_that_contains(start).await.level, Level::Warning);
    }
    app.cycle().await;
    let notices =
        || app.simulator.notifications().into_iter().filter(|body| body["Type"] == "Coverage").collect::<Vec<_>>();
    // The handler sends the notice beside its other work.
    while notices().is_empty() {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    app.host.kill_handler().await;
    app.cycle().await;
    let [notice] = &notices()[..] else { panic!("one notice, however often the handler starts: {:?}", notices()) };
    assert!(notice["Description"].as_str().unwrap().contains("ACTION_KEY is not set"), "{notice}");
    assert!(
        notice["Description"].as_str().unwrap().contains("works as with observe and contains no account"),
        "{notice}"
    );
    assert!(app.simulator.notifications().iter().all(|body| body["ActionToken"] == ""));
    let (status, answer) = app.press_without_token().await;
    assert_eq!(status, 403);
    assert!(answer["Error"].as_str().unwrap().starts_with("ACTION_KEY is not set"), "{answer}");
    let row = app.first_row(&app.last_invocation()).await;
    assert!(row.text.contains("ACTION_KEY is not set"), "{row:?}");
    assert_eq!(app.rows(&app.last_invocation()).len(), 1, "a rejected request is one row");
}

#[tokio::test(flavor = "multi_thread")]
async fn with_action_key_off_three_members_are_enough() {
    let (world, _) = scenario::one_threat_each(1, Utc::now());
    let Some(app) = App::start(world, &[("ACTION_KEY", "off")]).await else { return };
    assert_eq!(app.line_that_contains("ACTION_KEY is off: ").await.level, Level::Warning);
    app.cycle().await;
    let (status, answer) = app.press_without_token().await;
    assert_eq!((status, &answer["Status"]), (200, &json!("Completed")), "{answer}");
    assert_eq!(answer["UndoToken"], "");
}

/// The statement of docs/operations.md about one kind of invocation: its name in the table, and the most bytes of its row.
const DOCUMENTED: [(&str, usize); 5] = [
    ("a run with a threat", 350),
    ("a run that fails", 450),
    ("a press that is carried out", 300),
    ("a press that is refused", 300),
    ("a start of the handler", 50),
];

/// Prints what a row costs: `cargo test --test it -- measured_rows --nocapture`.
#[tokio::test(flavor = "multi_thread")]
async fn measured_rows_are_those_of_the_cost_table() {
    let (mut world, planted) = scenario::one_threat_each(2, Utc::now());
    world.tenants.get_mut(&planted[1].tenant_id).unwrap().consent = Consent::Missing;
    let Some(app) = App::start(world, &[("INVESTIGATE", "")]).await else { return };
    let mut measured = Vec::new();
    for invocation in app.cycle().await.iter().filter(|invocation| invocation.function == "ProcessAuditLog") {
        let row = app.first_row(invocation).await;
        let failed = row.text.contains(&planted[1].tenant_id.to_string());
        measured.push((DOCUMENTED[usize::from(failed)], app.rows(invocation)));
    }
    for (kind, with_token, status) in [(DOCUMENTED[2], true, 200), (DOCUMENTED[3], false, 403)] {
        assert_eq!(app.press(with_token).await.0, status);
        let invocation = app.last_invocation();
        app.first_row(&invocation).await;
        measured.push((kind, app.rows(&invocation)));
    }
    // The same tenant fails again, and the investigation of the threat may be told only now.
    for invocation in app.cycle().await {
        let rows = app.rows(&invocation);
        let is_new = |row: &LogLine| row.level == Level::Error || !row.text.contains("notified=0");
        assert!(rows.len() <= 1 && rows.iter().all(is_new), "{rows:?}");
    }
    let start = app.line_that_contains("ready").await;
    measured.push((DOCUMENTED[4], vec![start]));

    let guide = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md")).unwrap();
    for ((kind, _), rows) in &measured {
        let bytes: usize = rows.iter().map(|row| row.text.len()).sum();
        println!("{kind}: {} rows, {bytes} bytes: {rows:?}", rows.len());
    }
    for ((kind, most), rows) in measured {
        let [row] = rows.as_slice() else { panic!("{kind}: {rows:?}") };
        assert!(row.text.len() <= most, "{kind}: {} bytes: {}", row.text.len(), row.text);
        let documented = guide.lines().find(|line| line.starts_with(&format!("| {kind} | 1 | ")));
        assert!(documented.is_some_and(|line| line.ends_with(&format!(" | {most} |"))), "{kind}: {documented:?}");
    }
}
