//! Every condition by itself: all others are met.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tenantwatch::detection::{ReasonName, Severity};
use tenantwatch::remediation::contain::{AccountFacts, Condition, Origin, Ours, Theirs};
use tenantwatch::settings::ProtectedUser;
use tenantwatch_simulator::world::{AcceptedDomain, RoleAssignment, SecurityGroup};
use tenantwatch_simulator::{Fault, FaultKind, Service};
use uuid::Uuid;

use super::{acting, attack, changes, ready, robbing_rule, runs, told, user};
use crate::collector_fixture::{CollectorFixture, Failure, Operation, forwarding_rule};

fn now() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

fn ours() -> Ours {
    let (event_time, read_since) = (now() - TimeDelta::hours(23), Some(now() - TimeDelta::hours(25)));
    Ours { now: now(), event_time, read_since, has_backlog: Some(false) }
}

fn account() -> AccountFacts {
    AccountFacts {
        is_enabled: Some(true),
        is_member: Some(true),
        is_protected: false,
        has_role: Some(false),
        mailbox_is_personal: Some(true),
    }
}

fn theirs() -> Theirs {
    Theirs {
        now: now(),
        accounts_are_known: true,
        change_is_whole: true,
        domains_are_known: true,
        target_is_external: Some(true),
        accounts: vec![account(), account()],
        last_undo: Some(None),
    }
}

/// The second account with one change.
fn with(change: impl Fn(&mut AccountFacts)) -> Theirs {
    let mut theirs = theirs();
    change(&mut theirs.accounts[1]);
    theirs
}

#[test]
fn each_condition_of_the_row_is_needed() {
    let met = Origin { is_of_tenant: true, is_sealed: true };
    assert_eq!(met.unmet(), None);
    assert_eq!(Origin { is_of_tenant: false, ..met }.unmet(), Some(Condition::OwnTenant));
    assert_eq!(Origin { is_sealed: false, ..met }.unmet(), Some(Condition::Sealed));
}

#[test]
fn each_condition_of_the_tables_is_needed() {
    assert_eq!(ours().unmet(), None);
    let limit = TimeDelta::hours(24);
    let table = [
        (Condition::RecordAge, Ours { event_time: now() - limit, ..ours() }),
        (Condition::ReadWithoutGap, Ours { read_since: Some(now() - limit), ..ours() }),
        (Condition::ReadWithoutGap, Ours { read_since: None, ..ours() }),
        (Condition::NoBacklog, Ours { has_backlog: Some(true), ..ours() }),
        (Condition::NoBacklog, Ours { has_backlog: None, ..ours() }),
    ];
    for (condition, ours) in table {
        assert_eq!(ours.unmet(), Some(condition), "{ours:?}");
    }
}

#[test]
fn each_condition_of_the_tenant_is_needed() {
    assert_eq!(theirs().unmet(), None);
    assert_eq!(Theirs { target_is_external: None, ..theirs() }.unmet(), None, "nothing is forwarded");
    let day = TimeDelta::hours(24);
    let undone = |ago: TimeDelta| Theirs { last_undo: Some(Some(now() - ago)), ..theirs() };
    assert_eq!(undone(day + TimeDelta::seconds(1)).unmet(), None);
    let table = [
        (Condition::KnownAccounts, Theirs { accounts_are_known: false, ..theirs() }),
        (Condition::KnownAccounts, Theirs { accounts: Vec::new(), ..theirs() }),
        (Condition::WholeChange, Theirs { change_is_whole: false, ..theirs() }),
        (Condition::AcceptedDomains, Theirs { domains_are_known: false, ..theirs() }),
        (Condition::ExternalTarget, Theirs { target_is_external: Some(false), ..theirs() }),
        (Condition::Enabled, with(|account| account.is_enabled = Some(false))),
        (Condition::Enabled, with(|account| account.is_enabled = None)),
        (Condition::Member, with(|account| account.is_member = Some(false))),
        (Condition::Member, with(|account| account.is_member = None)),
        (Condition::NotProtected, with(|account| account.is_protected = true)),
        (Condition::NoRole, with(|account| account.has_role = Some(true))),
        (Condition::NoRole, with(|account| account.has_role = None)),
        (Condition::PersonalMailbox, with(|account| account.mailbox_is_personal = Some(false))),
        (Condition::PersonalMailbox, with(|account| account.mailbox_is_personal = None)),
        (Condition::NoRecentUndo, undone(day)),
        (Condition::NoRecentUndo, Theirs { last_undo: None, ..theirs() }),
    ];
    for (condition, theirs) in table {
        assert_eq!(theirs.unmet(), Some(condition), "{theirs:?}");
    }
}

/// Attacks a tenant in which one thing is different, and expects that nothing is changed.
async fn is_refused(condition: Condition, change: impl FnOnce(&CollectorFixture)) {
    let fixture = ready(acting).await;
    attack(&fixture, 7, "Invoices");
    refused(&fixture, condition, change).await;
}

