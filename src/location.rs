//! Looks up the location of an IP address in an offline database, or with ipstack over https. A look-up never fails and never
//! takes long. If it finds nothing, it returns one of the failure texts of the original runbooks.

mod client_ip;
mod ipstack;
mod offline;

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use maxminddb::{Reader, geoip2};
use parking_lot::Mutex;
use url::Url;

use crate::settings::LocationSettings;

pub use client_ip::parse_client_ip;
use ipstack::Ipstack;
pub use offline::Databases;

/// The timeout of an online look-up, which delays a notification.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(2);

/// The number of cached locations.
const MAX_CACHED_LOCATIONS: usize = 10_000;

/// The text for an address that the database or the service does not know.
const UNKNOWN: &str = "Unable to determine the location, issues with determining IP address type";

/// Looks up addresses and caches the locations.
pub struct Locator {
    source: Source,
    cache: Mutex<HashMap<IpAddr, String>>,
}

enum Source {
    None,
    Database(Box<Reader<Vec<u8>>>),
    Online(Ipstack),
}

impl fmt::Debug for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let source = match self.source {
            Source::None => "none",
            Source::Database(_) => "database",
            Source::Online(_) => "ipstack",
        };
        f.debug_struct("Locator").field("source", &source).finish_non_exhaustive()
    }
}

impl Locator {
    /// Opens the database if one is set.
    ///
    /// # Errors
    /// Returns why the database cannot be read.
    pub fn new(settings: &LocationSettings, http: reqwest::Client) -> Result<Self, String> {
        let base = Url::parse("https://api.ipstack.com/").map_err(|error| error.to_string())?;
        Self::with_service(settings, http, base)
    }

    /// As [`Locator::new`], with another URL of the online service.
    ///
    /// # Errors
    /// As [`Locator::new`].
    pub fn with_service(settings: &LocationSettings, http: reqwest::Client, service: Url) -> Result<Self, String> {
        let source = match (&settings.database, &settings.ipstack_key) {
            (Some(path), _) => {
                Source::Database(Box::new(Reader::open_readfile(path).map_err(|error| error.to_string())?))
            }
            (None, Some(key)) => Source::Online(Ipstack::new(http, service, key.clone())),
            (None, None) => Source::None,
        };
        Ok(Self { source, cache: Mutex::default() })
    }

    /// Returns `city, region, country`, or one of the original failure texts, within 2 s. Private addresses are never sent
    /// anywhere. Empty without an address, or if neither a database nor a service is set.
    pub async fn locate(&self, address: Option<IpAddr>) -> String {
        let Some(address) = address.map(|address| address.to_canonical()) else {
            return String::new();
        };
        // A query about an address that is not public would reveal something about an internal network.
        if matches!(self.source, Source::None) || !base::http::is_public(address) {
            return String::new();
        }
        if let Some(place) = self.cache.lock().get(&address) {
            return place.clone();
        }
        let (place, is_final) = self.look_up(address).await;
        if is_final {
            self.store(address, &place);
        }
        place
    }

    /// Returns the location, and whether it may be cached: a failure may be transient.
    async fn look_up(&self, address: IpAddr) -> (String, bool) {
        match &self.source {
            Source::None => (String::new(), false),
            Source::Database(reader) => (in_database(reader, address).unwrap_or_else(|| UNKNOWN.to_owned()), true),
            Source::Online(ipstack) => match tokio::time::timeout(LOOK_UP_TIMEOUT, ipstack.look_up(address)).await {
                Ok(Ok(place)) => (place, true),
                Ok(Err(failure)) => (failure.to_string(), false),
                Err(_) => (ipstack::Failure::Status.to_string(), false),
            },
        }
    }

    fn store(&self, address: IpAddr, place: &str) {
        let mut cache = self.cache.lock();
        if cache.len() >= MAX_CACHED_LOCATIONS {
            cache.clear();
        }
        cache.insert(address, place.to_owned());
    }
}

fn in_database(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<String> {
    let found: geoip2::City<'_> = reader.lookup(address).ok()?.decode().ok()??;
    let region = found.subdivisions.first().and_then(|region| region.names.english);
    Some(place(found.city.names.english, region, found.country.names.english)).filter(|place| !place.is_empty())
}

/// Joins the known parts as the original runbooks did.
fn place(city: Option<&str>, region: Option<&str>, country: Option<&str>) -> String {
    [city, region, country].into_iter().flatten().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(", ")
}
