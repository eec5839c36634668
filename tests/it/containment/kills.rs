//! A run that is killed while an account is contained.

use std::time::Duration;

use chrono::TimeDelta;

use super::{acting, all_told, attack, breaker_notices, changes, enabled_rules, press, ready, runs, user};
use crate::collector_fixture::CollectorFixture;

/// The changes of one containment: block, revoke, disable, revoke.
const CHANGES: usize = 4;

/// Reads the tenant and is killed when so many changes have arrived.
async fn be_killed_after(fixture: &CollectorFixture, count: usize) {
    let reached = async {
        while changes(fixture) < count {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        biased;
        () = reached => {}
        outcome = fixture.read() => drop(outcome),
    }
}

#[tokio::test]
async fn run_killed_at_any_step_is_finished_by_the_next() {
    for count in 1..=CHANGES {
        let fixture = ready(|settings| {
            acting(settings);
            settings.containment.limit = 1;
        })
        .await;
        attack(&fixture, 7, "Invoices");
        fixture.sim.forget_requests();
        be_killed_after(&fixture, count).await;
        assert!(all_told(&fixture).len() <= 1, "after {count}");
        // A containment is taken over after a minute. A run that had claimed the row for sending holds it for a quarter of an hour.
        for seconds in [61, 61, 61, 16 * 60] {
            fixture.wait(TimeDelta::seconds(seconds));
            fixture.read().await.unwrap();
            let last = runs(&fixture).await.pop().unwrap();
            assert!(count == CHANGES || last.status == "Completed", "{seconds} s after {count}: {}", last.status);
        }
        let told = all_told(&fixture);
        assert_eq!(told.len(), 1, "after {count}");
        assert_eq!(told[0]["Containment"], "Done", "after {count}: {:#}", told[0]);
        let victor = user(&fixture);
        assert!(!victor.account_enabled && victor.password_resets == 0, "after {count}");
        assert_eq!(enabled_rules(&fixture), [""; 0], "after {count}");
        assert!(breaker_notices(&fixture).is_empty(), "counted twice after {count}");
        assert!(!fixture.coverage().await.pending, "after {count}");
        let last = runs(&fixture).await.pop().unwrap();
        assert_eq!((last.action.as_str(), last.status.as_str()), ("Contain", "Completed"), "after {count}");

        let undone = press(&fixture, &told[0], "Undo").await;
        assert_eq!(undone["Status"], "Undone", "after {count}: {undone:#}");
        assert!(user(&fixture).account_enabled, "after {count}");
    }
}

#[tokio::test]
async fn store_lost_at_any_operation_loses_no_notification() {
    for operations in (0..120).step_by(7) {
        let fixture = ready(acting).await;
        attack(&fixture, 7, "Invoices");
        fixture.lose_store_after(Some(operations));
        let _ = fixture.read().await;
        fixture.lose_store_after(None);
        for _ in 0..4 {
            fixture.wait(TimeDelta::minutes(16));
            let _ = fixture.read().await;
        }
        let told = all_told(&fixture);
        assert!(!told.is_empty(), "after {operations}");
        assert!(told.iter().all(|body| body["LogID"] == told[0]["LogID"]), "after {operations}");
        let is_told_of = told.iter().any(|body| body["Containment"] == "Done" || body["Containment"] == "Partly");
        assert_eq!(user(&fixture).account_enabled, !is_told_of, "after {operations}: {told:#?}");
    }
}
