//! Caches facts about a tenant: accepted domains, the organization's name, recipients and their targets. One cache, one look-up
//! logic and one circuit breaker per run serve everything that evaluates records.
//!
//! Rules and the state of a sign-in are read again in each run and never cached for a remediation request.

mod attackers;
mod breaker;
pub mod contacts;
mod run_facts;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;

use crate::detection::{AcceptedDomains, Answer, FindingKind, Knowledge, RecipientFacts};
use crate::settings::TrustSettings;
use crate::tables::CoverageRow;
pub use attackers::AttackerCache;
use base::clock::{Clock, Deadline};
use base::ids::{Domain, TenantId};
use m365::ServiceError;
use m365::exchange::Exchange;
use m365::graph::Graph;
pub use run_facts::{RunFacts, Turn, group_facts, recipient_facts};

/// The age up to which cached accepted domains, the organization's name and recipients are used.
const CACHE_LIFE: TimeDelta = TimeDelta::hours(1);

/// The time limit of one look-up.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// The facts of a tenant that change slowly.
#[derive(Debug, Clone)]
struct TenantFacts {
    at: DateTime<Utc>,
    accepted: AcceptedDomains,
    organization: String,
    recipients: HashMap<String, Answer<RecipientFacts>>,
}

/// Looks facts up and caches them for the process.
#[derive(Debug)]
pub struct FactCache {
    exchange: Exchange,
    graph: Graph,
    trust: TrustSettings,
    clock: Arc<dyn Clock>,
    tenants: Mutex<HashMap<TenantId, TenantFacts>>,
}

impl FactCache {
    /// An empty cache over these services.
    pub fn new(exchange: Exchange, graph: Graph, trust: TrustSettings, clock: Arc<dyn Clock>) -> Self {
        Self { exchange, graph, trust, clock, tenants: Mutex::default() }
    }

    /// The facts that every record of the tenant needs, from the cache or looked up.
    ///
    /// # Errors
    /// If neither Exchange nor Graph says now which domains are the tenant's own. Nothing is evaluated without.
    pub async fn of_tenant(&self, row: &CoverageRow) -> Result<RunFacts<'_>, ServiceError> {
        let facts = match self.cached(&row.tenant_id) {
            Some(facts) => facts,
            None => self.look_up_tenant(row).await?,
        };
        let knowledge = self.knowledge(row, facts.accepted.clone(), facts.recipients.clone());
        Ok(RunFacts::new(self, facts, knowledge))
    }

    /// The facts about a tenant that need no look-up: settings, and the domain that it is known by.
    pub fn without_look_ups(&self, row: &CoverageRow) -> Knowledge {
        self.knowledge(row, AcceptedDomains::default(), HashMap::new())
    }

    fn cached(&self, tenant: &TenantId) -> Option<TenantFacts> {
        let now = self.clock.now();
        let mut tenants = self.tenants.lock();
        tenants.retain(|_, facts| (now - facts.at).abs() < CACHE_LIFE);
        tenants.get(tenant).cloned()
    }

    /// The accepted domains of a tenant that are cached now. Nothing is looked up.
    pub fn cached_domains(&self, tenant: &TenantId) -> Vec<Domain> {
        self.cached(tenant).map(|facts| facts.accepted.exact.into_iter().collect()).unwrap_or_default()
    }

    fn knowledge(
        &self,
        row: &CoverageRow,
        accepted: AcceptedDomains,
        recipients: HashMap<String, Answer<RecipientFacts>>,
    ) -> Knowledge {
        let off = |kind: &FindingKind| self.trust.detections_off.contains(kind.as_str());
        Knowledge {
            accepted,
            trusted_targets: self.trust.targets.clone(),
            trusted_apps: self.trust.apps.clone(),
            off: FindingKind::ALL.iter().copied().filter(off).collect(),
            recipients,
            ..Knowledge::new(row.tenant_id, row.domain.clone())
        }
    }

    async fn look_up_tenant(&self, row: &CoverageRow) -> Result<TenantFacts, ServiceError> {
        let accepted = self.accepted_domains(row).await?;
        let organization = match row.display_name.as_str() {
            "" => {
                let name = self.graph.organization_name(&row.tenant_id).await.ok().flatten();
                name.unwrap_or_else(|| row.domain.to_string())
            }
            name => name.to_owned(),
        };
        Ok(TenantFacts { at: self.clock.now(), accepted, organization, recipients: HashMap::new() })
    }

    /// Exchange's accepted domains, else the directory's verified ones. If both deny access, only the domain that the tenant is known
    /// by counts as its own.
    async fn accepted_domains(&self, row: &CoverageRow) -> Result<AcceptedDomains, ServiceError> {
        let tenant = &row.tenant_id;
        let limit = Deadline::after(Arc::clone(&self.clock), LOOK_UP_TIMEOUT);
        let call = self.exchange.accepted_domains(tenant);
        match limit.limit(Box::pin(call)).await {
            Some(Ok(domains)) if !domains.is_empty() => return Ok(AcceptedDomains::of_exchange(&domains)),
            Some(Ok(_)) => {}
            Some(Err(error)) => tracing::info!(%tenant, "accepted domains are taken from the directory: {error}"),
            None => tracing::warn!(%tenant, "accepted domains are taken from the directory: Exchange did not respond"),
        }
        match self.graph.domains(tenant).await {
            Ok(domains) => {
                let verified = domains.iter().filter(|domain| domain.is_verified);
                Ok(AcceptedDomains::of_directory(verified.map(|domain| domain.id.as_str())))
            }
            Err(error) if error.is_transient() => Err(error),
            Err(error) => {
                tracing::warn!(%tenant, "only {} counts as the tenant's own domain: {error}", row.domain);
                Ok(AcceptedDomains { exact: [row.domain.clone()].into(), ..AcceptedDomains::default() })
            }
        }
    }
}
