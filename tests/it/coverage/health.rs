//! The state of a tenant: notified once, and again on recovery.

use base::ids::TenantId;
use chrono::TimeDelta;
use m365::management_activity::ActivityCode;
use serde_json::{Value, json};
use tenantwatch::functions::FunctionError;
use tenantwatch::tables::{FindingState, TenantState};
use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, blank_rule_change};

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
