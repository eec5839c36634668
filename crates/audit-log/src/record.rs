//! One audit event, parsed with every quirk the wire is known to have.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

use base::ids::{RecordId, TenantId};

use super::export::flat;
use super::lenient;
use super::members::{Members, TopLevel};
use super::properties::{self, ModifiedProperty, Properties};
use super::time::utc;

/// The names of user types, which Sentinel and Log Analytics write in place of the numbers:
/// <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#user-type>.
const USER_TYPES: &[(&str, i64)] = &[
    ("Regular", 0),
    ("Reserved", 1),
    ("Admin", 2),
    ("DcAdmin", 3),
    ("System", 4),
    ("Application", 5),
    ("ServicePrincipal", 6),
    ("CustomPolicy", 7),
    ("SystemPolicy", 8),
    ("PartnerTechnician", 9),
    ("Guest", 10),
];

/// The names of logon types:
/// <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#logontype>.
const LOGON_TYPES: &[(&str, i64)] = &[
    ("Owner", 0),
    ("Admin", 1),
    ("Delegated", 2),
    ("Delegate", 2),
    ("Transport", 3),
    ("SystemService", 4),
    ("BestAccess", 5),
    ("DelegatedAdmin", 6),
];

/// A selected record that does not parse.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Not JSON, or not a JSON object.
    #[error("not a JSON object: {0}")]
    NotAnObject(String),
    /// A member that every record has is missing or of an impossible form.
    #[error("member {0} is missing or malformed")]
    Member(&'static str),
}

/// The members of an audit record that detections look at.
#[derive(Debug, Clone)]
pub struct AuditRecord {
    /// `Id`, or the UUIDv5 of the record's compact JSON with sorted keys where `Id` is no GUID.
    pub id: RecordId,
    /// `true` if the record had no valid id, so that its id was derived from its content.
    pub id_is_derived: bool,
    /// `CreationTime`, UTC whether or not it says so.
    pub created: DateTime<Utc>,
    /// `Operation`
    pub operation: String,
    /// `RecordType`; numbers may come as strings.
    pub record_type: Option<i64>,
    /// `UserType`
    pub user_type: Option<i64>,
    /// `ResultStatus`: `True`, `False`, `Succeeded`, `Failed`, `PartiallySucceeded`, …
    pub result_status: Option<String>,
    /// `OrganizationId`
    pub organization_id: Option<TenantId>,
    /// `OrganizationName`
    pub organization_name: Option<String>,
    /// `UserId`: the actor. Not always a user principal name.
    pub user_id: String,
    /// `ObjectId`
    pub object_id: Option<String>,
    /// `MailboxOwnerUPN`
    pub mailbox_owner: Option<String>,
    /// `MailboxGuid`
    pub mailbox_guid: Option<String>,
    /// `LogonType`: 0 owner, 1 administrator, 2 delegate.
    pub logon_type: Option<i64>,
    /// `ClientIP`, else `ClientIPAddress`, as it stands in the record.
    pub client_ip: Option<String>,
    /// `AppId`, else `ClientAppId`
    pub app_id: Option<String>,
    /// `Parameters` of a cmdlet; one string of `-Name value` pairs is taken apart.
    pub parameters: Properties,
    /// `OperationProperties` of a mailbox audit record.
    pub operation_properties: Properties,
    /// `ExtendedProperties`
    pub extended_properties: Properties,
    /// `ModifiedProperties` of a directory record.
    pub modified_properties: Vec<ModifiedProperty>,
    /// `Item`, with `ParentFolder` and so on.
    pub item: Option<Value>,
    /// `Target` and `Actor` lists of a directory record, as they stand: `[{"ID":…,"Type":…}]`.
    pub target: Option<Value>,
    /// The record as it was read, in its envelope if it has one.
    pub text: String,
}

impl AuditRecord {
    /// Parses one record as content blobs, `Search-UnifiedAuditLog` and the Graph audit search write it.
    ///
    /// Common members: <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema>.
    ///
    /// # Errors
    /// Not a JSON object, or without a usable `CreationTime` or `Operation`. Halves of surrogate pairs, numbers out of range and deep
    /// nesting are no errors.
    pub fn parse(bytes: &[u8]) -> Result<Self, RecordError> {
        let mut members = Members::new(top_level(bytes)?);
        let given_id = members.text("Id").and_then(|text| text.parse().ok());
        Ok(Self {
            id: given_id.unwrap_or_else(|| derived_id(&members)),
            id_is_derived: given_id.is_none(),
            created: members.text("CreationTime").and_then(utc).ok_or(RecordError::Member("CreationTime"))?,
            operation: members.text("Operation").ok_or(RecordError::Member("Operation"))?.to_owned(),
            record_type: members.number("RecordType"),
            user_type: members.coded("UserType", USER_TYPES),
            result_status: members.any_as_text("ResultStatus"),
            organization_id: members.text("OrganizationId").and_then(|text| text.parse().ok()),
            organization_name: members.filled("OrganizationName"),
            user_id: members.any_as_text("UserId").unwrap_or_default(),
            object_id: members.any_as_text("ObjectId"),
            mailbox_owner: members.filled("MailboxOwnerUPN"),
            mailbox_guid: members.filled("MailboxGuid"),
            logon_type: members.coded("LogonType", LOGON_TYPES),
            client_ip: members.filled("ClientIP").or_else(|| members.filled("ClientIPAddress")),
            app_id: members.filled("AppId").or_else(|| members.filled("ClientAppId")),
            parameters: properties::from_value(members.take("Parameters")),
            operation_properties: properties::from_value(members.take("OperationProperties")),
            extended_properties: properties::from_value(members.take("ExtendedProperties")),
            modified_properties: properties::modified_from_value(members.take("ModifiedProperties")),
            item: members.take("Item"),
            target: members.take("Target"),
            text: lenient::utf8(bytes).into_owned(),
        })
    }

    /// Returns the whole record as compact JSON, without its envelope. Each call builds it, because few records are stored.
    pub fn json(&self) -> String {
        top_level(self.text.as_bytes()).map_or_else(|_| self.text.clone(), |members| Value::Object(members).to_string())
    }
}

fn top_level(record: &[u8]) -> Result<Map<String, Value>, RecordError> {
    let parsed = lenient::from_slice(record).map_err(|error| RecordError::NotAnObject(error.to_string()));
    parsed.map(|TopLevel(members)| flat::with_parameters(without_envelope(members)))
}

/// The Graph audit search and `Search-UnifiedAuditLog` wrap the record, the latter as text:
/// <https://learn.microsoft.com/graph/api/resources/security-auditlogrecord>.
fn without_envelope(mut map: Map<String, Value>) -> Map<String, Value> {
    let Some(name) = map.keys().find(|name| name.eq_ignore_ascii_case("auditData")).cloned() else { return map };
    let inner = match map.get(&name) {
        Some(Value::String(text)) => lenient::from_slice(text.as_bytes()).ok(),
        Some(Value::Object(_)) => map.remove(&name).and_then(|inner| serde_json::from_value(inner).ok()),
        _ => None,
    };
    inner.map_or(map, |TopLevel(inner)| inner)
}

fn derived_id(members: &Members) -> RecordId {
    RecordId::new(Uuid::new_v5(&Uuid::NAMESPACE_OID, members.sorted_json().as_bytes()))
}
