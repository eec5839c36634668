//! Findings that have to do with each other and are evaluated at the same time: in one batch, in two blobs, in two runs.

use chrono::TimeDelta;
use serde_json::json;
use tenantwatch::tables::ProcessedRow;

use super::records::{add_mailboxes, forwarding};
use crate::collector_fixture::{CONTOSO, CollectorFixture, FABRIKAM, forwarding_rule, security_info};

fn has(row: &ProcessedRow, name: &str) -> bool {
    row.reasons.iter().any(|reason| reason.name.as_str() == name)
}

fn number_with(rows: &[ProcessedRow], name: &str) -> usize {
    rows.iter().filter(|row| has(row, name)).count()
}

#[tokio::test]
async fn shared_target_is_seen_among_findings_of_one_batch() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 8);
    let now = fixture.now();
    let records =
        mailboxes.iter().zip(1..).map(|(mailbox, id)| forwarding(CONTOSO, mailbox, id, "eve@evil.example", now));
    fixture.publish(records.collect());
    assert_eq!(fixture.read().await.unwrap().threats, 8);
    let rows = fixture.findings().await;
    // The first one to leave its mark sees no other.
    assert!(number_with(&rows, "SharedTarget") >= 7, "{}", number_with(&rows, "SharedTarget"));
    let texts: Vec<_> = rows.iter().flat_map(|row| &row.reasons).map(|reason| reason.sentence.as_str()).collect();
    assert!(texts.iter().any(|text| text.contains("8 mailboxes in 1 tenant")), "{texts:?}");
}

#[tokio::test]
async fn shared_target_is_seen_in_concurrent_runs_of_two_tenants() {
    let fixture = CollectorFixture::start().await;
    let now = fixture.now();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", now)]);
    fixture.publish_for(FABRIKAM, &[forwarding(FABRIKAM, "victor@fabrikam.com", 2, "eve@evil.example", now)]);
    fixture.wait(TimeDelta::minutes(1));
    let (contoso, fabrikam) = (fixture.message_for(CONTOSO), fixture.message_for(FABRIKAM));
    let (one, two) = tokio::join!(fixture.deliver(&contoso), fixture.deliver(&fabrikam));
    assert_eq!(one.unwrap().threats + two.unwrap().threats, 2);
    let mut rows = fixture.rows("contoso.com").await;
    rows.extend(fixture.rows("fabrikam.com").await);
    assert!(number_with(&rows, "SharedTarget") >= 1, "{rows:#?}");
}

#[tokio::test]
async fn runs_that_look_for_a_target_at_once_do_not_miss_each_other() {
    let fixture = CollectorFixture::start().await;
    let now = fixture.now();
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", now)]);
    fixture.publish_for(FABRIKAM, &[forwarding(FABRIKAM, "victor@fabrikam.com", 2, "eve@evil.example", now)]);
    fixture.wait(TimeDelta::minutes(1));
    fixture.store.let_two_listings_meet("target_");
    let (contoso, fabrikam) = (fixture.message_for(CONTOSO), fixture.message_for(FABRIKAM));
    let (one, two) = tokio::join!(fixture.deliver(&contoso), fixture.deliver(&fabrikam));
    assert_eq!(one.unwrap().threats + two.unwrap().threats, 2);
    let mut rows = fixture.rows("contoso.com").await;
    rows.extend(fixture.rows("fabrikam.com").await);
    assert!(number_with(&rows, "SharedTarget") >= 1, "each looked before the other had written: {rows:#?}");
}

#[tokio::test]
async fn method_and_threat_of_one_batch_are_related_in_any_order() {
    for method_first in [true, false] {
        for in_one_blob in [true, false] {
            let fixture = CollectorFixture::start().await;
            let method = security_info(1, fixture.now() - TimeDelta::hours(2));
            let threat = forwarding_rule(2, "Invoices", "eve@evil.example", fixture.now());
            let records = if method_first { vec![method, threat] } else { vec![threat, method] };
            match in_one_blob {
                true => fixture.publish(records),
                false => records.into_iter().for_each(|record| fixture.publish(vec![record])),
            }
            fixture.read().await.unwrap();
            let rows = fixture.findings().await;
            assert_eq!(number_with(&rows, "MethodChangedNearby"), 1, "{method_first} {in_one_blob}: {rows:#?}");
        }
    }
}

#[tokio::test]
async fn relation_raises_a_stored_finding_and_is_notified_once() {
    let fixture = CollectorFixture::start().await;
    let threat = forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now());
    let later = security_info(2, fixture.now() + TimeDelta::hours(1));
    fixture.publish(vec![later, threat]);
    for _ in 0..3 {
        fixture.read().await.unwrap();
    }
    let rows = fixture.findings().await;
    let method = rows.iter().find(|row| row.kind.as_str() == "SignInMethod").unwrap();
    assert!(method.threat && has(method, "AfterThreat"), "{method:#?}");
    assert_eq!((fixture.notified("InboxRule").len(), fixture.notified("SignInMethod").len()), (1, 1));
}

#[tokio::test]
async fn target_that_is_withheld_is_related_when_it_is_resolved() {
    let fixture = CollectorFixture::start().await;
    let mailboxes = add_mailboxes(&fixture, CONTOSO, 1);
    fixture.exchange_down(true);
    let now = fixture.now();
    let blank = super::records::blank(CONTOSO, &mailboxes[0], 1, now + TimeDelta::seconds(1));
    fixture.publish(vec![blank, forwarding_rule(2, "Invoices", "eve@evil.example", now)]);
    fixture.read().await.unwrap();
    fixture.exchange_down(false);
    fixture.contoso(|tenant| {
        let properties = json!({ "ForwardTo": ["\"eve\" [SMTP:eve@evil.example]"] });
        let mailbox = tenant.mailbox_mut(&mailboxes[0]).unwrap();
        mailbox.add_rule(15_394_007_330_931_153_153, "Invoices", properties);
    });
    fixture.wait(TimeDelta::minutes(20));
    assert_eq!(fixture.read().await.unwrap().threats, 1);
    assert!(has(&fixture.findings().await[0], "SharedTarget"), "{:#?}", fixture.findings().await[0]);
}
