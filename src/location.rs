//! Where an IP address is: an offline database, or ipstack over https. A look-up never fails and never takes long; it says
//! in the original's words when it found nothing.

mod client_ip;
mod ipstack;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use maxminddb::{Reader, geoip2};
use url::Url;

use crate::settings::LocationSettings;

pub use client_ip::parse_client_ip;
use ipstack::Ipstack;

/// How long an online look-up may hold up a notification.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many places are remembered.
const REMEMBERED: usize = 10_000;

/// What stands where the database or the service does not know the address.
const UNKNOWN: &str = "Unable to determine the location, issues with determining IP address type";

/// Looks addresses up and remembers them.
pub struct Locator {
    way: Way,
    known: Mutex<HashMap<IpAddr, String>>,
}

enum Way {
    Nowhere,
    Database(Box<Reader<Vec<u8>>>),
    Online(Ipstack),
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let way = match self.way {
            Way::Nowhere => "nowhere",
            Way::Database(_) => "database",
            Way::Online(_) => "ipstack",
        };
        f.debug_struct("Locator").field("way", &way).finish_non_exhaustive()
    }
}

impl Locator {
    /// Opens the database, if one is set.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn new(settings: &LocationSettings, http: reqwest::Client) -> Result<Self, String> {
        let base = Url::parse("https://api.ipstack.com/").map_err(|error| error.to_string())?;
        Self::with_service(settings, http, base)
    }

    /// As [`Locator::new`], with another address for the online service.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn with_service(settings: &LocationSettings, http: reqwest::Client, service: Url) -> Result<Self, String> {
        let way = match (&settings.database, &settings.ipstack_key) {
            (Some(path), _) => Way::Database(Box::new(Reader::open_readfile(path).map_err(|error| error.to_string())?)),
            (None, Some(key)) => Way::Online(Ipstack::new(http, service, key.clone())),
            (None, None) => Way::Nowhere,
        };
        Ok(Self { way, known: Mutex::default() })
    }

    /// `city, region, country`, or one of the original's failure texts, within 2 s. Private addresses are never sent anywhere.
    /// Empty without an address or without any way to look it up.
    pub async fn locate(&self, address: Option<IpAddr>) -> String {
        let Some(address) = address.map(|address| address.to_canonical()) else {
            return String::new();
        };
        if matches!(self.way, Way::Nowhere) || !is_public(address) {
            return String::new();
        }
        if let Some(place) = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&address) {
            return place.clone();
        }
        let (place, keep) = self.look_up(address).await;
        if keep {
            self.remember(address, &place);
        }
        place
    }

    /// The place, and whether it is worth remembering: a failure may pass.
    async fn look_up(&self, address: IpAddr) -> (String, bool) {
        match &self.way {
            Way::Nowhere => (String::new(), false),
            Way::Database(reader) => (in_database(reader, address).unwrap_or_else(|| UNKNOWN.to_owned()), true),
            Way::Online(ipstack) => match tokio::time::timeout(PATIENCE, ipstack.look_up(address)).await {
                Ok(Ok(place)) => (place, true),
                Ok(Err(failure)) => (failure.to_string(), false),
                Err(_) => (ipstack::Failure::Status.to_string(), false),
            },
        }
    }

    fn remember(&self, address: IpAddr, place: &str) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(address, place.to_owned());
    }
}

fn in_database(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<String> {
    let found: geoip2::City<'_> = reader.lookup(address).ok()?.decode().ok()??;
    let region = found.subdivisions.first().and_then(|region| region.names.english);
    Some(place(found.city.names.english, region, found.country.names.english)).filter(|place| !place.is_empty())
}

/// As the original wrote it; what is not known is left out.
fn place(city: Option<&str>, region: Option<&str>, country: Option<&str>) -> String {
    [city, region, country].into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}

/// Whether the address belongs to somebody on the internet, so that asking others about it tells them nothing of a network.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, ..] = v4.octets();
            let is_shared = a == 100 && (64..128).contains(&b);
            !(v4.is_private()
                || v4.is_loopback()
                || v4.is_link_local()
                || v4.is_unspecified()
                || v4.is_broadcast()
                || v4.is_documentation()
                || v4.is_multicast()
                || is_shared)
        }
        IpAddr::V6(v6) => {
            !(v6.is_loopback()
                || v6.is_unspecified()
                || v6.is_unique_local()
                || v6.is_unicast_link_local()
                || v6.is_multicast())
        }
    }
}
