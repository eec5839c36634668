//! Checks the provider's side: settings, tables, the partner's token, the list of customers, the action key and the channels.

use std::collections::BTreeSet;
use std::time::Duration;

use uuid::Uuid;

use crate::app::App;
use crate::cli::settings_args::reachable;
use crate::detection::FindingKind;
use crate::notify::notices::{Notice, Subject, stamp};
use crate::notify::{self, Channel};
use crate::readiness::{Item, ItemState};
use crate::settings::{ActionKey, ContainedTenants, ContainmentMode, Problem, TenantSource};
use crate::tables::{ACTIONS, COVERAGE, PROCESSED};
use crate::tenants::customers::{self, Known, Watched};
use base::clock::Deadline;
use base::ids::{Domain, RecordId, TenantId};
use m365::Service;
use m365::graph::Customer;
use table_store::{Entity, Key, PartitionKey, RowKey, StoreError, Table, has_queue};

/// The time limit of the list of customers, and of a test notification.
const LIMIT: Duration = Duration::from_secs(300);

/// The most customers that a detail names.
const NAMED: usize = 10;

/// Returns the item of the settings: everything that is wrong, in one detail.
pub(super) fn settings_item(problems: &[Problem]) -> Item {
    if problems.is_empty() {
        return Item::ok("Settings", "every setting can be used");
    }
    let details: Vec<String> =
        problems.iter().map(|problem| format!("{}: {}", problem.setting, problem.what)).collect();
    Item::missing("Settings", details.join("; "), "docs/settings.md")
}

/// Writes, reads and deletes one row in each table.
pub(super) async fn table_items(app: &App) -> Vec<Item> {
    let names = &app.settings.tables;
    let mut items = Vec::new();
    for (table, name) in [(PROCESSED, &names.processed), (ACTIONS, &names.actions), (COVERAGE, &names.coverage)] {
        items.push(match probe(app, table).await {
            Ok(()) => Item::ok(name, "a row was written, read and deleted"),
            Err(error) => Item::missing(
                name,
                error.to_string(),
                "role Storage Table Data Contributor on the storage account, or its connection string",
            ),
        });
    }
    items
}

async fn probe(app: &App, table: Table) -> Result<(), StoreError> {
    let Ok(domain) = "check".parse::<Domain>() else { return Ok(()) };
    let key = Key::new(PartitionKey::domain(&domain), RowKey::record(&RecordId::new(Uuid::new_v4())));
    let mut entity = Entity::new(key.clone());
    entity.set_text("Domain", "check");
    app.store.insert(table, &entity).await?;
    let read = app.store.get(table, &key).await;
    app.store.delete(table, &key, None).await?;
    match read? {
        Some(_) => Ok(()),
        None => Err(StoreError::Refused("the row that was just written is not there".to_owned())),
    }
}

/// Requests a token of the partner's own tenant.
pub(super) async fn partner_item(app: &App) -> Item {
    match app.tokens.token(&app.settings.partner.tenant_id, Service::Graph).await {
        Ok(_) => Item::ok("PartnerToken", "Entra accepts the credential of the app"),
        Err(error) if error.fault.is_transient() => Item::unknown("PartnerToken", error.to_string(), ""),
        Err(error) => Item::missing("PartnerToken", error.to_string(), "CLIENT_SECRET or its alternatives"),
    }
}

/// Lists the customers from the chosen source, and compares them with the other one. `None` if they cannot be listed.
pub(super) async fn customers(app: &App, known: &Known) -> (Item, Option<Vec<Watched>>) {
    let source = customers::source_name(&app.settings.tenants.source);
    let deadline = Deadline::after(app.clock.clone(), LIMIT);
    let listed = match customers::listed(app, &deadline, known).await {
        Ok(listed) => listed,
        Err(error) => {
            let others = others(app, &BTreeSet::new()).await;
            let mend = "TENANT_SOURCE, or the permission Directory.Read.All of the app in the partner's tenant";
            return (Item::missing("Customers", format!("{error}. {others}"), mend), None);
        }
    };
    let ids = listed.iter().map(|customer| customer.tenant_id).collect();
    let detail = format!("{} listed by {source}. {}", listed.len(), others(app, &ids).await);
    (Item::ok("Customers", detail), Some(listed))
}

