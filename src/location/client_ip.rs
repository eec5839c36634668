//! Parses `ClientIP`, which the audit log writes in a dozen forms.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// Returns the address in any form of `ClientIP`: alone, with a port, in brackets, mapped into IPv6. `None` for a host name or
/// an empty text.
pub fn parse_client_ip(text: &str) -> Option<IpAddr> {
    let text = text.trim();
    let in_brackets = || text.strip_prefix('[')?.split_once(']').map(|(inside, _)| inside);
    let address = text
        .parse::<IpAddr>()
        .ok()
        .or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()))
        .or_else(|| in_brackets()?.parse().ok())
        .or_else(|| without_zone(text))
        .or_else(|| without_bare_port(text));
    address.map(|address| address.to_canonical())
}

/// Parses an address with a zone, such as `fe80::1%4`.
fn without_zone(text: &str) -> Option<IpAddr> {
    text.split_once('%').and_then(|(address, _)| address.parse::<Ipv6Addr>().ok()).map(IpAddr::V6)
}

/// Parses an IPv6 address with a port but without brackets, such as `2001:db8::1:52378`: it is not an address as a whole, but
/// is one without its last part.
fn without_bare_port(text: &str) -> Option<IpAddr> {
    let (address, port) = text.rsplit_once(':')?;
    port.parse::<u16>().ok()?;
    address.parse::<Ipv6Addr>().ok().map(IpAddr::V6)
}

#[cfg(test)]
mod tests {
    use super::parse_client_ip;

    #[test]
    fn every_form_seen_in_audit_logs_is_parsed() {
        let forms = [
            ("203.0.113.7", Some("203.0.113.7")),
            ("203.0.113.7:63070", Some("203.0.113.7")),
            ("[203.0.113.7]:443", Some("203.0.113.7")),
            ("[203.0.113.7]", Some("203.0.113.7")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8:f100:9001::1761:914f]:52903", Some("2001:db8:f100:9001::1761:914f")),
            ("::ffff:10.0.0.1", Some("10.0.0.1")),
            ("[::ffff:10.0.0.1]:25", Some("10.0.0.1")),
            ("fe80::1%4", Some("fe80::1")),
            (" 203.0.113.7 ", Some("203.0.113.7")),
            ("2001:db8::1:52378", Some("2001:db8::1")),
            ("2001:db8::1:99999", None),
            ("localhost:12345", None),
            ("mail.contoso.com", None),
            ("", None),
            ("[", None),
            ("]:1", None),
        ];
        for (text, expected) in forms {
            assert_eq!(parse_client_ip(text), expected.map(|address| address.parse().unwrap()), "{text:?}");
        }
    }
}
