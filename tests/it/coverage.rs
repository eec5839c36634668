//! That nothing is skipped, and that what cannot be read is told.

use std::time::Duration;

use base::ids::TenantId;
use chrono::TimeDelta;
use m365::management_activity::ActivityCode;
use serde_json::{Value, json};
use tenantwatch::functions::FunctionError;
use tenantwatch::tables::{FindingState, TenantState};
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::watch::{CONTOSO, FABRIKAM, Watch, blank_rule_change, forwarding_rule};

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
    assert!(matches!(watch.read().await, Err(FunctionError::Transient(_))));
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
    let lost = watch.told_texts().into_iter().filter(|text| text.contains("permanently lost")).count();
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
    assert!(texts[1].contains("has been working again since"), "{texts:?}");
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
        watch.lose_store_after(Some(20));
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
    assert!(matches!(watch.read().await, Err(FunctionError::Transient(_))));
    assert_eq!(watch.told("InboxRule").len(), 1, "it is told although older content cannot be listed");
    let row = watch.coverage().await;
    assert!(row.covered_until.unwrap() < watch.now() - TimeDelta::days(2), "and that is not forgotten: {row:?}");
    watch.sim.clear_faults();
    watch.read().await.unwrap();
    assert_eq!(watch.coverage().await.covered_until, Some(watch.now()));
    assert!(watch.coverage().await.gaps.is_empty());
}

/// As good as for ever.
const FOR_EVER: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn owed_blobs_that_hang_do_not_keep_what_is_new_from_being_read() {
    let watch = Watch::start().await;
    watch.cut_blobs(24);
    for id in 0..24 {
        watch.publish(vec![forwarding_rule(id, "a b", "eve@evil.example", watch.now())]);
    }
    assert_eq!(watch.read().await.unwrap().owed, 24);
    watch.wait(TimeDelta::minutes(15));
    let blobs = "/activity/feed/audit/";
    watch.sim.inject(Fault::new(Service::Activity, blobs, FaultKind::Delay(FOR_EVER)).times(8));
    watch.publish(vec![forwarding_rule(99, "c d", "mallory@evil.example", watch.now())]);
    let report = tokio::select! {
        report = watch.read() => report.unwrap(),
        () = watch.run_clock() => unreachable!("it runs for ever"),
    };
    assert_eq!(report.owed, 24, "two rounds of four hang, and the others have to wait");
    assert!(watch.told("InboxRule").iter().any(|told| told["ForwardingAddress"].to_string().contains("mallory")));
    for _ in 0..3 {
        watch.wait(TimeDelta::minutes(30));
        watch.read().await.unwrap();
    }
    assert_eq!((watch.coverage().await.owed, watch.findings().await.len()), (0, 25));
}

#[tokio::test]
async fn a_blob_that_drips_is_owed_and_the_others_are_read() {
    let watch = Watch::start().await;
    let (now, expires) = (watch.now(), watch.now() + TimeDelta::days(7));
    let body = BlobBody::Dripping(b"[".as_slice().into());
    watch.contoso(|tenant| tenant.publish_body("Audit.Exchange", now, expires, body));
    watch.publish(vec![forwarding_rule(1, "a b", "eve@evil.example", watch.now())]);
    let report = tokio::select! {
        report = watch.read() => report.unwrap(),
        () = watch.run_clock() => unreachable!("it runs for ever"),
    };
    assert_eq!((report.owed, report.threats), (1, 1));
    assert!(watch.coverage().await.covered_until.is_some_and(|covered| covered > watch.now() - TimeDelta::minutes(10)));
}

#[tokio::test]
async fn who_asks_for_an_hour_is_left_alone_for_an_hour_and_nothing_is_lost() {
    let watch = Watch::start().await;
    let throttled = FaultKind::Status {
        status: 429,
        headers: vec![("Retry-After".to_owned(), "3600".to_owned())],
        body: String::new(),
    };
    watch.sim.inject(Fault::new(Service::Activity, "subscriptions/content", throttled).times(1));
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    assert!(matches!(watch.read().await, Err(FunctionError::Transient(_))));
    watch.sim.forget_requests();
    watch.wait(TimeDelta::minutes(30));
    let Err(FunctionError::Transient(why)) = watch.read().await else { panic!("it was asked all the same") };
    assert!(why.contains("before 2026-11-22T11:01:00Z"), "{why}");
    assert_eq!(watch.sim.count(|request| request.service == Service::Activity), 0);
    watch.wait(TimeDelta::minutes(30));
    assert_eq!(watch.read().await.unwrap().threats, 1);
}