/// Says what only another source lists, and what only the chosen one lists.
async fn others(app: &App, listed: &BTreeSet<TenantId>) -> String {
    let mut sentences = Vec::new();
    if !matches!(app.settings.tenants.source, TenantSource::Contracts) {
        sentences.push(compared("contracts", app.graph.contracts().await, listed));
    }
    if !matches!(app.settings.tenants.source, TenantSource::Gdap) {
        sentences.push(compared("gdap", app.graph.gdap_customers().await, listed));
    }
    sentences.join(" ")
}

fn compared(source: &str, other: Result<Vec<Customer>, m365::ServiceError>, listed: &BTreeSet<TenantId>) -> String {
    let other = match other {
        Ok(other) => other,
        Err(error) => return format!("{source} cannot be listed: {error}."),
    };
    let only_there: Vec<String> = other
        .iter()
        .filter(|customer| !listed.contains(&customer.tenant_id))
        .map(|customer| customer.default_domain.clone().unwrap_or_else(|| customer.tenant_id.to_string()))
        .collect();
    let there: BTreeSet<TenantId> = other.iter().map(|customer| customer.tenant_id).collect();
    let only_here: Vec<String> = listed.difference(&there).map(ToString::to_string).collect();
    let mut text = format!("{source} lists {}", other.len());
    for (which, names) in [(format!("only in {source}"), only_there), (format!("not in {source}"), only_here)] {
        if !names.is_empty() {
            let more = if names.len() > NAMED { ", …" } else { "" };
            let first = names.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            text.push_str(&format!("; {which}: {first}{more}"));
        }
    }
    text.push('.');
    text
}

/// Returns the item of the action key.
pub(super) fn action_key_item(app: &App) -> Item {
    let key = &app.settings.actions.key;
    match (key, key.warning()) {
        (ActionKey::Unset, warning) => {
            Item::missing("ACTION_KEY", warning.unwrap_or_default(), "openssl rand -base64 32")
        }
        (_, Some(warning)) => Item::ok("ACTION_KEY", warning),
        (_, None) => Item::ok("ACTION_KEY", "tokens are signed"),
    }
}

/// Returns the item of automatic containment. Domains of no monitored tenant contain nothing, so they are named.
pub(super) fn containment_item(app: &App, watched: Option<&[Watched]>) -> Item {
    let (settings, key) = (&app.settings.containment, &app.settings.actions.key);
    if let Some(warning) = settings.warning(key) {
        return Item::missing("AUTO_CONTAIN", warning, "openssl rand -base64 32");
    }
    let mode = match settings.mode(key) {
        ContainmentMode::Act => "acts",
        ContainmentMode::Observe => "observes",
    };
    let unknown: Vec<String> = match (&settings.tenants, watched) {
        (ContainedTenants::None, _) => return Item::ok("AUTO_CONTAIN", "no account is contained automatically"),
        (ContainedTenants::Listed(domains), Some(watched)) => {
            let is_watched = |domain: &&Domain| watched.iter().any(|tenant| tenant.domain == **domain);
            domains.iter().filter(|domain| !is_watched(domain)).map(ToString::to_string).collect()
        }
        (ContainedTenants::All | ContainedTenants::Listed(_), _) => Vec::new(),
    };
    if !unknown.is_empty() {
        let first = unknown.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
        let detail = match unknown.len() {
            1 => format!("1 domain is not the domain of a monitored tenant: {first}"),
            count => format!("{count} domains are not domains of monitored tenants: {first}"),
        };
        return Item::missing("AUTO_CONTAIN", detail, "AUTO_CONTAIN: use the domains that this table shows");
    }
    Item::ok(
        "AUTO_CONTAIN",
        format!("Tenantwatch {mode}, with at most {} accounts per tenant in 24 hours", settings.limit),
    )
}

