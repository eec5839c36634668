//! Microsoft 365 as typed clients, without product logic.
//!
//! * [`tokens`]: tokens from Entra, one credential for each tenant, all over one HTTP client.
//! * [`sign_in`]: the sign-in of a technician, whose tokens onboarding uses.
//! * [`management_activity`]: the audit log, from the Office 365 Management Activity API.
//! * [`graph`]: customers, users, sign-in methods, consents and domains, from Microsoft Graph.
//! * [`exchange`]: mailboxes, their rules and their settings, from Exchange Online.
//!
//! Every request takes the same way through one caller: token, limits of the service, log line, retries, errors without secrets. A
//! rejected token is replaced once an hour. A response that does not have its form is an error and never "there is none".

pub mod aadsts;
pub mod exchange;
pub mod graph;
pub mod management_activity;
pub mod sign_in;
mod token_fault;
pub mod tokens;

mod app_registration;
mod call;
mod certificate;
mod error;
mod hosts;
mod scrubber;
mod throttle;

pub use app_registration::{AppCredential, AppRegistration};
pub use call::retry_after;
pub use certificate::Certificate;
pub use error::{Service, ServiceError, TokenError};
pub use hosts::{Cloud, Hosts};
pub use token_fault::TokenFault;

#[cfg(test)]
mod tests;
