//! Holds a notification or a token: what it is not for, it does not do.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::TimeDelta;
use hmac::{Hmac, Mac as _};
use serde_json::json;
use sha2::Sha256;
use tenantwatch::cli::token::issue;
use tenantwatch::notify::token::Scope;
use tenantwatch::tables::ProcessedRow;

use crate::remediation::remediation_fixture::{BOB, Ward, threat};

const KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";
const HARRY: &str = "harry@contoso.com";

async fn ward() -> Ward {
    Ward::open_with(&[("ACTION_KEY", KEY)]).await
}

fn hour() -> TimeDelta {
    TimeDelta::hours(1)
}

/// Creates a token as the first version did.
fn of_first_version(row: &ProcessedRow, scope: &str, expiry: i64) -> String {
    let mac = |parts: &[&[u8]]| -> Vec<u8> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&STANDARD.decode(KEY).unwrap()).unwrap();
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().to_vec()
    };
    let (id, expiry) = (row.record_id.to_string(), expiry.to_string());
    let mark = |account: &str| mac(&[b"account", id.as_bytes(), account.as_bytes()])[..16].to_vec();
    let marks = [mark(&row.source_mailbox), mark(&row.actor)].concat();
    let texts = [row.domain.as_str().as_bytes(), &marks, id.as_bytes(), scope.as_bytes(), expiry.as_bytes()];
    format!("v1.{expiry}.{scope}.{}", URL_SAFE_NO_PAD.encode([marks.clone(), mac(&texts)].concat()))
}

#[tokio::test]
async fn button_token_becomes_no_undo_with_force() {
    let ward = ward().await;
    let act = ward.token(Scope::Act, hour());
    let secured = ward.press(json!({ "Token": act })).await;
    let undo = secured.body["UndoToken"].as_str().unwrap().to_owned();
    for (token, action) in [(&act, "Undo"), (&undo, "Remediate"), (&undo, "Dismiss"), (&undo, "Preview")] {
        assert_eq!(ward.press(json!({ "Token": token, "Action": action })).await.status, 403, "{action}");
    }
    let forced = ward.press(json!({ "Token": undo, "Action": "Undo", "Force": true })).await;
    assert_eq!(forced.status, 403, "{:#}", forced.body);
    let force = ward.token(Scope::Force, hour());
    assert_eq!(ward.press(json!({ "Token": force, "Action": "Undo" })).await.status, 403, "it is for Force alone");
    let forced = ward.press(json!({ "Token": force, "Action": "Undo", "Force": true })).await;
    assert_eq!(forced.body["Status"], "Undone", "{:#}", forced.body);
}

#[tokio::test]
async fn second_press_that_changes_nothing_gives_no_undo_token() {
    let ward = ward().await;
    let act = ward.token(Scope::Act, hour());
    assert_ne!(ward.press(json!({ "Token": act })).await.body["UndoToken"], "");
    let again = ward.press(json!({ "Token": act })).await;
    assert_eq!((&again.body["Status"], &again.body["UndoToken"]), (&json!("AlreadyDone"), &json!("")));
    assert_eq!(ward.press(json!({ "Token": act, "Action": "Preview" })).await.body["UndoToken"], "");
}

#[tokio::test]
async fn token_of_one_finding_undoes_no_run_of_another() {
    let ward = ward().await;
    let mut other = threat(2, ward.now());
    other.rule_name = "Other".to_owned();
    ward.keep(&other).await;
    ward.press(json!({ "Token": ward.token(Scope::Act, hour()) })).await;
    let undo = ward.token_of(&other, Scope::Undo, hour());
    let answer = ward.press(json!({ "ID": other.record_id, "Token": undo, "Action": "Undo" })).await;
    assert_eq!(answer.status, 409, "{:#}", answer.body);
    assert!(!ward.user(BOB).account_enabled);
}

#[tokio::test]
async fn old_card_blocks_nobody_after_an_undo() {
    let ward = ward().await;
    let old = ward.token(Scope::Act, TimeDelta::hours(72));
    let undo = ward.press(json!({ "Token": old })).await.body["UndoToken"].as_str().unwrap().to_owned();
    ward.wait(hour());
    let undone = ward.press(json!({ "Token": undo, "Action": "Undo" })).await;
    assert_eq!(undone.body["Status"], "Undone", "{:#}", undone.body);
    for action in ["Remediate", "Preview", "Dismiss"] {
        let answer = ward.press(json!({ "Token": old, "Action": action })).await;
        assert_eq!(answer.status, 403, "{action}: {:#}", answer.body);
        assert!(answer.body["Error"].as_str().unwrap().contains("Undo"), "{:#}", answer.body);
    }
    assert!(ward.user(BOB).account_enabled);
    // The new card that the flow posts, and the command, work.
    let new = undone.body["ActionToken"].as_str().unwrap();
    assert_eq!(ward.press(json!({ "Token": new })).await.body["Status"], "Completed");
}

#[tokio::test]
async fn token_of_the_first_version_holds_without_force() {
    let ward = ward().await;
    let expiry = (ward.now() + hour()).timestamp();
    let act = of_first_version(&ward.threat, "act", expiry);
    assert_eq!(ward.press(json!({ "Token": act })).await.status, 403, "no tenant is monitored under the domain");
    ward.monitor().await;
    assert_eq!(ward.press(json!({ "Token": act })).await.body["Status"], "Completed");
    let undo = of_first_version(&ward.threat, "undo", expiry);
    let force = of_first_version(&ward.threat, "force", expiry);
    for token in [&undo, &force] {
        let answer = ward.press(json!({ "Token": token, "Action": "Undo", "Force": true })).await;
        assert_eq!(answer.status, 403, "{:#}", answer.body);
    }
    assert_eq!(ward.press(json!({ "Token": undo, "Action": "Undo" })).await.body["Status"], "Undone");
    assert_eq!(ward.press(json!({ "Token": act })).await.status, 403, "it counts as created before any Undo");
}

#[tokio::test]
async fn command_creates_a_token_for_force() {
    let ward = ward().await;
    ward.monitor().await;
    ward.press(json!({ "Token": ward.token(Scope::Act, hour()) })).await;
    let tables = tenantwatch::cli::Tables { store: ward.app.store.clone(), clock: ward.app.clock.clone() };
    let force = issue(&tables, &ward.app.settings.actions, &ward.threat.record_id, Scope::Force).await.unwrap();
    let token = secrecy::ExposeSecret::expose_secret(&force);
    let answer = ward.press(json!({ "Token": token, "Action": "Undo", "Force": true })).await;
    assert_eq!(answer.body["Status"], "Undone", "{:#}", answer.body);
    assert!(ward.user(HARRY).account_enabled);
}
