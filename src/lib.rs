//! Tenantwatch monitors the Microsoft 365 audit log of every customer tenant of a provider for compromised mailboxes, notifies a
//! technician, and secures the account on one click. This library is all of it; the binary only parses the command line.
//!
//! # The house
//!
//! Four libraries lie below and know nothing of the product: `base` (ids, the clock, the HTTP client), `audit-log` (records in a
//! stream of bytes), `m365` (Microsoft 365 as typed clients) and `table-store` (rows in Azure Tables, SQLite or memory). The modules
//! here read from the top down, and none uses one above it; a test holds that.
//!
//! * [`cli`] has one file per subcommand, and puts an [`app::App`] together.
//! * [`host`] speaks with the Azure Functions host: envelopes in and out, routes, limits. It knows no product logic.
//! * [`functions`] are the three functions, and read like their promise. GetDomain lists tenants, ProcessAuditLog reads one tenant,
//!   RemediateAccount secures one account.
//! * [`assess`] is stage 2: one record becomes one stored finding. [`remediation`] secures an account, one file per step, under locks,
//!   with a snapshot before and a second read after.
//! * [`casework`] investigates live: it reads the feed back, keeps the report, and tells it.
//! * [`collect`] is stage 1: which spans and blobs to read, what is retried, what is lost. It yields batches of records, and calls a
//!   blob read when the stage behind has acknowledged every record of it.
//! * [`readiness`] asks whether a tenant has everything that the watch and a press need.
//! * [`tenants`] are the customers: who they are, whether they can be read, the notices when they cannot, and the work of a day.
//! * [`app`] holds what every function needs, built once.
//! * [`notify`] is stage 3: the outbox (stored, sent, marked), the channels, the card, the tokens. [`facts`] is what is known of a
//!   tenant for a while, with one look-up logic and a circuit breaker.
//! * [`tables`] are the rows of the tables as types, and the few ways in which they may be written.
//! * [`detection`] evaluates a record. It is pure: no I/O, no clock. [`location`] says where an IP address is.
//! * [`investigation`] tells what an attacker did in an account, from the records around it. It is pure as well.
//! * [`settings`] has one file per concern, each read from the environment. [`logging`] writes one line per event.
//!
//! # How data flows
//!
//! ```text
//! tenants --queue--> collect --batch--> assess (detection) --finding--> tables --> notify --> people
//!                       ^ ack              |                                          | request
//!                       +------------------+                          remediation <---+
//! ```
//!
//! Nothing else flows back: a stage hands values on and returns. Locks, permits and caches belong to one stage each. The time
//! comes from the clock that was passed in; only waits, such as a service's limit, are measured by the system.

pub mod app;
pub mod assess;
pub mod casework;
pub mod cli;
pub mod collect;
pub mod detection;
pub mod facts;
pub mod functions;
pub mod host;
pub mod investigation;
pub mod location;
pub mod logging;
pub mod notify;
pub mod readiness;
pub mod remediation;
pub mod settings;
pub mod tables;
pub mod tenants;
