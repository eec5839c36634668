//! Resolves names to public addresses only, so that a webhook cannot be pointed into the network of the program.

use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// A resolver that gives no private address.
#[derive(Debug)]
pub(super) struct PublicOnly {
    exempt: Option<String>,
}

/// A name that has private addresses only.
#[derive(Debug)]
struct PrivateAddress;

impl fmt::Display for PrivateAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name leads to a private, loopback or link-local address")
    }
}

impl Error for PrivateAddress {}

impl PublicOnly {
    /// The name of a proxy may lead anywhere.
    pub(super) fn except(exempt: Option<String>) -> Self {
        Self { exempt }
    }
}

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let is_exempt = self.exempt.as_deref().is_some_and(|exempt| exempt.eq_ignore_ascii_case(name.as_str()));
        Box::pin(async move {
            let found: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let is_known = !found.is_empty();
            let usable: Vec<SocketAddr> =
                found.into_iter().filter(|address| is_exempt || is_public(address.ip())).collect();
            if usable.is_empty() && is_known {
                return Err(PrivateAddress.into());
            }
            let usable: Addrs = Box::new(usable.into_iter());
            Ok(usable)
        })
    }
}

/// Returns whether a request failed because its name leads to private addresses only.
pub fn is_refused_as_private(error: &reqwest::Error) -> bool {
    let mut next = error.source();
    while let Some(cause) = next {
        if cause.is::<PrivateAddress>() {
            return true;
        }
        next = cause.source();
    }
    false
}

/// Returns whether an address is one of the public internet.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [first, second, third, _] = address.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_benchmark = first == 198 && (18..20).contains(&second);
    let is_assignment = (first, second, third) == (192, 0, 0);
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        || is_shared
        || is_benchmark
        || is_assignment
        || first == 0
        || first >= 224)
}

/// Addresses that carry an IPv4 address in them are what that one is.
fn is_public_v6(address: Ipv6Addr) -> bool {
    if let Some(inner) = embedded_v4(address) {
        return is_public_v4(inner);
    }
    let [first, second, ..] = address.segments();
    let is_documentation = (first, second) == (0x2001, 0xdb8);
    // Global unicast is 2000::/3; everything else is loopback, unique local, link-local, multicast or reserved.
    first & 0xe000 == 0x2000 && !is_documentation
}

/// The IPv4 address in a mapped address, a NAT64 address (64:ff9b::/96) or a 6to4 address (2002::/16).
fn embedded_v4(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let segments = address.segments();
    let join = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match segments {
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => Some(join(high, low)),
        [0x2002, high, low, ..] => Some(join(high, low)),
        _ => address.to_ipv4_mapped(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::{client, public_client};

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        let public = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1::1", "::ffff:8.8.8.8", "64:ff9b::808:808"];
        let private = [
            "10.0.0.1",
            "172.16.9.9",
            "192.168.1.1",
            "127.0.0.1",
            "127.9.9.9",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "255.255.255.255",
            "224.0.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "fc00::1",
            "ff02::1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "64:ff9b::a00:1",
            "2002:a00:1::1",
        ];
        for address in public {
            assert!(is_public(address.parse().unwrap()), "{address}");
        }
        for address in private {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
    }

    #[tokio::test]
    async fn name_of_a_private_address_is_not_connected_to() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://localhost:{}/", listener.local_addr().unwrap().port());
        let error = public_client(None).unwrap().get(&url).send().await.unwrap_err();
        assert!(is_refused_as_private(&error), "{error:?}");
        let nobody_came = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
        assert!(nobody_came.is_err());
        let refused = client(None).unwrap().get("http://127.0.0.1:1/").send().await.unwrap_err();
        assert!(!is_refused_as_private(&refused));
    }
}
