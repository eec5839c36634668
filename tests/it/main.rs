//! All integration tests in one binary: it links once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod audit;
mod azurite;
mod browser;
mod coverage;
mod demo_page;
mod detection;
mod functions_host;
mod get_domain;
mod host;
mod ledger;
mod location;
mod packaging;
mod process_audit_log;
mod scan;
mod serve;
mod settings;
mod store;
mod tables;
mod watch;
