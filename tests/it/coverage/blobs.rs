//! Content that cannot be read: retried, and reported as a gap when it is lost.

use std::time::Duration;

use chrono::TimeDelta;
use tenantwatch::tables::FindingState;
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::collector_fixture::{CollectorFixture, blank_rule_change, forwarding_rule};

#[tokio::test]
async fn a_blob_that_is_cut_off_is_owed_and_read_later() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(1);
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    let report = fixture.read().await.unwrap();
    assert_eq!((report.blobs, report.owed, report.threats), (0, 1, 0));
    assert_eq!(fixture.read().await.unwrap().owed, 1, "its time has not come");
    fixture.wait(TimeDelta::minutes(15));
    let report = fixture.read().await.unwrap();
    assert_eq!((report.blobs, report.owed, report.threats), (1, 0, 1));
}

#[tokio::test]
async fn finding_keeps_the_time_when_its_content_became_available() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(1);
    fixture.exchange_down(true);
    let created = fixture.now();
    fixture.publish(vec![
        forwarding_rule(1, "Invoices", "eve@evil.example", created - TimeDelta::minutes(20)),
        blank_rule_change(2, created - TimeDelta::minutes(20)),
    ]);
    fixture.read().await.unwrap();
    let began = fixture.coverage().await.read_from;
    assert!(began.is_some_and(|began| began < created), "{began:?}");
    fixture.wait(TimeDelta::minutes(15));
    assert_eq!(fixture.read().await.unwrap().threats, 1);
    fixture.exchange_down(false);
    fixture.wait(TimeDelta::hours(1));
    fixture.read().await.unwrap();
    let findings = fixture.findings().await;
    assert_eq!(findings.len(), 2);
    assert!(findings.iter().all(|row| row.state != FindingState::Rejudge), "evaluated again by now");
    assert!(
        findings.iter().all(|row| row.content_created == Some(created)),
        "neither a retry nor a new verdict changes it"
    );
    assert_eq!(fixture.coverage().await.read_from, began);
}

#[tokio::test]
async fn content_expired_unread_is_one_notified_gap() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(1_000);
    let created = fixture.now();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", created)]);
    for _ in 0..16 {
        fixture.read().await.unwrap();
        fixture.wait(TimeDelta::hours(12));
    }
    let row = fixture.coverage().await;
    assert_eq!(row.gaps.iter().map(|gap| gap.from).collect::<Vec<_>>(), [created]);
    assert_eq!(row.owed, 0);
    let texts = fixture.notice_texts();
    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts[0].contains("2026-11-22T10:00:00Z"), "{texts:?}");
}

#[tokio::test]
async fn content_that_the_service_denies_having_is_a_gap() {
    let fixture = CollectorFixture::start().await;
    fixture.deny_blobs();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    assert_eq!(fixture.read().await.unwrap().gaps, 1);
    assert_eq!(fixture.coverage().await.gaps.len(), 1);
    assert_eq!(fixture.notice_texts().len(), 1);
    assert_eq!(fixture.read().await.unwrap().gaps, 0);
}

/// As good as for ever.
const FOR_EVER: Duration = Duration::from_secs(3_600);

#[tokio::test]
async fn owed_blobs_that_hang_do_not_keep_what_is_new_from_being_read() {
    let fixture = CollectorFixture::start().await;
    fixture.cut_blobs(24);
    for id in 0..24 {
        fixture.publish(vec![forwarding_rule(id, "a b", "eve@evil.example", fixture.now())]);
    }
    assert_eq!(fixture.read().await.unwrap().owed, 24);
    fixture.wait(TimeDelta::minutes(15));
    let blobs = "/activity/feed/audit/";
    fixture.sim.inject(Fault::new(Service::Activity, blobs, FaultKind::Delay(FOR_EVER)).times(8));
    fixture.publish(vec![forwarding_rule(99, "c d", "mallory@evil.example", fixture.now())]);
    let report = fixture.while_hanging(fixture.read()).await.unwrap();
    assert_eq!(report.owed, 24, "two rounds of four hang, and the others have to wait");
    assert!(fixture.notified("InboxRule").iter().any(|told| told["ForwardingAddress"].to_string().contains("mallory")));
    for _ in 0..3 {
        fixture.wait(TimeDelta::minutes(30));
        fixture.read().await.unwrap();
    }
    assert_eq!((fixture.coverage().await.owed, fixture.findings().await.len()), (0, 25));
}

#[tokio::test]
async fn a_blob_that_drips_is_owed_and_the_others_are_read() {
    let fixture = CollectorFixture::start().await;
    let (now, expires) = (fixture.now(), fixture.now() + TimeDelta::days(7));
    let body = BlobBody::Dripping(b"[".as_slice().into());
    fixture.contoso(|tenant| tenant.publish_body("Audit.Exchange", now, expires, body));
    fixture.publish(vec![forwarding_rule(1, "a b", "eve@evil.example", fixture.now())]);
    let report = fixture.while_hanging(fixture.read()).await.unwrap();
    assert_eq!((report.owed, report.threats), (1, 1));
    assert!(
        fixture.coverage().await.covered_until.is_some_and(|covered| covered > fixture.now() - TimeDelta::minutes(10))
    );
}
