//! Audit records: split, selected and parsed.

mod exports;
mod generated;
mod parsing;
mod plain;
mod selection;

use audit_log::{Broken, Event, Selector};
use serde_json::{Value, json};

#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Selected(Vec<u8>, u64),
    Skipped,
    Broken(Broken, u64),
}

impl From<Event<'_>> for Seen {
    fn from(event: Event<'_>) -> Self {
        match event {
            Event::Selected { json, line } => Self::Selected(json.to_vec(), line),
            Event::Skipped { .. } => Self::Skipped,
            Event::Broken { error, line, .. } => Self::Broken(error, line),
            Event::Envelope { .. } | Event::Traced { .. } => panic!("only exports have envelopes and traces"),
        }
    }
}

fn is_wanted(operation: &str) -> bool {
    operation.ends_with("InboxRule")
}

fn select_in(chunks: &[&[u8]]) -> Vec<Seen> {
    let mut seen = Vec::new();
    let mut selector = Selector::new(is_wanted);
    for chunk in chunks {
        selector.push(chunk, |event| seen.push(event.into()));
    }
    selector.finish(|event| seen.push(event.into()));
    seen
}

fn rule_record() -> Value {
    json!({
        "CreationTime": "2021-06-15T10:11:53", "Id": "f9d3b8e1-6c1c-4a3f-9f0e-08d92fe5d2a1", "Operation": "New-InboxRule",
        "OrganizationId": "7d2f7f3b-6a44-4c38-9d23-6ad7d1f2b001", "RecordType": 1, "ResultStatus": "True", "UserType": 2,
        "UserId": "joey@contoso.com", "ObjectId": "joey\\ ", "ClientIP": "192.0.2.7:52378",
        "Comment": "\",\"Operation\":\"MailItemsAccessed\",\"", "Note": "a/b\ta line\r\nanother\u{8}\u{c}",
        "Parameters": [
            {"Name": "Name", "Value": ""}, {"Name": "BodyContainsWords", "Value": "{\"}]\\ a/b ünïcode 💥"},
            {"Name": "DeleteMessage", "Value": "True"}, {"Operation": "MailItemsAccessed"}
        ],
        "Nested": {"Operation": "MailItemsAccessed", "deeper": [[], {}, [{"Operation": 1}]]}
    })
}
