//! Slack.

use m365::Cloud;
use proptest::prelude::*;
use serde_json::Value;
use tenantwatch::notify::slack;
use tenantwatch::tables::FindingState;
use tenantwatch_simulator::{Fault, Service};

use super::with;
use crate::card::example;
use crate::collector_fixture::forwarding_rule;

#[tokio::test]
async fn threat_is_a_message_with_links_only() {
    let fixture = with(&["slack"]).await;
    let name = "<!channel> *now* <https://evil.example|pay>";
    fixture.publish(vec![forwarding_rule(1, name, "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let message = fixture.sim.slack_messages().remove(0);
    let text = message.to_string();
    assert!(message["text"].as_str().unwrap().contains("victor@contoso.com"), "{message:#}");
    assert!(!text.contains("<!") && !text.contains("https://evil") && !text.contains("eve@evil.example"), "{text}");
    let buttons: Vec<&Value> = message["blocks"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|block| block["type"] == "actions")
        .flat_map(|block| block["elements"].as_array().unwrap())
        .collect();
    assert_eq!(buttons.len(), 2);
    assert!(buttons.iter().all(|button| button["url"].as_str().unwrap().contains(".microsoft.com/")), "{buttons:?}");
    assert!(buttons.iter().all(|button| button.get("action_id").is_none() && button.get("value").is_none()));
    assert!(!text.contains("v1.") && !text.contains("RemediateAccount"), "{text}");
    assert_eq!(fixture.findings().await[0].state, FindingState::Sent);
}

#[tokio::test]
async fn removed_webhook_is_a_named_fault_and_stays_owed() {
    let fixture = with(&["slack", "flow"]).await;
    fixture.sim.inject(Fault::status(Service::Slack, "", 404));
    fixture.publish(vec![forwarding_rule(1, "Invoices", "eve@evil.example", fixture.now())]);
    fixture.read().await.unwrap();
    let row = fixture.findings().await.remove(0);
    assert!(row.state == FindingState::Sending && row.notified["slack"].is_none());
    let notices = fixture.notice_texts();
    assert!(notices.iter().any(|text| text.contains("SLACK_WEBHOOK_URL was removed")), "{notices:?}");
    assert!(notices.iter().all(|text| !text.contains("://")), "{notices:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn message_stays_within_the_limits_of_slack(
        times in 0_usize..3_000,
        text in prop::sample::select(vec!["<", "&", "😀", "x", "a.b@c.example "]),
    ) {
        let mut row = example();
        for field in [&mut row.organization, &mut row.actor, &mut row.source_mailbox, &mut row.location, &mut row.rule_name] {
            *field = text.repeat(times);
        }
        let sentence = text.repeat(times);
        let reason = row.reasons[0].clone();
        row.reasons = (0..40).map(|_| tenantwatch::detection::Reason { sentence: sentence.clone(), ..reason.clone() }).collect();
        let message = slack::message(&(&row).into(), Cloud::Worldwide);
        let blocks = message["blocks"].as_array().unwrap();
        let length = |value: &Value| value.as_str().map_or(0, |text| text.encode_utf16().count());
        prop_assert!(blocks.len() <= 50);
        prop_assert!(message.to_string().encode_utf16().count() <= 13_000, "{}", message.to_string().len());
        for block in blocks {
            let limit = if block["type"] == "header" { 150 } else { 3_000 };
            prop_assert!(length(&block["text"]["text"]) <= limit);
            for field in block["fields"].as_array().into_iter().flatten() {
                prop_assert!(length(&field["text"]) <= 2_000);
            }
            for button in block["elements"].as_array().into_iter().flatten() {
                prop_assert!(length(&button["url"]) <= 3_000);
            }
        }
        let shown = message["text"].as_str().unwrap();
        let rest = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        prop_assert!(!rest.contains(['<', '>', '&']), "{shown}");
    }
}
