//! Channels that refuse, come and go.

use chrono::TimeDelta;
use tenantwatch::tables::FindingState;

use crate::collector_fixture::{CollectorFixture, forwarding_rule};

#[tokio::test]
async fn failing_flow_is_reported_in_teams_and_served_later() {
    let fixture = CollectorFixture::start().await;
    fixture.refuse_flow(true);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let row = fixture.findings().await.remove(0);
    assert_eq!(row.state, FindingState::Sending);
    assert!(row.notified["teams"].is_some() && row.notified["flow"].is_none());
    assert!(fixture.coverage().await.pending);
    assert_eq!(fixture.teams_messages(), 2, "the threat, and that the flow does not work");

    fixture.refuse_flow(false);
    fixture.wait(TimeDelta::minutes(30));
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    assert_eq!(fixture.teams_messages(), 2, "Teams had it already");
}

#[tokio::test]
async fn undelivered_threat_is_sent_through_the_new_channel() {
    let mut fixture = CollectorFixture::start_with(|settings| settings.channels.teams_url = None).await;
    fixture.refuse_flow(true);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    fixture.set_up_again(|settings| settings.channels.flow_url = None);
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    assert_eq!((fixture.teams_messages(), fixture.findings().await[0].state), (1, FindingState::Sent));
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn undelivered_threat_of_a_removed_channel_is_closed() {
    let mut fixture = CollectorFixture::start().await;
    fixture.refuse_flow(true);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    fixture.set_up_again(|settings| settings.channels.flow_url = None);
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
}

#[tokio::test]
async fn no_sending_is_begun_that_the_end_of_the_run_could_cut_off() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.wait(TimeDelta::minutes(1));
    let report = fixture.deliver_within(&fixture.message(), std::time::Duration::from_secs(70)).await.unwrap();
    assert_eq!((report.threats, report.notified, fixture.notified("InboxRule").len()), (1, 0, 0));
    fixture.wait(TimeDelta::minutes(16));
    fixture.read().await.unwrap();
    assert_eq!((fixture.notified("InboxRule").len(), fixture.teams_messages()), (1, 1));
}
