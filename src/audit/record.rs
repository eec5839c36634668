//! One audit event, parsed with every quirk the wire is known to have.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::names::{RecordId, TenantId};

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
    /// Whether the id had to be derived.
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
    /// The whole record as compact JSON.
    pub json: String,
}

/// One entry of `ModifiedProperties`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModifiedProperty {
    /// `Name`
    pub name: String,
    /// `OldValue`
    pub old: String,
    /// `NewValue`
    pub new: String,
}

/// A list of `{"Name":…,"Value":…}`; names compare without case, the last of equal names wins, a missing or null `Value`
/// is known from an empty one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Properties(Vec<(String, Option<String>)>);

impl Properties {
    /// From pairs, in the order of the record.
    pub fn new(pairs: Vec<(String, Option<String>)>) -> Self {
        Self(pairs)
    }

    /// The value, `None` when the property is absent or has no `Value`.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().rev().find(|(n, _)| n.eq_ignore_ascii_case(name)).and_then(|(_, value)| value.as_deref())
    }

    /// Whether the property is there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(n, _)| n.eq_ignore_ascii_case(name))
    }

    /// `True` in any case. `None` when the property is absent.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name).map(|value| value.eq_ignore_ascii_case("true"))
    }

    /// All pairs, in the order of the record.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_deref()))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
