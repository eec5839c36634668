//! A database created in the test, with what is known of one IPv4 address.
//! The format: <https://maxmind.github.io/MaxMind-DB/>.

use std::net::Ipv4Addr;

/// Returns the bytes of a database that contains only `address`.
pub fn of(address: Ipv4Addr, city: &str, region: &str, country: &str) -> Vec<u8> {
    let names = |name: &str| map(&[("names", map(&[("en", text(name))]))]);
    let place = map(&[("city", names(city)), ("country", names(country)), ("subdivisions", list(&[names(region)]))]);
    database(address, place)
}

/// Returns the bytes of a database of autonomous systems that contains only `address`.
pub fn asn_of(address: Ipv4Addr, as_number: u32, organization: &str) -> Vec<u8> {
    let names =
        [("autonomous_system_number", number(6, as_number)), ("autonomous_system_organization", text(organization))];
    database(address, map(&names))
}

fn database(address: Ipv4Addr, content: Vec<u8>) -> Vec<u8> {
    let mut database = tree(u32::from(address));
    database.extend([0; 16]);
    database.extend(content);
    database.extend(b"\xab\xcd\xefMaxMind.com");
    database.extend(map(&[
        ("binary_format_major_version", number(5, 2)),
        ("binary_format_minor_version", number(5, 0)),
        ("build_epoch", number(9, 1)),
        ("database_type", text("Test-City")),
        ("description", map(&[("en", text("one address"))])),
        ("ip_version", number(5, 4)),
        ("languages", list(&[text("en")])),
        ("node_count", number(6, NODES)),
        ("record_size", number(5, 24)),
    ]));
    database
}

/// One node for each bit of the address.
const NODES: u32 = 32;

/// Builds the search tree: only the bits of the address lead to the data.
fn tree(address: u32) -> Vec<u8> {
    // The 16 zero bytes between the tree and the data are counted.
    let data = NODES + 16;
    (0..NODES)
        .flat_map(|bit| {
            let next = if bit + 1 == NODES { data } else { bit + 1 };
            let is_set = address >> (31 - bit) & 1 == 1;
            let (left, right) = if is_set { (NODES, next) } else { (next, NODES) };
            [&left.to_be_bytes()[1..], &right.to_be_bytes()[1..]].concat()
        })
        .collect()
}

/// Builds the control byte of a field; types above 7 are in a second byte, and so are sizes above 28.
fn control(kind: u8, size: usize) -> Vec<u8> {
    let long = size.checked_sub(29).map(|rest| u8::try_from(rest).unwrap());
    let size = long.map_or_else(|| u8::try_from(size).unwrap(), |_| 29);
    let mut bytes = if kind <= 7 { vec![kind << 5 | size] } else { vec![size, kind - 7] };
    bytes.extend(long);
    bytes
}

fn text(text: &str) -> Vec<u8> {
    [control(2, text.len()), text.as_bytes().to_vec()].concat()
}

fn number(kind: u8, number: u32) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let from = bytes.iter().position(|byte| *byte != 0).unwrap_or(bytes.len());
    [control(kind, bytes.len() - from), bytes[from..].to_vec()].concat()
}

fn map(members: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let inside = members.iter().flat_map(|(name, value)| [text(name), value.clone()].concat());
    control(7, members.len()).into_iter().chain(inside).collect()
}

fn list(items: &[Vec<u8>]) -> Vec<u8> {
    [control(11, items.len()), items.concat()].concat()
}
