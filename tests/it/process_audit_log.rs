//! The guarantees of ProcessAuditLog through its entry point: one message in, rows and notifications out.

use chrono::TimeDelta;
use tenantwatch::functions::FunctionError;
use tenantwatch::tables::{FindingState, TenantState};

use tenantwatch_simulator::steps::Moment;
use tenantwatch_simulator::world::Contact;
use tenantwatch_simulator::{Fault, Service};

use crate::collector_fixture::{
    CollectorFixture, blank_rule_change, contact_retargeted, forwarding_rule, security_info,
};

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
async fn a_thousand_blank_changes_of_one_mailbox_cost_two_rule_calls() {
    let fixture = CollectorFixture::start().await;
    let records = (0..1_000).map(|id| blank_rule_change(id, fixture.now())).collect();
    fixture.publish(records);
    let report = fixture.read().await.unwrap();
    assert_eq!(report.selected, 1_000);
    assert_eq!(fixture.calls("Get-InboxRule"), 2);
}

#[tokio::test]
async fn quiet_tenant_costs_two_listings_and_two_table_operations() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.listings();
    fixture.store_operations();
    fixture.read().await.unwrap();
    assert_eq!(fixture.store_operations(), 2);
    assert_eq!(fixture.listings().len(), 2, "one for each content type");
    assert_eq!(fixture.fetches(), 0);
}

#[tokio::test]
async fn threat_on_two_channels_costs_seventeen_more_operations() {
    let fixture = CollectorFixture::start().await;
    fixture.read().await.unwrap();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.store_operations();
    assert_eq!(fixture.read().await.unwrap().notified, 2);
    // Related events: the target is looked up and stored under two keys (3), the mailbox is looked up and stored (2). Protection
    // against a kill: the note (2), its end (1), a check that it was the last (1). The finding and its fingerprint (2), a mark
    // for each channel (2). The incident is looked up, opened, and read again at the sending (3). Recently added domains (1).
    assert_eq!(fixture.store_operations(), 2 + 17);
}

#[tokio::test]
async fn the_directory_is_not_read_when_all_of_its_detections_are_off() {
    let fixture = CollectorFixture::start_with(|settings| {
        settings.trust.detections_off =
            ["Consent", "SignInMethod", "Domain", "AuditTampering"].map(str::to_owned).into();
    })
    .await;
    fixture.read().await.unwrap();
    assert_eq!(fixture.listings().len(), 1, "Audit.Exchange alone");
}

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
async fn missing_consent_is_permanent_and_sends_no_single_notice() {
    let fixture = CollectorFixture::start().await;
    fixture.set_consent(false);
    let error = fixture.read().await.unwrap_err();
    assert!(matches!(error, FunctionError::Permanent(_)), "{error:?}");
    assert_eq!(fixture.coverage().await.state, TenantState::ConsentMissing);
    assert_eq!(fixture.notified("Coverage").len(), 0);
}

#[tokio::test]
async fn unreadable_rule_is_reevaluated_and_notified_if_a_threat() {
    let fixture = CollectorFixture::start().await;
    fixture.exchange_down(true);
    fixture.publish(vec![blank_rule_change(1, fixture.now())]);
    fixture.read().await.unwrap();
    assert_eq!(fixture.findings().await[0].state, FindingState::Rejudge);
    assert_eq!(fixture.notified("InboxRule").len(), 0);

    fixture.exchange_down(false);
    let properties = serde_json::json!({ "ForwardTo": ["\"eve\" [SMTP:eve@evil.example]"] });
    fixture.set_rule(15_394_007_330_931_153_153, "Invoices", properties);
    fixture.wait(TimeDelta::minutes(20));
    let report = fixture.read().await.unwrap();
    assert_eq!(report.threats, 1);
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    fixture.read().await.unwrap();
    assert!(!fixture.coverage().await.pending);
}

#[tokio::test]
async fn record_alone_decides_after_a_day_of_unreadable_rules() {
    let fixture = CollectorFixture::start().await;
    fixture.exchange_down(true);
    fixture.publish(vec![blank_rule_change(1, fixture.now())]);
    for _ in 0..20 {
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::hours(2));
    }
    assert_eq!(fixture.findings().await[0].state, FindingState::Recorded);
    assert!(!fixture.coverage().await.pending);
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

#[tokio::test]
async fn the_same_target_on_another_mailbox_is_a_reason_of_its_own() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let mut other = forwarding_rule(2, "Payments", "eve@evil.example", fixture.now());
    other["UserId"] = "anna@contoso.com".into();
    other["ObjectId"] = "anna@contoso.com\\Payments".into();
    other["MailboxOwnerUPN"] = "anna@contoso.com".into();
    fixture.publish(vec![other]);
    fixture.read().await.unwrap();
    let findings = fixture.findings().await;
    let names = |at: usize| findings[at].reasons.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
    assert!(!names(0).contains(&"SharedTarget"));
    assert!(names(1).contains(&"SharedTarget"), "{:?}", names(1));
}

