//! That nothing is skipped, and that what cannot be read is told.

use chrono::TimeDelta;
use serde_json::Value;
use tenantwatch::functions::FunctionError;
use tenantwatch::ledger::TenantState;
use tenantwatch_simulator::{Fault, Service};

use crate::watch::{CONTOSO, Watch, forwarding_rule};

#[tokio::test]
async fn a_blob_that_is_cut_off_is_owed_and_read_later() {
    let watch = Watch::start().await;
    watch.cut_blobs(1);
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    let report = watch.read().await.unwrap();
    assert_eq!((report.blobs, report.owed, report.threats), (0, 1, 0));
    assert_eq!(watch.read().await.unwrap().owed, 1, "its time has not come");
    watch.wait(TimeDelta::minutes(15));
    let report = watch.read().await.unwrap();
    assert_eq!((report.blobs, report.owed, report.threats), (1, 0, 1));
}

#[tokio::test]
async fn what_expires_unread_is_a_gap_that_is_told_once() {
    let watch = Watch::start().await;
    watch.cut_blobs(1_000);
    let created = watch.now();
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", created)]);
    for _ in 0..16 {
        watch.read().await.unwrap();
        watch.wait(TimeDelta::hours(12));
    }
    let row = watch.coverage().await;
    assert_eq!(row.gaps.iter().map(|gap| gap.from).collect::<Vec<_>>(), [created]);
    assert_eq!(row.owed, 0);
    let texts = watch.told_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("2026-11-22T10:00:00Z"), "{texts:?}");
}

#[tokio::test]
async fn content_that_the_service_denies_having_is_a_gap() {
    let watch = Watch::start().await;
    watch.deny_blobs();
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    assert_eq!(watch.read().await.unwrap().gaps, 1);
    assert_eq!(watch.coverage().await.gaps.len(), 1);
    assert_eq!(watch.told_texts().len(), 1);
    assert_eq!(watch.read().await.unwrap().gaps, 0);
}

#[tokio::test]
async fn coverage_does_not_move_past_a_listing_that_failed() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    let before = watch.coverage().await.covered_until;
    watch.fail_listing(true);
    assert!(matches!(watch.read().await, Err(FunctionError::Passing(_))));
    assert_eq!(watch.coverage().await.covered_until, before);
    watch.fail_listing(false);
    watch.read().await.unwrap();
    assert_eq!(watch.coverage().await.covered_until, Some(watch.now()));
}

#[tokio::test]
async fn an_outage_of_days_is_caught_up_with_the_oldest_and_then_the_newest_window_first() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    let created = watch.now() + TimeDelta::days(2);
    watch.publish_at(
        created,
        created + TimeDelta::days(7),
        vec![forwarding_rule(1, "a b", "eve@evil.example", created)],
    );
    watch.wait(TimeDelta::days(3));
    watch.listings();
    assert_eq!(watch.read().await.unwrap().threats, 1);
    let listed: Vec<_> = watch.listings().into_iter().step_by(2).collect();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|(from, to)| *to - *from <= TimeDelta::hours(24)));
    assert!(listed[0].0 < listed[3].0 && listed[3].0 < listed[2].0 && listed[2].0 < listed[1].0);
    let row = watch.coverage().await;
    assert_eq!((row.covered_until, row.ahead, row.gaps), (Some(watch.now()), vec![], vec![]));
}

#[tokio::test]
async fn an_outage_beyond_seven_days_is_a_gap_with_its_time_span() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    let covered = watch.coverage().await.covered_until.unwrap();
    watch.wait(TimeDelta::days(10));
    assert_eq!(watch.read().await.unwrap().gaps, 1);
    let row = watch.coverage().await;
    assert_eq!(row.gaps.len(), 1);
    // Late content could have appeared in the two hours before as well, and was to be listed again.
    assert_eq!(row.gaps[0].from, covered - TimeDelta::minutes(120));
    assert_eq!(row.gaps[0].to, watch.now() - TimeDelta::minutes(7 * 24 * 60 - 5));
    assert_eq!(row.covered_until, Some(watch.now()));
    assert_eq!(watch.told_texts().len(), 1);
    assert_eq!(watch.read().await.unwrap().gaps, 0);
}

#[tokio::test]
async fn what_a_dark_tenant_loses_from_day_to_day_is_one_gap_told_when_it_can_be_read_again() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.set_consent(false);
    for _ in 0..9 {
        watch.wait(TimeDelta::hours(27));
        watch.read().await.unwrap_err();
    }
    assert_eq!(watch.told_texts().len(), 1, "that it is dark: {:?}", watch.told_texts());
    watch.set_consent(true);
    assert_eq!(watch.read().await.unwrap().gaps, 1);
    let lost = watch.told_texts().into_iter().filter(|text| text.contains("lost for good")).count();
    assert_eq!((lost, watch.coverage().await.gaps.len()), (1, 1));
}

