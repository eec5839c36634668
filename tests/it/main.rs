mod azurite;
mod ledger;
mod store;
mod tables;
//! All integration tests in one binary: it links once.

mod host;
