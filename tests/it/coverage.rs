//! Coverage of the audit log: nothing is skipped, and content that cannot be read is reported.

use std::time::Duration;

use base::ids::TenantId;
use chrono::TimeDelta;
use m365::management_activity::ActivityCode;
use serde_json::{Value, json};
use tenantwatch::functions::FunctionError;
use tenantwatch::tables::{FindingState, TenantState};
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, blank_rule_change, forwarding_rule};

#[tokio::test]
async fn a_blob_that_is_cut_off_is_owed_and_read_later() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(1);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    let report = fixture.read().await.unwrap();
    assert_eq!((report.blobs, report.owed, report.threats), (0, 1, 0));
    assert_eq!(fixture.read().await.unwrap().owed, 1, "its time has not come");
    fixture.wait(TimeDelta::minutes(15));
    let report = fixture.read().await.unwrap();
    assert_eq!((report.blobs, report.owed, report.threats), (1, 0, 1));
}

#[tokio::test]
async fn finding_keeps_the_time_when_its_content_became_available() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(1);
    fixture.exchange_down(true);
    let created = fixture.now();
    fixture.publish(vec![
        forwarding_rule(1, "Invoices", "eve@evil.example", created - TimeDelta::minutes(20)),
        blank_rule_change(2, created - TimeDelta::minutes(20)),
    ]);
    fixture.read().await.unwrap();
    let began = fixture.coverage().await.read_from;
    assert!(began.is_some_and(|began| began < created), "{began:?}");
    fixture.wait(TimeDelta::minutes(15));
    assert_eq!(fixture.read().await.unwrap().threats, 1);
    fixture.exchange_down(false);
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    let findings = fixture.findings().await;
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(|row| row.state != FindingState::Rejudge), "evaluated again by now");
    assert!(
        findings.iter().all(|row| row.content_created == Some(created)),
        "neither a retry nor a new verdict changes it"
    );
    assert_eq!(fixture.coverage().await.read_from, began);
}

#[tokio::test]
async fn content_expired_unread_is_one_notified_gap() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(1_000);
    let created = fixture.now();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", created)]);
    for _ in 0..16 {
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::hours(12));
    }
    let row = fixture.coverage().await;
    assert_eq!(row.gaps.iter().map(|gap| gap.from).collect::<Vec<_>>(), [created]);
    assert_eq!(row.owed, 0);
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("2026-11-22T10:00:00Z"), "{texts:?}");
}

#[tokio::test]
async fn content_that_the_service_denies_having_is_a_gap() {
    let fixture = CollectorFixture::start().await;
    fixture.deny_blobs();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    assert_eq!(fixture.read().await.unwrap().gaps, 1);
    assert_eq!(fixture.coverage().await.gaps.len(), 1);
    assert_eq!(fixture.notice_texts().len(), 1);
    assert_eq!(fixture.read().await.unwrap().gaps, 0);
}

#[tokio::test]
async fn coverage_does_not_move_past_a_listing_that_failed() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    let before = fixture.coverage().await.covered_until;
    fixture.fail_listing(true);
    assert!(matches!(fixture.read().await, Err(FunctionError::Transient(_))));
    assert_eq!(fixture.coverage().await.covered_until, before);
    fixture.fail_listing(false);
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.covered_until, Some(fixture.now()));
}

#[tokio::test]
async fn outage_backlog_is_read_oldest_window_then_newest() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    let created = fixture.now() + TimeDelta::days(2);
    fixture.publish_at(
        created,
        created + TimeDelta::days(7),
        vec![forwarding_rule(1, "a b", "eve@evil.example", created)],
    );
    fixture.wait(TimeDelta::days(3));
    fixture.listings();
    assert_eq!(fixture.read().await.unwrap().threats, 1);
    let listed: Vec<_> = fixture.listings().into_iter().step_by(2).collect();
    assert_eq!(listed.len(), 4);
    assert!(listed.iter().all(|(from, to)| *to - *from <= TimeDelta::hours(24)));
    assert!(listed[0].0 < listed[3].0 && listed[3].0 < listed[2].0 && listed[2].0 < listed[1].0);
    let row = fixture.coverage().await;
    assert_eq!((row.covered_until, row.ahead, row.gaps), (Some(fixture.now()), vec![], vec![]));
}

