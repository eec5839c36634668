//! Telling: what is sent, and what becomes of a channel that does not take it.

use std::time::Duration;

use base::clock::Deadline;
use serde_json::json;
use tenantwatch::detection::FindingKind;
use tenantwatch::notify::{Channel, NotifyError, summary};
use tenantwatch::tables::ProcessedRow;
use tenantwatch_simulator::{Fault, FaultKind, Service};

use crate::card::{example, flow_card};
use crate::remediation::remediation_fixture::Ward;

async fn send(ward: &Ward, channel: Channel, row: &ProcessedRow) -> Result<(), NotifyError> {
    let deadline = Deadline::after(ward.app.clock.clone(), Duration::from_secs(60));
    ward.app.notifier.send(channel, row, &deadline).await
}

#[tokio::test]
async fn flow_gets_columns_under_their_names_of_2019() {
    let ward = Ward::open_with(&[]).await;
    send(&ward, Channel::Flow, &ward.threat).await.unwrap();
    let sent = ward.sim.notifications().remove(0);
    assert_eq!(sent["Threat"], "True");
    assert_eq!(sent["SetMailboxForwardingStatus"], "");
    assert_eq!(sent["InternalTimeStamp"].as_str().unwrap().len(), 18, "a FILETIME");
    assert_eq!((&sent["Score"], &sent["EventTime"]), (&json!("95"), &json!("2026-11-22T09:30:00Z")));
    assert!(sent["ActionToken"].as_str().unwrap().starts_with("v2."));
    assert!(!sent["Card"].as_str().unwrap().contains("v2."), "the token is never in the card");
    assert_eq!(ward.sim.tracking_ids(), [ward.threat.record_id.to_string()]);
}

#[tokio::test]
async fn finding_without_a_mailbox_is_pressed_by_its_account() {
    for kind in [FindingKind::Domain, FindingKind::TransportRule, FindingKind::JournalRule, FindingKind::Connector] {
        let ward = Ward::open_with(&[]).await;
        let mut row = crate::remediation::remediation_fixture::threat(2, ward.now());
        (row.kind, row.source_mailbox) = (kind, String::new());
        row.seal = ward.app.seals.of_finding(&row);
        ward.keep(&row).await;
        send(&ward, Channel::Flow, &row).await.unwrap();
        let sent = ward.sim.notifications().remove(0);
        assert_eq!(sent["SourceMailbox"], sent["Actor"], "{kind:?}");
        let body = json!({ "Domain": sent["ManagementDomain"], "User": sent["SourceMailbox"], "ID": sent["LogID"],
            "Token": sent["ActionToken"] });
        let answer = ward.send(&body).await;
        assert_eq!(answer.status, 200, "{kind:?} {:#}", answer.body);
        assert_eq!(crate::remediation::remediation_fixture::outcome(&answer, "ClearForwarding"), "Skipped");
    }
}

#[test]
fn summary_says_that_the_owner_is_not_known() {
    for kind in [FindingKind::InboxRule, FindingKind::InboxForward] {
        let mut row = example();
        (row.kind, row.source_mailbox) = (kind, String::new());
        let sentence = summary::summary(&(&row).into());
        assert!(sentence.contains("whose owner is unknown"), "{sentence}");
    }
}

#[tokio::test]
async fn the_token_that_is_sent_presses_the_button() {
    let ward = Ward::open_with(&[]).await;
    send(&ward, Channel::Flow, &ward.threat).await.unwrap();
    let token = ward.sim.notifications()[0]["ActionToken"].clone();
    assert_eq!(ward.press(json!({ "Token": token, "Action": "Preview" })).await.status, 200);
    ward.wait(chrono::TimeDelta::hours(72));
    assert_eq!(ward.press(json!({ "Token": token, "Action": "Preview" })).await.status, 403);
}

#[tokio::test]
async fn notices_and_tests_carry_no_token_and_no_button() {
    let ward = Ward::open_with(&[]).await;
    for kind in [FindingKind::Coverage, FindingKind::Test] {
        let mut row = example();
        row.kind = kind;
        send(&ward, Channel::Flow, &row).await.unwrap();
        let sent = ward.sim.notifications().pop().unwrap();
        assert_eq!(sent["ActionToken"], "");
        assert_eq!(flow_card(&row).get("actions"), None);
    }
    let mut low = example();
    low.threat = false;
    assert_eq!(flow_card(&low).get("actions"), None);
}

#[test]
fn every_kind_has_a_sentence_that_stands_alone() {
    for kind in FindingKind::ALL {
        let mut row = example();
        row.kind = *kind;
        let sentence = summary::summary(&(&row).into());
        assert!(sentence.ends_with(['.', '\'']) && sentence.len() > 20, "{}: {sentence}", kind.as_str());
        assert!(!sentence.contains('\n'));
    }
    let sentence = summary::summary(&(&example()).into());
    assert!(sentence.contains("bob@contoso.com") && sentence.contains("eve[@]evil[.]example"), "{sentence}");
}

#[tokio::test]
async fn a_passing_fault_is_tried_again() {
    let ward = Ward::open_with(&[]).await;
    let busy = |status| FaultKind::Status {
        status,
        headers: vec![("retry-after".to_owned(), "0".to_owned())],
        body: String::new(),
    };
    for kind in [busy(429), busy(503), busy(408)] {
        ward.sim.inject(Fault::new(Service::Flow, "", kind).times(1));
        send(&ward, Channel::Flow, &ward.threat).await.unwrap();
    }
    assert_eq!(ward.sim.notifications().len(), 3);
    assert_eq!(ward.sim.count(|request| request.service == Service::Flow), 6);
}

