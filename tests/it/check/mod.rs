//! `tenantwatch check` through the built binary: the missing rights, the commands that grant them, and the exit code.

mod queue;

use serde_json::Value;
use tenantwatch_simulator::world::Consent;
use tenantwatch_simulator::{Fault, Service, Simulator, World, scenario};
use tokio::process::Command;

/// A simulated Microsoft 365 and a folder that a run has used.
struct Checked {
    simulator: Simulator,
    data: tempfile::TempDir,
}

impl Checked {
    /// Runs one cycle, so that subscriptions are started and the tables are there.
    async fn of(world: World) -> Self {
        let checked = Self { simulator: Simulator::start(world).await.unwrap(), data: tempfile::tempdir().unwrap() };
        checked.command(&["run", "--once"], &[]).await;
        checked
    }

    async fn command(&self, arguments: &[&str], changes: &[(&str, &str)]) -> std::process::Output {
        Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
            .args(arguments)
            .args(["--data", self.data.path().to_str().unwrap()])
            .current_dir(self.data.path())
            .env_clear()
            .envs(self.simulator.environment())
            .envs(changes.iter().copied())
            .output()
            .await
            .unwrap()
    }

    async fn check(&self, arguments: &[&str], changes: &[(&str, &str)]) -> (Option<i32>, Value) {
        let output = self.command(&[&["check", "--format", "json"], arguments].concat(), changes).await;
        let text = String::from_utf8(output.stdout).unwrap();
        (output.status.code(), serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    fn tenant(&self, change: impl FnOnce(&mut tenantwatch_simulator::world::Tenant)) {
        change(self.simulator.world().tenants.values_mut().next().unwrap());
    }
}

/// Returns the state of an item among those of the provider (`Ours`) or of the first tenant.
fn state<'a>(found: &'a Value, item: &str) -> &'a str {
    let ours = found["Ours"].as_array().unwrap();
    let tenant = found["Tenants"][0]["Items"].as_array();
    let mut items = ours.iter().chain(tenant.into_iter().flatten());
    items.find(|one| one["Item"] == item).and_then(|one| one["State"].as_str()).unwrap_or("absent")
}

/// A tenant in which nothing is missing once a run has started what it reads.
async fn ready() -> Checked {
    let checked = Checked::of(scenario::quiet(1)).await;
    checked.tenant(|tenant| {
        for name in ["Audit.SharePoint", "Audit.General"] {
            tenant.subscriptions.insert(name.to_owned(), true);
        }
    });
    checked
}

