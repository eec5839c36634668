//! The shapes of Graph's responses, as far as they are read.

use chrono::{DateTime, Utc};
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};

use crate::call::ErrorBody;
use base::ids::TenantId;

use super::{Customer, SignInMethod};

/// Reads `null` as the default. Graph writes `null` for empty values at times, and one such member must not make a whole listing
/// unreadable.
pub(super) fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Default,
{
    Option::<T>::deserialize(deserializer).map(Option::unwrap_or_default)
}

/// One page of a listing.
#[derive(Deserialize)]
pub(super) struct Page<T> {
    pub(super) value: Option<Vec<T>>,
    #[serde(rename = "@odata.nextLink")]
    pub(super) next: Option<String>,
}

/// Something that a user is a member of.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Membership {
    /// Graph writes it for every object of a listing of several types.
    #[serde(rename = "@odata.type")]
    kind: String,
    #[serde(default)]
    id: String,
    /// For groups. Null in those that were created without it.
    is_assignable_to_role: Option<bool>,
}

impl Membership {
    pub(super) fn is_directory_role(&self) -> bool {
        self.kind.eq_ignore_ascii_case("#microsoft.graph.directoryRole")
    }

    /// Returns the id of a group that roles can be assigned to.
    pub(super) fn role_group(self) -> Option<String> {
        self.is_assignable_to_role.unwrap_or(false).then_some(self.id)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Contract {
    customer_id: Option<TenantId>,
    default_domain_name: Option<String>,
    display_name: Option<String>,
}

impl Contract {
    pub(super) fn customer(self) -> Option<Customer> {
        Some(Customer {
            tenant_id: self.customer_id?,
            default_domain: self.default_domain_name.filter(|domain| !domain.is_empty()),
            display_name: self.display_name.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Relationship {
    display_name: Option<String>,
    customer: Option<RelationshipCustomer>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RelationshipCustomer {
    tenant_id: Option<TenantId>,
    display_name: Option<String>,
}

impl Relationship {
    pub(super) fn customer(self) -> Option<Customer> {
        if self.display_name.is_some_and(|name| name.starts_with("MLT_")) {
            return None;
        }
        let customer = self.customer?;
        Some(Customer {
            tenant_id: customer.tenant_id?,
            default_domain: None,
            display_name: customer.display_name.unwrap_or_default(),
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TenantInformation {
    pub(super) default_domain_name: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Organization {
    pub(super) display_name: Option<String>,
}

/// A sign-in method. Each kind has members of its own.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Method {
    id: String,
    #[serde(rename = "@odata.type", default)]
    kind: String,
    created_date_time: Option<DateTime<Utc>>,
    #[serde(flatten)]
    others: Map<String, Value>,
}

impl Method {
    pub(super) fn method(self) -> SignInMethod {
        let label = ["displayName", "phoneNumber", "emailAddress", "model"]
            .iter()
            .find_map(|name| self.others.get(*name)?.as_str())
            .unwrap_or_default();
        SignInMethod {
            id: self.id,
            kind: self.kind.trim_start_matches("#microsoft.graph.").to_owned(),
            label: label.chars().filter(|c| !c.is_control()).take(60).collect(),
            created: self.created_date_time,
        }
    }
}

#[derive(Deserialize)]
struct ErrorEnvelope {
    error: ErrorInner,
}

#[derive(Deserialize)]
struct ErrorInner {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

/// Reads code and message. A gateway in front of Graph may answer with a page of HTML; then only the status is known.
pub(super) fn read_error(status: StatusCode, _: &HeaderMap, body: &[u8]) -> ErrorBody {
    match serde_json::from_slice::<ErrorEnvelope>(body) {
        Ok(body) => ErrorBody { code: body.error.code, message: body.error.message },
        Err(_) => ErrorBody { code: String::new(), message: status.canonical_reason().unwrap_or_default().to_owned() },
    }
}
