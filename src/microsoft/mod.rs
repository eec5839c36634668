//! The services of Microsoft 365, each a thin typed client without product logic: tokens from Entra, audit content from the
//! Management Activity API, users and directories from Graph, mailboxes from Exchange Online.

pub mod exchange;
pub mod graph;
pub mod http;
pub mod management_activity;
pub mod tokens;

mod call;
mod certificate;
mod error;
mod throttle;

pub(crate) use call::retry_after;
pub(crate) use certificate::Certificate;
pub use error::{Service, ServiceError, TokenError, TokenFault};

#[cfg(test)]
mod tests;
