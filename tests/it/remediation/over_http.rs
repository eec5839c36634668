//! Every refusal over a real connection: its status, in the order in which they are checked, nothing touched, one line in the
//! log that tells no secret.

use chrono::TimeDelta;
use serde_json::{Value, json};
use tenantwatch::detection::FindingKind;
use tenantwatch::host::standalone;
use tenantwatch::notify::token::Scope;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use super::remediation_fixture::{BOB, Ward, threat};

const KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";

/// A fault of a request, in the order in which they are noticed. A test has its own fault and every later one that fits with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Wrong {
    Method,
    TooLong,
    UnknownAction,
    Token,
    Store,
    NoThreat,
    Protected,
    Busy,
    NoSnapshot,
    Unreachable,
    Nothing,
}

use Wrong::*;

const TABLE: [(Wrong, u16, &str); 11] = [
    (Method, 405, ""),
    (TooLong, 413, ""),
    (UnknownAction, 400, "Action"),
    (Token, 403, "Token is not valid"),
    (Store, 503, "nothing was changed"),
    (NoThreat, 404, "no threat is stored"),
    (Protected, 403, "PROTECTED_USERS"),
    (Busy, 409, "is in progress"),
    (NoSnapshot, 409, "no snapshot"),
    (Unreachable, 502, "could not be reached"),
    (Nothing, 200, ""),
];

/// A ward in which `wrong` is wrong, and so is what would be noticed later.
async fn ward_with(wrong: Wrong) -> Ward {
    let protected = if wrong <= Protected { BOB } else { "" };
    let ward = Ward::open_with(&[("ACTION_KEY", KEY), ("PROTECTED_USERS", protected)]).await;
    let mut coverage = threat(3, ward.now());
    coverage.kind = FindingKind::Coverage;
    ward.keep(&coverage).await;
    if wrong == Busy {
        // Somebody else's run came to a stop with the lock in its hands.
        ward.stop_after(Some(1));
        let token = ward.token(Scope::Act, TimeDelta::hours(1));
        tokio::select! {
            _ = ward.press(json!({ "Token": token })) => panic!("it should have stopped"),
            () = ward.store.stopped.notified() => ward.stop_after(None),
        }
    }
    if wrong <= Store {
        ward.lose_reads();
    }
    if wrong == Unreachable {
        let headers = vec![("retry-after".to_owned(), "3600".to_owned())];
        let later = FaultKind::Status { status: 503, headers, body: String::new() };
        ward.sim.inject(Fault::new(Service::Graph, "", later.clone()));
        ward.sim.inject(Fault::new(Service::Exchange, "", later));
    }
    ward.sim.forget_requests();
    ward
}

/// The body of a request in which `wrong` is wrong, and so is what would be noticed later.
fn body_with(ward: &Ward, wrong: Wrong) -> Value {
    let scope = if wrong == NoSnapshot { Scope::Undo } else { Scope::Act };
    let mut body = ward.body(json!({ "Token": ward.token(scope, TimeDelta::hours(1)), "Unknown": { "member": [1] } }));
    if wrong == NoSnapshot {
        body["Action"] = json!("Undo");
    }
    if wrong == NoThreat {
        let mut coverage = ward.threat.clone();
        coverage.record_id = threat(3, ward.now()).record_id;
        body["ID"] = json!(coverage.record_id);
        body["Token"] = json!(ward.token_of(&coverage, Scope::Act, TimeDelta::hours(1)));
    }
    if wrong <= Token {
        body["Token"] = json!("v1.9999999999.act.AAAA");
    }
    if wrong <= UnknownAction {
        body["Action"] = json!("Delete");
    }
    if wrong <= TooLong {
        body["Reason"] = json!("x".repeat(70_000));
    }
    body
}

#[tokio::test]
async fn every_rejection_has_its_status_in_order_of_checks() {
    for (wrong, status, said) in TABLE {
        let ward = ward_with(wrong).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/RemediateAccount", listener.local_addr().unwrap());
        let server = tokio::spawn(standalone::serve(listener, ward.app.clone()));
        let body = body_with(&ward, wrong);
        let http = reqwest::Client::new();
        let request = if wrong == Method { http.get(&url) } else { http.post(&url) };
        let before = ward.log.text().len();
        let answer = request.json(&body).send().await.unwrap();
        assert_eq!(answer.status(), status, "{wrong:?}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(said), "{wrong:?}: {text}");
        server.abort();
        if wrong == Nothing {
            ward.assert_secured();
            continue;
        }
        assert_eq!(ward.changes(), 0, "{wrong:?}");
        let token = body["Token"].as_str().unwrap();
        let log = ward.log.text();
        let lines: Vec<&str> = log[before..].lines().collect();
        assert!(!text.contains(token) && lines.iter().all(|line| !line.contains(token)), "{wrong:?}");
        if wrong > TooLong {
            let refusals = lines
                .iter()
                .filter(|line| line.contains("RemediateAccount rejected") || line.contains("RemediateAccount failed"))
                .count();
            assert_eq!(refusals, 1, "{wrong:?}: {lines:#?}");
        }
    }
}

#[tokio::test]
async fn names_that_only_look_like_the_right_ones_are_not() {
    let ward = Ward::open_with(&[("ACTION_KEY", "off")]).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/api/RemediateAccount", listener.local_addr().unwrap());
    let server = tokio::spawn(standalone::serve(listener, ward.app.clone()));
    let http = reqwest::Client::new();
    for (member, value, status) in [
        ("Domain", "c\u{43e}ntoso.com", 404),
        ("Domain", "contoso.com.evil.example", 404),
        ("Domain", "contoso.com/../fabrikam.com", 400),
        ("Domain", "contoso.com.evil.example", 404),
        ("User", "b\u{43e}b@contoso.com", 404),
        ("User", "../users/bob@contoso.com", 404),
        ("User", "bob@contoso.com?$select=id", 404),
        ("User", "bob%40contoso.com", 404),
        ("ID", "' or 1 eq 1", 400),
    ] {
        let answer = http.post(&url).json(&ward.body(json!({ member: value }))).send().await.unwrap();
        let (got, text) = (answer.status().as_u16(), answer.text().await.unwrap());
        assert!(got == status || (status == 400 && got == 404), "{member} {value}: {got} {text}");
    }
    assert_eq!((ward.changes(), ward.runs().await.len()), (0, 0));
    server.abort();
}
