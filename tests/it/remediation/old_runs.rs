//! Stored runs: what a later press takes from them are fields, never the words of a step; rows of the first version have no fields.

use serde_json::{Value, json};
use tenantwatch::tables::{ACTIONS, ActionRow};

use super::remediation_fixture::{BOB, Ward};

/// Rewrites the steps of every stored run.
async fn rewrite(ward: &Ward, change: impl Fn(&mut serde_json::Map<String, Value>)) {
    for run in ward.runs().await {
        let mut steps: Value = serde_json::from_str(&run.steps).unwrap();
        steps.as_array_mut().unwrap().iter_mut().for_each(|step| change(step.as_object_mut().unwrap()));
        let row = ActionRow { steps: steps.to_string(), ..run };
        ward.overwrite(ACTIONS, &row.to_entity(false)).await;
    }
}

/// Presses again after a finished run, and fails if anything was done twice.
async fn assert_already_done(ward: &Ward) {
    ward.sim.forget_requests();
    let again = ward.press(json!({})).await;
    assert_eq!(again.body["Status"], "AlreadyDone", "{:#}", again.body);
    assert_eq!((ward.changes(), ward.user(BOB).password_resets), (0, 1));
}

#[tokio::test]
async fn other_words_in_stored_steps_change_no_decision() {
    let ward = Ward::open().await;
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    rewrite(&ward, |step| {
        step.insert("Detail".to_owned(), json!("In other words."));
        step.insert("Verified".to_owned(), json!(""));
    })
    .await;
    assert_already_done(&ward).await;
}

#[tokio::test]
async fn runs_of_the_first_version_count_as_done() {
    let ward = Ward::open().await;
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    // The first version had these four members, and named accounts in the detail.
    rewrite(&ward, |step| {
        step.retain(|member, _| ["Step", "Outcome", "Detail", "Verified"].contains(&member.as_str()));
    })
    .await;
    assert_already_done(&ward).await;
}

#[tokio::test]
async fn snapshot_of_the_first_version_is_restored() {
    let ward = Ward::open().await;
    assert_eq!(ward.press(json!({})).await.body["Status"], "Completed");
    for run in ward.runs().await {
        let mut snapshot: Value = serde_json::from_str(&run.snapshot).unwrap();
        // Exchange's own values were stored then, whatever their type.
        snapshot["AutoReply"] = json!({ "AutoReplyState": "Enabled", "ExternalAudience": null });
        snapshot["ClientAccess"]["NotASwitch"] = json!("text");
        let row = ActionRow { snapshot: snapshot.to_string(), ..run };
        ward.overwrite(ACTIONS, &row.to_entity(false)).await;
    }
    assert_eq!(ward.press(json!({ "Action": "Undo" })).await.body["Status"], "Undone");
    let mailbox = ward.mailbox();
    assert_eq!(mailbox.auto_reply_state, "Enabled");
    assert!(mailbox.client_access["OWAEnabled"] && ward.user(BOB).account_enabled);
}