#[tokio::test]
async fn a_healthy_tenant_that_loses_consent_is_told_once_with_the_link_and_once_when_it_is_back() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.set_consent(false);
    for _ in 0..3 {
        assert!(matches!(watch.read().await, Err(FunctionError::Permanent(_))));
    }
    assert_eq!(watch.coverage().await.state, TenantState::ConsentMissing);
    let texts = watch.told_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("adminconsent?client_id="), "{texts:?}");
    let card: Value = serde_json::from_str(watch.told("Coverage")[0]["Card"].as_str().unwrap()).unwrap();
    let page = format!("{}/{CONTOSO}/adminconsent?client_id=", watch.sim.urls().authority);
    assert_eq!(card["actions"][0]["type"], "Action.OpenUrl");
    assert!(card["actions"][0]["url"].as_str().unwrap().starts_with(&page), "{card:#}");
    watch.set_consent(true);
    watch.read().await.unwrap();
    watch.read().await.unwrap();
    assert_eq!(watch.coverage().await.state, TenantState::Healthy);
    assert_eq!(watch.told_texts().len(), 2);
}

#[tokio::test]
async fn our_own_fault_is_one_notification_for_all_and_one_when_it_is_over() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.break_credential(true);
    for _ in 0..3 {
        assert!(matches!(watch.read().await, Err(FunctionError::Permanent(_))));
        watch.get_domain().await;
    }
    assert_eq!(watch.told_texts().len(), 1);
    watch.break_credential(false);
    watch.read().await.unwrap();
    watch.get_domain().await;
    watch.get_domain().await;
    let texts = watch.told_texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].contains("works again"), "{texts:?}");
}

#[tokio::test]
async fn auditing_that_was_never_on_is_said_by_the_start_of_the_subscription() {
    let watch = Watch::start().await;
    watch.contoso(|tenant| {
        tenant.subscriptions.clear();
        tenant.auditing = false;
    });
    assert!(matches!(watch.read().await, Err(FunctionError::Permanent(_))));
    assert_eq!(watch.coverage().await.state, TenantState::AuditingOff);
    watch.contoso(|tenant| tenant.auditing = true);
    watch.read().await.unwrap();
    assert_eq!(watch.coverage().await.state, TenantState::Healthy);
}

#[tokio::test]
async fn auditing_that_was_switched_off_is_found_out_after_a_day_told_once_and_asked_once_a_day() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.contoso(|tenant| tenant.auditing = false);
    for _ in 0..30 {
        watch.wait(TimeDelta::hours(1));
        watch.read().await.unwrap();
    }
    assert_eq!(watch.coverage().await.state, TenantState::AuditingOff);
    assert_eq!(watch.told_texts().len(), 1, "{:?}", watch.told_texts());
    assert!(watch.told_texts()[0].contains("Set-AdminAuditLogConfig"), "{:?}", watch.told_texts());
    assert_eq!(watch.calls("Get-AdminAuditLogConfig"), 1);
    watch.contoso(|tenant| tenant.auditing = true);
    for _ in 0..25 {
        watch.wait(TimeDelta::hours(1));
        watch.read().await.unwrap();
    }
    assert_eq!(watch.coverage().await.state, TenantState::Healthy);
    assert_eq!((watch.told_texts().len(), watch.calls("Get-AdminAuditLogConfig")), (2, 2));
}

#[tokio::test]
async fn a_backlog_of_days_is_caught_up_over_several_runs_that_end_on_the_way() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    for day in 0..6 {
        watch.wait(TimeDelta::days(1));
        let name = format!("Rule {day}");
        watch.publish(vec![forwarding_rule(10 + day, &name, &format!("eve{day}@evil.example"), watch.now())]);
    }
    let mut runs = 0;
    while watch.coverage().await.covered_until.unwrap() < watch.now() - TimeDelta::hours(1) {
        // Each run ends somewhere on the way, as by a kill; the next one goes on from there.
        watch.lose_store_after(Some(16));
        let _ = watch.read().await;
        watch.lose_store_after(None);
        runs += 1;
        assert!(runs < 30, "it never catches up: {:?}", watch.coverage().await);
    }
    assert!(runs > 1, "one run was enough");
    watch.wait(TimeDelta::hours(7));
    watch.read().await.unwrap();
    assert_eq!(watch.told("InboxRule").len(), 6);
    assert!(watch.coverage().await.gaps.is_empty());
}

#[tokio::test]
async fn a_window_that_cannot_be_listed_does_not_keep_newer_content_from_being_read() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    let oldest = watch.coverage().await.covered_until.unwrap() - TimeDelta::minutes(120);
    watch.wait(TimeDelta::days(3));
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    let route = format!("startTime={}", oldest.format("%Y-%m-%dT%H%%3A%M%%3A%S"));
    watch.sim.inject(Fault::status(Service::Activity, &route, 500));
    assert!(matches!(watch.read().await, Err(FunctionError::Passing(_))));
    assert_eq!(watch.told("InboxRule").len(), 1, "it is told although older content cannot be listed");
    let row = watch.coverage().await;
    assert!(row.covered_until.unwrap() < watch.now() - TimeDelta::days(2), "and that is not forgotten: {row:?}");
    watch.sim.clear_faults();
    watch.read().await.unwrap();
    assert_eq!(watch.coverage().await.covered_until, Some(watch.now()));
    assert!(watch.coverage().await.gaps.is_empty());
}
