//! The time that has been read: it advances in order, over outages and interrupted runs.

use chrono::TimeDelta;
use tenantwatch::functions::FunctionError;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::collector_fixture::{CollectorFixture, forwarding_rule};

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