async fn refused(fixture: &CollectorFixture, condition: Condition, change: impl FnOnce(&CollectorFixture)) {
    change(fixture);
    fixture.sim.forget_requests();
    fixture.read().await.unwrap();
    let told = told(fixture);
    assert_eq!(told["Containment"], format!("Refused: {}", condition.unmet()), "{told:#}");
    assert_eq!(told["UndoToken"], "");
    assert_eq!(changes(fixture), 0, "{condition:?}");
    assert!(runs(fixture).await.is_empty());
}

fn change_user(fixture: &CollectorFixture, change: impl FnOnce(&mut tenantwatch_simulator::world::User)) {
    fixture.contoso(|tenant| change(tenant.user_mut(super::VICTOR).unwrap()));
}

#[tokio::test]
async fn only_enabled_member_users_are_contained() {
    is_refused(Condition::Enabled, |fixture| change_user(fixture, |user| user.account_enabled = false)).await;
    is_refused(Condition::Member, |fixture| change_user(fixture, |user| user.guest = true)).await;
}

#[tokio::test]
async fn account_with_a_role_is_not_contained() {
    is_refused(Condition::NoRole, |fixture| change_user(fixture, |user| user.administrator = true)).await;
    let group = |has_directory_role| SecurityGroup { id: Uuid::from_u128(5), has_directory_role };
    is_refused(Condition::NoRole, |fixture| change_user(fixture, |user| user.groups = vec![group(true)])).await;
    is_refused(Condition::NoRole, |fixture| {
        fixture.sim.inject(Fault::status(Service::Graph, "transitiveMemberOf", 403));
    })
    .await;

    is_refused(Condition::NoRole, |fixture| {
        fixture.contoso(|tenant| tenant.directory.set("Directory.Read.All", false))
    })
    .await;

    let fixture = ready(acting).await;
    change_user(&fixture, |user| user.groups = vec![group(false)]);
    attack(&fixture, 7, "Invoices");
    fixture.read().await.unwrap();
    assert_eq!(told(&fixture)["Containment"], "Done", "a group without a role is no role");
}

/// No membership shows a role for an administrative unit, or a custom one.
#[tokio::test]
async fn account_with_a_scoped_or_custom_role_is_not_contained() {
    let group = SecurityGroup { id: Uuid::from_u128(5), has_directory_role: false };
    for scope in ["/administrativeUnits/00000000-0000-0000-0000-000000000009", "/"] {
        for through_group in [false, true] {
            is_refused(Condition::NoRole, |fixture| {
                change_user(fixture, |user| user.groups = vec![group.clone()]);
                let principal = if through_group { group.id } else { user(fixture).id };
                let (definition, scope) = (Uuid::from_u128(7), scope.to_owned());
                fixture.contoso(|tenant| {
                    tenant.directory.role_assignments.push(RoleAssignment { principal, definition, scope });
                });
            })
            .await;
        }
    }
}

