//! The addresses that attackers used, and a search for them in records.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use aho_corasick::AhoCorasick;
use audit_log::AuditRecord;
use base::ids::{RecordId, TenantId};
use chrono::{DateTime, Utc};

/// The facts about one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownAddress {
    /// When an investigation last attributed it.
    pub seen: DateTime<Utc>,
    /// The threat of that investigation.
    pub log_id: RecordId,
    /// The accounts of the incidents from which it is known, lower case.
    pub accounts: BTreeSet<(TenantId, String)>,
}

/// The addresses of attackers, with a search that finds them in bytes.
#[derive(Debug, Default)]
pub struct KnownAttackers {
    by_address: BTreeMap<IpAddr, KnownAddress>,
    search: Option<AhoCorasick>,
    parse: Option<ParseAddress>,
}

/// Reads the address of a client in the forms in which records have it.
type ParseAddress = fn(&str) -> Option<IpAddr>;

impl KnownAttackers {
    /// Prepares the search for these addresses; `parse` reads the address of a record.
    pub fn new(by_address: BTreeMap<IpAddr, KnownAddress>, parse: ParseAddress) -> Self {
        let forms: Vec<String> = by_address.keys().flat_map(|address| forms(*address)).collect();
        let search = AhoCorasick::builder().ascii_case_insensitive(true).build(&forms).ok();
        Self { search: search.filter(|_| !by_address.is_empty()), by_address, parse: Some(parse) }
    }

    /// Returns the addresses.
    pub fn addresses(&self) -> &BTreeMap<IpAddr, KnownAddress> {
        &self.by_address
    }

    /// Returns whether nothing is searched for.
    pub fn is_empty(&self) -> bool {
        self.search.is_none()
    }

    /// Returns the attacker's address that a record comes from, and what is known of it.
    pub(super) fn of(&self, record: &AuditRecord) -> Option<(IpAddr, &KnownAddress)> {
        let address = self.parse?(record.client_ip.as_deref()?)?.to_canonical();
        Some((address, self.by_address.get(&address)?))
    }

    /// Returns whether the bytes of a record contain one of the addresses, perhaps as a part of another one.
    pub fn may_be_in(&self, record: &[u8]) -> bool {
        self.search.as_ref().is_some_and(|search| search.is_match(record))
    }
}

/// Returns how an address is written: as usual, and IPv6 also with all its groups.
fn forms(address: IpAddr) -> Vec<String> {
    match address {
        IpAddr::V4(_) => vec![address.to_string()],
        IpAddr::V6(v6) => {
            let groups = v6.segments().map(|group| format!("{group:x}"));
            vec![address.to_string(), groups.join(":")]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_found_in_every_form_they_are_written_in() {
        let known = KnownAddress {
            seen: DateTime::UNIX_EPOCH,
            log_id: RecordId::new(uuid::Uuid::nil()),
            accounts: BTreeSet::new(),
        };
        let addresses = ["203.0.113.5", "2001:db8::1"].map(|text| (text.parse().unwrap(), known.clone()));
        let attackers = KnownAttackers::new(addresses.into(), |text| text.parse().ok());
        for text in ["203.0.113.5:443", "::ffff:203.0.113.5", "2001:DB8::1", "2001:db8:0:0:0:0:0:1"] {
            assert!(attackers.may_be_in(format!("{{\"ClientIP\":\"{text}\"}}").as_bytes()), "{text}");
        }
        assert!(!attackers.may_be_in(b"{\"ClientIP\":\"198.51.100.7\"}"));
        assert!(KnownAttackers::default().is_empty() && !KnownAttackers::default().may_be_in(b"203.0.113.5"));
    }
}
