//! The services of Microsoft 365, each a thin typed client without product logic: tokens from Entra, audit content from the
//! Management Activity API, users and directories from Graph, mailboxes from Exchange Online.

pub mod exchange;
pub mod graph;
pub mod management_activity;
pub mod tokens;

pub mod aadsts;
mod app_registration;
mod call;
mod certificate;
mod error;
mod hosts;
mod throttle;

pub use app_registration::{AppCredential, AppRegistration};
pub use call::retry_after;
pub use certificate::Certificate;
pub use error::{Service, ServiceError, TokenError, TokenFault};
pub use hosts::{Cloud, Hosts};

#[cfg(test)]
mod tests;
