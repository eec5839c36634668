//! The flow from the notification to the result in the card, against RemediateAccount over HTTP.

use base::clock::Deadline;
use serde_json::{Value, json};
use tenantwatch::detection::FindingKind;
use tenantwatch::host::standalone;
use tenantwatch::notify::flow::{PayloadTokens, payload};
use tenantwatch::notify::{Channel, Notification};
use tenantwatch::tables::{Containment, FindingState, ProcessedRow};

use super::run::{Ended, Reply, Run};
use super::{definition, example};
use crate::card::rendered::Screen;
use crate::card::{ATTACKS, card_of, flow_card, long_attack, schema, written_by_an_attacker};
use crate::remediation::remediation_fixture::{BOB, Ward, threat};

/// A card may have 28 KB.
const CARD_LIMIT: usize = 28 * 1024;

/// The response of a gateway when the service behind it does not respond.
const GATEWAY: &str = "<html><head><title>502 Bad Gateway</title></head><body>no answer</body></html>";

/// RemediateAccount on this machine, which demands tokens.
struct Office {
    ward: Ward,
    address: String,
}

impl Office {
    async fn open() -> Self {
        let ward = Ward::open_with(&[]).await;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}/api/RemediateAccount", listener.local_addr().unwrap());
        tokio::spawn(standalone::serve(listener, ward.app.clone()));
        Self { ward, address }
    }

    /// Sends a notification and runs the flow on it.
    async fn run(&self, row: &ProcessedRow, button: &'static str, replies: impl IntoIterator<Item = Reply>) -> Run {
        let deadline = Deadline::after(self.ward.app.clock.clone(), std::time::Duration::from_secs(60));
        self.ward.app.notifier.send(Channel::Flow, row, &deadline).await.unwrap();
        let sent = self.ward.sim.notifications().pop().unwrap();
        run(sent, button, replies, &self.address).await
    }
}

async fn run(sent: Value, button: &'static str, replies: impl IntoIterator<Item = Reply>, address: &str) -> Run {
    pressed(sent, &[("Terry", button)], "", replies, address).await
}

/// The flow on a notification, with these presses and these people in `RESPONDERS`.
async fn pressed(
    sent: Value,
    presses: &[(&'static str, &'static str)],
    responders: &str,
    replies: impl IntoIterator<Item = Reply>,
    address: &str,
) -> Run {
    let mut run = Run::new(sent, presses.to_vec(), replies, address);
    run.settings = json!({ "RESPONDERS": responders });
    let end = run.actions(&definition()["actions"]).await;
    assert_eq!(end, Ended::Succeeded, "{:?}", run.failures);
    run
}

/// The flow on the example, with every call answered so.
async fn answered(card: Option<Value>, replies: Vec<Reply>) -> Run {
    let mut sent = super::sent(&example());
    if let Some(card) = card {
        sent["Card"] = json!(card.to_string());
    }
    run(sent, "Remediate", replies, "http://127.0.0.1:9/").await
}

/// The card in the end: an Adaptive Card without buttons that Teams takes.
fn result(run: &Run) -> &Value {
    let [card] = run.updated.as_slice() else { panic!("{} cards were updated", run.updated.len()) };
    schema::check(card).unwrap();
    assert_eq!(card.get("actions"), None, "nothing is left to press");
    let size = card.to_string().len();
    assert!(size < CARD_LIMIT, "{size} bytes");
    card
}

/// A step of an answer.
fn step(detail: &str) -> Value {
    json!({ "Step": "DisableInboxRules", "Outcome": "Done", "Detail": detail, "Verified": "" })
}

