//! GetDomain queues the customer tenants and notices those that are missing.

use base::ids::TenantId;
use chrono::TimeDelta;
use tenantwatch::settings::{ListedTenant, TenantSource};
use tenantwatch::tables::TenantState;
use tenantwatch_simulator::Service;

use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, forwarding_rule};

#[tokio::test]
async fn every_customer_is_queued_once_with_its_domain() {
    let fixture = CollectorFixture::start().await;
    fixture.list_customers(&[CONTOSO, FABRIKAM, CONTOSO]);
    let messages = fixture.get_domain().await;
    let domains: Vec<_> = messages.iter().map(|message| message.domain.as_str().to_owned()).collect();
    assert_eq!(domains, ["contoso.com", "fabrikam.com"]);
    assert!(messages.iter().all(|message| message.queued_at == fixture.now()));
}

#[tokio::test]
async fn an_excluded_tenant_is_not_queued() {
    let fixture = CollectorFixture::start_with(|settings| {
        settings.tenants.excluded_ids = [TenantId::new(FABRIKAM)].into();
    })
    .await;
    fixture.list_customers(&[CONTOSO, FABRIKAM]);
    assert_eq!(fixture.get_domain().await.len(), 1);
}

#[tokio::test]
async fn failed_listing_queues_known_tenants_and_is_notified_once() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.fail_customers(true);
    for _ in 0..3 {
        assert_eq!(fixture.get_domain().await.len(), 1);
    }
    assert_eq!(fixture.notice_texts().len(), 1);
    fixture.fail_customers(false);
    fixture.get_domain().await;
    fixture.get_domain().await;
    assert_eq!(fixture.notice_texts().len(), 2);
}

#[tokio::test]
async fn unlisted_tenant_is_notified_once_and_queued_when_back() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.list_customers(&[FABRIKAM]);
    assert_eq!(fixture.get_domain().await.len(), 2, "a single listing may be partial");
    for _ in 0..3 {
        let messages = fixture.get_domain().await;
        assert!(messages.iter().all(|message| message.tenant_id == TenantId::new(FABRIKAM)));
    }
    assert_eq!(fixture.coverage().await.state, TenantState::NotListed);
    assert_eq!(fixture.notice_texts().len(), 1);
    fixture.list_customers(&[CONTOSO]);
    assert_eq!(fixture.get_domain().await.len(), 2, "it is back, and the other one is missing for the first time");
    fixture.read().await.unwrap();
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy);
    assert_eq!(fixture.notice_texts().len(), 2);
}

#[tokio::test]
async fn tenant_unread_for_two_hours_is_late_with_two_notices() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.wait(TimeDelta::minutes(119));
    fixture.get_domain().await;
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy);
    fixture.wait(TimeDelta::minutes(2));
    for _ in 0..3 {
        assert_eq!(fixture.get_domain().await.len(), 1);
    }
    assert_eq!(fixture.coverage().await.state, TenantState::Late);
    assert_eq!(fixture.notice_texts().len(), 1);
    fixture.read().await.unwrap();
    assert_eq!(fixture.notice_texts().len(), 2);
}

#[tokio::test]
async fn never_healthy_tenants_are_in_one_digest_a_day() {
    let fixture = CollectorFixture::start().await;
    fixture.set_consent(false);
    assert_eq!(fixture.get_domain().await.len(), 1);
    fixture.read().await.unwrap_err();
    assert_eq!(fixture.get_domain().await.len(), 0, "tried a moment ago");
    fixture.wait(TimeDelta::minutes(61));
    assert_eq!(fixture.get_domain().await.len(), 1);
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("contoso.com") && texts[0].contains("adminconsent"), "{texts:?}");
    for _ in 0..24 {
        fixture.wait(TimeDelta::hours(1));
        fixture.get_domain().await;
    }
    assert_eq!(fixture.notice_texts().len(), 2);
}

#[tokio::test]
async fn outage_is_one_notice_and_makes_no_tenant_late() {
    let fixture = CollectorFixture::start().await;
    fixture.list_customers(&[CONTOSO, FABRIKAM]);
    for message in fixture.get_domain().await {
        fixture.deliver(&message).await.unwrap();
    }
    fixture.wait(TimeDelta::hours(9));
    let messages = fixture.get_domain().await;
    assert_eq!(messages.len(), 2);
    for message in messages {
        fixture.deliver(&message).await.unwrap();
    }
    fixture.wait(TimeDelta::minutes(15));
    fixture.get_domain().await;
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("did not run from 2026-11-22T10:00:00Z to 2026-11-22T19:00:00Z"), "{texts:?}");
}

#[tokio::test]
async fn tenant_source_selects_relationships_or_list() {
    let fixture = CollectorFixture::start_with(|settings| settings.tenants.source = TenantSource::Gdap).await;
    fixture.sim.world().tenants.get_mut(&CONTOSO).unwrap().gdap = false;
    let messages = fixture.get_domain().await;
    let found: Vec<_> = messages.iter().map(|message| (message.tenant_id, message.domain.as_str())).collect();
    assert_eq!(found, [(TenantId::new(FABRIKAM), "fabrikam.com")]);

    let listed = ListedTenant { domain: "fabrikam.example".parse().unwrap(), tenant_id: TenantId::new(FABRIKAM) };
    let fixture =
        CollectorFixture::start_with(|settings| settings.tenants.source = TenantSource::List(vec![listed])).await;
    let messages = fixture.get_domain().await;
    let found: Vec<_> = messages.iter().map(|message| (message.tenant_id, message.domain.as_str())).collect();
    assert_eq!(found, [(TenantId::new(FABRIKAM), "fabrikam.example")]);
    assert_eq!(fixture.sim.count(|request| request.service == Service::Graph), 0, "nobody is asked for a list");
}

#[tokio::test]
async fn pending_notices_of_an_unlisted_tenant_are_still_sent() {
    let fixture = CollectorFixture::start().await;
    fixture.refuse_flow(true);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    fixture.list_customers(&[FABRIKAM]);
    fixture.get_domain().await;
    fixture.refuse_flow(false);
    for _ in 0..3 {
        fixture.wait(TimeDelta::hours(1));
        fixture.get_domain().await;
    }
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    let texts = fixture.notice_texts();
    assert_eq!(texts.iter().filter(|text| text.contains("no longer in the partner")).count(), 1, "{texts:?}");
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn tenants_are_queued_whatever_becomes_of_the_rest() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    // The known tenants are read, and then the store is gone.
    fixture.lose_store_after(Some(1));
    assert_eq!(fixture.get_domain().await.len(), 1);
}
