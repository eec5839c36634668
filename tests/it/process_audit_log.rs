//! What ProcessAuditLog promises, through its own door: one message in, rows and notifications out.

use chrono::TimeDelta;
use tenantwatch::functions::FunctionError;
use tenantwatch::tables::{FindingState, TenantState};

use tenantwatch_simulator::steps::Moment;
use tenantwatch_simulator::world::Contact;
use tenantwatch_simulator::{Fault, Service};

use crate::watch::{Watch, blank_rule_change, contact_retargeted, forwarding_rule, security_info};

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
    assert_eq!(watch.teams_messages(), 1);

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
    assert_eq!(watch.teams_messages(), 1);
}

/// How many requests a run has sent before it first tells of the threat.
async fn requests_before_the_flow() -> u64 {
    let watch = Watch::start().await;
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    let at = watch.sim.requests().iter().position(|request| request.service == Service::Flow);
    at.unwrap() as u64
}

#[tokio::test]
async fn a_run_that_comes_while_another_one_is_telling_tells_nothing_and_forgets_nothing() {
    for moment in [Moment::BeforeEffect, Moment::AfterEffect] {
        let watch = Watch::start().await;
        watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
        let steps = watch.sim.steps();
        steps.hold_after(requests_before_the_flow().await, moment);
        let killed = Box::pin(async {
            let _ = watch.read().await;
        });
        let second = Box::pin(async {
            steps.held().await;
            watch.wait(TimeDelta::minutes(1));
            watch.deliver(&watch.message()).await.unwrap()
        });
        let report = tokio::select! {
            () = killed => panic!("it should have been held"),
            report = second => report,
        };
        steps.release();
        assert_eq!((report.findings, report.notified), (0, 0), "{moment:?}: the claim is the first run's");
        assert!(watch.coverage().await.pending, "{moment:?}: what the first run has begun is not forgotten");
        let accepted = usize::from(moment == Moment::AfterEffect);
        assert_eq!(watch.told("InboxRule").len(), accepted);
        assert_eq!(watch.read().await.unwrap().notified, 0, "{moment:?}: its claim still holds");
        watch.wait(TimeDelta::minutes(15));
        watch.read().await.unwrap();
        let told = watch.told("InboxRule");
        assert_eq!(told.len(), 1 + accepted, "{moment:?}: only what was accepted and not marked comes again");
        assert!(told.iter().all(|one| one["LogID"] == told[0]["LogID"]));
        assert_eq!(watch.teams_messages(), 1);
        assert_eq!(watch.findings().await[0].state, FindingState::Sent);
        watch.read().await.unwrap();
        assert!(!watch.coverage().await.pending);
    }
}

#[tokio::test]
async fn a_message_older_than_the_last_complete_run_is_answered_at_once() {
    let watch = Watch::start().await;
    let old = watch.message();
    watch.read().await.unwrap();
    watch.listings();
    assert_eq!(watch.deliver(&old).await.unwrap(), Default::default());
    assert_eq!(watch.listings(), []);
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
    assert_eq!(watch.calls("Get-InboxRule"), 2);
}

#[tokio::test]
async fn a_quiet_known_tenant_costs_one_listing_per_content_type_and_two_table_operations() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.listings();
    watch.store_operations();
    watch.read().await.unwrap();
    assert_eq!(watch.store_operations(), 2);
    assert_eq!(watch.listings().len(), 2, "one for each content type");
    assert_eq!(watch.fetches(), 0);
}

#[tokio::test]
async fn a_threat_that_is_told_on_both_channels_costs_sixteen_table_operations_more() {
    let watch = Watch::start().await;
    watch.read().await.unwrap();
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.store_operations();
    assert_eq!(watch.read().await.unwrap().notified, 2);
    // What is related to it: the target is asked for and noted both ways (3), and the mailbox (2). What a kill may interrupt:
    // the note (2), its end (1), and whether it was the last (1). The finding and its fingerprint (2), a mark for each channel (2).
    // Its incident is looked for, opened, and read again at the sending (3).
    assert_eq!(watch.store_operations(), 2 + 16);
}