/// The evaluation still knows the accepted domains of some minutes ago; the containment reads them again.
#[tokio::test]
async fn target_that_is_internal_by_now_keeps_from_containing() {
    let fixture = ready(acting).await;
    super::add_person(&fixture, "walter");
    let other = robbing_rule(8, "Payroll", &fixture).to_string().replace("victor", "walter");
    fixture.publish(vec![serde_json::from_str(&other).unwrap()]);
    fixture.read().await.unwrap();
    fixture.set_rule(7, "Invoices", json!({ "ForwardTo": ["eve@evil.example"] }));
    fixture.publish(vec![forwarding_rule(7, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.sim.forget_requests();
    fixture.contoso(|tenant| tenant.accepted_domains.push(AcceptedDomain::new("evil.example")));
    fixture.read().await.unwrap();
    let told = super::all_told(&fixture).pop().unwrap();
    assert_eq!((&told["Severity"], &told["SourceMailbox"]), (&json!("High"), &json!(super::VICTOR)), "{told:#}");
    assert_eq!(told["Containment"], format!("Refused: {}", Condition::ExternalTarget.unmet()), "{told:#}");
    assert_eq!(changes(&fixture), 0);
}

#[tokio::test]
async fn shared_and_resource_mailboxes_are_not_contained() {
    for kind in ["SharedMailbox", "RoomMailbox", "EquipmentMailbox"] {
        is_refused(Condition::PersonalMailbox, |fixture| {
            fixture.contoso(|tenant| tenant.mailbox_mut(super::VICTOR).unwrap().recipient_type = kind.to_owned());
        })
        .await;
    }
}

#[tokio::test]
async fn protected_user_is_not_contained_even_under_an_alias() {
    let fixture = ready(|settings| {
        acting(settings);
        settings.actions.protected_users = vec![ProtectedUser::Address("vic@contoso.com".parse().unwrap())];
    })
    .await;
    fixture.contoso(|tenant| {
        tenant.mailbox_mut(super::VICTOR).unwrap().other_addresses = vec!["vic@contoso.com".to_owned()];
    });
    attack(&fixture, 7, "Invoices");
    refused(&fixture, Condition::NotProtected, |_| {}).await;
}

#[tokio::test]
async fn actor_from_elsewhere_is_not_contained() {
    let fixture = ready(acting).await;
    fixture.set_rule(7, "Invoices", json!({ "ForwardTo": ["eve@evil.example"], "DeleteMessage": true }));
    let mut record = robbing_rule(7, "Invoices", &fixture);
    record["UserId"] = json!("technician@provider.example");
    record["Parameters"].as_array_mut().unwrap().push(json!({ "Name": "Mailbox", "Value": super::VICTOR }));
    fixture.publish(vec![record]);
    refused(&fixture, Condition::KnownAccounts, |_| {}).await;
}

#[tokio::test]
async fn tenant_that_was_not_read_for_a_day_is_not_contained() {
    let fixture = CollectorFixture::start_with(acting).await;
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::hours(23));
    fixture.read().await.unwrap();
    attack(&fixture, 7, "Invoices");
    refused(&fixture, Condition::ReadWithoutGap, |_| {}).await;
}

#[tokio::test]
async fn old_record_is_not_contained() {
    let fixture = ready(acting).await;
    let mut record = robbing_rule(7, "Invoices", &fixture);
    let created = fixture.now() - TimeDelta::hours(25);
    record["CreationTime"] = json!(created.format("%Y-%m-%dT%H:%M:%S").to_string());
    fixture.publish(vec![record]);
    refused(&fixture, Condition::RecordAge, |_| {}).await;
}

#[tokio::test]
async fn late_run_does_not_restart_the_time_without_a_gap() {
    let fixture = ready(acting).await;
    let before = fixture.coverage().await.read_since;
    assert!(before.is_some());
    fixture.wait(TimeDelta::hours(9));
    attack(&fixture, 7, "Invoices");
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.read_since, before);
    assert_eq!(told(&fixture)["Containment"], "Done");
}

#[tokio::test]
async fn gap_restarts_the_time() {
    let fixture = ready(acting).await;
    fixture.wait(TimeDelta::days(10));
    fixture.read().await.unwrap();
    let since = fixture.coverage().await.read_since.unwrap();
    assert_eq!(since, fixture.now());
    attack(&fixture, 7, "Invoices");
    refused(&fixture, Condition::ReadWithoutGap, |_| {}).await;
}

#[tokio::test]
async fn backlog_keeps_from_containing() {
    let fixture = ready(acting).await;
    fixture.publish(vec![crate::collector_fixture::blank_rule_change(99, fixture.now())]);
    fixture.cut_blobs(100);
    fixture.read().await.unwrap();
    assert!(fixture.coverage().await.owed > 0);
    attack(&fixture, 7, "Invoices");
    fixture.wait(TimeDelta::minutes(1));
    // The deferred blob is not due yet; the new one can be read.
    fixture.sim.clear_faults();
    refused(&fixture, Condition::NoBacklog, |_| {}).await;
}

#[tokio::test]
async fn unreadable_domains_and_targets_keep_from_containing() {
    let fixture = ready(acting).await;
    attack(&fixture, 7, "Invoices");
    refused(&fixture, Condition::AcceptedDomains, |fixture| {
        fixture.sim.inject(Fault::status(Service::Exchange, "Get-AcceptedDomain", 403));
        fixture.sim.inject(Fault::status(Service::Graph, "/domains", 403));
    })
    .await;
}

#[tokio::test]
async fn unreadable_rules_need_an_unambiguous_record() {
    let fixture = ready(acting).await;
    attack(&fixture, 7, "Invoices");
    fixture.sim.inject(Fault::new(Service::Exchange, "Get-InboxRule", FaultKind::Drop));
    fixture.read().await.unwrap();
    let told = told(&fixture);
    assert_eq!(told["Containment"], "Partly", "the record shows the whole rule, and the step fails: {told:#}");
    assert!(!user(&fixture).account_enabled);
}

#[tokio::test]
async fn unreadable_runs_keep_from_containing() {
    is_refused(Condition::NoRecentUndo, |fixture| {
        fixture.store.fail(Operation::Get, "snapshot_", Failure::BeforeEffect, 100);
    })
    .await;
}

#[tokio::test]
async fn other_kinds_and_severities_are_not_looked_at() {
    let fixture = ready(acting).await;
    let mut rule = robbing_rule(7, "Invoices", &fixture);
    rule["Parameters"] = json!([{ "Name": "Name", "Value": "Invoices" }, { "Name": "DeleteMessage", "Value": "True" },
        { "Name": "SubjectContainsWords", "Value": "holiday" }]);
    fixture.publish(vec![rule]);
    fixture.sim.forget_requests();
    fixture.read().await.unwrap();
    let row = fixture.findings().await.pop().unwrap();
    assert!(row.severity < Severity::High, "{:?}", row.reasons);
    assert!(row.reasons.iter().all(|reason| reason.name != ReasonName::ForwardsExternally));
    assert_eq!(row.containment, None);
    assert_eq!(changes(&fixture), 0);
}
