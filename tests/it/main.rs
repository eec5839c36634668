//! All integration tests in one binary: it links once.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on fails")]

mod architecture;
mod audit;
mod azurite;
mod browser;
mod card;
mod channels;
mod chaos;
mod clients;
mod collector_fixture;
mod command_line;
mod coverage;
#[cfg(unix)]
mod data_folder;
mod day;
mod demo_page;
mod detection;
mod documentation;
mod flow;
mod functions_host;
mod get_domain;
mod glance;
mod host;
mod incidents;
mod json_encodings;
mod ledger;
mod licences;
mod location;
mod log_rows;
mod memory;
mod notify;
mod packaging;
mod process_audit_log;
mod proxy;
mod remediation;
mod retention;
mod run_once;
mod scan;
mod serve;
mod settings;
mod store;
mod tables;