#[test]
fn operations_guide_lists_every_item() {
    use tenantwatch::readiness::items::{
        CONTENT_TYPES, DIRECTORY_ROLES, OPTIONAL_PERMISSION, OTHER_ITEMS, PERMISSIONS,
    };
    let guide = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/operations.md")).unwrap();
    let permissions = PERMISSIONS.iter().chain([&OPTIONAL_PERMISSION]).map(|permission| permission.value);
    let roles = DIRECTORY_ROLES.iter().map(|role| role.name);
    let others = OTHER_ITEMS.iter().chain(CONTENT_TYPES).copied();
    for item in permissions.chain(roles).chain(others) {
        assert!(guide.contains(&format!("| `{item}` |")), "{item}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_missing_exits_0_and_names_every_item() {
    let checked = ready().await;
    checked.simulator.forget_requests();
    let (code, found) = checked.check(&[], &[]).await;
    assert_eq!(code, Some(0), "{found:#}");
    for item in ["Settings", "AuditLogCoverage", "PartnerToken", "Customers", "ACTION_KEY", "flow", "Token"] {
        assert_eq!(state(&found, item), "ok", "{item}: {found:#}");
    }
    for item in ["ActivityFeed.Read", "Exchange.ManageAsApp", "User Administrator", "Audit.SharePoint", "Exchange"] {
        assert_eq!(state(&found, item), "ok", "{item}: {found:#}");
    }
    assert_eq!(state(&found, "AuditLogsQuery.Read.All"), "unknown");
    let changing = checked
        .simulator
        .count(|request| request.method != "GET" && !matches!(request.service, Service::Entra | Service::Exchange));
    assert_eq!(changing, 0);
    let asked = |service| checked.simulator.count(|request| request.service == service);
    assert!(asked(Service::Activity) + asked(Service::Exchange) <= 6);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_missing_right_is_named_with_what_mends_it() {
    type Change = fn(&mut tenantwatch_simulator::world::Tenant);
    let changes: [(&str, Change); 7] = [
        ("Token", |tenant| tenant.consent = Consent::Missing),
        ("User.RevokeSessions.All", |tenant| tenant.directory.set("User.RevokeSessions.All", false)),
        ("Exchange Administrator", |tenant| tenant.directory.roles.clear()),
        ("Audit.General", |tenant| tenant.subscriptions.retain(|name, _| name != "Audit.General")),
        ("Exchange", |tenant| tenant.exchange_role = false),
        ("UnifiedAuditLog", |tenant| tenant.auditing = false),
        ("OrganizationAuditing", |tenant| tenant.oddities.audit_disabled = true),
    ];
    for (item, change) in changes {
        let checked = ready().await;
        checked.tenant(change);
        let (code, found) = checked.check(&[], &[]).await;
        assert_eq!(state(&found, item), "missing", "{item}: {found:#}");
        assert_eq!(code, Some(1));
        let items = found["Tenants"][0]["Items"].as_array().unwrap();
        assert!(items.iter().any(|one| one["Item"] == item && one["Mend"] != ""), "{item}: {found:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_token_is_one_item_with_its_own_mend() {
    let checked = ready().await;
    for (consent, mend) in [
        (Consent::Missing, "/adminconsent?client_id="),
        (Consent::Gone, "TENANTS_EXCLUDE"),
        (Consent::NoLicence, "the licences of the tenant, then tenantwatch onboard --tenant "),
        (Consent::Blocked, "Entra admin center"),
        (Consent::AppDisabled, "Entra admin center"),
    ] {
        checked.tenant(|tenant| tenant.consent = consent);
        let (code, found) = checked.check(&[], &[]).await;
        let items = found["Tenants"][0]["Items"].as_array().unwrap();
        let missing: Vec<&Value> = items.iter().filter(|item| item["State"] == "missing").collect();
        let [token] = missing.as_slice() else { panic!("one cause is one item: {missing:#?}") };
        assert_eq!((code, &token["Item"]), (Some(1), &"Token".into()));
        assert!(token["Mend"].as_str().unwrap().contains(mend), "{token:#}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_link_of_the_table_is_on_one_line() {
    let checked = ready().await;
    checked.tenant(|tenant| tenant.consent = Consent::Missing);
    let output = checked.command(&["check"], &[]).await;
    let text = String::from_utf8(output.stdout).unwrap();
    let client_id = checked.simulator.world().client_id.to_string();
    let is_whole = |line: &str| line.contains(": https://") && line.ends_with(&format!("?client_id={client_id}"));
    assert_eq!(text.lines().filter(|line| is_whole(line)).count(), 1, "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn unreadable_customer_list_leaves_the_document_without_tenants() {
    let checked = ready().await;
    checked.simulator.inject(Fault::status(Service::Graph, "/contracts", 403));
    let (code, found) = checked.check(&[], &[]).await;
    assert_eq!((code, state(&found, "Customers")), (Some(1), "missing"), "{found:#}");
    assert_eq!(found["Tenants"].as_array().map(Vec::len), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_tenant_and_unused_folder_exit_2() {
    let checked = ready().await;
    let output = checked.command(&["check", "--tenant", "nobody.example"], &[]).await;
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("nobody.example is not a customer"));
    let folder = checked.data.path().join("typo");
    let unused = Command::new(env!("CARGO_BIN_EXE_tenantwatch"))
        .args(["check", "--data", folder.to_str().unwrap()])
        .env_clear()
        .envs(checked.simulator.environment())
        .output()
        .await
        .unwrap();
    assert_eq!(unused.status.code(), Some(2));
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_settings_are_an_item_and_the_rest_is_checked() {
    let checked = ready().await;
    let changes = [("TEAMS_WEBHOOK_URL", "http://teams.example/hush"), ("LOOKBACK_MINUTES", "many")];
    let (code, found) = checked.check(&[], &changes).await;
    assert_eq!((code, state(&found, "Settings"), state(&found, "teams")), (Some(1), "missing", "missing"));
    assert_eq!(state(&found, "Token"), "ok", "{found:#}");
    assert!(!found.to_string().contains("hush"));
    let (code, found) = checked.check(&[], &[("CLIENT_ID", "nobody")]).await;
    assert_eq!((code, state(&found, "Settings")), (Some(1), "missing"));
}

#[tokio::test(flavor = "multi_thread")]
async fn test_notification_is_sent_only_on_demand() {
    let checked = ready().await;
    let sent = |service| checked.simulator.count(move |request| request.service == service);
    checked.simulator.forget_requests();
    checked.check(&[], &[]).await;
    assert_eq!(sent(Service::Flow) + sent(Service::Teams), 0);
    let (code, found) = checked.check(&["--notify"], &[]).await;
    assert_eq!((code, sent(Service::Flow), sent(Service::Teams)), (Some(0), 1, 1), "{found:#}");
    checked.simulator.inject(Fault::status(Service::Flow, "", 404));
    let (code, found) = checked.check(&["--notify"], &[]).await;
    assert_eq!((code, state(&found, "flow"), state(&found, "teams")), (Some(1), "missing", "ok"), "{found:#}");
}

#[tokio::test(flavor = "multi_thread")]
async fn test_goes_through_each_of_five_channels() {
    let checked = ready().await;
    let further = checked.simulator.further_channels();
    let further: Vec<(&str, &str)> = further.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let names = ["flow", "teams", "webhook", "mail", "slack"];
    let states = |found: &Value| names.map(|name| state(found, name).to_owned());
    let (_, found) = checked.check(&[], &further).await;
    assert_eq!(states(&found), ["ok", "ok", "ok", "unknown", "ok"], "{found:#}");
    checked.simulator.forget_requests();
    let (code, found) = checked.check(&["--notify"], &further).await;
    assert_eq!((code, states(&found)), (Some(0), ["ok"; 5].map(str::to_owned)), "{found:#}");
    let sent = [Service::Flow, Service::Teams, Service::Webhook, Service::Slack]
        .map(|service| checked.simulator.count(move |request| request.service == service));
    assert_eq!((sent, checked.simulator.world().sent_mail.len()), ([1; 4], 1));
    assert_eq!(checked.simulator.webhooks()[0].json()["type"], "tenantwatch.test");
    assert!(checked.simulator.notifications().iter().all(|body| body["Type"] == "Test" && body["ActionToken"] == ""));

    checked.simulator.world().mail_sender = "other@provider.example".to_owned();
    let (code, found) = checked.check(&["--notify"], &further).await;
    assert_eq!((code, state(&found, "mail")), (Some(1), "missing"), "{found:#}");
    assert!(found.to_string().contains("Application Mail.Send"), "{found:#}");
}

/// It accepts the test, but nothing else is sent to it.
#[tokio::test(flavor = "multi_thread")]
async fn webhook_that_is_off_is_missing_even_if_it_accepts_a_test() {
    let checked =
        Checked { simulator: Simulator::start(threatened()).await.unwrap(), data: tempfile::tempdir().unwrap() };
    let further = checked.simulator.further_channels();
    let further: Vec<(&str, &str)> = further.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    checked.simulator.inject(Fault::status(Service::Webhook, "", 410));
    checked.command(&["run", "--once"], &further).await;
    checked.simulator.clear_faults();
    for arguments in [&[][..], &["--notify"]] {
        let (code, found) = checked.check(arguments, &further).await;
        assert_eq!((code, state(&found, "webhook")), (Some(1), "missing"), "{arguments:?} {found:#}");
        assert!(found.to_string().contains("set WEBHOOK_URL to a new URL"), "{found:#}");
    }
    assert_eq!(checked.simulator.webhooks().len(), 1, "the test was sent all the same");
}

/// One tenant with one threat.
fn threatened() -> World {
    scenario::one_threat_each(1, chrono::Utc::now()).0
}

#[tokio::test(flavor = "multi_thread")]
async fn table_fits_a_page_and_writes_control_characters_out() {
    let checked = ready().await;
    let body = serde_json::json!({"error": {"code": "Denied", "message": "\u{1b}[31mpress \u{202e}here"}}).to_string();
    let denied = tenantwatch_simulator::FaultKind::Status { status: 400, headers: Vec::new(), body };
    checked.simulator.inject(Fault::new(Service::Exchange, "Get-OrganizationConfig", denied));
    let wrong = [("PARTNER_TENANT_ID", "x"), ("LOOKBACK_MINUTES", "x"), ("RETENTION_DAYS", "x")];
    for changes in [&[][..], &wrong[..]] {
        let output = checked.command(&["check"], changes).await;
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("items ok") && text.lines().all(|line| line.chars().count() <= 140), "{text}");
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'), "{text}");
    }
}
