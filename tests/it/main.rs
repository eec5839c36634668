//! All integration tests in one binary: it links once.

mod azurite;
mod host;
mod ledger;
mod store;
mod tables;
