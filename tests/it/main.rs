//! All integration tests in one binary: it links once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod azurite;
mod browser;
mod demo_page;
mod functions_host;
mod host;
mod ledger;
mod packaging;
mod serve;
mod store;
mod tables;
