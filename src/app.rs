//! Builds the parts that every function needs, once per process.

use std::sync::Arc;

use crate::facts::{AttackerCache, FactCache};
use crate::location::{Databases, Locator};
use crate::notify::heartbeat::Heartbeat;
use crate::notify::outbox::Outbox;
use crate::notify::seal::Seals;
use crate::notify::{Notifier, NotifierClients};
use crate::settings::Settings;
use base::clock::{Clock, Deadline};
use m365::exchange::Exchange;
use m365::graph::Graph;
use m365::management_activity::ManagementActivity;
use m365::tokens::Tokens;
use table_store::Store;

/// The services, store, clock and settings that functions work with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct App {
    /// Everything that was set.
    pub settings: Arc<Settings>,
    /// The clock.
    pub clock: Arc<dyn Clock>,
    /// The store that contains all rows.
    pub store: Arc<dyn Store>,
    /// Tokens for every tenant.
    pub tokens: Arc<Tokens>,
    /// Audit content.
    pub activity: ManagementActivity,
    /// Users and directories.
    pub graph: Graph,
    /// Mailboxes.
    pub exchange: Exchange,
    /// The channels.
    pub notifier: Arc<Notifier>,
    /// The marks of what Tenantwatch itself has stored.
    pub seals: Seals,
    /// The external monitor that is called after every cycle.
    pub heartbeat: Arc<Heartbeat>,
    /// The look-up of the place of an IP address.
    pub locator: Arc<Locator>,
    /// The facts about tenants that are cached for an hour.
    pub facts: Arc<FactCache>,
    /// The addresses of attackers, read at most once in five minutes.
    pub attackers: Arc<AttackerCache>,
}

/// Why the parts could not be put together.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// No HTTP client.
    #[error(transparent)]
    Http(#[from] base::http::HttpClientError),
    /// The credential cannot be used.
    #[error(transparent)]
    Token(#[from] m365::TokenError),
    /// The location database cannot be read.
    #[error("GEOIP_DATABASE: {0}")]
    Location(String),
}

impl App {
    /// Puts the parts together. Nothing is connected to yet.
    ///
    /// # Errors
    /// When a file that a setting names cannot be used.
    pub fn new(settings: Settings, store: Arc<dyn Store>, clock: Arc<dyn Clock>) -> Result<Self, AppError> {
        let http = base::http::client(settings.root_certificates.as_deref())?;
        let tokens = Arc::new(Tokens::new(&settings.partner, &settings.hosts, http.clone(), clock.clone())?);
        let partner = settings.partner.tenant_id;
        let graph = Graph::new(&settings.hosts, partner, http.clone(), tokens.clone(), clock.clone());
        let exchange = Exchange::new(&settings.hosts, http.clone(), tokens.clone(), clock.clone());
        let trust = settings.trust.clone();
        let seals = Seals::new(&settings.actions.key);
        let facts = Arc::new(FactCache::new(exchange.clone(), graph.clone(), trust, clock.clone()));
        Ok(Self {
            activity: ManagementActivity::new(&settings.hosts, partner, http.clone(), tokens.clone(), clock.clone()),
            notifier: Arc::new(
                Notifier::new(
                    &settings.channels,
                    &settings.hosts,
                    &settings.partner,
                    settings.actions.clone(),
                    seals.clone(),
                    NotifierClients::new(&settings, http.clone(), graph.clone())?,
                    clock.clone(),
                )
                .with_networks(networks(&settings)),
            ),
            seals,
            heartbeat: Arc::new(Heartbeat::new(&settings.heartbeat, http.clone())),
            locator: Arc::new(Locator::new(&settings.location, http).map_err(AppError::Location)?),
            attackers: Arc::new(AttackerCache::new(&settings, clock.clone())),
            graph,
            exchange,
            facts,
            settings: Arc::new(settings),
            clock,
            store,
            tokens,
        })
    }

    /// The outbox of one run.
    pub fn outbox<'a>(&'a self, deadline: &'a Deadline) -> Outbox<'a> {
        let partner = self.settings.partner.tenant_id;
        Outbox::new(self.store.as_ref(), self.clock.clone(), &self.notifier, &self.facts, partner, deadline)
    }
}

/// Opens the database of network owners. Without it notifications are sent anyway.
fn networks(settings: &Settings) -> Databases {
    let networks = Databases::open(None, settings.investigation.networks.as_deref());
    networks.inspect_err(|error| tracing::warn!("ASN_DATABASE cannot be read: {error}")).unwrap_or_default()
}
