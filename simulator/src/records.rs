//! Builds audit records in every documented shape, as they go over the wire except for the escaping. All data is invented.
//!
//! Each builder takes an [`Envelope`] with the members that all records have, and returns one record.

mod cmdlets;
mod directory;
mod items;
mod mailbox_rules;
mod ordinary;
mod rules;
mod seeded;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::world::{Mailbox, Tenant};

pub use cmdlets::{
    add_mailbox_permission, auto_reply, cmdlet, forwarding_to, forwarding_turned_off, new_transport_rule, set_mailbox,
    system_set_mailbox,
};
pub use directory::{consent, directory_change, update_user_strong_auth, user_logged_in};
pub use items::{file_accessed, folder_permission, mail_items_accessed, move_to_deleted_items, send};
pub use mailbox_rules::{RuleChange, update_inbox_rules_a, update_inbox_rules_b, update_inbox_rules_blank};
pub use ordinary::{json_lines_with_people, ordinary_json_lines};
pub use rules::{MadeWith, new_inbox_rule, newsletter_rule, set_inbox_rule};
pub use seeded::Seeded;

// Values of `RecordType`.
const EXCHANGE_ADMIN: u32 = 1;
const EXCHANGE_ITEM: u32 = 2;
const SHAREPOINT_FILE: u32 = 6;
const DIRECTORY: u32 = 8;
const SIGN_IN: u32 = 15;
const EXCHANGE_ITEM_AGGREGATED: u32 = 50;

/// The application id of Outlook on the web.
const OUTLOOK_WEB: &str = "00000002-0000-0ff1-ce00-000000000000";

/// The members that all records have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// `Id`
    pub id: Uuid,
    /// `OrganizationId`
    pub tenant: Uuid,
    /// `OrganizationName`
    pub organization_name: String,
    /// `CreationTime`
    pub created: DateTime<Utc>,
    /// `UserId`
    pub actor: String,
    /// The object id of `UserId`.
    pub actor_id: Uuid,
    /// `UserKey`
    pub user_key: String,
    /// `ClientIP` without a port. Records of the system have none.
    pub client_ip: Option<String>,
    /// `SessionId`, if the shape has one.
    pub session: Uuid,
}

/// The object id of an account that the directory does not have.
fn object_id(tenant: Uuid, actor: &str) -> Uuid {
    Uuid::new_v5(&tenant, actor.as_bytes())
}

impl Envelope {
    /// Creates the envelope of an action of `actor` in `tenant`, from an IP address of the documentation ranges.
    pub fn new(tenant: &Tenant, actor: &str, created: DateTime<Utc>, seeded: &mut Seeded) -> Self {
        Self {
            id: seeded.guid(),
            tenant: tenant.id,
            organization_name: organization_name(&tenant.default_domain),
            created,
            actor: actor.to_owned(),
            actor_id: tenant
                .users
                .iter()
                .find(|user| user.upn == actor)
                .map_or_else(|| object_id(tenant.id, actor), |user| user.id),
            user_key: format!("1003{:012X}", seeded.next() >> 16),
            client_ip: Some(format!("192.0.2.{}", seeded.range(1, 255))),
            session: seeded.guid(),
        }
    }

    /// Replaces the IP address.
    #[must_use]
    pub fn from_ip(mut self, client_ip: &str) -> Self {
        self.client_ip = Some(client_ip.to_owned());
        self
    }

    /// Replaces the actor.
    #[must_use]
    pub fn by(mut self, actor: &str) -> Self {
        self.actor_id = object_id(self.tenant, actor);
        actor.clone_into(&mut self.actor);
        self
    }

    /// Returns the members that every record has.
    fn record(
        &self,
        workload: &str,
        record_type: u32,
        user_type: u32,
        operation: &str,
        result: &str,
    ) -> Map<String, Value> {
        members(json!({
            "CreationTime": self.created.format("%Y-%m-%dT%H:%M:%S").to_string(),
            "Id": self.id,
            "Operation": operation,
            "OrganizationId": self.tenant,
            "RecordType": record_type,
            "ResultStatus": result,
            "UserKey": self.user_key,
            "UserType": user_type,
            "Version": 1,
            "Workload": workload,
            "UserId": self.actor,
        }))
    }

    /// Returns the record of a cmdlet that a person ran. The owner of a mailbox has user type 2 as well.
    fn cmdlet(&self, operation: &str, object_id: &str, parameters: &[(&str, &str)]) -> Map<String, Value> {
        let mut record = self.record("Exchange", EXCHANGE_ADMIN, 2, operation, "True");
        if let Some(address) = &self.client_ip {
            let text = if address.contains(':') { format!("[{address}]:52378") } else { format!("{address}:52378") };
            record.insert("ClientIP".to_owned(), text.into());
        }
        record.extend(members(json!({
            "ObjectId": object_id,
            "AppId": "",
            "ClientAppId": "",
            "ExternalAccess": false,
            "OrganizationName": self.organization_name,
            "OriginatingServer": "VI1PR04MB0117 (15.20.4219.022)",
            "Parameters": pairs(parameters),
        })));
        record
    }

    /// Returns a record of mailbox auditing.
    fn item(&self, record_type: u32, operation: &str, mailbox: &Mailbox, client: &str) -> Map<String, Value> {
        let logon = if mailbox.is(&self.actor) { 0 } else { 2 };
        let mut record = self.record("Exchange", record_type, 0, operation, "Succeeded");
        record.extend(members(json!({
            "ClientInfoString": client,
            "ExternalAccess": false,
            "InternalLogonType": 0,
            "LogonType": logon,
            "MailboxGuid": mailbox.guid,
            "MailboxOwnerUPN": mailbox.upn,
            "OrganizationName": self.organization_name,
            "OriginatingServer": "VI1PR04MB0117 (15.20.4219.022)\r\n",
            "SessionId": self.session,
        })));
        if let Some(address) = &self.client_ip {
            record.insert("ClientIP".to_owned(), address.as_str().into());
            record.insert("ClientIPAddress".to_owned(), address.as_str().into());
        }
        record
    }
}

/// Returns the name of an organization: `huber.onmicrosoft.com` for `huber.example`.
pub fn organization_name(domain: &str) -> String {
    format!("{}.onmicrosoft.com", domain.split('.').next().unwrap_or(domain))
}

/// Returns `[{"Name": …, "Value": …}]`.
fn pairs(pairs: &[(&str, &str)]) -> Value {
    pairs.iter().map(|(name, value)| json!({"Name": name, "Value": value})).collect()
}

fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests;
