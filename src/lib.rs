//! Tenantwatch watches the Microsoft 365 audit log of every customer tenant of a provider for taken-over mailboxes, tells a
//! person, and secures the account on one press. This library is all of it; the binary only parses the command line.
//!
//! # What lives where
//!
//! * [`commands`] is the front door: `serve`, `run`, `scan`, `token`. It puts an [`app::App`] together from [`settings`] and hands
//!   it to whatever was asked for.
//! * [`host`] speaks with the Azure Functions host: envelopes in and out, routes, limits. It knows no product logic.
//! * [`functions`] are the three functions, and read like what they promise: GetDomain lists tenants, ProcessAuditLog reads one
//!   tenant, RemediateAccount secures one account. They know no transport.
//! * [`collector`] is what ProcessAuditLog and GetDomain are made of: windows, listings, blobs, what is owed, gaps, tenants that
//!   cannot be seen, and which finding is told when and by whom.
//! * [`audit`] finds records in a stream of bytes, looks at their operation before anything else, and parses the selected ones.
//! * [`detection`] judges a record. It is pure: it asks questions, is given answers, and gives a finding with named reasons.
//! * [`notify`] tells people: the flow's payload, the card, Teams, the tokens behind the buttons.
//! * [`remediation`] acts: one file per step, under a lock, with a snapshot before and a second read after.
//! * [`microsoft`] are the services: tokens, the audit API, Graph, Exchange. Thin and typed.
//! * [`store`] keeps rows (Azure tables, SQLite, memory); [`ledger`] gives the rows of the three tables their types and the few
//!   ways in which they may be written.
//! * [`location`] says where an IP address is. [`names`] are the types that everything is keyed by. [`clock`] is the time, which
//!   is always handed in. [`logging`] writes one line per event, whatever the event holds.
//!
//! # Which way data flows
//!
//! ```text
//! timer -> functions::get_domain -> one message per tenant -> functions::process_audit_log
//!     microsoft::management_activity (bytes) -> audit (records) -> detection (findings) -> ledger (rows) -> notify (people)
//! button -> functions::remediate_account -> ledger (the stored threat) -> remediation -> microsoft::{graph, exchange}
//! ```
//!
//! Dependencies point one way: `commands -> host -> functions -> {collector, remediation} -> {notify, ledger} -> detection ->
//! {audit, microsoft, store} -> names`; [`settings`] are known to all. What is decided by the time of day is decided by the [`clock`] that was
//! handed in, and settings are read once, at the start; only waits, such as a service's limit, are measured by the system.

pub mod app;
pub mod assess;
pub mod cli;
pub mod collect;
pub mod detection;
pub mod facts;
pub mod functions;
pub mod host;
pub mod location;
pub mod logging;
pub mod notify;
pub mod remediation;
pub mod settings;
pub mod tables;
pub mod tenants;
