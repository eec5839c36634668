//! The Microsoft clouds and the hosts of their services.

use url::Url;

/// A Microsoft cloud.
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

/// The hosts of the services, without a trailing slash in their path. Each is also the audience of its token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hosts {
    /// The cloud of the hosts.
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

impl Cloud {
    /// Returns the authority, management, Graph and Exchange hosts. Source of the first four rows of management hosts: the
    /// Management Activity API reference; of the others: the national cloud pages of each service.
    pub fn hosts(self) -> [&'static str; 4] {
        const WORLD: &str = "https://login.microsoftonline.com";
        const US: &str = "https://login.microsoftonline.us";
        match self {
            Self::Worldwide => {
                [WORLD, "https://manage.office.com", "https://graph.microsoft.com", "https://outlook.office365.com"]
            }
            Self::Gcc => {
                [WORLD, "https://manage-gcc.office.com", "https://graph.microsoft.com", "https://outlook.office365.com"]
            }
            Self::GccHigh => {
                [US, "https://manage.office365.us", "https://graph.microsoft.us", "https://outlook.office365.us"]
            }
            Self::Dod => [
                US,
                "https://manage.protection.apps.mil",
                "https://dod-graph.microsoft.us",
                "https://outlook-dod.office365.us",
            ],
            Self::China => [
                "https://login.partner.microsoftonline.cn",
                "https://manage.office365.cn",
                "https://microsoftgraph.chinacloudapi.cn",
                "https://partner.outlook.cn",
            ],
        }
    }
}
