//! Tenantwatch (map of the house to be written when the rooms stand).

pub mod app;
pub mod audit;
pub mod clock;
pub mod collector;
pub mod commands;
pub mod detection;
pub mod functions;
pub mod host;
pub mod ledger;
pub mod location;
pub mod logging;
pub mod microsoft;
pub mod names;
pub mod notify;
pub mod remediation;
pub mod settings;
pub mod store;
