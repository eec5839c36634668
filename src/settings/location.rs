//! Settings of the look-up of IP addresses.

use std::path::PathBuf;

use secrecy::SecretString;

use super::source::Source;

/// The source of locations. If both are set, the database is used.
#[derive(Debug, Clone, Default)]
pub struct LocationSettings {
    /// `GEOIP_DATABASE`: a city database, `.mmdb`.
    pub database: Option<PathBuf>,
    /// `IPSTACK_API_KEY`: the key of the online look-up.
    pub ipstack_key: Option<SecretString>,
}

impl LocationSettings {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let database = source.text("GEOIP_DATABASE").map(PathBuf::from);
        if database.as_ref().is_some_and(|path| !path.is_file()) {
            source.reject("GEOIP_DATABASE", "must be the path of an .mmdb file; no file exists at this path");
        }
        Self { database, ipstack_key: source.text("IPSTACK_API_KEY").map(|key| key.to_owned().into()) }
    }
}
