//! All integration tests in one binary: it links once.

mod browser;
mod demo_page;
mod ledger;
mod location;
mod settings;
mod store;
