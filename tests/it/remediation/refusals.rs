//! Rejected requests: the order of the checks, and that a rejected request changes nothing.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::detection::FindingKind;
use tenantwatch::functions::remediate_account;
use tenantwatch::notify::token::Scope;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::remediation_fixture::{BOB, Ward, threat};

const FIRST_KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";
const OTHER_KEY: &str = "b3RoZXItc2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXM=";

#[tokio::test]
async fn malformed_body_is_rejected_with_the_member_name() {
    let ward = Ward::open().await;
    let id = ward.threat.record_id.to_string();
    let cases: [(&str, Value); 12] = [
        ("JSON object", json!([])),
        ("Domain", json!({ "User": BOB, "ID": id })),
        ("Domain", json!({ "Domain": "not a domain", "User": BOB, "ID": id })),
        ("Domain", json!({ "Domain": ["contoso.com"], "User": BOB, "ID": id })),
        ("User", json!({ "Domain": "contoso.com", "User": "", "ID": id })),
        ("User", json!({ "Domain": "contoso.com", "User": "bob\u{7}", "ID": id })),
        ("ID", json!({ "Domain": "contoso.com", "User": BOB })),
        ("ID", json!({ "Domain": "contoso.com", "User": BOB, "ID": 17 })),
        ("Action", ward.body(json!({ "Action": "Delete" }))),
        ("Account", ward.body(json!({ "Account": "Everybody" }))),
        ("Force", ward.body(json!({ "Force": "perhaps" }))),
        ("Domain", ward.body(json!({ "domain": "fabrikam.com" }))),
    ];
    for (member, body) in cases {
        let answer = ward.send(&body).await;
        assert_eq!(answer.status, 400, "{body}");
        assert!(answer.body["Error"].as_str().unwrap().contains(member), "{} for {body}", answer.body);
    }
    for body in [&b""[..], b"{", b"\xff\xfe", "[[[[[".repeat(9_000).as_bytes()] {
        assert_eq!(remediate_account::run(&ward.app, body).await.status, 400);
    }
    let long = ward.body(json!({ "Reason": "x".repeat(64 * 1024) })).to_string();
    assert_eq!(remediate_account::run(&ward.app, long.as_bytes()).await.status, 413);
    assert_eq!((ward.changes(), ward.runs().await.len()), (0, 0));
}

#[tokio::test]
async fn only_a_stored_threat_of_that_domain_and_account_is_acted_on() {
    let ward = Ward::open().await;
    let mut no_threat = threat(2, ward.now());
    no_threat.threat = false;
    let mut coverage = threat(3, ward.now());
    coverage.kind = FindingKind::Coverage;
    let mut test = threat(4, ward.now());
    test.kind = FindingKind::Test;
    for row in [&no_threat, &coverage, &test] {
        ward.keep(row).await;
    }
    let cases = [
        json!({ "ID": no_threat.record_id }),
        json!({ "ID": coverage.record_id }),
        json!({ "ID": test.record_id }),
        json!({ "ID": uuid::Uuid::from_u128(99) }),
        json!({ "User": "harry@contoso.com" }),
        json!({ "Domain": "fabrikam.com" }),
        json!({ "TenantId": uuid::Uuid::from_u128(0xfa), "User": "nobody@contoso.com" }),
    ];
    for more in cases {
        assert_eq!(ward.press(more.clone()).await.status, 404, "{more}");
    }
    assert_eq!((ward.changes(), ward.runs().await.len()), (0, 0));
}

#[tokio::test]
async fn a_protected_account_is_refused_by_whatever_name_it_goes() {
    let id = Ward::open().await.user(BOB).id.to_string();
    for protected in [BOB, "BOB@contoso.com", "robert@contoso.com", id.as_str()] {
        for named in [BOB, "robert@contoso.com"] {
            let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("PROTECTED_USERS", protected)]).await;
            let mut by_alias = threat(2, ward.now());
            by_alias.source_mailbox = named.to_owned();
            by_alias.actor = named.to_owned();
            ward.keep(&by_alias).await;
            for action in ["Remediate", "Preview", "Undo"] {
                let body = json!({ "ID": by_alias.record_id, "User": named, "Action": action });
                let answer = ward.press(body).await;
                assert_eq!(answer.status, 403, "{protected} as {named}: {}", answer.body);
            }
            assert_eq!((ward.changes(), ward.runs().await.len()), (0, 0));
        }
    }
}

