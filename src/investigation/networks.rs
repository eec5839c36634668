//! Addresses: which are Microsoft's, which mean nothing, and which belong to one network.

use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

const LIST: &str = include_str!("data/microsoft_networks.txt");

/// The networks of Microsoft's services: first address and length of the prefix, IPv4 as mapped IPv6.
static MICROSOFT: LazyLock<Vec<(u128, u32)>> = LazyLock::new(|| LIST.lines().filter_map(network).collect());

fn network(line: &str) -> Option<(u128, u32)> {
    let (address, length) = line.split_once('/')?;
    let address: IpAddr = address.parse().ok()?;
    let length: u32 = length.trim().parse().ok()?;
    Some((bits(address), if address.is_ipv4() { length + 96 } else { length }))
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// Returns whether the address is one of Microsoft's services.
pub fn is_microsoft(address: IpAddr) -> bool {
    let bits = bits(address);
    MICROSOFT.iter().any(|(first, length)| (bits ^ first) >> (128 - length) == 0)
}

/// Returns whether the address can be that of a person on the Internet. Addresses for documentation can: published examples of records
/// and anonymized exports have them in place of real ones.
pub fn is_public(address: IpAddr) -> bool {
    base::http::is_public(address) || is_for_documentation(address)
}

fn is_for_documentation(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_documentation(),
        IpAddr::V6(address) => address.segments()[..2] == [0x2001, 0xdb8],
    }
}

/// Returns the network of one household or machine: the first 64 bits of an IPv6 address. IPv4 has none.
pub(super) fn household(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::{MICROSOFT, household, is_microsoft, is_public};

    #[test]
    fn services_of_microsoft_are_told_from_rented_machines() {
        assert_eq!(MICROSOFT.len(), 35);
        for address in ["20.190.160.1", "40.126.26.9", "52.108.4.4", "2603:10a6:10:2::1"] {
            assert!(is_microsoft(address.parse().unwrap()), "{address}");
        }
        for address in ["172.169.4.4", "203.0.113.5", "2001:db8::1", "20.191.0.1"] {
            assert!(!is_microsoft(address.parse().unwrap()), "{address}");
        }
    }

    #[test]
    fn private_addresses_are_not_public() {
        for address in ["10.0.0.1", "127.0.0.1", "::1", "fe80::1", "fd00::1", "0.0.0.0", "100.64.1.1", "169.254.0.1"] {
            assert!(!is_public(address.parse().unwrap()), "{address}");
        }
        assert!(is_public("203.0.113.5".parse().unwrap()) && is_public("2001:db8::1".parse().unwrap()));
    }

    #[test]
    fn households_are_networks_of_64_bits() {
        let of = |address: &str| household(address.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::a"), of("2001:db8:1:2::b"));
        assert_ne!(of("2001:db8:1:2::a"), of("2001:db8:1:3::a"));
        assert_eq!(of("203.0.113.5"), None);
    }
}
