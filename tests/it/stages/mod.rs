//! The three stages (collect, assess, notify) under faults, through the public door: a queue message, `run --once` or the built binary
//! against the simulator. One file per theme.

mod clocks;
mod customers;
mod empty_content;
mod hanging_exchange;
mod listing;
mod many_targets;
mod recorded;
pub mod records;
mod related;
mod secrets;
mod store_faults;
mod tokens;
mod versions;
