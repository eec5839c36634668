//! Runs the services, each on a port of its own, and gives tests access to their state.

mod azure_cli;
mod serve;
mod shared;
mod urls;

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, MutexGuard};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::channels::ReceivedWebhook;
use crate::faults::Fault;
use crate::requests::{Request, Service};
use crate::steps::Steps;
use crate::tls::Authority;
use crate::trouble::Trouble;
use crate::world::World;

pub use shared::Accepted;
use shared::{Shared, Time, locked};
pub use urls::Urls;

/// The key that signs the action tokens of the simulated provider: base64 of 32 bytes.
const ACTION_KEY: &str = "c2ltdWxhdGVkLWFjdGlvbi1rZXktMzItYnl0ZXMtbG9uZyE=";

/// The secret that signs the webhook of [`Simulator::further_channels`].
const WEBHOOK_SECRET: &str = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD";

/// The running services and their state.
pub struct Simulator {
    shared: Arc<Shared>,
    urls: Urls,
    authority: Authority,
    servers: Vec<tokio::task::JoinHandle<()>>,
}

impl std::fmt::Debug for Simulator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Simulator").field("urls", &self.urls.management).finish_non_exhaustive()
    }
}

impl Simulator {
    /// Serves a world.
    ///
    /// # Errors
    /// Returns an error if a port or a certificate cannot be obtained.
    pub async fn start(world: World) -> std::io::Result<Self> {
        let authority = Authority::new()?;
        let shared = Arc::new(Shared::new(world));
        let mut servers = Vec::new();
        let urls = Urls::new(|service| serve::serve(service, &shared, &authority, &mut servers))?;
        Ok(Self { shared, urls, authority, servers })
    }

    /// Returns every setting that the product needs to use this simulator.
    pub fn environment(&self) -> Vec<(String, String)> {
        let world = self.world();
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        vec![
            text("PARTNER_TENANT_ID", &world.partner_tenant.to_string()),
            text("CLIENT_ID", &world.client_id.to_string()),
            text("CLIENT_SECRET", &world.client_secret),
            text("ONBOARD_CLIENT_ID", &world.technician.client_id.to_string()),
            text("AZURE_AUTHORITY_HOST", &self.urls.authority),
            text("MANAGEMENT_API_URL", &self.urls.management),
            text("GRAPH_URL", &self.urls.graph),
            text("EXCHANGE_URL", &self.urls.exchange),
            text("FLOW_URL", &self.urls.flow),
            text("TEAMS_WEBHOOK_URL", &self.urls.teams),
            text("ACTION_KEY", ACTION_KEY),
            text("SSL_CERT_FILE", &self.ca_path().to_string_lossy()),
        ]
    }

