//! Names the URLs of the services.

use crate::requests::Service;

/// The path and query of a trigger, without id and signature.
const TRIGGER: (&str, &str) = (
    "/powerautomate/automations/direct/workflows/",
    "/triggers/manual/paths/invoke?api-version=1&sp=%2Ftriggers%2Fmanual%2Frun&sv=1.0&sig=",
);

/// The URL of each service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Urls {
    /// Entra sign-in.
    pub authority: String,
    /// Office 365 Management Activity API.
    pub management: String,
    /// Microsoft Graph.
    pub graph: String,
    /// Exchange Online admin API.
    pub exchange: String,
    /// The trigger of the Power Automate flow, signature included.
    pub flow: String,
    /// The Teams webhook, signature included.
    pub teams: String,
    /// The receiver of signed webhooks.
    pub webhook: String,
    /// Slack's incoming webhook, secret path included.
    pub slack: String,
    /// ipstack.
    pub ipstack: String,
    /// The endpoint where managed identities get their tokens; plain http, as on the platform.
    pub identity: String,
}

impl Urls {
    /// Starts every service with `serve`, which returns the origin of a service.
    pub(super) fn new(mut serve: impl FnMut(Service) -> std::io::Result<String>) -> std::io::Result<Self> {
        let trigger = |origin: String, id: &str, signature: &str| {
            let (path, query) = TRIGGER;
            format!("{origin}{path}{id}{query}{signature}")
        };
        Ok(Self {
            authority: serve(Service::Entra)?,
            management: serve(Service::Activity)?,
            graph: serve(Service::Graph)?,
            exchange: serve(Service::Exchange)?,
            flow: trigger(
                serve(Service::Flow)?,
                "0123456789abcdef0123456789abcdef",
                "c2ltdWxhdGVkLWZsb3ctc2lnbmF0dXJl",
            ),
            teams: trigger(
                serve(Service::Teams)?,
                "fedcba9876543210fedcba9876543210",
                "c2ltdWxhdGVkLXRlYW1zLXNpZ25hdHVyZQ",
            ),
            webhook: format!("{}/hooks/tenantwatch?key=c2ltdWxhdGVk", serve(Service::Webhook)?),
            slack: format!("{}/services/T0SIM/B0SIM/c2ltdWxhdGVkLXNsYWNr", serve(Service::Slack)?),
            ipstack: serve(Service::Ipstack)?,
            identity: format!("{}/msi/token", serve(Service::Identity)?),
        })
    }
}
