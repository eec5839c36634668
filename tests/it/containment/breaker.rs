//! The limits of accounts.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use futures::future::join_all;
use serde_json::json;
use tenantwatch::remediation::contain::{Breaker, Condition};
use tenantwatch::settings::ContainmentMode;
use uuid::Uuid;

use super::{acting, add_person, all_told, breaker_notices, changes, observing, ready, robbing_rule};
use crate::collector_fixture::CollectorFixture;

/// One attack on each of so many people of contoso, each in content of its own.
pub fn attack_many(fixture: &CollectorFixture, people: std::ops::Range<u64>) {
    for number in people {
        let name = format!("person{number}");
        add_person(fixture, &name);
        let mut record = robbing_rule(1_000 + number, "Invoices", fixture);
        let text = record.to_string().replace("victor", &name);
        record = serde_json::from_str(&text).unwrap();
        fixture.publish(vec![record]);
    }
}

fn blocked(fixture: &CollectorFixture) -> usize {
    fixture.contoso(|tenant| tenant.users.iter().filter(|user| !user.account_enabled).count())
}

fn count(fixture: &CollectorFixture, containment: &str) -> usize {
    all_told(fixture).iter().filter(|told| told["Containment"] == containment).count()
}

fn refused(condition: Condition) -> String {
    format!("Refused: {}", condition.unmet())
}

#[tokio::test]
async fn fifty_parallel_runs_reserve_three_accounts() {
    let fixture = CollectorFixture::start_with(acting).await;
    fixture.publish(vec![robbing_rule(7, "Invoices", &fixture)]);
    fixture.read().await.unwrap();
    let finding = fixture.findings().await.pop().unwrap();
    let breaker = Breaker { app: &fixture.app, mode: ContainmentMode::Act };
    fixture.store.let_others_run();
    let accounts: Vec<BTreeSet<String>> = (0..50).map(|number| BTreeSet::from([format!("account {number}")])).collect();
    let outcomes = join_all(accounts.iter().map(|account| breaker.reserve(&finding, account))).await;
    let refused: Vec<_> = outcomes.iter().filter_map(|outcome| outcome.as_ref().err()).collect();
    assert_eq!(refused.len(), 47);
    assert!(refused.iter().all(|no_room| no_room.condition == Condition::TenantLimit), "{refused:#?}");
    let openings: BTreeSet<_> = refused.iter().map(|no_room| no_room.open.unwrap().1).collect();
    assert_eq!(openings.len(), 1, "one opening, one notice");
    let again = accounts.iter().zip(&outcomes).filter(|(_, outcome)| outcome.is_ok());
    for (account, _) in again {
        breaker.reserve(&finding, account).await.unwrap();
    }
}

#[tokio::test]
async fn parallel_runs_share_the_limit() {
    let fixture = ready(acting).await;
    attack_many(&fixture, 0..9);
    fixture.store.let_others_run();
    fixture.wait(TimeDelta::minutes(1));
    let message = fixture.message();
    join_all((0..6).map(|_| fixture.deliver(&message))).await;
    // Later runs take over what one of them could not finish.
    for _ in 0..3 {
        fixture.wait(TimeDelta::minutes(20));
        fixture.read().await.unwrap();
    }
    assert_eq!((blocked(&fixture), all_told(&fixture).len()), (3, 9));
    assert_eq!((count(&fixture, "Done"), count(&fixture, &refused(Condition::TenantLimit))), (3, 6));
    let notices = breaker_notices(&fixture);
    assert_eq!(notices.len(), 1, "{notices:#?}");
    assert!(notices[0]["Description"].as_str().unwrap().contains("AUTO_CONTAIN_LIMIT"));
}

#[tokio::test]
async fn window_slides_and_a_second_opening_is_told_again() {
    let fixture = ready(|settings| {
        acting(settings);
        settings.containment.limit = 1;
    })
    .await;
    attack_many(&fixture, 0..2);
    fixture.read().await.unwrap();
    assert_eq!((blocked(&fixture), breaker_notices(&fixture).len()), (1, 1));
    attack_many(&fixture, 2..3);
    fixture.read().await.unwrap();
    assert_eq!((blocked(&fixture), breaker_notices(&fixture).len()), (1, 1), "it is the same opening");
    for _ in 0..2 {
        fixture.wait(TimeDelta::hours(12));
        fixture.read().await.unwrap();
    }
    attack_many(&fixture, 3..5);
    fixture.read().await.unwrap();
    assert_eq!((blocked(&fixture), breaker_notices(&fixture).len()), (2, 2));
}

/// Attacks one account each of 25 tenants at the same time.
pub async fn attack_25_tenants() -> CollectorFixture {
    let fixture = ready(acting).await;
    let tenants: Vec<Uuid> = (0..25).map(|number| Uuid::from_u128(0xf000 + number)).collect();
    for (number, tenant) in tenants.iter().enumerate() {
        fixture.add_customer(*tenant, &format!("tenant{number}.example"), "Tenant");
    }
    for hours in [0, 12, 12, 1] {
        fixture.wait(TimeDelta::hours(hours));
        for tenant in &tenants {
            fixture.deliver(&fixture.message_for(*tenant)).await.unwrap();
        }
    }
    for (number, tenant) in tenants.iter().enumerate() {
        let record = robbing_rule(2_000 + number as u64, "Invoices", &fixture).to_string();
        let record = record.replace("victor@contoso.com", &format!("victor@tenant{number}.example"));
        let mut record: serde_json::Value = serde_json::from_str(&record).unwrap();
        record["OrganizationId"] = json!(tenant);
        fixture.publish_for(*tenant, &[record]);
    }
    fixture.wait(TimeDelta::minutes(1));
    let messages: Vec<_> = tenants.iter().map(|tenant| fixture.message_for(*tenant)).collect();
    join_all(messages.iter().map(|message| fixture.deliver(message))).await;
    fixture
}

#[tokio::test]
async fn all_tenants_together_have_a_limit() {
    let fixture = attack_25_tenants().await;
    assert_eq!((count(&fixture, "Done"), count(&fixture, &refused(Condition::TotalLimit))), (20, 5));
    assert_eq!(breaker_notices(&fixture).len(), 1);
}

#[tokio::test]
async fn observing_has_counters_of_its_own() {
    let mut fixture = ready(observing).await;
    attack_many(&fixture, 0..5);
    fixture.sim.forget_requests();
    fixture.read().await.unwrap();
    assert_eq!((count(&fixture, "WouldBe"), count(&fixture, &refused(Condition::TenantLimit))), (3, 2));
    assert_eq!((breaker_notices(&fixture).len(), changes(&fixture)), (1, 0));
    fixture.set_up_again(acting);
    attack_many(&fixture, 5..10);
    fixture.read().await.unwrap();
    assert_eq!((blocked(&fixture), count(&fixture, "Done")), (3, 3));
    assert_eq!(breaker_notices(&fixture).len(), 2);
}
