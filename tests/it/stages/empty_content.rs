//! Content blobs without content: they are read again later, and lost content is a gap in the end. None is silently taken as read.

use chrono::TimeDelta;
use serde_json::Value;
use tenantwatch::tables::TenantState;
use tenantwatch_simulator::world::BlobBody;
use tenantwatch_simulator::{Fault, FaultKind, Nothing, Service};

use crate::collector_fixture::{CollectorFixture, forwarding_rule};

/// The path of every blob.
const BLOBS: &str = "/activity/feed/audit/";

fn threat(fixture: &CollectorFixture, id: u128) -> Value {
    forwarding_rule(id, "Invoices", &format!("eve{id}@evil.example"), fixture.now())
}

#[tokio::test]
async fn blob_without_content_is_read_again_later() {
    for nothing in Nothing::ALL {
        let fixture = CollectorFixture::start().await;
        fixture.sim.inject(Fault::new(Service::Activity, BLOBS, FaultKind::Nothing(nothing)));
        fixture.publish(vec![threat(&fixture, 1)]);
        let report = fixture.read().await.unwrap();
        assert_eq!((report.blobs, report.owed, report.threats), (0, 1, 0), "{nothing:?}");
        fixture.sim.clear_faults();
        fixture.wait(TimeDelta::minutes(15));
        let report = fixture.read().await.unwrap();
        assert_eq!((report.blobs, report.owed, report.threats), (1, 0, 1), "{nothing:?}");
    }
}

#[tokio::test]
async fn blob_that_stays_without_content_ends_as_a_gap() {
    for nothing in Nothing::ALL {
        let fixture = CollectorFixture::start().await;
        fixture.sim.inject(Fault::new(Service::Activity, BLOBS, FaultKind::Nothing(nothing)));
        let published = fixture.now();
        fixture.publish(vec![threat(&fixture, 1)]);
        for _ in 0..9 {
            fixture.read().await.unwrap();
            fixture.wait(TimeDelta::hours(23));
        }
        let row = fixture.coverage().await;
        assert_eq!((row.owed, row.gaps.len()), (0, 1), "{nothing:?}: {row:?}");
        assert_eq!(row.gaps[0].from, published, "{nothing:?}");
        let texts = fixture.notice_texts();
        assert_eq!(texts.iter().filter(|text| text.contains("permanently lost")).count(), 1, "{nothing:?}: {texts:?}");
        assert_eq!(row.state, TenantState::Healthy, "{nothing:?}");
    }
}

/// Bodies that are no complete JSON array, whatever they contain.
fn incomplete_bodies(record: &Value) -> Vec<String> {
    let record = record.to_string();
    vec![
        format!("[{record}"),
        format!("[{record},"),
        format!("[{record},{}", &record[..record.len() / 2]),
        record.clone(),
        format!("{{\"value\":[{record}]}}"),
        "[".to_owned(),
        "]".to_owned(),
        "null".to_owned(),
        "\"\"".to_owned(),
        "\u{feff}".to_owned(),
        "\u{feff}  [".to_owned(),
        "<html><body>Bad gateway</body></html>".to_owned(),
        format!("[{record}]<html></html>"),
        "[{\"Operation\":\"New-InboxRule]".to_owned(),
    ]
}

#[tokio::test]
async fn body_that_is_no_complete_array_is_deferred() {
    let bodies = incomplete_bodies(&threat(&CollectorFixture::start().await, 1));
    for body in bodies {
        let fixture = CollectorFixture::start().await;
        fixture.publish_body(body.clone().into_bytes());
        let report = fixture.read().await.unwrap();
        assert_eq!((report.blobs, report.owed), (0, 1), "{body}");
    }
}

#[tokio::test]
async fn complete_array_is_read_however_it_is_surrounded() {
    let record = threat(&CollectorFixture::start().await, 1).to_string();
    let bodies = ["[]".to_owned(), " \r\n[ ]\n".to_owned(), format!("\u{feff}[{record}]"), format!("[{record}]\n\n")];
    for body in bodies {
        let fixture = CollectorFixture::start().await;
        fixture.publish_body(body.clone().into_bytes());
        let report = fixture.read().await.unwrap();
        let threats = u64::from(body.contains("Operation"));
        assert_eq!((report.blobs, report.owed, report.threats), (1, 0, threats), "{body}");
    }
}

#[tokio::test]
async fn records_before_the_damage_are_notified_at_once() {
    let fixture = CollectorFixture::start().await;
    let (first, second) = (threat(&fixture, 1).to_string(), threat(&fixture, 2).to_string());
    fixture.publish_body(format!("[{first},{}", &second[..second.len() / 2]).into_bytes());
    let report = fixture.read().await.unwrap();
    assert_eq!((report.threats, report.owed), (1, 1));
    assert_eq!(fixture.notified("InboxRule").len(), 1);
    fixture.contoso(|tenant| {
        tenant.content[0].body = BlobBody::Whole(format!("[{first},{second}]").into_bytes().into());
    });
    fixture.wait(TimeDelta::minutes(15));
    let report = fixture.read().await.unwrap();
    assert_eq!((report.threats, report.owed), (1, 0), "the second one, and the first is not repeated");
    assert_eq!(fixture.notified("InboxRule").len(), 2);
}
