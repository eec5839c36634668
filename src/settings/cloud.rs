//! Settings of the Microsoft cloud and of the hosts of its services. Each host can be overridden by an https address.

use m365::{Cloud, Hosts};
use url::Url;

use super::source::Source;

fn parse_cloud(text: &str) -> Option<Cloud> {
    Some(match text.to_ascii_lowercase().as_str() {
        "worldwide" => Cloud::Worldwide,
        "gcc" => Cloud::Gcc,
        "gcchigh" => Cloud::GccHigh,
        "dod" => Cloud::Dod,
        "china" => Cloud::China,
        _ => return None,
    })
}

/// Returns the domain of storage accounts:
/// <https://learn.microsoft.com/azure/azure-government/compare-azure-government-global-azure> and
/// <https://learn.microsoft.com/azure/china/resources-developer-guide>.
pub(super) fn storage_suffix(cloud: Cloud) -> &'static str {
    match cloud {
        Cloud::Worldwide | Cloud::Gcc => "core.windows.net",
        Cloud::GccHigh | Cloud::Dod => "core.usgovcloudapi.net",
        Cloud::China => "core.chinacloudapi.cn",
    }
}

/// Reads the cloud.
pub(super) fn cloud(source: &mut Source) -> Cloud {
    source.parsed("CLOUD", "worldwide, gcc, gcchigh, dod or china", parse_cloud).unwrap_or_default()
}

/// Reads the cloud and the hosts of its services.
pub(super) fn hosts(source: &mut Source) -> Option<Hosts> {
    let cloud = cloud(source);
    let [authority, management, graph, exchange] = cloud.hosts();
    let authority = host(source, "AZURE_AUTHORITY_HOST", authority);
    let management = host(source, "MANAGEMENT_API_URL", management);
    let graph = host(source, "GRAPH_URL", graph);
    let exchange = host(source, "EXCHANGE_URL", exchange);
    Some(Hosts { cloud, authority: authority?, management: management?, graph: graph?, exchange: exchange? })
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