#[tokio::test]
async fn an_outage_beyond_seven_days_is_a_gap_with_its_time_span() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    let covered = fixture.coverage().await.covered_until.unwrap();
    fixture.wait(TimeDelta::days(10));
    assert_eq!(fixture.read().await.unwrap().gaps, 1);
    let row = fixture.coverage().await;
    assert_eq!(row.gaps.len(), 1);
    // Late content could have appeared in the two hours before as well, and was to be listed again.
    assert_eq!(row.gaps[0].from, covered - TimeDelta::minutes(120));
    assert_eq!(row.gaps[0].to, fixture.now() - TimeDelta::minutes(7 * 24 * 60 - 5));
    assert_eq!(row.covered_until, Some(fixture.now()));
    assert_eq!(fixture.notice_texts().len(), 1);
    assert_eq!(fixture.read().await.unwrap().gaps, 0);
}

#[tokio::test]
async fn unreadable_tenant_reports_one_gap_when_readable_again() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.set_consent(false);
    for _ in 0..9 {
        fixture.wait(TimeDelta::hours(27));
        fixture.read().await.unwrap_err();
    }
    assert_eq!(fixture.notice_texts().len(), 1, "that it is dark: {:?}", fixture.notice_texts());
    fixture.set_consent(true);
    assert_eq!(fixture.read().await.unwrap().gaps, 1);
    let lost = fixture.notice_texts().into_iter().filter(|text| text.contains("permanently lost")).count();
    assert_eq!((lost, fixture.coverage().await.gaps.len()), (1, 1));
}

#[tokio::test]
async fn lost_consent_is_notified_once_with_link_and_on_recovery() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.set_consent(false);
    for _ in 0..3 {
        assert!(matches!(fixture.read().await, Err(FunctionError::Permanent(_))));
    }
    assert_eq!(fixture.coverage().await.state, TenantState::ConsentMissing);
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("adminconsent?client_id="), "{texts:?}");
    let card: Value = serde_json::from_str(fixture.notified("Coverage")[0]["Card"].as_str().unwrap()).unwrap();
    let page = format!("{}/{CONTOSO}/adminconsent?client_id=", fixture.sim.urls().authority);
    assert_eq!(card["actions"][0]["type"], "Action.OpenUrl");
    assert!(card["actions"][0]["url"].as_str().unwrap().starts_with(&page), "{card:#}");
    fixture.set_consent(true);
    fixture.read().await.unwrap();
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy);
    assert_eq!(fixture.notice_texts().len(), 2);
}

#[tokio::test]
async fn own_problem_is_one_notice_and_one_on_recovery() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.break_credential(true);
    for _ in 0..3 {
        assert!(matches!(fixture.read().await, Err(FunctionError::Permanent(_))));
        fixture.get_domain().await;
    }
    assert_eq!(fixture.notice_texts().len(), 1);
    fixture.break_credential(false);
    fixture.read().await.unwrap();
    fixture.get_domain().await;
    fixture.get_domain().await;
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].contains("has been working again since"), "{texts:?}");
}

#[tokio::test]
async fn disabled_auditing_is_found_when_a_subscription_starts() {
    let fixture = CollectorFixture::start().await;
    fixture.contoso(|tenant| {
        tenant.subscriptions.clear();
        tenant.auditing = false;
    });
    assert!(matches!(fixture.read().await, Err(FunctionError::Permanent(_))));
    assert_eq!(fixture.coverage().await.state, TenantState::AuditingOff);
    fixture.contoso(|tenant| tenant.auditing = true);
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy);
}

#[tokio::test]
async fn auditing_disabled_later_is_found_after_a_day_without_content() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.contoso(|tenant| tenant.auditing = false);
    for _ in 0..30 {
        fixture.wait(TimeDelta::hours(1));
        fixture.read().await.unwrap();
    }
    assert_eq!(fixture.coverage().await.state, TenantState::AuditingOff);
    assert_eq!(fixture.notice_texts().len(), 1, "{:?}", fixture.notice_texts());
    assert!(fixture.notice_texts()[0].contains("Set-AdminAuditLogConfig"), "{:?}", fixture.notice_texts());
    assert_eq!(audit_checks(&fixture), 1);
    fixture.contoso(|tenant| tenant.auditing = true);
    for _ in 0..25 {
        fixture.wait(TimeDelta::hours(1));
        fixture.read().await.unwrap();
    }
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy);
    assert_eq!((fixture.notice_texts().len(), audit_checks(&fixture)), (2, 2));
}

