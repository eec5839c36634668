//! Tells what an attacker does around a rule: signs in, reads, searches, sends, and tries a colleague.

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::{DIRECTORY, EXCHANGE};
use crate::records::{self, Envelope, Seeded};
use crate::world::Tenant;

/// The client of a page that relays sign-ins.
const RELAY: &str = "axios/1.7.9";

/// Returns the records around the record of a rule, each with its content type.
pub(super) fn around(tenant: &Tenant, rule: &Value, upn: &str, seeded: &mut Seeded) -> Vec<(&'static str, Value)> {
    let time =
        rule["CreationTime"].as_str().and_then(|text| NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S").ok());
    let (Some(at), Some(address)) = (time.map(|time| time.and_utc()), address(rule)) else { return Vec::new() };
    let session = seeded.guid();
    let mut envelope = |actor: &str, minutes: i64, seconds: i64| {
        let created: DateTime<Utc> = at + TimeDelta::seconds(minutes * 60 + seconds);
        Envelope { session, ..Envelope::new(tenant, actor, created, seeded).from_ip(&address) }
    };
    let Some(mailbox) = tenant.mailboxes.iter().find(|mailbox| mailbox.is(upn)) else { return Vec::new() };
    let mut story = vec![(DIRECTORY, sign_in(&envelope(upn, -14, 0), "0"))];
    for (minutes, messages) in [(-13, 3), (-11, 9), (-8, 4)] {
        let mut read = records::mail_items_accessed(&envelope(upn, minutes, 5), mailbox, messages);
        read["ClientInfoString"] = json!("Client=OWA;Action=ViaProxy");
        story.push((EXCHANGE, read));
    }
    let mut search = records::mail_items_accessed(&envelope(upn, -10, 20), mailbox, 0);
    search["Operation"] = json!("SearchQueryInitiatedExchange");
    search["RecordType"] = json!(101);
    search["QueryText"] = json!("Rechnung");
    search["ClientInfoString"] = json!("Client=OWA;Action=ViaProxy");
    story.push((EXCHANGE, search));
    for (seconds, subject) in [(10, "Neue Bankverbindung"), (50, "AW: Rechnung 2026-1147")] {
        story.push((EXCHANGE, records::send(&envelope(upn, 1, seconds), mailbox, subject)));
    }
    if let Some(colleague) = tenant.mailboxes.iter().rev().map(|mailbox| &mailbox.upn).find(|name| *name != upn) {
        story.push((DIRECTORY, sign_in(&envelope(colleague, 2, 30), "50126")));
    }
    story
}

fn sign_in(envelope: &Envelope, error: &str) -> Value {
    let mut record = records::user_logged_in(envelope);
    record["ErrorNumber"] = json!(error);
    if error != "0" {
        record["Operation"] = json!("UserLoginFailed");
    }
    record["ExtendedProperties"] = json!([
        {"Name": "UserAgent", "Value": RELAY}, {"Name": "RequestType", "Value": "OAuth2:Authorize"},
    ]);
    record["DeviceProperties"] = json!([{"Name": "SessionId", "Value": envelope.session}]);
    record
}

/// The address of the rule's record, without its port.
fn address(rule: &Value) -> Option<String> {
    let text = rule["ClientIP"].as_str()?;
    let (address, _) = text.rsplit_once(':')?;
    Some(address.trim_matches(['[', ']']).to_owned())
}