    /// Returns the settings of the channels that [`Self::environment`] leaves out: webhook, Slack and mail.
    pub fn further_channels(&self) -> Vec<(String, String)> {
        let sender = self.world().mail_sender.clone();
        [
            ("WEBHOOK_URL", self.urls.webhook.as_str()),
            ("WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("WEBHOOK_ALLOW_PRIVATE", "true"),
            ("SLACK_WEBHOOK_URL", self.urls.slack.as_str()),
            ("MAIL_FROM", sender.as_str()),
            ("MAIL_TO", "desk@provider.example"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
    }

    /// Returns the URLs of the services.
    pub fn urls(&self) -> &Urls {
        &self.urls
    }

    /// Returns the file with the certificate authority, PEM.
    pub fn ca_path(&self) -> PathBuf {
        self.authority.path()
    }

    /// Returns a folder with a stand-in of the Azure CLI, for `PATH`. It needs `sh` and `curl`.
    ///
    /// # Errors
    /// Returns an error if the folder cannot be written.
    pub fn azure_cli(&self) -> std::io::Result<PathBuf> {
        let folder = self.authority.path().with_file_name("az");
        azure_cli::write(&folder, &self.shared.origin_of(Service::Identity))?;
        Ok(folder)
    }

    /// Returns the state, to read or change. The guard must not be held across an await.
    pub fn world(&self) -> MutexGuard<'_, World> {
        locked(&self.shared.world)
    }

    /// Stops the clock at this time.
    pub fn set_now(&self, now: DateTime<Utc>) {
        *locked(&self.shared.time) = Time::Still(now);
    }

    /// Replaces the clock by `now`.
    pub fn run_clock(&self, now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) {
        *locked(&self.shared.time) = Time::Running(Box::new(now));
    }

    /// Returns the simulator's time, which is the system's until it is set.
    pub fn now(&self) -> DateTime<Utc> {
        self.shared.now()
    }

    /// Makes the `Date` header of one service wrong by `error`. Everything else keeps the right time.
    pub fn set_date_error(&self, service: Service, error: TimeDelta) {
        locked(&self.shared.date_errors).insert(service, error);
    }

    /// Returns every request so far.
    pub fn requests(&self) -> Vec<Request> {
        locked(&self.shared.requests).clone()
    }

    /// Returns the number of requests that fit.
    pub fn count(&self, fits: impl Fn(&Request) -> bool) -> usize {
        locked(&self.shared.requests).iter().filter(|request| fits(request)).count()
    }

    /// Returns the number of requests that hang now because of a fault, with a client that still waits.
    pub fn hanging(&self) -> usize {
        self.shared.hanging.load(Ordering::SeqCst)
    }

    /// Returns the number of TLS connections, whatever was requested over each.
    pub fn handshakes(&self) -> usize {
        self.shared.handshakes.load(Ordering::Relaxed)
    }

    /// Clears the log of requests and the number of connections.
    pub fn forget_requests(&self) {
        locked(&self.shared.requests).clear();
        self.shared.handshakes.store(0, Ordering::Relaxed);
    }

    /// Makes requests fail. The first fault that fits a request is used.
    pub fn inject(&self, fault: Fault) {
        locked(&self.shared.faults).push(fault);
    }

    /// Removes all faults. A request that is left without a response already never gets one.
    pub fn clear_faults(&self) {
        locked(&self.shared.faults).clear();
    }

    /// Makes every token invalid that was issued so far: the services answer 401.
    pub fn revoke_tokens(&self) {
        locked(&self.shared.tokens).revoke_all();
    }

    /// Takes the rights from every token that was issued so far, for one tenant or for all: the services answer 403.
    ///
    /// A new token carries the rights that the app holds. This is how a role behaves that was granted after the token.
    pub fn make_tokens_stale(&self, tenant: Option<Uuid>) {
        locked(&self.shared.tokens).make_stale(tenant);
    }

    /// Lets requests fail at random, or not any more. Injected faults take precedence.
    pub fn set_trouble(&self, trouble: Option<Trouble>) {
        *locked(&self.shared.trouble) = trouble;
    }

    /// Returns the counter of requests, which can hold one of them.
    pub fn steps(&self) -> Arc<Steps> {
        Arc::clone(&self.shared.steps)
    }

    /// Returns the notifications that both channels accepted, in order, and whether the sender learned of it.
    pub fn accepted(&self) -> Vec<Accepted> {
        locked(&self.shared.accepted).clone()
    }

    /// Returns the bodies that the flow accepted, in order.
    pub fn notifications(&self) -> Vec<Value> {
        locked(&self.shared.notifications).clone()
    }

    /// Returns the header `x-ms-client-tracking-id` of each notification that the flow accepted, in order.
    pub fn tracking_ids(&self) -> Vec<String> {
        locked(&self.shared.tracking_ids).clone()
    }

    /// Returns the webhooks that the receiver accepted, in order.
    pub fn webhooks(&self) -> Vec<ReceivedWebhook> {
        locked(&self.shared.webhooks).clone()
    }

    /// Returns the messages that Slack accepted, in order.
    pub fn slack_messages(&self) -> Vec<Value> {
        locked(&self.shared.slack).clone()
    }

    /// Returns the bodies that the Teams webhook accepted, in order.
    pub fn teams_messages(&self) -> Vec<Value> {
        locked(&self.shared.teams).clone()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        for server in &self.servers {
            server.abort();
        }
    }
}

#[cfg(test)]
mod tests;
