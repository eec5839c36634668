//! Wrong clocks: of this machine, of the Management Activity API, of the token endpoint, of the table store.

use chrono::{DateTime, TimeDelta, Utc};
use tenantwatch::tables::TenantState;
use tenantwatch_simulator::Service;

use crate::collector_fixture::{CONTOSO, CollectorFixture, forwarding_rule};

const FIVE_YEARS: TimeDelta = TimeDelta::days(5 * 365);

/// A wrong clock.
#[derive(Debug, Clone, Copy)]
enum Wrong {
    Machine,
    Store,
    Service(Service),
}

impl Wrong {
    fn set(self, fixture: &CollectorFixture, error: TimeDelta) {
        match self {
            Self::Machine => fixture.set_clock_error(error),
            Self::Store => fixture.store.set_clock_error(error),
            Self::Service(service) => fixture.sim.set_date_error(service, error),
        }
    }
}

/// Publishes a threat that becomes available now by the right time.
fn publish_threat(fixture: &CollectorFixture, id: u128) {
    let now = fixture.sim.now();
    let record = forwarding_rule(id, "Invoices", &format!("eve{id}@evil.example"), now);
    fixture.publish_at(now, now + TimeDelta::days(7), vec![record]);
}

/// The time up to which contoso was read.
async fn covered_until(fixture: &CollectorFixture) -> DateTime<Utc> {
    fixture.coverage().await.covered_until.unwrap()
}

/// The notices about clocks.
fn clock_notices(fixture: &CollectorFixture) -> usize {
    fixture.notice_texts().iter().filter(|text| text.contains(" apart. ")).count()
}

/// Reads three times with one wrong clock. Each time a threat is new.
async fn read_with_a_wrong_clock(fixture: &CollectorFixture, wrong: Wrong, error: TimeDelta) {
    fixture.read().await.unwrap();
    wrong.set(fixture, error);
    for id in 1..=3 {
        fixture.wait(TimeDelta::minutes(14));
        publish_threat(fixture, id);
        fixture.read().await.unwrap_or_else(|failure| panic!("{wrong:?} {error}: {failure}"));
        assert_eq!(fixture.notified("InboxRule").len(), id as usize, "{wrong:?} {error}");
        let behind = fixture.sim.now() - covered_until(fixture).await;
        assert!(behind >= TimeDelta::zero(), "{wrong:?} {error}: covered {behind} into the future");
        assert!(behind < TimeDelta::minutes(15), "{wrong:?} {error}: covered up to {behind} before now");
        assert_eq!(fixture.coverage().await.state, TenantState::Healthy, "{wrong:?} {error}");
    }
}

#[tokio::test]
async fn one_wrong_clock_of_three_changes_nothing() {
    let services = [Service::Activity, Service::Entra, Service::Graph, Service::Exchange, Service::Flow];
    let clocks = [Wrong::Machine, Wrong::Store].into_iter().chain(services.map(Wrong::Service));
    for wrong in clocks {
        for error in [FIVE_YEARS, -FIVE_YEARS, TimeDelta::hours(3), TimeDelta::hours(-3)] {
            let fixture = CollectorFixture::start().await;
            fixture.store.set_clock_error(TimeDelta::zero());
            read_with_a_wrong_clock(&fixture, wrong, error).await;
        }
    }
}

#[tokio::test]
async fn token_endpoint_is_the_third_clock_without_table_storage() {
    for wrong in [Wrong::Machine, Wrong::Service(Service::Activity)] {
        for error in [FIVE_YEARS, -FIVE_YEARS] {
            let fixture = CollectorFixture::start().await;
            read_with_a_wrong_clock(&fixture, wrong, error).await;
        }
    }
}

