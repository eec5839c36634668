//! The steps of a remediation are not repeated for another finding of the same incident, and are undone together.

use chrono::TimeDelta;
use serde_json::json;
use tenantwatch::notify::token::Scope;
use tenantwatch::tables::ProcessedRow;
use tenantwatch_simulator::{Fault, Service};

use super::remediation_fixture::{BOB, Ward, outcome, threat};

const KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";

/// A ward with two threats of one incident.
async fn ward(key: &str) -> (Ward, ProcessedRow, ProcessedRow) {
    let ward = Ward::open_with(&[("ACTION_KEY", key)]).await;
    let of_incident = |id: u128| ProcessedRow { incident_id: "incident".to_owned(), ..threat(id, ward.now()) };
    let (one, other) = (of_incident(2), of_incident(3));
    ward.keep(&one).await;
    ward.keep(&other).await;
    (ward, one, other)
}

#[tokio::test]
async fn second_finding_of_an_incident_resets_no_second_password() {
    let (ward, one, other) = ward("off").await;
    ward.press(json!({ "ID": one.record_id })).await;
    ward.contoso(|tenant| {
        tenant.mailbox_mut(BOB).unwrap().add_rule(70, "Second", json!({ "RedirectTo": ["eve@evil.example"] }));
    });
    let second = ward.press(json!({ "ID": other.record_id })).await;
    assert_eq!(second.body["Status"], "Completed", "{:#}", second.body);
    assert_eq!(outcome(&second, "ResetPassword"), "AlreadyDone", "{:#}", second.body);
    assert_eq!(outcome(&second, "Snapshot"), "AlreadyDone", "{:#}", second.body);
    assert_eq!(ward.user(BOB).password_resets, 1);
    assert!(ward.mailbox().rules.iter().all(|rule| !rule.enabled || rule.name == "Junk E-mail Rule"));
}

#[tokio::test]
async fn password_that_was_not_reset_is_reset_for_the_next_finding() {
    let (ward, one, other) = ward("off").await;
    ward.sim.inject(Fault::status(Service::Graph, "PATCH", 403));
    ward.press(json!({ "ID": one.record_id })).await;
    ward.sim.clear_faults();
    let second = ward.press(json!({ "ID": other.record_id })).await;
    assert_eq!(outcome(&second, "ResetPassword"), "Done", "{:#}", second.body);
    assert_eq!(ward.user(BOB).password_resets, 1);
}

#[tokio::test]
async fn account_that_was_let_in_again_gets_another_password() {
    let (ward, one, other) = ward("off").await;
    ward.press(json!({ "ID": one.record_id })).await;
    ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().account_enabled = true);
    ward.press(json!({ "ID": other.record_id })).await;
    assert_eq!(ward.user(BOB).password_resets, 2);
}

#[tokio::test]
async fn undo_voids_the_buttons_of_every_finding_that_it_undoes() {
    let (ward, one, other) = ward(KEY).await;
    let hour = TimeDelta::hours(1);
    let [act, of_other] = [&one, &other].map(|row| ward.token_of(row, Scope::Act, hour));
    ward.press(json!({ "ID": one.record_id, "Token": act })).await;
    let second = ward.press(json!({ "ID": other.record_id, "Token": of_other })).await;
    let undo = second.body["UndoToken"].as_str().unwrap().to_owned();
    let undone = ward.press(json!({ "ID": other.record_id, "Token": undo, "Action": "Undo" })).await;
    assert_eq!(undone.body["Status"], "Undone", "{:#}", undone.body);
    for (row, token) in [(&one, act), (&other, of_other)] {
        let answer = ward.press(json!({ "ID": row.record_id, "Token": token })).await;
        assert_eq!(answer.status, 403, "{:#}", answer.body);
    }
    assert!(ward.user(BOB).account_enabled);
}
