//! Names origins where a client gets no answer at all.
//!
//! A server whose certificate no one trusts is a second [`crate::Simulator`]: its URLs serve, and its certificate authority
//! is not that of the first.

use std::net::{Ipv4Addr, TcpListener};

/// An origin whose host name does not resolve.
pub const UNKNOWN_HOST: &str = "https://no-such-host.invalid";

/// Returns an origin whose port refuses connections.
///
/// # Errors
/// Returns an error if no port can be obtained.
pub fn refused_origin() -> std::io::Result<String> {
    // The port is free again as soon as the listener is dropped, and the system does not hand it out again at once.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    Ok(format!("https://localhost:{port}"))
}
