//! Administers a customer's tenant, and so chooses every answer of it.

use serde_json::json;

use crate::remediation::remediation_fixture::{BOB, RULE, Ward};

const HARRY: &str = "harry@contoso.com";

#[tokio::test]
async fn alias_of_another_mailbox_leads_to_the_mailbox_of_the_account() {
    let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("PROTECTED_USERS", HARRY)]).await;
    // Exchange knows bob's name as an alias of harry's mailbox, and bob's own mailbox by its object id only.
    let harry = ward.contoso(|tenant| {
        let mut at = tenant.mailboxes.iter().position(|mailbox| mailbox.is(HARRY)).unwrap();
        let harry = tenant.mailboxes.remove(at);
        tenant.mailboxes.insert(0, harry);
        tenant.mailboxes[0].other_addresses.push(BOB.to_owned());
        at = tenant.mailboxes.iter().rposition(|mailbox| mailbox.is(BOB)).unwrap();
        tenant.mailboxes[at].upn = "bob.b@contoso.com".to_owned();
        tenant.mailboxes[0].clone()
    });
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    let (now, bob) =
        ward.contoso(|tenant| (tenant.mailboxes[0].clone(), tenant.mailbox("bob.b@contoso.com").unwrap().clone()));
    assert_eq!(format!("{now:?}"), format!("{harry:?}"), "the protected mailbox is unchanged");
    let rule = bob.rules.iter().find(|rule| rule.id == RULE).unwrap();
    assert!(!rule.enabled, "{:#}", answer.body);
}
