//! All integration tests in one binary: it links once.

mod azurite;
mod functions_host;
mod host;
mod ledger;
mod packaging;
mod store;
mod tables;
