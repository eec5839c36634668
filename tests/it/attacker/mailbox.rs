//! Is inside a mailbox, and so chooses the text, the number and the time of rules.

use crate::channels::{mail::mails, only, with};
use crate::collector_fixture::{CollectorFixture, forwarding_rule};

/// Text that is a link, an order, markup or a hidden mark in one of the places where notifications are read.
const TEXTS: [&str; 7] = [
    "[Reset your password](https://evil.example/reset)",
    "<a href='https://evil.example'>ok</a><script>alert(1)</script>",
    "<!channel> <https://evil.example|pay>",
    "{\"type\":\"Action.OpenUrl\",\"url\":\"https://evil.example\"}",
    "${triggerBody()} @{variables('token')}",
    "invoice\u{202e}gpj.exe\u{200b}\u{2066}",
    "line\r\nBcc: eve@evil.example\r\n\r\nbody",
];

#[tokio::test]
async fn text_of_a_rule_is_dead_in_every_channel() {
    for text in TEXTS {
        let mut fixture = CollectorFixture::start().await;
        let urls = fixture.sim.urls().clone();
        fixture.set_up_again(|settings| {
            only(settings, &urls, &["flow", "webhook", "slack", "mail"]);
            settings.channels.teams_url = Some(urls.teams.clone().into());
        });
        fixture.publish(vec![forwarding_rule(1, text, "eve@evil.example", fixture.now())]);
        fixture.read().await.unwrap();
        let flow = fixture.notified("InboxRule").remove(0);
        let card = flow["Card"].to_string();
        let mail = mails(&fixture).remove(0);
        assert!(!mail.lines().any(|line| line.starts_with("Bcc:")), "{mail}");
        // A TextRun of a card shows markup as it is; Slack and the HTML of a mail would obey it.
        const HOSTS_AND_MARKS: &[&str] = &["https://evil", "evil.example", "\u{202e}", "\u{200b}"];
        const MARKUP: &[&str] = &["<script", "<a href='", "<!channel>"];
        let bodies = [
            ("card", card, &[][..]),
            ("Teams", fixture.sim.teams_messages().remove(0).to_string(), &[]),
            ("Slack", fixture.sim.slack_messages().remove(0).to_string(), MARKUP),
            ("mail", mail, MARKUP),
        ];
        for (channel, body, markup) in bodies {
            for live in HOSTS_AND_MARKS.iter().chain(markup) {
                assert!(!body.contains(live), "{channel} shows {live:?} of {text:?}: {body}");
            }
        }
    }
}

#[tokio::test]
async fn many_threats_of_one_mailbox_hide_no_threat_of_another() {
    let fixture = with(&["webhook"]).await;
    let mut records: Vec<_> =
        (1..=400).map(|id| forwarding_rule(id, &format!("Rule {id}"), "eve@evil.example", fixture.now())).collect();
    let mut other = forwarding_rule(999, "Payments", "mallory@evil.example", fixture.now());
    let text = other.to_string().replace("victor@contoso.com", "wanda@contoso.com");
    other = serde_json::from_str(&text).unwrap();
    records.push(other);
    fixture.contoso(|tenant| {
        tenant.add_person("wanda", "Wanda Weber");
    });
    fixture.publish(records);
    fixture.read().await.unwrap();
    let bodies: Vec<String> =
        fixture.sim.webhooks().iter().map(|webhook| String::from_utf8_lossy(&webhook.body).into_owned()).collect();
    assert!(bodies.iter().any(|body| body.contains("wanda@contoso.com")), "{bodies:?}");
    assert!(bodies.len() <= 7, "{} notifications", bodies.len());
}
