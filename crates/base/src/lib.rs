//! The base of Tenantwatch: ids and names that cannot be wrong ([`ids`]), the clock that is passed in ([`clock`]), and one way
//! to make an HTTP client ([`http`]). [`marks`] knows the characters that hide, [`service_time`] is the time that a service reports, [`trust`] what
//! the provider trusts outside a tenant. The crate knows no service, no table and no
//! product logic.

pub mod clock;
pub mod http;
pub mod ids;
pub mod marks;
pub mod service_time;
pub mod trust;
