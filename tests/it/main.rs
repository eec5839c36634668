#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod azurite;
mod ledger;
mod store;
mod tables;
