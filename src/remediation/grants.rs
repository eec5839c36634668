//! The rights to grant if a service denies access, and errors in words.

use m365::ServiceError;

use crate::notify::defang;

/// The right to grant if Graph does not show a user.
pub const USER_READ_GRANT: &str = "Grant User.Read.All.";

/// The rights to grant if Exchange denies access.
pub const EXCHANGE_GRANT: &str = "Grant the app the application role Exchange.ManageAsApp and, in this tenant, the directory \
     role Exchange Administrator.";

/// An error in words, with what has to be granted where it is a refusal. A service's text can repeat what an attacker chose.
pub fn explain(error: &ServiceError, grant: &str) -> String {
    let text = defang(&error.to_string());
    match error.status() {
        Some(401 | 403) => format!("{}. {grant}", text.trim_end_matches('.')),
        _ => text,
    }
}