#[tokio::test]
async fn sign_in_method_change_near_a_threat_is_found_in_any_order() {
    for method_first in [true, false] {
        let fixture = CollectorFixture::start().await;
        let threat = forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now());
        let before = security_info(2, fixture.now() - TimeDelta::hours(2));
        let after = security_info(3, fixture.now() + TimeDelta::hours(2));
        let (first, second) =
            if method_first { (vec![before, after], vec![threat]) } else { (vec![threat], vec![before, after]) };
        fixture.publish(first);
        fixture.read().await.unwrap();
        fixture.publish(second);
        fixture.read().await.unwrap();
        let findings = fixture.findings().await;
        let names = |at: usize| findings[at].reasons.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
        assert!(names(0).contains(&"MethodChangedNearby"), "{method_first}: {:?}", names(0));
        assert!(!findings[1].threat, "{method_first}");
        assert!(findings[2].threat && findings[2].state == FindingState::Sent, "{method_first}: {:?}", findings[2]);
        assert!(names(2).contains(&"AfterThreat"));
        assert_eq!(fixture.notified("SignInMethod").len(), 1, "{method_first}");
    }
}

#[tokio::test]
async fn failed_sign_in_method_change_is_never_a_threat() {
    for method_first in [true, false] {
        let fixture = CollectorFixture::start().await;
        let threat = forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now());
        let mut failed = security_info(3, fixture.now() + TimeDelta::hours(2));
        failed["ResultStatus"] = "Failure".into();
        let (first, second) = if method_first { (failed, threat) } else { (threat, failed) };
        for record in [first, second] {
            fixture.publish(vec![record]);
            fixture.read().await.unwrap();
        }
        assert_eq!(
            (fixture.notified("InboxRule").len(), fixture.notified("SignInMethod").len()),
            (1, 0),
            "{method_first}"
        );
    }
}

#[tokio::test]
async fn many_blobs_with_threats_are_read_at_once() {
    let fixture = CollectorFixture::start().await;
    for id in 0..40_u128 {
        let target = format!("eve{id}@evil.example");
        fixture.publish(vec![forwarding_rule(id, "Invoices", &target, fixture.now())]);
    }
    let report = fixture.read().await.unwrap();
    // Five one by one, and one for the others, on two channels.
    assert_eq!((report.blobs, report.threats, report.notified), (40, 40, 12));
    assert_eq!(fixture.notified("InboxRule").len(), 6);
}

#[tokio::test]
async fn a_run_whose_time_is_over_stops_and_the_next_one_goes_on() {
    let fixture = CollectorFixture::start().await;
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.wait(TimeDelta::minutes(1));
    let report = fixture.deliver_within(&fixture.message(), std::time::Duration::from_secs(20)).await.unwrap();
    assert_eq!(report.blobs, 0);
    assert_eq!(fixture.coverage().await.last_run, None);
    assert_eq!(fixture.read().await.unwrap().threats, 1);
}

#[tokio::test]
async fn a_thousand_repeats_cost_hardly_more_than_a_row_each() {
    let fixture = CollectorFixture::start().await;
    let record = |id| forwarding_rule(id, "Invoices", "eve@evil.example", fixture.now());
    fixture.publish(vec![record(0)]);
    fixture.read().await.unwrap();
    fixture.publish((1..=1_000).map(record).collect());
    fixture.store_operations();
    fixture.read().await.unwrap();
    let operations = fixture.store_operations();
    assert!(operations < 2_000, "{operations}");
    assert_eq!(fixture.notified("InboxRule").len(), 1);
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
async fn retargeted_contact_is_notified_if_a_mailbox_forwards_to_it() {
    let fixture = CollectorFixture::start().await;
    fixture.contoso(|tenant| {
        for alias in ["archive", "unused"] {
            tenant.contacts.push(Contact {
                legacy_dn: format!("/o=ExchangeLabs/cn=Recipients/cn={alias}"),
                identity: format!("{alias} of the notary"),
                ..Contact::new(alias, "archive@notary.example")
            });
        }
        tenant.mailbox_mut("victor@contoso.com").unwrap().forwarding_address = Some("archive of the notary".to_owned());
    });
    fixture.sim.inject(Fault::status(Service::Exchange, "Get-Mailbox", 503));
    fixture.publish(vec![
        contact_retargeted(1, "archive", "eve@evil.example", fixture.now()),
        contact_retargeted(2, "unused", "eva@evil.example", fixture.now()),
    ]);
    fixture.read().await.unwrap();
    assert!(fixture.notified("ContactRetargeted").is_empty(), "nobody knows yet");
    fixture.sim.clear_faults();
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    let told = fixture.notified("ContactRetargeted");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0]["Reasons"].as_str().unwrap().contains("victor@contoso.com forwards its mail to this contact"));
    assert_eq!(told[0]["Severity"], "Medium");
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
