//! Simulates Microsoft 365, Power Automate and the Azure Functions host on 127.0.0.1, for tests and the demo.
//!
//! The simulator is not part of the product. It is written from public descriptions of the services and from field reports,
//! not from the product's code, and it is no kinder than the services: [`world::Unkindness`] lists how they are less helpful
//! than documented, and all of that is on by default.
//!
//! [`Simulator::start`] serves a [`World`]: Entra sign-in, the Management Activity API, Graph, the Exchange admin API, a
//! Power Automate flow, a Teams webhook, a receiver of signed
//! webhooks, Slack and ipstack. Each has a port of its own over TLS with a certificate authority that
//! is created at start. The world has state, so a later read shows what a remediation has changed.
//!
//! Every request is logged ([`Simulator::requests`]). A test can make any request fail, hang or come back empty
//! ([`Simulator::inject`], [`Simulator::set_trouble`]).

mod activity;
mod channels;
mod entra;
mod exchange;
mod faults;
mod flow;
pub mod functions_host;
mod graph;
mod ipstack;
pub mod page;
pub mod records;
mod reply;
mod requests;
pub mod scenario;
mod sending;
mod simulator;
pub mod steps;
pub mod storage_proxy;
mod tls;
mod trouble;
pub mod unreachable;
pub mod world;

pub use channels::ReceivedWebhook;
pub use entra::{FIELD_NUMBERS_OF_CREDENTIALS, FIELD_NUMBERS_OF_TENANTS};
pub use faults::{Fault, FaultKind, Nothing};
pub use requests::{Request, Service};
pub use simulator::{Accepted, Simulator, Urls};
pub use trouble::Trouble;
pub use world::{Tenant, Unkindness, World};