/// Returns the item of each channel that is set, or that cannot be used; with `notify`, after a test notification.
pub(super) async fn channel_items(app: &App, problems: &[Problem], notify: bool) -> Vec<Item> {
    let mut items = Vec::new();
    for channel in Channel::ALL {
        let is_set = app.notifier.channels().contains(&channel);
        let problem = problems.iter().find(|problem| settings_of(channel).contains(&problem.setting.as_str()));
        match problem {
            Some(problem) => {
                items.push(Item::missing(channel.as_str(), problem.what.as_str(), problem.setting.as_str()))
            }
            None if is_set && notify && channel == Channel::Webhook => items.push(test_webhook(app).await),
            None if is_set && notify => items.push(test(app, channel).await),
            None if is_set && channel == Channel::Webhook => items.push(webhook_item(app).await),
            // Only a sent mail shows that the app may send from that mailbox.
            None if is_set && channel == Channel::Mail => {
                items.push(Item::unknown(
                    "mail",
                    "whether the app may send from MAIL_FROM is not tried",
                    "tenantwatch check --notify",
                ));
            }
            None if is_set => items.push(Item::ok(channel.as_str(), "the address has its form")),
            None => {}
        }
    }
    items
}

/// Returns the item of the webhook: its receiver may have answered 410 before.
async fn webhook_item(app: &App) -> Item {
    let name = Channel::Webhook.as_str();
    match notify::webhook_is_off(app.store.as_ref(), &app.notifier).await {
        Ok(true) => Item::missing(name, notify::WEBHOOK_OFF, "WEBHOOK_URL"),
        Ok(false) => Item::ok(name, "the address has its form"),
        Err(error) => Item::unknown(name, error.to_string(), ""),
    }
}

/// Returns the item of the webhook after a test notification. One that is off gets nothing else, even if it accepts the test.
async fn test_webhook(app: &App) -> Item {
    let tested = test(app, Channel::Webhook).await;
    let stored = webhook_item(app).await;
    if stored.state == ItemState::Ok { tested } else { stored }
}

/// Returns the settings of a channel.
fn settings_of(channel: Channel) -> &'static [&'static str] {
    match channel {
        Channel::Flow => &["FLOW_URL"],
        Channel::Teams => &["TEAMS_WEBHOOK_URL"],
        Channel::Webhook => &["WEBHOOK_URL", "WEBHOOK_SECRET", "WEBHOOK_ALLOW_PRIVATE"],
        Channel::Mail => &["MAIL_FROM", "MAIL_TO"],
        Channel::Slack => &["SLACK_WEBHOOK_URL"],
    }
}

/// The queue through which the Functions host runs ProcessAuditLog.
const QUEUE: &str = "process-audit-log";

/// Looks at the metadata of the queue.
pub(super) async fn queue_item(app: &App) -> Item {
    const NAME: &str = "Queue";
    let Some(storage) = &app.settings.storage else {
        return Item::ok(NAME, "`tenantwatch run` needs no queue");
    };
    let http = match base::http::client(app.settings.root_certificates.as_deref()) {
        Ok(http) => http,
        Err(error) => return Item::unknown(NAME, error.to_string(), ""),
    };
    match has_queue(&reachable(storage), &http, QUEUE).await {
        Ok(true) => Item::ok(NAME, format!("the queue {QUEUE} is there")),
        Ok(false) => Item::missing(NAME, format!("there is no queue {QUEUE}"), "deploy the template again"),
        Err(error @ StoreError::Unavailable(_)) => Item::unknown(NAME, error.to_string(), ""),
        Err(error) => Item::missing(
            NAME,
            error.to_string(),
            "role Storage Queue Data Contributor on the storage account (Reader for a person), or its connection string",
        ),
    }
}

/// Sends a notification of type `Test`. Nothing is stored.
async fn test(app: &App, channel: Channel) -> Item {
    let now = app.clock.now();
    let notice = Notice {
        subject: Subject::service(app.settings.partner.tenant_id),
        what: "Check".to_owned(),
        since: stamp(now),
        text: "Test notification of `tenantwatch check --notify`. Nothing has to be done.".to_owned(),
        at: now,
    };
    let mut row = notice.to_row(&[channel], now);
    row.kind = FindingKind::Test;
    let deadline = Deadline::after(app.clock.clone(), LIMIT);
    match app.notifier.send(channel, &row, &deadline).await {
        Ok(()) => Item::ok(channel.as_str(), "the test notification was accepted"),
        Err(error) => Item::missing(channel.as_str(), error.to_string(), channel.setting()),
    }
}