fn done() -> Reply {
    Reply::Json(200, json!({ "Status": "Completed", "Steps": [step("1 switched off.")] }))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_press_secures_the_account_and_the_card_shows_every_step() {
    let office = Office::open().await;
    let run = office.run(&office.ward.threat, "Remediate", []).await;
    office.ward.assert_secured();
    assert_eq!(run.failures, [""; 0]);
    let threat = &office.ward.threat;
    let sent = Notification { sent_at: Some(office.ward.now()), ..Notification::from(threat) };
    assert_eq!(run.waiting, [card_of(&sent)]);
    let card = result(&run).to_string();
    for part in ["Remediate: Completed. ", "Requested by Terry Technician", "BlockSignIn: Done", "Verify: Done"] {
        assert!(card.contains(part), "{part} is missing: {card}");
    }
    assert!(card.contains("smtp:eve[@]evil[.]example"), "defanged once: {card}");
    assert!(card.contains("If this change was not agreed"), "the finding still stands there: {card}");
    assert!(!card.contains("v1."), "no token is in a card: {card}");
}

#[tokio::test(flavor = "multi_thread")]
async fn dismissal_changes_no_tenant_and_the_card_says_so() {
    let office = Office::open().await;
    let run = office.run(&office.ward.threat, "Dismiss", []).await;
    assert_eq!((run.calls.len(), office.ward.changes()), (1, 0));
    assert_eq!(office.ward.stored_threat().await.state, FindingState::Dismissed);
    assert!(result(&run).to_string().contains("Dismiss: Dismissed. "));
}

#[tokio::test(flavor = "multi_thread")]
async fn post_back_is_accepted_for_every_finding_type() {
    let office = Office::open().await;
    let acted_on = FindingKind::ALL
        .iter()
        .filter(|kind| !matches!(kind, FindingKind::Coverage | FindingKind::Investigation | FindingKind::Test));
    for (number, kind) in acted_on.enumerate() {
        for (owner, id) in [(BOB, 100), ("", 200)] {
            let mut row = threat(id + number as u128, office.ward.now());
            row.kind = *kind;
            row.source_mailbox = owner.to_owned();
            row.fingerprint = table_store::Digest::of(&[row.record_id.to_string()]);
            row.seal = office.ward.app.seals.of_finding(&row);
            office.ward.keep(&row).await;
            let run = office.run(&row, "Dismiss", []).await;
            assert!(result(&run).to_string().contains("Dismiss: Dismissed. "), "{}: {:?}", kind.as_str(), run.updated);
            assert_eq!(run.calls[0]["Reason"], "Requested by Terry@msp.example");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_none_is_pressed_again() {
    let passing = [
        Reply::Text(502, GATEWAY),
        Reply::Text(504, "{ upstream timed out"),
        Reply::Text(200, ""),
        Reply::Json(200, json!(["no object"])),
        Reply::Json(503, json!({ "Error": "the store cannot be read" })),
        Reply::Json(409, json!({ "Error": "a run for this mailbox is going on" })),
        Reply::Json(200, json!({ "Status": "Incomplete", "Steps": [step("")] })),
        Reply::TimedOut,
    ];
    let office = Office::open().await;
    let calls = passing.len() + 1;
    let run = office.run(&office.ward.threat, "Remediate", passing).await;
    assert_eq!(run.calls.len(), calls);
    office.ward.assert_secured();
    assert!(result(&run).to_string().contains("Remediate: Completed. "));
}

#[tokio::test]
async fn a_gateway_that_never_lets_through_ends_as_not_finished() {
    let run = answered(None, vec![Reply::Text(504, GATEWAY); 30]).await;
    assert_eq!(run.calls.len(), 20);
    let card = result(&run).to_string();
    assert!(card.contains("Remediate: not finished. ") && card.contains("last HTTP status: 504"), "{card}");
    assert!(!card.contains("<html>"), "{card}");
}

#[tokio::test]
async fn a_dismissal_that_nobody_answers_is_not_finished() {
    for reply in [Reply::Text(502, GATEWAY), Reply::TimedOut] {
        let run = run(super::sent(&example()), "Dismiss", [reply], "http://127.0.0.1:9/").await;
        assert!(result(&run).to_string().contains("Dismiss: not finished. "));
    }
}

#[tokio::test]
async fn a_refusal_is_shown_and_not_pressed_again() {
    for status in [400, 403, 404] {
        let refusal = Reply::Json(status, json!({ "Error": "the token is expired; see https://evil.example" }));
        let run = answered(None, vec![refusal, done()]).await;
        assert_eq!(run.calls.len(), 1, "{status}");
        let card = result(&run).to_string();
        assert!(card.contains("Remediate: Refused. ") && card.contains("the token is expired"), "{card}");
        assert!(card.contains("https:[//]evil[.]example"), "{card}");
    }
}

#[tokio::test]
async fn a_step_that_failed_stands_out() {
    let mut steps = [step("1 switched off."), step("Exchange refused.")];
    steps[1]["Outcome"] = json!("Failed");
    let run = answered(None, vec![Reply::Json(200, json!({ "Status": "CompletedWithErrors", "Steps": steps }))]).await;
    let lines: Vec<Value> = result(&run)["body"].as_array().unwrap().iter().rev().take(2).cloned().collect();
    assert_eq!(
        (&lines[1]["inlines"][0]["color"], &lines[0]["inlines"][0]["color"]),
        (&json!("Default"), &json!("Attention"))
    );
}

#[tokio::test]
async fn the_result_fits_teams_however_long_it_is() {
    let details =
        [long_attack(), "\"\\".repeat(2_000), "\u{65e5}".repeat(2_000), "\u{1}".repeat(2_000), "@./".repeat(700)];
    for detail in details {
        for hostile in [example(), written_by_an_attacker(&detail)] {
            let mut steps: Vec<Value> = (0..13).map(|_| step(&detail)).collect();
            for (number, step) in steps.iter_mut().enumerate() {
                step["Step"] = json!(format!("Step{number}"));
            }
            let answer = Reply::Json(200, json!({ "Status": "CompletedWithErrors", "Steps": steps }));
            let run = answered(Some(flow_card(&hostile)), vec![answer]).await;
            let card = result(&run).to_string();
            assert!(card.contains("Remediate: CompletedWithErrors. "), "{card}");
            assert!(card.contains("If this change was not agreed"), "whose account it was is never cut: {card}");
        }
    }
}

#[tokio::test]
async fn attacker_rule_name_is_no_link_in_the_result_card() {
    for attack in ATTACKS {
        let answer =
            Reply::Json(200, json!({ "Status": "Completed", "Steps": [step(&format!("switched off: {attack}"))] }));
        let card = answered(None, vec![answer]).await;
        let blocks = result(&card)["body"].as_array().unwrap().clone();
        let detail = blocks.last().unwrap()["inlines"][1]["text"].as_str().unwrap().to_owned();
        assert!(detail.starts_with("switched off: "), "{detail}");
        assert!(
            !detail.contains("://") && !detail.contains("evil.") && !detail.replace("[@]", "").contains('@'),
            "{detail}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_result_is_as_dead_in_a_browser_as_the_card_was() {
    let Some(mut screen) = Screen::open().await else { return };
    for attack in ATTACKS {
        let steps = [step(attack), step("2 switched off.")];
        let answer = Reply::Json(200, json!({ "Status": "CompletedWithErrors", "Steps": steps, "Error": attack }));
        let run = answered(Some(flow_card(&written_by_an_attacker(attack))), vec![answer]).await;
        let shown = screen.show(result(&run)).await;
        assert_eq!((&shown["alive"], &shown["ran"]), (&json!([]), &json!(false)), "{attack}");
        assert!(shown["shown"].as_str().unwrap().contains("2 switched off."), "{shown}");
    }
}

#[tokio::test]
async fn a_card_with_nothing_to_submit_is_posted_and_nobody_waits() {
    let mut notice = example();
    notice.threat = false;
    let mut link = flow_card(&notice);
    link["actions"] = json!([{ "type": "Action.OpenUrl", "title": "Open", "url": "https://login.example/" }]);
    for card in [flow_card(&notice), link] {
        let run = answered(Some(card.clone()), Vec::new()).await;
        assert_eq!((run.posted, run.waiting, run.calls), (vec![card], Vec::new(), Vec::new()));
    }
}

/// A notification of an account that was contained.
fn contained() -> Value {
    let (action, undo) = ("act-token".to_owned().into(), "undo-token".to_owned().into());
    let mut row = example();
    row.containment = Some(Containment::Done);
    let tokens = PayloadTokens { action: Some(&action), undo: Some(&undo) };
    json!(payload(&(&row).into(), tokens, None))
}

fn undone() -> Reply {
    Reply::Json(
        200,
        json!({ "Status": "Undone", "Steps": [step("sign-in is allowed again.")], "ActionToken": "new-token" }),
    )
}

#[tokio::test]
async fn after_an_undo_a_new_card_works_with_the_new_token() {
    let presses = [("Terry", "Undo"), ("Anna", "Remediate")];
    let run = pressed(contained(), &presses, "", [undone(), done()], "http://127.0.0.1:9/").await;
    let tokens: Vec<&Value> = run.calls.iter().map(|call| &call["Token"]).collect();
    assert_eq!(tokens, ["undo-token", "new-token"]);
    let sent: Vec<(&Value, &Value)> = run.calls.iter().map(|call| (&call["Action"], &call["Reason"])).collect();
    assert_eq!(sent[0], (&json!("Undo"), &json!("Requested by Terry@msp.example")));
    assert_eq!(sent[1], (&json!("Remediate"), &json!("Requested by Anna@msp.example")));
    let [first, second] = run.waiting.as_slice() else { panic!("{} cards", run.waiting.len()) };
    let buttons = |card: &Value| card["actions"].as_array().unwrap().len();
    assert_eq!((buttons(first), buttons(second)), (3, 2));
    schema::check(second).unwrap();
    assert!(second.to_string().contains("Undo: Undone. ") && second.to_string().contains("sign-in is allowed again"));
    assert!(second.to_string().len() < CARD_LIMIT);
    assert_eq!(run.updated.len(), 2);
    assert!(run.updated[0].get("actions").is_none());
    assert!(run.updated[1].to_string().contains("Remediate: Completed. "), "{}", run.updated[1]);
    assert!(run.updated.iter().chain(&run.waiting).all(|card| !card.to_string().contains("-token")));
}

#[tokio::test]
async fn undo_that_is_rejected_ends_with_the_reason() {
    let refusal = Reply::Json(409, json!({ "Error": "a later remediation has changed the same account" }));
    let refused = Reply::Json(403, json!({ "Error": "Token has expired" }));
    for (reply, words) in [(refusal, "Undo: not finished. "), (refused, "Undo: Refused. ")] {
        let run = pressed(contained(), &[("Terry", "Undo")], "", [reply], "http://127.0.0.1:9/").await;
        assert_eq!((run.calls.len(), run.waiting.len()), (1, 1));
        assert!(result(&run).to_string().contains(words), "{:?}", run.updated);
    }
}

#[tokio::test]
async fn only_listed_responders_may_press() {
    let presses = [("Mallory", "Dismiss"), ("terry", "Remediate")];
    let responders = "anna@msp.example, Terry@MSP.example";
    let run = pressed(contained(), &presses, responders, [done()], "http://127.0.0.1:9/").await;
    assert_eq!((run.waiting.len(), run.calls.len()), (2, 1));
    assert_eq!((&run.calls[0]["Action"], &run.calls[0]["Token"]), (&json!("Remediate"), &json!("act-token")));
    assert!(run.updated[0].to_string().contains("Mallory Technician is not among the RESPONDERS"));
    assert!(run.updated[1].to_string().contains("Remediate: Completed. "));
    // A part of a name is no name.
    let presses = [("erry", "Dismiss"), ("anna", "Dismiss")];
    let run = pressed(contained(), &presses, responders, [done()], "http://127.0.0.1:9/").await;
    assert_eq!((run.waiting.len(), run.calls.len()), (2, 1));
}

#[tokio::test]
async fn responder_without_a_name_is_never_listed() {
    for responders in ["anna@msp.example,", "anna@msp.example,,terry@msp.example", ",anna@msp.example"] {
        let presses = [("", "Dismiss"), ("", "Dismiss"), ("anna", "Remediate")];
        let run = pressed(contained(), &presses, responders, [done()], "http://127.0.0.1:9/").await;
        assert_eq!((run.waiting.len(), run.calls.len()), (3, 1), "{responders}");
        assert_eq!(run.calls[0]["Action"], "Remediate", "{responders}");
    }
}

#[tokio::test]
async fn card_is_not_used_up_by_somebody_who_may_not_press() {
    let presses: Vec<_> = std::iter::repeat_n(("Mallory", "Dismiss"), 100).chain([("terry", "Undo")]).collect();
    let again = presses.iter().take(100).copied().chain([("terry", "Remediate")]);
    let all: Vec<_> = presses.iter().copied().chain(again).collect();
    let run = pressed(contained(), &all, "terry@msp.example", [undone(), done()], "http://127.0.0.1:9/").await;
    let sent: Vec<&Value> = run.calls.iter().map(|call| &call["Action"]).collect();
    assert_eq!((run.waiting.len(), sent), (202, vec![&json!("Undo"), &json!("Remediate")]));
}

/// A number that Power Automate does not accept keeps the whole flow from being imported.
#[test]
fn loops_that_wait_for_a_press_have_the_greatest_limit() {
    let mut limits = Vec::new();
    collect_limits(&definition()["actions"], &mut limits);
    limits.sort_unstable();
    assert_eq!(limits, [5_000, 5_000]);
}

/// The limits of the loops in which a card waits for a press.
fn collect_limits(actions: &Value, limits: &mut Vec<u64>) {
    for action in actions.as_object().into_iter().flat_map(|actions| actions.values()) {
        let waits = action["actions"].as_object().into_iter().flat_map(|inner| inner.values());
        if action["type"] == "Until" && waits.into_iter().any(|inner| inner["type"] == "OpenApiConnectionWebhook") {
            limits.push(action["limit"]["count"].as_u64().unwrap());
        }
        collect_limits(&action["actions"], limits);
        collect_limits(&action["else"]["actions"], limits);
    }
}
