//! The product as it runs in Azure: the built binary under the Functions host, over real queues and tables, against the
//! simulated Microsoft 365.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chrono::Utc;
use serde_json::{Value, json};
use tenantwatch_simulator::functions_host::{FunctionsHost, Options};
use tenantwatch_simulator::scenario::{self, Planted};
use tenantwatch_simulator::{Fault, FaultKind, Service, Simulator, World};
use uuid::Uuid;

use crate::azurite::azurite;

/// Long enough for any machine; nothing waits for it unless something is broken.
const LONG: Duration = Duration::from_secs(120);

struct Day {
    simulator: Arc<Simulator>,
    host: FunctionsHost,
}

impl Day {
    /// The app of this repository with the binary just built. `None` where there is no Azurite.
    async fn start(world: World) -> Option<Self> {
        Self::start_with(world, PathBuf::from(env!("CARGO_BIN_EXE_tenantwatch"))).await
    }

    async fn start_with(world: World, executable: PathBuf) -> Option<Self> {
        let azurite = azurite().await?;
        let simulator = Arc::new(Simulator::start(world).await.unwrap());
        let mut options = Options::new(Path::new(env!("CARGO_MANIFEST_DIR")), azurite.connection_string.clone());
        options.executable = Some(executable);
        options.queue_suffix = format!("-{}", Uuid::new_v4().simple());
        options.visibility_timeout = Some(Duration::from_secs(1));
        options.crashes_that_stop = 20;
        options.environment = simulator.environment().into_iter().collect();
        // The days count every notification; investigations have tests of their own.
        options.environment.insert("INVESTIGATE".to_owned(), "off".to_owned());
        options.environment.insert("GetDomainSchedule".to_owned(), "0 */15 * * * *".to_owned());
        // Tables of its own: the Azurite is shared with the other tests.
        let own = Uuid::new_v4().simple().to_string();
        for name in ["PROCESSED_TABLE", "ACTIONS_TABLE", "COVERAGE_TABLE"] {
            options.environment.insert(name.to_owned(), format!("{}{own}", &name[..4].to_lowercase()));
        }
        Some(Self { simulator, host: FunctionsHost::start(options).await.unwrap() })
    }

    async fn cycle(&self) {
        self.host.fire_timer().await.unwrap();
        self.host.drain(LONG).await.unwrap();
    }

    fn told(&self, planted: &Planted) -> usize {
        let id = planted.record_id.to_string();
        self.simulator.notifications().iter().filter(|body| body["LogID"] == id.as_str()).count()
    }