#[tokio::test]
async fn the_directory_is_not_read_when_all_of_its_detections_are_off() {
    let watch = Watch::start_with(|settings| {
        settings.trust.detections_off =
            ["Consent", "SignInMethod", "Domain", "AuditTampering"].map(str::to_owned).into();
    })
    .await;
    watch.read().await.unwrap();
    assert_eq!(watch.listings().len(), 1, "Audit.Exchange alone");
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
    assert_eq!(watch.teams_messages(), 2, "the threat, and that the flow does not work");

    watch.refuse_flow(false);
    watch.wait(TimeDelta::minutes(30));
    watch.read().await.unwrap();
    assert_eq!(watch.findings().await[0].state, FindingState::Sent);
    assert_eq!(watch.told("InboxRule").len(), 1);
    assert_eq!(watch.teams_messages(), 2, "Teams had it already");
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

#[tokio::test]
async fn a_live_rule_that_cannot_be_read_now_is_judged_again_and_told_when_it_is_a_threat() {
    let watch = Watch::start().await;
    watch.exchange_down(true);
    watch.publish(vec![blank_rule_change(1, watch.now())]);
    watch.read().await.unwrap();
    assert_eq!(watch.findings().await[0].state, FindingState::Rejudge);
    assert_eq!(watch.told("InboxRule").len(), 0);

    watch.exchange_down(false);
    let properties = serde_json::json!({ "ForwardTo": ["\"eve\" [SMTP:eve@evil.example]"] });
    watch.set_rule(15_394_007_330_931_153_153, "Invoices", properties);
    watch.wait(TimeDelta::minutes(20));
    let report = watch.read().await.unwrap();
    assert_eq!(report.threats, 1);
    assert_eq!(watch.findings().await[0].state, FindingState::Sent);
    assert_eq!(watch.told("InboxRule").len(), 1);
    watch.read().await.unwrap();
    assert!(!watch.coverage().await.pending);
}

#[tokio::test]
async fn what_stays_unreadable_for_a_day_is_decided_by_the_record_alone() {
    let watch = Watch::start().await;
    watch.exchange_down(true);
    watch.publish(vec![blank_rule_change(1, watch.now())]);
    for _ in 0..20 {
        watch.read().await.unwrap();
        watch.wait(TimeDelta::hours(2));
    }
    assert_eq!(watch.findings().await[0].state, FindingState::Recorded);
    assert!(!watch.coverage().await.pending);
}

#[tokio::test]
async fn wherever_a_run_is_killed_the_next_ones_lose_nothing_and_tell_of_one_threat() {
    let mut was_killed = true;
    let mut operations = 0;
    while was_killed {
        let watch = Watch::start().await;
        watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
        watch.lose_store_after(Some(operations));
        was_killed = watch.read().await.is_err();
        watch.lose_store_after(None);
        for _ in 0..3 {
            watch.wait(TimeDelta::minutes(16));
            watch.read().await.unwrap();
        }
        let findings = watch.findings().await;
        assert_eq!(findings.len(), 1, "killed after {operations}");
        assert_eq!(findings[0].state, FindingState::Sent, "killed after {operations}");
        let told = watch.told("InboxRule");
        assert!((1..=2).contains(&told.len()), "killed after {operations}: told {} times", told.len());
        assert!(told.iter().all(|body| body["LogID"] == told[0]["LogID"]));
        assert!(!watch.coverage().await.pending, "killed after {operations}");
        operations += 1;
    }
    assert!(operations > 8, "it was killed at every step: {operations}");
}

#[tokio::test]
async fn the_same_target_on_another_mailbox_is_a_reason_of_its_own() {
    let watch = Watch::start().await;
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    let mut other = forwarding_rule(2, "Payments", "eve@evil.example", watch.now());
    other["UserId"] = "anna@contoso.com".into();
    other["ObjectId"] = "anna@contoso.com\\Payments".into();
    other["MailboxOwnerUPN"] = "anna@contoso.com".into();
    watch.publish(vec![other]);
    watch.read().await.unwrap();
    let findings = watch.findings().await;
    let names = |at: usize| findings[at].reasons.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
    assert!(!names(0).contains(&"SharedTarget"));
    assert!(names(1).contains(&"SharedTarget"), "{:?}", names(1));
}

#[tokio::test]
async fn a_way_to_sign_in_that_changed_around_a_threat_is_told_with_it_in_whichever_order_they_come() {
    for method_first in [true, false] {
        let watch = Watch::start().await;
        let threat = forwarding_rule(1, "Invoices", "eve@evil.example", watch.now());
        let before = security_info(2, watch.now() - TimeDelta::hours(2));
        let after = security_info(3, watch.now() + TimeDelta::hours(2));
        let (first, second) =
            if method_first { (vec![before, after], vec![threat]) } else { (vec![threat], vec![before, after]) };
        watch.publish(first);
        watch.read().await.unwrap();
        watch.publish(second);
        watch.read().await.unwrap();
        let findings = watch.findings().await;
        let names = |at: usize| findings[at].reasons.iter().map(|reason| reason.name.as_str()).collect::<Vec<_>>();
        assert!(names(0).contains(&"MethodChangedNearby"), "{method_first}: {:?}", names(0));
        assert!(!findings[1].threat, "{method_first}");
        assert!(findings[2].threat && findings[2].state == FindingState::Sent, "{method_first}: {:?}", findings[2]);
        assert!(names(2).contains(&"AfterThreat"));
        assert_eq!(watch.told("SignInMethod").len(), 1, "{method_first}");
    }
}

#[tokio::test]
async fn a_way_to_sign_in_that_could_not_be_changed_is_no_threat_in_either_order() {
    for method_first in [true, false] {
        let watch = Watch::start().await;
        let threat = forwarding_rule(1, "Invoices", "eve@evil.example", watch.now());
        let mut failed = security_info(3, watch.now() + TimeDelta::hours(2));
        failed["ResultStatus"] = "Failure".into();
        let (first, second) = if method_first { (failed, threat) } else { (threat, failed) };
        for record in [first, second] {
            watch.publish(vec![record]);
            watch.read().await.unwrap();
        }
        assert_eq!((watch.told("InboxRule").len(), watch.told("SignInMethod").len()), (1, 0), "{method_first}");
    }
}

#[tokio::test]
async fn many_blobs_with_threats_are_read_at_once() {
    let watch = Watch::start().await;
    for id in 0..40_u128 {
        let target = format!("eve{id}@evil.example");
        watch.publish(vec![forwarding_rule(id, "Invoices", &target, watch.now())]);
    }
    let report = watch.read().await.unwrap();
    // Five one by one, and one for the others, on two channels.
    assert_eq!((report.blobs, report.threats, report.notified), (40, 40, 12));
    assert_eq!(watch.told("InboxRule").len(), 6);
}

#[tokio::test]
async fn a_run_whose_time_is_over_stops_and_the_next_one_goes_on() {
    let watch = Watch::start().await;
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.wait(TimeDelta::minutes(1));
    let report = watch.deliver_within(&watch.message(), std::time::Duration::from_secs(20)).await.unwrap();
    assert_eq!(report.blobs, 0);
    assert_eq!(watch.coverage().await.last_run, None);
    assert_eq!(watch.read().await.unwrap().threats, 1);
}

#[tokio::test]
async fn a_thousand_repeats_cost_hardly_more_than_a_row_each() {
    let watch = Watch::start().await;
    let record = |id| forwarding_rule(id, "Invoices", "eve@evil.example", watch.now());
    watch.publish(vec![record(0)]);
    watch.read().await.unwrap();
    watch.publish((1..=1_000).map(record).collect());
    watch.store_operations();
    watch.read().await.unwrap();
    let operations = watch.store_operations();
    assert!(operations < 2_000, "{operations}");
    assert_eq!(watch.told("InboxRule").len(), 1);
}

#[tokio::test]
async fn what_is_owed_to_a_channel_that_was_replaced_is_told_through_the_new_one() {
    let mut watch = Watch::start_with(|settings| settings.channels.teams_url = None).await;
    watch.refuse_flow(true);
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    watch.set_up_again(|settings| settings.channels.flow_url = None);
    watch.wait(TimeDelta::hours(1));
    watch.read().await.unwrap();
    assert_eq!((watch.teams_messages(), watch.findings().await[0].state), (1, FindingState::Sent));
    assert!(!watch.coverage().await.pending);
}

#[tokio::test]
async fn a_threat_that_is_owed_only_to_a_channel_no_longer_set_is_closed() {
    let mut watch = Watch::start().await;
    watch.refuse_flow(true);
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.read().await.unwrap();
    watch.set_up_again(|settings| settings.channels.flow_url = None);
    watch.wait(TimeDelta::hours(1));
    watch.read().await.unwrap();
    assert_eq!(watch.findings().await[0].state, FindingState::Sent);
}

#[tokio::test]
async fn a_contact_that_points_elsewhere_is_told_where_a_mailbox_forwards_to_it() {
    let watch = Watch::start().await;
    watch.contoso(|tenant| {
        for alias in ["archive", "unused"] {
            tenant.contacts.push(Contact {
                legacy_dn: format!("/o=ExchangeLabs/cn=Recipients/cn={alias}"),
                identity: format!("{alias} of the notary"),
                ..Contact::new(alias, "archive@notary.example")
            });
        }
        tenant.mailbox_mut("victor@contoso.com").unwrap().forwarding_address = Some("archive of the notary".to_owned());
    });
    watch.sim.inject(Fault::status(Service::Exchange, "Get-Mailbox", 503));
    watch.publish(vec![
        contact_retargeted(1, "archive", "eve@evil.example", watch.now()),
        contact_retargeted(2, "unused", "eva@evil.example", watch.now()),
    ]);
    watch.read().await.unwrap();
    assert!(watch.told("ContactRetargeted").is_empty(), "nobody knows yet");
    watch.sim.clear_faults();
    watch.wait(TimeDelta::hours(1));
    watch.read().await.unwrap();
    let told = watch.told("ContactRetargeted");
    assert_eq!(told.len(), 1, "{told:#?}");
    assert!(told[0]["Reasons"].as_str().unwrap().contains("victor@contoso.com forwards its mail to this contact"));
    assert_eq!(told[0]["Severity"], "Medium");
}

#[tokio::test]
async fn no_sending_is_begun_that_the_end_of_the_run_could_cut_off() {
    let watch = Watch::start().await;
    watch.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", watch.now())]);
    watch.wait(TimeDelta::minutes(1));
    let report = watch.deliver_within(&watch.message(), std::time::Duration::from_secs(70)).await.unwrap();
    assert_eq!((report.threats, report.notified, watch.told("InboxRule").len()), (1, 0, 0));
    watch.wait(TimeDelta::minutes(16));
    watch.read().await.unwrap();
    assert_eq!((watch.told("InboxRule").len(), watch.teams_messages()), (1, 1));
}
