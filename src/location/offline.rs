//! Looks up places and network owners in offline databases only, for reports.

use std::net::IpAddr;
use std::path::Path;

use maxminddb::{Reader, geoip2};

use super::in_database;

/// Databases in the format `.mmdb`; each may be missing.
#[derive(Default)]
pub struct Databases {
    city: Option<Reader<Vec<u8>>>,
    asn: Option<Reader<Vec<u8>>>,
}

impl std::fmt::Debug for Databases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (city, asn) = (self.city.is_some(), self.asn.is_some());
        f.debug_struct("Databases").field("city", &city).field("asn", &asn).finish_non_exhaustive()
    }
}

impl Databases {
    /// Opens a database of cities and one of autonomous systems.
    ///
    /// # Errors
    /// Returns which database cannot be read, and why.
    pub fn open(city: Option<&Path>, asn: Option<&Path>) -> Result<Self, String> {
        let open = |path: &Path| Reader::open_readfile(path).map_err(|error| format!("{}: {error}", path.display()));
        Ok(Self { city: city.map(open).transpose()?, asn: asn.map(open).transpose()? })
    }

    /// Returns `city, region, country`; empty where it is not known.
    pub fn place(&self, address: IpAddr) -> String {
        self.city.as_ref().and_then(|reader| in_database(reader, address)).unwrap_or_default()
    }

    /// Returns the owner of the network, such as `AS64500 Example Hosting`; empty where it is not known.
    pub fn network(&self, address: IpAddr) -> String {
        self.asn.as_ref().and_then(|reader| owner(reader, address)).unwrap_or_default()
    }
}

fn owner(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<String> {
    let found: geoip2::Asn<'_> = reader.lookup(address).ok()?.decode().ok()??;
    let number = found.autonomous_system_number.map(|number| format!("AS{number}"));
    let parts: Vec<String> =
        number.into_iter().chain(found.autonomous_system_organization.map(str::to_owned)).collect();
    Some(parts.join(" ")).filter(|text| !text.is_empty())
}