    /// Presses the button of a notification, as the flow does: with the function key of the app.
    async fn press(&self, planted: &Planted) -> (u16, Value) {
        let id = planted.record_id.to_string();
        let notification =
            self.simulator.notifications().into_iter().find(|body| body["LogID"] == id.as_str()).unwrap();
        let body = json!({"Domain": notification["ManagementDomain"], "User": notification["SourceMailbox"],
            "ID": notification["LogID"], "Token": notification["ActionToken"]});
        let url = format!("{}/api/RemediateAccount", self.host.http_url().trim_end_matches('/'));
        let request = reqwest::Client::new().post(url).header("x-functions-key", self.host.function_key()).json(&body);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    fn is_enabled(&self, planted: &Planted) -> bool {
        self.simulator.world().tenants[&planted.tenant_id].user(&planted.mailbox).unwrap().account_enabled
    }

    fn lines(&self) -> String {
        self.host.logs().iter().map(|line| format!("{:?} {}\n", line.level, line.text)).collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn day_of_cycles_notifies_threats_once_and_secures_account() {
    let (world, planted) = scenario::demo(11, Utc::now());
    let Some(day) = Day::start(world).await else { return };
    for _ in 0..4 {
        day.cycle().await;
    }
    for planted in &planted {
        assert_eq!(day.told(planted), 1, "{}\n{}", planted.shape, day.lines());
    }
    let is_planted =
        |body: &Value| planted.iter().any(|planted| body["LogID"] == planted.record_id.to_string().as_str());
    let mut surplus = day.simulator.notifications();
    surplus.retain(|body| body["Threat"] == "True" && !is_planted(body));
    assert_eq!(surplus, Vec::<Value>::new(), "nothing else is told");

    for planted in &planted {
        assert!(day.is_enabled(planted));
        let (status, answer) = day.press(planted).await;
        assert_eq!((status, answer["Status"].as_str()), (200, Some("Completed")), "{}: {answer}", planted.shape);
        assert!(!day.is_enabled(planted));
    }
    day.cycle().await;
    assert!(planted.iter().all(|planted| day.told(planted) == 1), "nothing is told again");
    assert!(day.host.poison_messages().await.unwrap().is_empty());
    let secret = day.simulator.world().client_secret.clone();
    let lines = day.lines();
    assert!(!lines.contains(&secret) && !lines.contains("sig="), "no secret is logged");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_that_keeps_failing_is_poisoned_and_harms_no_other() {
    let (world, planted) = scenario::one_threat_each(4, Utc::now());
    let Some(day) = Day::start(world).await else { return };
    let ill = &planted[0];
    // A transient rejection that the run does not retry, so that the host has to repeat the message.
    let later = FaultKind::Status {
        status: 400,
        headers: Vec::new(),
        body: json!({ "error": { "code": "AF20031", "message": "Invalid nextPage Input" } }).to_string(),
    };
    day.simulator.inject(Fault::new(Service::Activity, &format!("{}/activity/feed", ill.tenant_id), later));
    day.cycle().await;
    let poison = day.host.poison_messages().await.unwrap();
    assert_eq!(poison.len(), 1, "{}", day.lines());
    assert!(poison[0].contains(&ill.tenant_id.to_string()));
    assert!(planted[1..].iter().all(|planted| day.told(planted) == 1), "{}", day.lines());
    assert_eq!(day.told(ill), 0);

    day.simulator.clear_faults();
    day.cycle().await;
    assert!(
        planted.iter().all(|planted| day.told(planted) == 1),
        "what was missed is told when the tenant can be read"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_delivered_twice_is_told_once() {
    let (world, planted) = scenario::one_threat_each(2, Utc::now());
    let Some(day) = Day::start(world).await else { return };
    let message = json!({"tenantId": planted[0].tenant_id, "domain": planted[0].tenant_domain, "displayName": "x",
        "runId": Uuid::new_v4(), "queuedAt": Utc::now()});
    // Only a tenant that GetDomain has listed is read. It queues one more message for it.
    day.host.fire_timer().await.unwrap();
    day.host.enqueue(&message.to_string()).await.unwrap();
    day.host.enqueue(&message.to_string()).await.unwrap();
    day.host.drain(LONG).await.unwrap();
    assert_eq!(day.told(&planted[0]), 1, "{}", day.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_handler_is_started_again_and_its_work_is_done() {
    let (world, planted) = scenario::one_threat_each(3, Utc::now());
    let Some(day) = Day::start(world).await else { return };
    // Slow content, so that the kill falls into the reading of it.
    let slow = FaultKind::Delay(Duration::from_millis(700));
    day.simulator.inject(Fault::new(Service::Activity, "/activity/feed/audit/", slow));
    day.host.fire_timer().await.unwrap();
    while day.simulator.count(|request| request.path.contains("/subscriptions/content")) == 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    day.host.kill_handler().await;
    day.simulator.clear_faults();
    day.host.drain(LONG).await.unwrap();
    day.cycle().await;
    assert!(day.host.starts() >= 2);
    assert!(planted.iter().all(|planted| day.told(planted) == 1), "{}", day.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_request_is_rejected_and_ends_nothing() {
    let (world, planted) = scenario::one_threat_each(1, Utc::now());
    let Some(day) = Day::start(world).await else { return };
    day.host.fire_timer().await.unwrap();
    day.host.enqueue("no json at all").await.unwrap();
    day.host.enqueue(r#"{"tenantId":"no guid"}"#).await.unwrap();
    // A technician can queue a message manually: the GUID alone is enough.
    day.host.enqueue(&json!({"tenantId": planted[0].tenant_id, "somethingNew": 1}).to_string()).await.unwrap();
    day.host.drain(LONG).await.unwrap();
    assert_eq!(day.told(&planted[0]), 1, "{}", day.lines());
    assert_eq!(day.host.poison_messages().await.unwrap().len(), 2, "{}", day.lines());
    day.cycle().await;
    assert_eq!(day.told(&planted[0]), 1, "{}", day.lines());
    assert_eq!(day.host.starts(), 1, "the process has lived through it all");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_that_is_slow_to_start_is_waited_for() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = tempfile::tempdir().unwrap();
    let slow = folder.path().join("slow");
    std::fs::write(&slow, concat!("#!/bin/sh\nsleep 3\nexec ", env!("CARGO_BIN_EXE_tenantwatch"), " \"$@\"\n"))
        .unwrap();
    std::fs::set_permissions(&slow, std::fs::Permissions::from_mode(0o700)).unwrap();
    let (world, planted) = scenario::one_threat_each(1, Utc::now());
    let Some(day) = Day::start_with(world, slow).await else { return };
    day.cycle().await;
    assert_eq!((day.told(&planted[0]), day.host.starts()), (1, 1), "{}", day.lines());
}
