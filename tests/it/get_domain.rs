//! Which tenants are queued, and who is noticed to be missing.

use base::ids::TenantId;
use chrono::TimeDelta;
use tenantwatch::settings::{ListedTenant, TenantSource};
use tenantwatch::tables::TenantState;
use tenantwatch_simulator::Service;

use crate::watch::{CONTOSO, FABRIKAM, Watch, forwarding_rule};

#[tokio::test]
async fn every_customer_is_queued_once_with_its_domain() {
    let watch = Watch::start().await;
    watch.list_customers(&[CONTOSO, FABRIKAM, CONTOSO]);
    let messages = watch.get_domain().await;
    let domains: Vec<_> = messages.iter().map(|message| message.domain.as_str().to_owned()).collect();
    assert_eq!(domains, ["contoso.com", "fabrikam.com"]);
    assert!(messages.iter().all(|message| message.queued_at == watch.now()));
}

#[tokio::test]
async fn an_excluded_tenant_is_not_queued() {
    let watch = Watch::start_with(|settings| {
        settings.tenants.excluded_ids = [TenantId::new(FABRIKAM)].into();
    })
    .await;
    watch.list_customers(&[CONTOSO, FABRIKAM]);
    assert_eq!(watch.get_domain().await.len(), 1);
}

#[tokio::test]
async fn known_tenants_are_queued_when_the_listing_fails_and_that_is_told_once() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.fail_customers(true);
    for _ in 0..3 {
        assert_eq!(watch.get_domain().await.len(), 1);
    }
    assert_eq!(watch.told_texts().len(), 1);
    watch.fail_customers(false);
    watch.get_domain().await;
    watch.get_domain().await;
    assert_eq!(watch.told_texts().len(), 2);
}

#[tokio::test]
async fn a_known_tenant_that_is_not_listed_is_told_once_and_queued_again_when_it_is_back() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.list_customers(&[FABRIKAM]);
    for _ in 0..3 {
        let messages = watch.get_domain().await;
        assert!(messages.iter().all(|message| message.tenant_id == TenantId::new(FABRIKAM)));
    }
    assert_eq!(watch.coverage().await.state, TenantState::NotListed);
    assert_eq!(watch.told_texts().len(), 1);
    watch.list_customers(&[CONTOSO]);
    assert_eq!(watch.get_domain().await.len(), 1);
    watch.read().await.unwrap();
    assert_eq!(watch.coverage().await.state, TenantState::Healthy);
    assert_eq!(watch.told_texts().len(), 2);
}

#[tokio::test]
async fn a_tenant_that_is_not_read_for_two_hours_is_late_told_once_and_once_when_it_is_read() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.wait(TimeDelta::minutes(119));
    watch.get_domain().await;
    assert_eq!(watch.coverage().await.state, TenantState::Healthy);
    watch.wait(TimeDelta::minutes(2));
    for _ in 0..3 {
        assert_eq!(watch.get_domain().await.len(), 1);
    }
    assert_eq!(watch.coverage().await.state, TenantState::Late);
    assert_eq!(watch.told_texts().len(), 1);
    watch.read().await.unwrap();
    assert_eq!(watch.told_texts().len(), 2);
}

#[tokio::test]
async fn tenants_that_never_were_healthy_are_one_digest_a_day_and_are_tried_hourly() {
    let watch = Watch::start().await;
    watch.set_consent(false);
    assert_eq!(watch.get_domain().await.len(), 1);
    watch.read().await.unwrap_err();
    assert_eq!(watch.get_domain().await.len(), 0, "tried a moment ago");
    watch.wait(TimeDelta::minutes(61));
    assert_eq!(watch.get_domain().await.len(), 1);
    let texts = watch.told_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("contoso.com") && texts[0].contains("adminconsent"), "{texts:?}");
    for _ in 0..24 {
        watch.wait(TimeDelta::hours(1));
        watch.get_domain().await;
    }
    assert_eq!(watch.told_texts().len(), 2);
}

#[tokio::test]
async fn where_nothing_has_run_that_is_told_once_for_all_tenants_and_none_of_them_is_called_late() {
    let watch = Watch::start().await;
    watch.list_customers(&[CONTOSO, FABRIKAM]);
    for message in watch.get_domain().await {
        watch.deliver(&message).await.unwrap();
    }
    watch.wait(TimeDelta::hours(9));
    let messages = watch.get_domain().await;
    assert_eq!(messages.len(), 2);
    for message in messages {
        watch.deliver(&message).await.unwrap();
    }
    watch.wait(TimeDelta::minutes(15));
    watch.get_domain().await;
    let texts = watch.told_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("did not run from 2026-11-22T10:00:00Z to 2026-11-22T19:00:00Z"), "{texts:?}");
}

#[tokio::test]
async fn customers_come_from_delegated_relationships_or_from_a_list_where_that_is_set() {
    let watch = Watch::start_with(|settings| settings.tenants.source = TenantSource::Gdap).await;
    watch.sim.world().tenants.get_mut(&CONTOSO).unwrap().gdap = false;
    let messages = watch.get_domain().await;
    let found: Vec<_> = messages.iter().map(|message| (message.tenant_id, message.domain.as_str())).collect();
    assert_eq!(found, [(TenantId::new(FABRIKAM), "fabrikam.com")]);

    let listed = ListedTenant { domain: "fabrikam.example".parse().unwrap(), tenant_id: TenantId::new(FABRIKAM) };
    let watch = Watch::start_with(|settings| settings.tenants.source = TenantSource::List(vec![listed])).await;
    let messages = watch.get_domain().await;
    let found: Vec<_> = messages.iter().map(|message| (message.tenant_id, message.domain.as_str())).collect();
    assert_eq!(found, [(TenantId::new(FABRIKAM), "fabrikam.example")]);
    assert_eq!(watch.sim.count(|request| request.service == Service::Graph), 0, "nobody is asked for a list");
}

#[tokio::test]
async fn what_is_owed_about_a_tenant_that_has_left_is_sent_all_the_same() {
    let watch = Watch::start().await;
    watch.refuse_flow(true);
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    watch.list_customers(&[FABRIKAM]);
    watch.get_domain().await;
    watch.refuse_flow(false);
    for _ in 0..3 {
        watch.wait(TimeDelta::hours(1));
        watch.get_domain().await;
    }
    assert_eq!(watch.told("InboxRule").len(), 1);
    let texts = watch.told_texts();
    assert_eq!(texts.iter().filter(|text| text.contains("no longer in the partner")).count(), 1, "{texts:?}");
    assert!(!watch.coverage().await.pending);
}

#[tokio::test]
async fn tenants_are_queued_whatever_becomes_of_the_rest() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    // The known tenants are read, and then the store is gone.
    watch.lose_store_after(Some(1));
    assert_eq!(watch.get_domain().await.len(), 1);
}
