//! What ProcessAuditLog promises, through its own door: one message in, rows and notifications out.

use chrono::TimeDelta;
use tenantwatch::functions::FunctionError;
use tenantwatch::ledger::{FindingState, TenantState};

use crate::watch::{Watch, blank_rule_change, forwarding_rule};

#[tokio::test]
async fn a_threat_is_stored_and_told_through_every_channel_once() {
    let watch = Watch::start().await;
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    let report = watch.read().await.unwrap();
    assert_eq!((report.blobs, report.findings, report.threats, report.notified), (1, 1, 1, 2));
    let findings = watch.findings().await;
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].state, FindingState::Sent);
    assert!(findings[0].threat && findings[0].forwarding_externally);
    assert_eq!(findings[0].source_mailbox, "victor@contoso.com");
    assert_eq!(watch.told("InboxRule").len(), 1);
    assert_eq!(watch.sim.teams_messages().len(), 1);

    let again = watch.read().await.unwrap();
    assert_eq!((again.blobs, again.findings, again.notified), (0, 0, 0));
    assert_eq!(watch.told("InboxRule").len(), 1);
    assert!(!watch.coverage().await.pending);
}

#[tokio::test]
async fn the_same_record_in_two_blobs_is_one_row_and_one_notification() {
    let watch = Watch::start().await;
    let record = forwarding_rule(1, "Invoices", "eve@evil.example", watch.now());
    watch.publish(vec![record.clone()]);
    watch.publish(vec![record.clone(), record]);
    let report = watch.read().await.unwrap();
    assert_eq!((report.blobs, report.findings), (2, 1));
    assert_eq!(watch.findings().await.len(), 1);
    assert_eq!(watch.told("InboxRule").len(), 1);
}

#[tokio::test]
async fn two_runs_at_once_give_one_row_and_one_notification() {
    let watch = Watch::start().await;
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.wait(TimeDelta::minutes(1));
    let message = watch.message();
    let (one, two) = tokio::join!(watch.deliver(&message), watch.deliver(&message));
    assert_eq!(one.unwrap().findings + two.unwrap().findings, 1);
    assert_eq!(watch.told("InboxRule").len(), 1);
    assert_eq!(watch.sim.teams_messages().len(), 1);
}

#[tokio::test]
async fn a_message_older_than_the_last_complete_run_is_answered_at_once() {
    let watch = Watch::start().await;
    let old = watch.message();
    watch.read().await.unwrap();
    watch.sim.forget_requests();
    assert_eq!(watch.deliver(&old).await.unwrap(), Default::default());
    assert_eq!(watch.sim.requests().len(), 0);
}

#[tokio::test]
async fn the_same_rule_changed_again_is_a_repeat_and_not_told_again() {
    let watch = Watch::start().await;
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    watch.publish(vec![forwarding_rule(2, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    let findings = watch.findings().await;
    let repeat = findings.iter().find(|row| row.state == FindingState::Repeat).unwrap();
    assert_eq!(repeat.repeat_of, findings.iter().find(|row| row.state == FindingState::Sent).map(|row| row.record_id));
    assert_eq!(watch.told("InboxRule").len(), 1);

    watch.wait(TimeDelta::days(6));
    for _ in 0..5 {
        watch.read().await.unwrap();
        watch.wait(TimeDelta::days(5));
    }
    watch.publish(vec![forwarding_rule(3, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    assert_eq!(watch.told("InboxRule").len(), 2, "after 30 days it is news again");
}

#[tokio::test]
async fn content_that_appears_late_within_the_overlap_is_read() {
    let watch = Watch::start().await;
    watch.wait(TimeDelta::hours(1));
    watch.read().await.unwrap();
    let created = watch.now() - TimeDelta::minutes(90);
    let record = forwarding_rule(1, "Invoices", "eve@evil.example", created);
    watch.publish_at(created, created + TimeDelta::days(7), vec![record]);
    assert_eq!(watch.read().await.unwrap().threats, 1);
}

#[tokio::test]
async fn content_on_the_edge_of_a_window_is_read_once() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    let edge = watch.coverage().await.covered_until.unwrap();
    watch.publish_at(edge, edge + TimeDelta::days(7), vec![forwarding_rule(1, "a b", "eve@evil.example", edge)]);
    let first = watch.read().await.unwrap();
    let second = watch.read().await.unwrap();
    assert_eq!((first.blobs, second.blobs), (1, 0));
}

#[tokio::test]
async fn a_thousand_blank_changes_of_one_mailbox_cost_two_rule_calls() {
    let watch = Watch::start().await;
    let records = (0..1_000).map(|id| blank_rule_change(id, watch.now())).collect();
    watch.publish(records);
    let report = watch.read().await.unwrap();
    assert_eq!(report.selected, 1_000);
    let calls = watch.sim.count(|request| request.cmdlet.as_deref() == Some("Get-InboxRule"));
    assert_eq!(calls, 2);
}

#[tokio::test]
async fn a_quiet_known_tenant_costs_one_listing_per_content_type_and_two_table_operations() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.sim.forget_requests();
    watch.store_operations();
    watch.read().await.unwrap();
    assert_eq!(watch.store_operations(), 2);
    let requests = watch.sim.requests();
    assert_eq!(requests.len(), 2, "one listing for each of two content types: {requests:?}");
    assert!(requests.iter().all(|request| request.path.ends_with("/subscriptions/content")));
}

#[tokio::test]
async fn the_directory_is_not_read_when_both_of_its_detections_are_off() {
    let watch = Watch::start_with(|settings| {
        settings.trust.detections_off = ["Consent".to_owned(), "SignInMethod".to_owned()].into();
    })
    .await;
    watch.read().await.unwrap();
    let directory = watch.sim.count(|request| request.query.contains("AzureActiveDirectory"));
    assert_eq!(directory, 0);
}

#[tokio::test]
async fn a_flow_that_fails_is_told_of_through_teams_and_gets_what_it_missed() {
    let watch = Watch::start().await;
    watch.refuse_flow(true);
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    let row = watch.findings().await.remove(0);
    assert_eq!(row.state, FindingState::Sending);
    assert!(row.notified["teams"].is_some() && row.notified["flow"].is_none());
    assert!(watch.coverage().await.pending);
    assert_eq!(watch.sim.teams_messages().len(), 2, "the threat, and that the flow does not work");

    watch.refuse_flow(false);
    watch.wait(TimeDelta::minutes(30));
    watch.read().await.unwrap();
    assert_eq!(watch.findings().await[0].state, FindingState::Sent);
    assert_eq!(watch.told("InboxRule").len(), 1);
    assert_eq!(watch.sim.teams_messages().len(), 2, "Teams had it already");
}

#[tokio::test]
async fn a_tenant_without_consent_is_a_permanent_error_and_not_told_singly() {
    let watch = Watch::start().await;
    watch.set_consent(false);
    let error = watch.read().await.unwrap_err();
    assert!(matches!(error, FunctionError::Permanent(_)), "{error:?}");
    assert_eq!(watch.coverage().await.state, TenantState::ConsentMissing);
    assert_eq!(watch.told("Coverage").len(), 0);
}
