//! Settings of the Microsoft cloud: it chooses the hosts of Entra, Graph, Exchange and the audit feed, and the domain of
//! storage accounts. Each host can be overridden by an https address.

use url::Url;

use super::source::Source;

/// The Microsoft cloud, `CLOUD`.
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

impl Cloud {
    fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "worldwide" => Self::Worldwide,
            "gcc" => Self::Gcc,
            "gcchigh" => Self::GccHigh,
            "dod" => Self::Dod,
            "china" => Self::China,
            _ => return None,
        })
    }

    /// Returns the authority, management, Graph and Exchange hosts.
    ///
    /// Source of the first four rows of management hosts: the
    /// Management Activity API reference; of the others: the national cloud pages of each service.
    fn hosts(self) -> [&'static str; 4] {
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

impl Cloud {
    /// Returns the domain of storage accounts:
    /// <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure> and
    /// <https://learn.microsoft.com/azure/china/resources-developer-guide>.
    pub(super) fn storage_suffix(self) -> &'static str {
        match self {
            Self::Worldwide | Self::Gcc => "core.windows.net",
            Self::GccHigh | Self::Dod => "core.usgovcloudapi.net",
            Self::China => "core.chinacloudapi.cn",
        }
    }
}

impl Hosts {
    pub(super) fn from_source(source: &mut Source) -> Option<Self> {
        let cloud = source.parsed("CLOUD", "worldwide, gcc, gcchigh, dod or china", Cloud::parse).unwrap_or_default();
        let [authority, management, graph, exchange] = cloud.hosts();
        let authority = host(source, "AZURE_AUTHORITY_HOST", authority);
        let management = host(source, "MANAGEMENT_API_URL", management);
        let graph = host(source, "GRAPH_URL", graph);
        let exchange = host(source, "EXCHANGE_URL", exchange);
        Some(Self { cloud, authority: authority?, management: management?, graph: graph?, exchange: exchange? })
    }
}

/// Returns the override of one host, or the cloud's own host.
fn host(source: &mut Source, name: &str, default: &str) -> Option<Url> {
    let text = source.text(name).unwrap_or(default).to_owned();
    let url = Url::parse(&text).ok().filter(|url| {
        url.scheme() == "https"
            && url.host().is_some()
            && url.path() == "/"
            && url.query().is_none()
            && url.username().is_empty()
    });
    if url.is_none() {
        source.reject(name, "must be an https address of a host, without a path");
    }
    url
}