#[tokio::test]
async fn new_process_with_a_wrong_clock_loses_and_skips_nothing() {
    for has_store_clock in [true, false] {
        for error in [FIVE_YEARS, -FIVE_YEARS] {
            let mut fixture = CollectorFixture::start().await;
            if has_store_clock {
                fixture.store.set_clock_error(TimeDelta::zero());
            }
            fixture.read().await.unwrap();
            fixture.set_clock_error(error);
            fixture.set_up_again(|_| {});
            fixture.wait(TimeDelta::minutes(14));
            publish_threat(&fixture, 1);
            let _ = fixture.read().await;
            fixture.read().await.unwrap();
            assert_eq!(fixture.notified("InboxRule").len(), 1, "{has_store_clock} {error}");
            let row = fixture.coverage().await;
            assert_eq!((row.gaps.as_slice(), row.state), ([].as_slice(), TenantState::Healthy), "{error}: {row:?}");
            assert!((fixture.sim.now() - row.covered_until.unwrap()).abs() < TimeDelta::minutes(15), "{row:?}");
        }
    }
}

#[tokio::test]
async fn clocks_that_disagree_are_one_notice_a_day() {
    let fixture = CollectorFixture::start().await;
    fixture.sim.set_date_error(Service::Activity, FIVE_YEARS);
    for _ in 0..4 {
        fixture.wait(TimeDelta::minutes(14));
        fixture.read().await.unwrap();
    }
    assert_eq!(clock_notices(&fixture), 1, "{:?}", fixture.notice_texts());
    fixture.wait(TimeDelta::days(1));
    fixture.read().await.unwrap();
    assert_eq!(clock_notices(&fixture), 2, "{:?}", fixture.notice_texts());
}

#[tokio::test]
async fn tenant_of_which_nothing_was_listed_is_not_healthy() {
    let fixture = CollectorFixture::start().await;
    for service in [Service::Activity, Service::Entra] {
        fixture.sim.set_date_error(service, -FIVE_YEARS);
    }
    for _ in 0..3 {
        fixture.wait(TimeDelta::minutes(14));
        // Two of three clocks are wrong, so the middle one is.
        let _ = fixture.read().await;
        let row = fixture.coverage().await;
        assert_eq!(row.state, TenantState::New, "{row:?}");
    }
    assert_eq!(clock_notices(&fixture), 1, "{:?}", fixture.notice_texts());
    for service in [Service::Activity, Service::Entra] {
        fixture.sim.set_date_error(service, TimeDelta::zero());
    }
    publish_threat(&fixture, 1);
    // The clocks are asked again in the first of these runs.
    for _ in 0..2 {
        fixture.wait(TimeDelta::minutes(14));
        let _ = fixture.read().await;
    }
    assert_eq!(fixture.coverage().await.state, TenantState::Healthy);
    assert_eq!(fixture.notified("InboxRule").len(), 1);
}

#[tokio::test]
async fn time_written_by_a_wrong_clock_skips_no_later_run() {
    let fixture = CollectorFixture::start().await;
    fixture.list_customers(&[CONTOSO]);
    fixture.store.set_clock_error(TimeDelta::zero());
    fixture.set_clock_error(FIVE_YEARS);
    for message in fixture.get_domain().await {
        fixture.deliver(&message).await.unwrap();
    }
    fixture.set_clock_error(TimeDelta::zero());
    fixture.wait(TimeDelta::minutes(15));
    publish_threat(&fixture, 1);
    let messages = fixture.get_domain().await;
    assert_eq!(messages.len(), 1);
    fixture.wait(TimeDelta::minutes(1));
    assert_eq!(fixture.deliver(&messages[0]).await.unwrap().threats, 1);
    assert_eq!(fixture.notified("InboxRule").len(), 1);
}

#[tokio::test]
async fn claim_taken_by_a_wrong_clock_ends_all_the_same() {
    let fixture = CollectorFixture::start().await;
    fixture.store.set_clock_error(TimeDelta::zero());
    fixture.read().await.unwrap();
    fixture.set_clock_error(FIVE_YEARS);
    publish_threat(&fixture, 1);
    fixture.refuse_flow(true);
    fixture.read().await.unwrap();
    fixture.refuse_flow(false);
    fixture.set_clock_error(TimeDelta::zero());
    fixture.wait(TimeDelta::hours(7));
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 1);
}
