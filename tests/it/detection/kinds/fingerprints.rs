//! Fingerprints of the first version stay findable: threats that were notified or dismissed are not notified again.

use serde_json::json;
use table_store::Digest;

use super::{offline, outlook_rule, record, rule};

const TENANT: &str = "11111111-2222-4333-8444-555555555555";

#[test]
fn fingerprints_have_the_form_of_the_first_version() {
    let cases = [
        (
            rule(
                "Copies",
                &[
                    ("SubjectContainsWords", "Überweisung; Invoice"),
                    ("ForwardTo", "Drop@evil.example"),
                    ("StopProcessingRules", "True"),
                ],
            ),
            &[
                "InboxRule",
                "name copies",
                "do forward",
                "if subjectcontainswords=invoice;uberweisung",
                "target=drop@evil.example",
            ][..],
        ),
        (
            rule("..", &[("From", "A@b.example"), ("MoveToFolder", "RSS Feeds"), ("MarkAsRead", "True")]),
            &[
                "InboxRule",
                "name ..",
                "do mark the message as read",
                "do move the message to folder 'rss feeds'",
                "if from=a@b.example",
            ],
        ),
        (
            outlook_rule("Post", "{(Exists(ItemClass))}", r#"[{"ActionType":"Delete"}]"#),
            &["InboxRule", "id 15394007230974001153", "do delete the message", "if restriction=(exists(itemclass))"],
        ),
        (
            rule("Post", &[("SubjectContainsWords", "раssword"), ("DeleteMessage", "True")]),
            &["InboxRule", "name post", "do delete the message", "if subjectcontainswords=раssword"],
        ),
        (
            record(
                "Set-Mailbox",
                &json!({"ObjectId": "grady", "Parameters": [{"Name": "ForwardingSmtpAddress", "Value": "smtp:a@b.example"}]}),
            ),
            &["InboxForward", "copy None", "target=a@b.example"],
        ),
    ];
    for (record, parts) in cases {
        let parts: Vec<String> =
            [TENANT, "grady@contoso.com"].iter().chain(parts).map(|part| (*part).to_owned()).collect();
        assert_eq!(offline(&record).fingerprint, Digest::of(&parts), "{record}");
    }
}
