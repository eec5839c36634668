//! Locks of all accounts and mailboxes of a press, and what is read only while they are held.

use std::sync::atomic::Ordering;

use serde_json::json;
use sha2::{Digest as _, Sha256};
use tenantwatch::tables::ProcessedRow;

use super::remediation_fixture::{BOB, Ward, outcome, threat};

const HARRY: &str = "harry@contoso.com";

/// The row key of the lock of a user.
fn lock_of(ward: &Ward, name: &str) -> String {
    let digest = Sha256::digest(ward.user(name).id.to_string().to_lowercase());
    format!("lock_{}", digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
}

#[tokio::test]
async fn locks_of_owner_and_actor_are_taken_in_one_order() {
    for (owner, actor) in [(BOB, HARRY), (HARRY, BOB)] {
        let ward = Ward::open().await;
        let (source_mailbox, actor) = (owner.to_owned(), actor.to_owned());
        let other = ProcessedRow { source_mailbox, actor, ..threat(2, ward.now()) };
        ward.keep(&other).await;
        let answer = ward.send(&ward.body(json!({ "User": owner, "ID": other.record_id }))).await;
        assert_eq!(answer.status, 200, "{:#}", answer.body);
        let mut both = [lock_of(&ward, BOB), lock_of(&ward, HARRY)];
        both.sort();
        assert_eq!(ward.locks(), both, "owner {owner}");
    }
}

#[tokio::test]
async fn sign_in_state_is_read_after_the_locks_are_held() {
    let ward = Ward::open().await;
    ward.store.waits_with_a_lock.store(true, Ordering::SeqCst);
    let somebody_else = async {
        ward.store.has_lock.notified().await;
        // Resolved as enabled a moment ago; an administrator blocks the account now.
        ward.contoso(|tenant| tenant.user_mut(BOB).unwrap().account_enabled = false);
        ward.store.go_on.notify_one();
    };
    let (answer, ()) = tokio::join!(ward.press(json!({})), somebody_else);
    assert_eq!(outcome(&answer, "BlockSignIn"), "AlreadyDone", "{:#}", answer.body);
    let undone = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(undone.status, 200, "{:#}", undone.body);
    assert!(!ward.user(BOB).account_enabled, "Undo let in an account that the press found blocked: {:#}", undone.body);
}