#[tokio::test]
async fn protected_actor_is_rejected_unless_only_the_owner_is_named() {
    let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("PROTECTED_USERS", "harry@contoso.com")]).await;
    let mut by_harry = threat(2, ward.now());
    by_harry.actor = "harry@contoso.com".to_owned();
    ward.keep(&by_harry).await;
    assert_eq!(ward.press(json!({ "ID": by_harry.record_id })).await.status, 403);
    assert_eq!(ward.changes(), 0);
    let answer = ward.press(json!({ "ID": by_harry.record_id, "Account": "Owner" })).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert!(ward.user("harry@contoso.com").account_enabled);
    assert!(!ward.user(BOB).account_enabled);
}

#[tokio::test]
async fn wrong_token_is_rejected_before_any_look_up() {
    let ward = Ward::open_with(&[("ACTION_KEY", FIRST_KEY)]).await;
    let right = ward.token(Scope::Act, TimeDelta::hours(1));
    let mut swapped = right.clone();
    swapped.replace_range(12..13, if right.as_bytes()[12] == b'1' { "2" } else { "1" });
    let last = if right.ends_with('A') { "Q" } else { "A" };
    let other_finding = Ward::open_with(&[("ACTION_KEY", OTHER_KEY)]).await.token(Scope::Act, TimeDelta::hours(1));
    let wrong = [
        String::new(),
        "v2".to_owned(),
        "v2....".to_owned(),
        "v1...".to_owned(),
        right[..right.len() - 1].to_owned(),
        format!("{}{last}", &right[..right.len() - 1]),
        format!("{right}A"),
        format!("{right}.x"),
        right.replacen("v2", "v1", 1),
        right.replacen("v2", "v3", 1),
        ward.token(Scope::Force, TimeDelta::hours(1)),
        swapped,
        ward.token(Scope::Act, TimeDelta::hours(-1)),
        ward.token(Scope::Undo, TimeDelta::hours(1)),
        right.replacen(".act.", ".undo.", 1),
        other_finding,
        "x".repeat(50_000),
    ];
    for token in wrong {
        let answer = ward.press(json!({ "Token": token })).await;
        assert_eq!(answer.status, 403, "{token}");
        assert!(!answer.body.to_string().contains("v2."), "a refusal must not tell what would be right");
    }
    assert_eq!(ward.press(json!({})).await.status, 403);
    for another in [
        json!({ "User": "harry@contoso.com" }),
        json!({ "ID": uuid::Uuid::from_u128(9) }),
        json!({ "Domain": "fabrikam.com" }),
    ] {
        let mut body = ward.body(json!({ "Token": right }));
        body.as_object_mut().unwrap().extend(another.as_object().unwrap().clone());
        assert_eq!(ward.send(&body).await.status, 403, "{another}");
    }
    assert_eq!(ward.press(json!({ "Token": right, "Action": "Undo" })).await.status, 403);
    assert_eq!((ward.reads(), ward.changes()), (0, 0));
    assert_eq!(ward.press(json!({ "Token": right, "Action": "Preview" })).await.status, 200);
    assert_eq!(ward.press(json!({ "Token": right })).await.status, 200, "a token works until it expires");
}

