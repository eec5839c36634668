//! What a selected record shows before it is built: a third of all content is `Set-Mailbox` by Exchange itself, and none of that
//! is kept.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _, IgnoredAny, MapAccess, Visitor};

use crate::names::TenantId;

/// Members of a cmdlet's record, borrowed from its bytes. There is one only for records in which each of these members comes
/// once, under its exact name and in its usual form, so that it never differs from [`AuditRecord`](super::AuditRecord).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glance<'a> {
    /// `Operation`
    pub operation: Cow<'a, str>,
    /// `UserType`
    pub user_type: i64,
    /// `UserId`
    pub user_id: Cow<'a, str>,
    /// `OrganizationId`
    pub organization_id: Option<TenantId>,
    /// `OrganizationName`
    pub organization_name: Cow<'a, str>,
    /// The names in `Parameters`.
    pub parameters: Vec<Cow<'a, str>>,
}

impl<'a> Glance<'a> {
    /// `None` where the record has to be parsed to know what it says: members are missing, doubled or written otherwise, or it
    /// is of another kind.
    pub fn of(record: &'a [u8]) -> Option<Self> {
        let mut json = serde_json::Deserializer::from_slice(record);
        let glance = json.deserialize_map(GlanceVisitor).ok()?;
        json.end().ok()?;
        Some(glance)
    }
}

/// Members of other kinds of records: with one of these it takes more to tell what the record is about.
const OF_OTHER_KINDS: [&str; 3] = ["Item", "MailboxOwnerUPN", "auditData"];

struct GlanceVisitor;

impl<'de> Visitor<'de> for GlanceVisitor {
    type Value = Glance<'de>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the record of a cmdlet")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let (mut operation, mut user_id) = (Once::<Text<'de>>::new(), Once::<Text<'de>>::new());
        let (mut id, mut name) = (Once::<Text<'de>>::new(), Once::<Text<'de>>::new());
        let (mut user_type, mut parameters) = (Once::<i64>::new(), Once::<Vec<Parameter<'de>>>::new());
        while let Some(Text(member)) = access.next_key()? {
            match member.as_ref() {
                "Operation" => operation.set(&mut access)?,
                "UserType" => user_type.set(&mut access)?,
                "UserId" => user_id.set(&mut access)?,
                "OrganizationId" => id.set(&mut access)?,
                "OrganizationName" => name.set(&mut access)?,
                "Parameters" => parameters.set(&mut access)?,
                other if OF_OTHER_KINDS.iter().any(|kind| kind.eq_ignore_ascii_case(other)) => {
                    return Err(A::Error::custom("another kind of record"));
                }
                _ => drop(access.next_value::<IgnoredAny>()?),
            }
        }
        Ok(Glance {
            operation: operation.get::<A::Error>()?.0,
            user_type: user_type.get::<A::Error>()?,
            user_id: user_id.get::<A::Error>()?.0,
            organization_id: id.get::<A::Error>()?.0.parse().ok(),
            organization_name: name.get::<A::Error>()?.0,
            parameters: parameters.get::<A::Error>()?.into_iter().map(|Parameter { name }| name.0).collect(),
        })
    }
}

/// A member that must come exactly once.
struct Once<T>(Option<T>);

impl<T> Once<T> {
    fn new() -> Self {
        Self(None)
    }

    fn set<'de, A: MapAccess<'de>>(&mut self, access: &mut A) -> Result<(), A::Error>
    where
        T: Deserialize<'de>,
    {
        match self.0.replace(access.next_value()?) {
            None => Ok(()),
            Some(_) => Err(A::Error::custom("a member comes twice")),
        }
    }

    fn get<E: serde::de::Error>(self) -> Result<T, E> {
        self.0.ok_or_else(|| E::custom("a member is missing"))
    }
}

/// Text that is borrowed where it has no escapes.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct Parameter<'a> {
    #[serde(rename = "Name", borrow)]
    name: Text<'a>,
}
