//! Microsoft 365, Power Automate and the Azure Functions host, as far as Tenantwatch meets them, on 127.0.0.1. For tests and
//! the demo; no part of the product, and written from the public descriptions of the services, not from the product's code.
//!
//! [`Simulator::start`] takes a [`World`] and serves it: Entra sign-in, the Management Activity API, Graph, the Exchange
//! admin API, a Power Automate flow, a Teams webhook and ipstack, each on a port of its own over TLS with a certificate
//! authority made at start. The world has state: what a remediation changes, a later read shows. Every request is counted
//! ([`Simulator::requests`]), and any can be made to fail ([`Simulator::inject`]).

mod activity;
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
pub mod world;

pub use faults::{Fault, FaultKind};
pub use requests::{Request, Service};
pub use simulator::{Accepted, Simulator, Urls};
pub use trouble::Trouble;
pub use world::{Tenant, World};
