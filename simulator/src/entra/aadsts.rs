//! Answers token requests with the AADSTS errors that were seen in the field.

use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use crate::reply::Reply;

/// Number, HTTP status, OAuth error and message.
type Known = (u32, u16, &'static str, &'static str);

/// The errors by number. Messages are those of Entra without their variable parts, which nothing may depend on.
const KNOWN: &[Known] = &[
    (50_020, 400, "invalid_grant", "User account from identity provider does not exist in tenant."),
    (50_177, 400, "invalid_grant", "External challenge is not supported for passthrough users."),
    (53_003, 400, "invalid_grant", "Access has been blocked by Conditional Access policies."),
    (65_001, 400, "invalid_grant", "The user or administrator has not consented to use the application."),
    (
        65_002,
        400,
        "invalid_grant",
        "Consent between first party application and first party resource must be configured via preauthorization.",
    ),
    (70_011, 400, "invalid_scope", "The provided value for the input parameter 'scope' is not valid."),
    (70_021, 400, "invalid_request", "No matching federated identity record found for presented assertion."),
    (90_002, 400, "invalid_request", "Tenant not found. Check to make sure you have the correct tenant ID."),
    (500_011, 400, "invalid_resource", "The resource principal was not found in the tenant."),
    (500_014, 400, "invalid_resource", "The service principal for resource is disabled."),
    (650_051, 400, "invalid_client", "The service principal name is already present for the tenant."),
    (650_052, 400, "invalid_client", "The app needs access to a service that your organization has not subscribed to."),
    (700_016, 400, "unauthorized_client", "Application was not found in the directory."),
    (
        700_027,
        401,
        "invalid_client",
        "The certificate used to sign the client assertion is not registered on application.",
    ),
    (700_212, 401, "invalid_client", "No matching federated identity record found for presented assertion audience."),
    (700_213, 401, "invalid_client", "No matching federated identity record found for presented assertion subject."),
    (
        900_023,
        400,
        "invalid_request",
        "Specified tenant identifier is neither a valid DNS name, nor a valid external domain.",
    ),
    (5_000_224, 400, "invalid_request", "We are sorry, this resource is not available."),
    (7_000_112, 401, "unauthorized_client", "Application is disabled."),
    (7_000_215, 401, "invalid_client", "Invalid client secret provided."),
    (
        7_000_218,
        401,
        "invalid_client",
        "The request body must contain the parameter 'client_assertion' or 'client_secret'.",
    ),
    (7_000_222, 401, "invalid_client", "The provided client secret keys are expired."),
    (7_000_229, 401, "invalid_client", "The client application is missing service principal in the tenant."),
    (
        7_002_138,
        401,
        "invalid_client",
        "No matching federated identity record found for presented assertion subject: it differs in the case of letters.",
    ),
];

/// Returns the answer with the error of that number. An unknown number gets the form of the others.
pub(super) fn reply(code: u32, now: DateTime<Utc>) -> Reply {
    let known = KNOWN.iter().find(|(known, ..)| *known == code);
    let (status, error, text) = known
        .map_or((400, "invalid_request", "The request failed."), |(_, status, error, text)| (*status, *error, *text));
    let (trace, correlation) = (Uuid::new_v4(), Uuid::new_v4());
    let time = now.format("%Y-%m-%d %H:%M:%SZ").to_string();
    let description =
        format!("AADSTS{code}: {text}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {time}");
    let body = json!({
        "error": error,
        "error_description": description,
        "error_codes": [code],
        "timestamp": time,
        "trace_id": trace,
        "correlation_id": correlation,
        "error_uri": format!("https://login.microsoftonline.com/error?code={code}"),
    });
    Reply::json(status, &body)
}

/// The numbers with which Entra was seen to refuse a token for a customer's tenant.
pub const FIELD_NUMBERS_OF_TENANTS: &[u32] = &[
    50_020, 50_177, 53_003, 65_001, 90_002, 500_011, 500_014, 650_051, 650_052, 700_016, 900_023, 5_000_224, 7_000_229,
];

/// The numbers with which Entra was seen to refuse a federated credential.
pub const FIELD_NUMBERS_OF_CREDENTIALS: &[u32] = &[70_021, 700_212, 7_002_138];
