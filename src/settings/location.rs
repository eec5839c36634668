//! Where the place of an IP address is looked up.

use std::path::PathBuf;

use secrecy::SecretString;

use super::source::Source;

/// The offline database wins when both are set.
#[derive(Debug, Clone, Default)]
pub struct LocationSettings {
    /// `GEOIP_DATABASE`: a city database, `.mmdb`.
    pub database: Option<PathBuf>,
    /// `IPSTACK_API_KEY`
    pub ipstack_key: Option<SecretString>,
}

impl LocationSettings {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let database = source.text("GEOIP_DATABASE").map(PathBuf::from);
        if database.as_ref().is_some_and(|path| !path.is_file()) {
            source.refuse("GEOIP_DATABASE", "must be the path of an .mmdb file, and there is none");
        }
        Self { database, ipstack_key: source.text("IPSTACK_API_KEY").map(|key| key.to_owned().into()) }
    }
}