/// Returns the number of requests for the audit setting, without those of the daily looks.
fn audit_checks(fixture: &CollectorFixture) -> usize {
    let looks = fixture.sim.count(|request| request.path.ends_with("/subscriptions/list"));
    fixture.calls("Get-AdminAuditLogConfig") - looks
}

#[tokio::test]
async fn backlog_of_days_is_read_over_several_interrupted_runs() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    for day in 0..6 {
        fixture.wait(TimeDelta::days(1));
        let name = format!("Rule {day}");
        fixture.publish(vec![forwarding_rule(10 + day, &name, &format!("eve{day}@evil.example"), fixture.now())]);
    }
    let mut runs = 0;
    while fixture.coverage().await.covered_until.unwrap() < fixture.now() - TimeDelta::hours(1) {
        // Each run ends somewhere on the way, as by a kill; the next one continues from there.
        fixture.lose_store_after(Some(20));
        let _ = fixture.read().await;
        fixture.lose_store_after(None);
        runs += 1;
        assert!(runs < 30, "it never catches up: {:?}", fixture.coverage().await);
    }
    assert!(runs > 1, "one run was enough");
    fixture.wait(TimeDelta::hours(7));
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 6);
    assert!(fixture.coverage().await.gaps.is_empty());
}

#[tokio::test]
async fn unlistable_window_does_not_block_newer_content() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    let oldest = fixture.coverage().await.covered_until.unwrap() - TimeDelta::minutes(120);
    fixture.wait(TimeDelta::days(3));
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    let route = format!("startTime={}", oldest.format("%Y-%m-%dT%H%%3A%M%%3A%S"));
    fixture.sim.inject(Fault::status(Service::Activity, &route, 500));
    assert!(matches!(fixture.read().await, Err(FunctionError::Transient(_))));
    assert_eq!(fixture.notified("InboxRule").len(), 1, "it is told although older content cannot be listed");
    let row = fixture.coverage().await;
    assert!(row.covered_until.unwrap() < fixture.now() - TimeDelta::days(2), "and that is not forgotten: {row:?}");
    fixture.sim.clear_faults();
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.covered_until, Some(fixture.now()));
    assert!(fixture.coverage().await.gaps.is_empty());
}

/// As good as for ever.
const FOR_EVER: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn owed_blobs_that_hang_do_not_keep_what_is_new_from_being_read() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(24);
    for id in 0..24 {
        fixture.publish(vec![forwarding_rule(id, "a b", "eve@evil.example", fixture.now())]);
    }
    assert_eq!(fixture.read().await.unwrap().owed, 24);
    fixture.wait(TimeDelta::minutes(15));
    let blobs = "/activity/feed/audit/";
    fixture.sim.inject(Fault::new(Service::Activity, blobs, FaultKind::Delay(FOR_EVER)).times(8));
    fixture.publish(vec![forwarding_rule(99, "c d", "mallory@evil.example", fixture.now())]);
    let report = fixture.while_hanging(fixture.read()).await.unwrap();
    assert_eq!(report.owed, 24, "two rounds of four hang, and the others have to wait");
    assert!(fixture.notified("InboxRule").iter().any(|told| told["ForwardingAddress"].to_string().contains("mallory")));
    for _ in 0..3 {
        fixture.wait(TimeDelta::minutes(30));
        fixture.read().await.unwrap();
    }
    assert_eq!((fixture.coverage().await.owed, fixture.findings().await.len()), (0, 25));
}

#[tokio::test]
async fn a_blob_that_drips_is_owed_and_the_others_are_read() {
    let fixture = CollectorFixture::start().await;
    let (now, expires) = (fixture.now(), fixture.now() + TimeDelta::days(7));
    let body = BlobBody::Dripping(b"[".as_slice().into());
    fixture.contoso(|tenant| tenant.publish_body("Audit.Exchange", now, expires, body));
    fixture.publish(vec![forwarding_rule(1, "a b", "eve@evil.example", fixture.now())]);
    let report = fixture.while_hanging(fixture.read()).await.unwrap();
    assert_eq!((report.owed, report.threats), (1, 1));
    assert!(
        fixture.coverage().await.covered_until.is_some_and(|covered| covered > fixture.now() - TimeDelta::minutes(10))
    );
}