#[tokio::test]
async fn a_token_names_either_account_of_the_finding() {
    let mut ward = Ward::open_with(&[("ACTION_KEY", FIRST_KEY)]).await;
    let mut by_harry = threat(2, ward.now());
    by_harry.actor = "harry@contoso.com".to_owned();
    ward.keep(&by_harry).await;
    ward.threat = by_harry;
    let token = ward.token(Scope::Act, TimeDelta::hours(1));
    for user in ["bob@contoso.com", "Harry@Contoso.com"] {
        let answer = ward.press(json!({ "User": user, "Token": token, "Action": "Preview" })).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
}

#[tokio::test]
async fn the_second_key_verifies_and_the_first_signs() {
    let old = Ward::open_with(&[("ACTION_KEY", OTHER_KEY)]).await.token(Scope::Act, TimeDelta::hours(1));
    let both = format!("{FIRST_KEY},{OTHER_KEY}");
    let ward = Ward::open_with(&[("ACTION_KEY", &both)]).await;
    assert_eq!(ward.press(json!({ "Token": old, "Action": "Preview" })).await.status, 200);
    assert_ne!(ward.token(Scope::Act, TimeDelta::hours(1)), old);
}

#[tokio::test]
async fn a_store_that_cannot_be_used_is_503_and_nothing_is_changed() {
    let ward = Ward::open().await;
    ward.lose_writes_after(0);
    assert_eq!(ward.press(json!({})).await.status, 503);
    assert_eq!(ward.press(json!({ "Action": "Dismiss" })).await.status, 503);
    ward.lose_writes_after(1);
    assert_eq!(ward.press(json!({})).await.status, 503, "the lock is had, the run cannot be stored");
    ward.lose_reads();
    assert_eq!(ward.press(json!({})).await.status, 503);
    assert_eq!(ward.changes(), 0);
}

#[tokio::test]
async fn a_store_that_is_lost_on_the_way_does_not_save_the_attacker() {
    let ward = Ward::open().await;
    ward.lose_writes_after(6);
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.status, 200, "{:#}", answer.body);
    assert_ne!(answer.body["Warnings"], Value::Null);
    ward.assert_secured();
}

#[tokio::test]
async fn a_tenant_that_cannot_be_reached_at_all_is_502() {
    let ward = Ward::open().await;
    let denied = |service| {
        let kind = FaultKind::Status { status: 403, headers: Vec::new(), body: String::new() };
        Fault::new(service, "", kind)
    };
    ward.sim.inject(denied(Service::Graph));
    ward.sim.inject(denied(Service::Exchange));
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.status, 502, "{:#}", answer.body);
    assert_eq!(ward.runs().await.len(), 0);
    ward.sim.clear_faults();
    ward.sim.inject(denied(Service::Graph));
    let answer = ward.press(json!({})).await;
    assert_eq!(answer.body["Status"], "CompletedWithErrors", "Exchange can still be reached: {:#}", answer.body);
    assert_eq!(ward.mailbox().forwarding_smtp_address, None);
}

#[tokio::test]
async fn an_undo_without_a_snapshot_is_409() {
    let ward = Ward::open().await;
    let answer = ward.press(json!({ "Action": "Undo" })).await;
    assert_eq!(answer.status, 409, "{:#}", answer.body);
    assert_eq!(ward.changes(), 0);
}

#[tokio::test]
async fn protected_account_that_cannot_be_resolved_is_unchanged() {
    let id = Ward::open().await.user(BOB).id.to_string();
    let passing = |service, route| {
        let headers = vec![("retry-after".to_owned(), "0".to_owned())];
        Fault::new(service, route, FaultKind::Status { status: 503, headers, body: String::new() }).times(4)
    };

    // Without a mailbox only Graph knows who it is.
    let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("PROTECTED_USERS", &id)]).await;
    ward.contoso(|tenant| tenant.mailboxes.retain(|mailbox| !mailbox.is(BOB)));
    let mut consent = threat(2, ward.now());
    consent.kind = FindingKind::Consent;
    consent.source_mailbox.clear();
    ward.keep(&consent).await;
    ward.sim.inject(passing(Service::Graph, "/users/"));
    let answer = ward.press(json!({ "ID": consent.record_id })).await;
    assert_eq!((answer.status, ward.changes()), (502, 0), "{:#}", answer.body);

    // An alias only Exchange knows.
    let ward = Ward::open_with(&[("ACTION_KEY", "off"), ("PROTECTED_USERS", BOB)]).await;
    let mut by_alias = threat(2, ward.now());
    by_alias.source_mailbox = "robert@contoso.com".to_owned();
    by_alias.actor = by_alias.source_mailbox.clone();
    ward.keep(&by_alias).await;
    ward.sim.inject(passing(Service::Exchange, "Get-Mailbox"));
    let answer = ward.press(json!({ "ID": by_alias.record_id, "User": "robert@contoso.com" })).await;
    assert_eq!((answer.status, ward.changes()), (502, 0), "{:#}", answer.body);
}