#[tokio::test]
async fn what_cannot_be_judged_again_does_not_keep_a_tenant_from_being_read() {
    let mut watch = Watch::start().await;
    watch.exchange_down(true);
    watch.publish(vec![blank_rule_change(1, watch.now())]);
    watch.read().await.unwrap();
    assert_eq!(watch.findings().await[0].state, FindingState::Rejudge);
    // The process is a new one, and nobody can say which domains are the tenant's own.
    watch.set_up_again(|_| {});
    watch.sim.inject(Fault::new(Service::Exchange, "Get-AcceptedDomain", FaultKind::Drop));
    watch.sim.inject(Fault::new(Service::Graph, "/domains", FaultKind::Drop));
    watch.wait(TimeDelta::minutes(20));
    watch.read().await.unwrap();
    assert_eq!(watch.coverage().await.covered_until, Some(watch.now()));
    assert_eq!(watch.findings().await[0].state, FindingState::Rejudge);
}

#[tokio::test]
async fn a_fault_of_our_own_ends_although_an_excluded_tenant_still_shows_it() {
    let mut watch = Watch::start().await;
    watch.list_customers(&[CONTOSO, FABRIKAM]);
    for message in watch.get_domain().await {
        watch.deliver(&message).await.unwrap();
    }
    watch.break_credential(true);
    watch.wait(TimeDelta::minutes(15));
    for message in watch.get_domain().await {
        assert!(watch.deliver(&message).await.is_err());
    }
    watch.break_credential(false);
    watch.set_up_again(|settings| _ = settings.tenants.excluded_ids.insert(TenantId::new(CONTOSO)));
    for _ in 0..2 {
        watch.wait(TimeDelta::minutes(15));
        for message in watch.get_domain().await {
            watch.deliver(&message).await.unwrap();
        }
    }
    assert_eq!(watch.coverage().await.state, TenantState::OurFault);
    let texts = watch.told_texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].contains("has been working again since"), "{texts:?}");
}

#[tokio::test]
async fn a_service_that_refuses_its_token_costs_the_others_theirs_not() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.sim.inject(Fault::status(Service::Exchange, "Get-InboxRule", 401).times(1));
    watch.publish(vec![blank_rule_change(1, watch.now())]);
    watch.read().await.unwrap();
    watch.sim.forget_requests();
    watch.read().await.unwrap();
    assert_eq!(watch.sim.count(|request| request.service == Service::Entra), 0);
}

#[tokio::test]
async fn every_known_code_of_a_refused_listing_leads_to_the_state_that_is_documented() {
    use ActivityCode::*;
    use TenantState::{AccessLost, ConsentMissing, Healthy, OurFault};
    let watch = Watch::start().await;
    for code in ActivityCode::ALL {
        watch.read().await.unwrap();
        let error = json!({ "error": { "code": code.as_str(), "message": "It says so." } });
        let kind = FaultKind::Status { status: 400, headers: Vec::new(), body: error.to_string() };
        watch.sim.inject(Fault::new(Service::Activity, "/subscriptions/content", kind));
        let _ = watch.read().await;
        let expected = match code {
            PermissionMissing => ConsentMissing,
            TenantUnknown | TenantMisconfigured => AccessLost,
            ParameterMissing | ParameterType | ExpirationPast | TenantMismatch | TenantMalformed => OurFault,
            ContentType | Webhook | Language | LanguageFormat => OurFault,
            // Nobody has to do anything: it is read by a later run.
            NotSubscribed | SubscriptionDisabled | AlreadyEnabled | Window | WindowTooOld | NextPage => Healthy,
            ContentUnknown | ContentExpired | ContentId | TooMany | Internal | InternalStore | InternalOther => Healthy,
        };
        assert_eq!(watch.coverage().await.state, expected, "{}", code.as_str());
        watch.sim.clear_faults();
        watch.wait(TimeDelta::minutes(15));
    }
}