#[tokio::test]
async fn one_hour_retry_after_is_honoured_without_loss() {
    let fixture = CollectorFixture::start().await;
    let throttled = FaultKind::Status {
        status: 429,
        headers: vec![("Retry-After".to_owned(), "3600".to_owned())],
        body: String::new(),
    };
    fixture.sim.inject(Fault::new(Service::Activity, "subscriptions/content", throttled).times(1));
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    assert!(matches!(fixture.read().await, Err(FunctionError::Transient(_))));
    fixture.sim.forget_requests();
    fixture.wait(TimeDelta::minutes(30));
    let Err(FunctionError::Transient(why)) = fixture.read().await else { panic!("it was asked all the same") };
    assert!(why.contains("before 2026-11-22T11:01:00Z"), "{why}");
    assert_eq!(fixture.sim.count(|request| request.service == Service::Activity), 0);
    fixture.wait(TimeDelta::minutes(30));
    assert_eq!(fixture.read().await.unwrap().threats, 1);
}

#[tokio::test]
async fn failed_reevaluation_does_not_block_reading_the_tenant() {
    let mut fixture = CollectorFixture::start().await;
    fixture.exchange_down(true);
    fixture.publish(vec![blank_rule_change(1, fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Rejudge);
    // The process is a new one, and neither service can name the domains of the tenant.
    fixture.set_up_again(|_| {});
    fixture.sim.inject(Fault::new(Service::Exchange, "Get-AcceptedDomain", FaultKind::Drop));
    fixture.sim.inject(Fault::new(Service::Graph, "/domains", FaultKind::Drop));
    fixture.wait(TimeDelta::minutes(20));
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.covered_until, Some(fixture.now()));
    assert_eq!(fixture.findings().await[0].state, FindingState::Rejudge);
}

#[tokio::test]
async fn own_problem_ends_despite_an_excluded_tenant() {
    let mut fixture = CollectorFixture::start().await;
    fixture.list_customers(&[CONTOSO, FABRIKAM]);
    for message in fixture.get_domain().await {
        fixture.deliver(&message).await.unwrap();
    }
    fixture.break_credential(true);
    fixture.wait(TimeDelta::minutes(15));
    for message in fixture.get_domain().await {
        assert!(fixture.deliver(&message).await.is_err());
    }
    fixture.break_credential(false);
    fixture.set_up_again(|settings| _ = settings.tenants.excluded_ids.insert(TenantId::new(CONTOSO)));
    for _ in 0..2 {
        fixture.wait(TimeDelta::minutes(15));
        for message in fixture.get_domain().await {
            fixture.deliver(&message).await.unwrap();
        }
    }
    assert_eq!(fixture.coverage().await.state, TenantState::OurFault);
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(texts[1].contains("has been working again since"), "{texts:?}");
}

#[tokio::test]
async fn a_service_that_refuses_its_token_costs_the_others_theirs_not() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.sim.inject(Fault::status(Service::Exchange, "Get-InboxRule", 401).times(1));
    fixture.publish(vec![blank_rule_change(1, fixture.now())]);
    fixture.read().await.unwrap();
    fixture.sim.forget_requests();
    fixture.read().await.unwrap();
    assert_eq!(fixture.sim.count(|request| request.service == Service::Entra), 0);
}

#[tokio::test]
async fn every_known_listing_error_leads_to_its_documented_state() {
    use ActivityCode::*;
    use TenantState::{AccessLost, ConsentMissing, Healthy, OurFault};
    let fixture = CollectorFixture::start().await;
    for code in ActivityCode::ALL {
        fixture.read().await.unwrap();
        let error = json!({ "error": { "code": code.as_str(), "message": "It says so." } });
        let kind = FaultKind::Status { status: 400, headers: Vec::new(), body: error.to_string() };
        fixture.sim.inject(Fault::new(Service::Activity, "/subscriptions/content", kind));
        let _ = fixture.read().await;
        let expected = match code {
            PermissionMissing => ConsentMissing,
            TenantUnknown | TenantMisconfigured => AccessLost,
            ParameterMissing | ParameterType | ExpirationPast | TenantMismatch | TenantMalformed => OurFault,
            ContentType | Webhook | Language | LanguageFormat => OurFault,
            // No action is needed, because a later run reads the content.
            NotSubscribed | SubscriptionDisabled | AlreadyEnabled | Window | WindowTooOld | NextPage => Healthy,
            ContentUnknown | ContentExpired | ContentId | TooMany | Internal | InternalStore | InternalOther => Healthy,
        };
        assert_eq!(fixture.coverage().await.state, expected, "{}", code.as_str());
        fixture.sim.clear_faults();
        fixture.wait(TimeDelta::minutes(15));
    }
}
