//! The tenant of the fixture, and the finding of a threat to it.

use base::ids::{RecordId, RunId, TenantId};
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use table_store::Digest;
use tenantwatch::detection::{FindingKind, Reason, ReasonName, Severity};
use tenantwatch::tables::{FindingState, ProcessedRow};
use tenantwatch_simulator::World;
use tenantwatch_simulator::world::Tenant;
use uuid::Uuid;

use super::{BOB, CONTOSO, RULE};

/// contoso.com with bob, who was robbed, and harry of the helpdesk.
pub fn world() -> World {
    let mut world = World::new(Uuid::from_u128(0x99), Uuid::from_u128(0xc1));
    let tenant = world.add(Tenant::new(CONTOSO, "contoso.com", "Contoso"));
    tenant.add_person("harry", "Harry Helpdesk");
    let bob = tenant.add_person("bob", "Bob Baker");
    bob.other_addresses = vec!["robert@contoso.com".to_owned()];
    bob.forwarding_smtp_address = Some("smtp:eve@evil.example".to_owned());
    bob.forwarding_address = Some("Eve".to_owned());
    bob.deliver_and_forward = true;
    bob.auto_reply_state = "Enabled".to_owned();
    bob.add_rule(RULE, ".", json!({ "ForwardTo": ["eve@evil.example"], "DeleteMessage": true }));
    bob.add_rule(7, "Newsletters", json!({ "MoveToFolder": "News" }));
    bob.add_rule(8, "Hidden thief", json!({ "RedirectTo": ["eve@evil.example"] })).hidden = true;
    bob.add_rule(9, "Junk E-mail Rule", json!({})).hidden = true;
    bob.add_rule(10, "Microsoft.Exchange.OOF.KnownExternalSenders.Global", json!({ "DeleteMessage": true })).hidden =
        true;
    bob.sweep_rules = vec![tenantwatch_simulator::world::Rule {
        id: 11,
        name: "Sweep".to_owned(),
        enabled: true,
        hidden: false,
        properties: serde_json::Map::new(),
        description: String::new(),
    }];
    world
}

/// A threat of bob's mailbox, made by bob's account.
pub fn threat(id: u128, at: DateTime<Utc>) -> ProcessedRow {
    let record_id = RecordId::new(Uuid::from_u128(id));
    ProcessedRow {
        domain: "contoso.com".parse().unwrap(),
        record_id,
        tenant_id: TenantId::new(CONTOSO),
        organization: "Contoso".to_owned(),
        kind: FindingKind::InboxRule,
        threat: true,
        forwarding_externally: true,
        applies_to_all_mail: true,
        deletes: true,
        description: "Take the following actions: forward the message to 'eve@evil.example'".to_owned(),
        rule_id: RULE.to_string(),
        rule_name: ".".to_owned(),
        source_mailbox: BOB.to_owned(),
        actor: BOB.to_owned(),
        operation: "New-InboxRule".to_owned(),
        event_time: at - TimeDelta::minutes(30),
        content_created: Some(at - TimeDelta::minutes(5)),
        processed_at: at - TimeDelta::minutes(5),
        ip: "203.0.113.7".to_owned(),
        location: "Lagos, Lagos, Nigeria".to_owned(),
        forwarding_status: String::new(),
        forwarding_address: "eve@evil.example".to_owned(),
        severity: Severity::High,
        score: 95,
        reasons: vec![Reason {
            name: ReasonName::ForwardsExternally,
            sentence: "The rule sends mail to eve@evil.example, outside the organization.".to_owned(),
        }],
        fingerprint: Digest::of(&["fingerprint", &id.to_string()]),
        subjects: Vec::new(),
        scopes: Vec::new(),
        undone_at: None,
        repeat_of: None,
        record: "{}".to_owned(),
        state: FindingState::Sent,
        claim_id: RunId::new(Uuid::from_u128(5)),
        attempts: 0,
        next_attempt: None,
        notified: Default::default(),
        unanswered: Default::default(),
        incident_id: String::new(),
        containment: None,
        containment_detail: String::new(),
        seal: String::new(),
    }
}
