//! Where the place of an IP address is looked up.

use std::path::PathBuf;

use secrecy::SecretString;

/// The offline database wins when both are set.
#[derive(Debug, Clone, Default)]
pub struct LocationSettings {
    /// `GEOIP_DATABASE`: a city database, `.mmdb`.
    pub database: Option<PathBuf>,
    /// `IPSTACK_API_KEY`
    pub ipstack_key: Option<SecretString>,
}
