//! A kill at any point of an investigation loses no report and tells none twice.

use chrono::TimeDelta;

use super::{later, publish, reports, start, stored};
use crate::collector_fixture::CONTOSO;
use crate::investigate::records::{A, Records, W};

#[tokio::test]
async fn kill_after_any_operation_of_the_store_loses_nothing() {
    let mut survived = 0;
    for operations in (0..120).step_by(3) {
        let fixture = start().await;
        let (mut records, _, rule) = Records::incident();
        records.sign_in("19T10:30:00", W, A, "cccccccc-3333-4333-8333-cccccccccccc", "0");
        publish(&fixture, CONTOSO, &records.all);
        fixture.lose_store_after(Some(operations));
        fixture.wait(TimeDelta::minutes(1));
        let killed = fixture.deliver(&fixture.message()).await;
        fixture.lose_store_after(None);
        survived += u32::from(killed.is_ok());
        // Claims of the run that was killed hold for 15 minutes.
        for _ in 0..3 {
            later(&fixture, 17).await;
        }
        let told = reports(&fixture);
        let mut keys: Vec<_> =
            told.iter().map(|body| (body["Operation"].to_string(), body["SourceMailbox"].to_string())).collect();
        keys.sort();
        let all = keys.len();
        keys.dedup();
        assert_eq!(keys.len(), 2, "after {operations} operations: {told:#?}");
        assert!(all <= 3, "only what was on its way may come again: {operations}");
        assert!(stored(&fixture, &rule).await.is_some());
        let threats = fixture.notified("InboxRule");
        assert!(!threats.is_empty() && threats.iter().all(|body| body["LogID"] == rule["Id"]), "{operations}");
    }
    assert!(survived > 0, "some runs must come to their end");
}
