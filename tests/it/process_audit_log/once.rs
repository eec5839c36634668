//! One record is one row and one notification, whatever happens to the run.

use chrono::TimeDelta;
use tenantwatch::tables::FindingState;
use tenantwatch_simulator::Service;
use tenantwatch_simulator::steps::Moment;

use crate::collector_fixture::{CollectorFixture, forwarding_rule};

#[tokio::test]
async fn a_threat_is_stored_and_told_through_every_channel_once() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    let report = fixture.read().await.unwrap();
    assert_eq!((report.blobs, report.findings, report.threats, report.notified), (1, 1, 1, 2));
    let findings = fixture.findings().await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].state, FindingState::Sent);
    assert!(findings[0].threat && findings[0].forwarding_externally);
    assert_eq!(findings[0].source_mailbox, "victor@contoso.com");
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    assert_eq!(fixture.teams_messages(), 1);

    let again = fixture.read().await.unwrap();
    assert_eq!((again.blobs, again.findings, again.notified), (0, 0, 0));
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn the_same_record_in_two_blobs_is_one_row_and_one_notification() {
    let fixture = CollectorFixture::start().await;
    let record = forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now());
    fixture.publish(vec![record.clone()]);
    fixture.publish(vec![record.clone(), record]);
    let report = fixture.read().await.unwrap();
    assert_eq!((report.blobs, report.findings), (2, 1));
    assert_eq!(fixture.findings().await.len(), 1);
    assert_eq!(fixture.notified("InboxRule").len(), 1);
}

#[tokio::test]
async fn two_runs_at_once_give_one_row_and_one_notification() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.wait(TimeDelta::minutes(1));
    let message = fixture.message();
    let (one, two) = tokio::join!(fixture.deliver(&message), fixture.deliver(&message));
    assert_eq!(one.unwrap().findings + two.unwrap().findings, 1);
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    assert_eq!(fixture.teams_messages(), 1);
}

/// Returns the number of requests that a run sends before its first notification of the threat.
async fn requests_before_the_flow() -> u64 {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let at = fixture.sim.requests().iter().position(|request| request.service == Service::Flow);
    at.unwrap() as u64
}

#[tokio::test]
async fn concurrent_run_sends_nothing_and_loses_nothing() {
    for moment in [Moment::BeforeEffect, Moment::AfterEffect] {
        let fixture = CollectorFixture::start().await;
        fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
        let steps = fixture.sim.steps();
        steps.hold_after(requests_before_the_flow().await, moment);
        let mut killed = Box::pin(async {
            let _ = fixture.read().await;
        });
        tokio::select! {
            () = &mut killed => panic!("it should have been held"),
            () = steps.held() => {}
        }
        fixture.wait(TimeDelta::minutes(1));
        // The first run is still there, and stands still: otherwise it would depend on the machine which of the two ends first.
        let report = fixture.deliver(&fixture.message()).await.unwrap();
        drop(killed);
        steps.release();
        assert_eq!((report.findings, report.notified), (0, 0), "{moment:?}: the claim is the first run's");
        assert!(fixture.coverage().await.pending, "{moment:?}: what the first run has begun is not forgotten");
        let accepted = usize::from(moment == Moment::AfterEffect);
        assert_eq!(fixture.notified("InboxRule").len(), accepted);
        assert_eq!(fixture.read().await.unwrap().notified, 0, "{moment:?}: its claim still holds");
        fixture.wait(TimeDelta::minutes(15));
        fixture.read().await.unwrap();
        let told = fixture.notified("InboxRule");
        assert_eq!(told.len(), 1 + accepted, "{moment:?}: only what was accepted and not marked comes again");
        assert!(told.iter().all(|one| one["LogID"] == told[0]["LogID"]));
        assert_eq!(fixture.teams_messages(), 1);
        assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
        fixture.read().await.unwrap();
        assert!(!fixture.coverage().await.pending);
    }
}

#[tokio::test]
async fn message_older_than_the_last_run_reads_nothing() {
    let fixture = CollectorFixture::start().await;
    let old = fixture.message();
    fixture.read().await.unwrap();
    fixture.listings();
    assert_eq!(fixture.deliver(&old).await.unwrap(), Default::default());
    assert_eq!(fixture.listings(), []);
}

#[tokio::test]
async fn the_same_rule_changed_again_is_a_repeat_and_not_told_again() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    fixture.publish(vec![forwarding_rule(2, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let findings = fixture.findings().await;
    let repeat = findings.iter().find(|row| row.state == FindingState::Repeat).unwrap();
    assert_eq!(repeat.repeat_of, findings.iter().find(|row| row.state == FindingState::Sent).map(|row| row.record_id));
    assert_eq!(fixture.notified("InboxRule").len(), 1);

    fixture.wait(TimeDelta::days(6));
    for _ in 0..5 {
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::days(5));
    }
    fixture.publish(vec![forwarding_rule(3, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!(fixture.notified("InboxRule").len(), 2, "after 30 days it is news again");
}

#[tokio::test]
async fn content_that_appears_late_within_the_overlap_is_read() {
    let fixture = CollectorFixture::start().await;
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    let created = fixture.now() - TimeDelta::minutes(90);
    let record = forwarding_rule(1, "Invoices", "eve@evil.example", created);
    fixture.publish_at(created, created + TimeDelta::days(7), vec![record]);
    assert_eq!(fixture.read().await.unwrap().threats, 1);
}

#[tokio::test]
async fn content_on_the_edge_of_a_window_is_read_once() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    let edge = fixture.coverage().await.covered_until.unwrap();
    fixture.publish_at(edge, edge + TimeDelta::days(7), vec![forwarding_rule(1, "a b", "eve@evil.example", edge)]);
    let first = fixture.read().await.unwrap();
    let second = fixture.read().await.unwrap();
    assert_eq!((first.blobs, second.blobs), (1, 0));
}

#[tokio::test]
async fn kill_at_any_request_loses_nothing_and_repeats_nothing() {
    let mut was_killed = true;
    let mut operations = 0;
    while was_killed {
        let fixture = CollectorFixture::start().await;
        fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
        fixture.lose_store_after(Some(operations));
        was_killed = fixture.read().await.is_err();
        fixture.lose_store_after(None);
        for _ in 0..3 {
            fixture.wait(TimeDelta::minutes(16));
            fixture.read().await.unwrap();
        }
        let findings = fixture.findings().await;
        assert_eq!(findings.len(), 1, "killed after {operations}");
        assert_eq!(findings[0].state, FindingState::Sent, "killed after {operations}");
        let told = fixture.notified("InboxRule");
        assert!((1..=2).contains(&told.len()), "killed after {operations}: told {} times", told.len());
        assert!(told.iter().all(|body| body["LogID"] == told[0]["LogID"]));
        assert!(!fixture.coverage().await.pending, "killed after {operations}");
        operations += 1;
    }
    assert!(operations > 8, "it was killed at every step: {operations}");
}
