//! Which Microsoft cloud. It chooses every host; each can be overridden, https only.

use url::Url;

/// `CLOUD`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Cloud {
    /// `worldwide`
    #[default]
    Worldwide,
    /// `gcc`
    Gcc,
    /// `gcchigh`
    GccHigh,
    /// `dod`
    Dod,
    /// `china`
    China,
}

/// The hosts of the services, without a trailing slash in their path. Also the audience of the token for each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// The cloud they belong to.
    pub cloud: Cloud,
    /// `AZURE_AUTHORITY_HOST`: Entra sign-in.
    pub authority: Url,
    /// `MANAGEMENT_API_URL`: Office 365 Management Activity API.
    pub management: Url,
    /// `GRAPH_URL`: Microsoft Graph.
    pub graph: Url,
    /// `EXCHANGE_URL`: the Exchange Online admin API.
    pub exchange: Url,
}