#[tokio::test]
async fn a_wait_beyond_the_deadline_is_left_to_a_later_run() {
    let ward = Ward::open_with(&[]).await;
    let kind = FaultKind::Status {
        status: 429,
        headers: vec![("Retry-After".to_owned(), "3600".to_owned())],
        body: String::new(),
    };
    ward.sim.inject(Fault::new(Service::Teams, "", kind));
    let error = send(&ward, Channel::Teams, &ward.threat).await.unwrap_err();
    assert!(
        matches!(error, NotifyError::Transient { retry_after: Some(wait), .. } if wait == Duration::from_secs(3_600))
    );
    assert_eq!(ward.sim.count(|request| request.service == Service::Teams), 1);
}

#[tokio::test]
async fn a_configuration_fault_is_named_and_not_tried_again() {
    let cases = [
        (401, "DirectApiAuthorizationRequired", "Anyone"),
        (401, "MisMatchingOAuthClaims", "Anyone"),
        (401, "DirectApiRequestHasMoreThanOneAuthorization", "authorization"),
        (400, "WorkflowTriggerIsNotEnabled", "disabled"),
        (400, "TriggerInputSchemaMismatch", "request-schema.json"),
        (400, "MissingApiVersionParameter", "cut"),
        (404, "WorkflowNotFound", "no longer exists"),
        (404, "", "no flow"),
        (403, "", "signature"),
        (302, "", "moved"),
    ];
    for (status, code, hint) in cases {
        let ward = Ward::open_with(&[]).await;
        let body = json!({ "error": { "code": code, "message": "see https://secret.example/?sig=abc" } }).to_string();
        ward.sim.inject(Fault::new(Service::Flow, "", FaultKind::Status { status, headers: Vec::new(), body }));
        let error = send(&ward, Channel::Flow, &ward.threat).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(matches!(error, NotifyError::Configuration { .. }), "{status} {code}: {text}");
        assert!(text.contains(hint), "{status} {code}: {text}");
        assert!(!text.contains("sig=") || text.contains("(sig=…)"), "{text}");
        assert!(!text.contains("://") && !text.contains("localhost"), "{text}");
        assert_eq!(ward.sim.count(|request| request.service == Service::Flow), 1, "{status} {code}");
    }
}

#[tokio::test]
async fn an_address_without_a_signature_is_named() {
    let other = Ward::open().await;
    let address = other.sim.urls().flow.split("&sig=").next().unwrap().to_owned();
    let ca = other.sim.ca_path().to_string_lossy().into_owned();
    let ward = Ward::open_with(&[("FLOW_URL", &address), ("SSL_CERT_FILE", &ca)]).await;
    let error = send(&ward, Channel::Flow, &ward.threat).await.unwrap_err();
    assert!(matches!(error, NotifyError::Configuration { .. }), "{error}");
    assert!(error.to_string().contains("FLOW_URL holds no signature"), "{error}");
}

#[tokio::test]
async fn broken_connection_is_transient_and_names_the_host_only() {
    let ward = Ward::open_with(&[]).await;
    ward.sim.inject(Fault::new(Service::Flow, "", FaultKind::Drop));
    let deadline = Deadline::after(ward.app.clock.clone(), Duration::from_millis(500));
    let error = ward.app.notifier.send(Channel::Flow, &ward.threat, &deadline).await.unwrap_err();
    assert!(matches!(error, NotifyError::Transient { .. }));
    let text = format!("{error} {error:?}");
    assert!(text.contains("localhost:"), "{text}");
    assert!(!text.contains("://") && !text.contains("sig=") && !text.contains("triggers"), "{text}");
    assert!(!format!("{:?}", ward.app.notifier).contains("sig="));
}

#[tokio::test]
async fn a_flow_that_cannot_be_reached_is_named_by_its_host() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let hosts = [
        (format!("{address}"), "the connection was refused; check the port"),
        ("nowhere.invalid".to_owned(), "the name cannot be resolved; check the name"),
    ];
    for (host, cause) in hosts {
        let url = format!("https://{host}/workflows/1?sig=secret");
        let ward = Ward::open_with(&[("FLOW_URL", &url)]).await;
        ward.wait_shortly();
        let told = send(&ward, Channel::Flow, &ward.threat).await.unwrap_err().to_string();
        assert!(told.contains(&host) && told.contains(cause), "{told}");
        assert!(!told.contains("secret") && !told.contains("workflows"), "{told}");
    }
}

#[tokio::test]
async fn a_flow_with_a_certificate_of_a_stranger_is_named() {
    let stranger = Ward::open().await;
    let ward = Ward::open_with(&[("FLOW_URL", &stranger.sim.urls().flow)]).await;
    ward.wait_shortly();
    let told = send(&ward, Channel::Flow, &ward.threat).await.unwrap_err().to_string();
    assert!(told.contains("certificate is not accepted") && told.contains("SSL_CERT_FILE"), "{told}");
    assert_eq!(stranger.sim.handshakes(), 2, "a certain cause is not tried for long");
}
