//! Holds the state that all services share, and dispatches a request to its service.

use std::collections::HashMap;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::http::HeaderMap;
use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::channels::{self, ReceivedWebhook};
use crate::entra::{Token, Tokens};
use crate::faults::{self, Fault, FaultKind, Target};
use crate::reply::Reply;
use crate::requests::{Request, Service};
use crate::steps::Steps;
use crate::trouble::Trouble;
use crate::world::World;
use crate::world::applications::{EXCHANGE, GRAPH, MANAGEMENT};
use crate::{activity, entra, exchange, flow, graph, ipstack};

/// The header by which a channel recognizes a notification.
const TRACKING_ID: &str = "x-ms-client-tracking-id";

/// The path at which the stand-in of the Azure CLI gets its tokens.
pub(super) const CLI_PATH: &str = "/cli/token";

/// The clock of the simulator.
#[derive(Default)]
pub(super) enum Time {
    #[default]
    OfTheSystem,
    Still(DateTime<Utc>),
    Running(Box<dyn Fn() -> DateTime<Utc> + Send + Sync>),
}

/// A notification that a channel accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Accepted {
    /// The flow, Teams, the webhook or Slack.
    pub channel: Service,
    /// `x-ms-client-tracking-id`
    pub tracking_id: String,
    /// The time of acceptance, as [`Steps::order`] counts.
    pub order: u64,
    /// The time when the request arrived. Its sender may have been killed before it was accepted.
    pub begun: u64,
    /// `true` if the response did not reach the sender.
    pub lost: bool,
}

/// The state of all services.
pub(super) struct Shared {
    pub(super) world: Mutex<World>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) time: Mutex<Time>,
    pub(super) date_errors: Mutex<HashMap<Service, TimeDelta>>,
    pub(super) requests: Mutex<Vec<Request>>,
    pub(super) faults: Mutex<Vec<Fault>>,
    pub(super) notifications: Mutex<Vec<Value>>,
    pub(super) tracking_ids: Mutex<Vec<String>>,
    pub(super) teams: Mutex<Vec<Value>>,
    pub(super) webhooks: Mutex<Vec<ReceivedWebhook>>,
    pub(super) slack: Mutex<Vec<Value>>,
    pub(super) accepted: Mutex<Vec<Accepted>>,
    pub(super) trouble: Mutex<Option<Trouble>>,
    pub(super) steps: Arc<Steps>,
    pub(super) origins: Mutex<HashMap<Service, String>>,
    pub(super) handshakes: Arc<AtomicUsize>,
    pub(super) hanging: AtomicUsize,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A request as it arrived.
#[derive(Clone)]
pub(super) struct Arrived {
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
    pub(super) entry: Request,
}

impl Arrived {
    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

impl Shared {
    pub(super) fn new(world: World) -> Self {
        Self {
            world: Mutex::new(world),
            tokens: Mutex::default(),
            time: Mutex::default(),
            date_errors: Mutex::default(),
            requests: Mutex::default(),
            faults: Mutex::default(),
            notifications: Mutex::default(),
            tracking_ids: Mutex::default(),
            teams: Mutex::default(),
            webhooks: Mutex::default(),
            slack: Mutex::default(),
            accepted: Mutex::default(),
            trouble: Mutex::default(),
            steps: Arc::default(),
            origins: Mutex::default(),
            handshakes: Arc::default(),
            hanging: AtomicUsize::new(0),
        }
    }

    pub(super) fn now(&self) -> DateTime<Utc> {
        match &*locked(&self.time) {
            Time::OfTheSystem => Utc::now(),
            Time::Still(now) => *now,
            Time::Running(now) => now(),
        }
    }

    /// Returns the time in the `Date` header of a service.
    pub(super) fn date_of(&self, service: Service) -> DateTime<Utc> {
        let error = locked(&self.date_errors).get(&service).copied().unwrap_or_default();
        self.now() + error
    }

    pub(super) fn origin_of(&self, service: Service) -> String {
        locked(&self.origins).get(&service).cloned().unwrap_or_default()
    }

    /// Chooses the fault of a request: an injected one, else a random one.
    pub(super) fn fault_of(&self, arrived: &Arrived) -> Option<FaultKind> {
        let entry = &arrived.entry;
        let target = self.target_of(arrived);
        let injected = faults::take(&mut locked(&self.faults), &target, Some(&locked(&self.world)));
        injected.or_else(|| {
            let mut trouble = locked(&self.trouble);
            trouble
                .as_mut()
                .and_then(|trouble| trouble.take(entry.service, &entry.path, entry.cmdlet.as_deref(), target.tenant))
        })
    }

    /// Gives everybody in the tenant of a request another name.
    pub(super) fn rename_tenant_of(&self, arrived: &Arrived) {
        let tenant = self.target_of(arrived).tenant;
        let mut world = locked(&self.world);
        if let Some(tenant) = tenant.and_then(|tenant| world.tenants.get_mut(&tenant)) {
            tenant.rename_everybody();
        }
    }

    fn target_of(&self, arrived: &Arrived) -> Target {
        let Arrived { body, entry, .. } = arrived;
        let mut segments = entry.path.split('/');
        let (tenant, mailbox) = match entry.service {
            Service::Exchange => (entry.tenant, exchange::mailbox_of(body)),
            Service::Graph => {
                let user = segments.find(|segment| *segment == "users").and(segments.next()).map(str::to_owned);
                (self.token_of(arrived).map(|token| token.tenant), user)
            }
            Service::Flow => (tenant_of_notification(body), None),
            _ => (entry.tenant, None),
        };
        let line = format!("{} {}?{}", entry.method, entry.path, entry.query);
        let call = entry.cmdlet.as_ref().and_then(|_| exchange::call_of(body));
        Target { service: entry.service, line, call, tenant, mailbox }
    }

    fn token_of(&self, arrived: &Arrived) -> Option<Token> {
        let origin = self.origin_of(arrived.entry.service);
        let token = locked(&self.tokens).of(arrived.header("authorization"), self.now());
        token.filter(|token| token.audience == origin)
    }

    fn note_accepted(&self, request: &Request, tracking_id: &str) {
        let (channel, begun, order) = (request.service, request.order, self.steps.order());
        let tracking_id = tracking_id.to_owned();
        locked(&self.accepted).push(Accepted { channel, tracking_id, order, begun, lost: false });
    }

    /// Notes that the sender of a notification does not learn that it was accepted.
    pub(super) fn note_lost(&self, arrived: &Arrived) {
        let (channel, tracking_id) = (arrived.entry.service, arrived.header(TRACKING_ID).unwrap_or_default());
        let mut accepted = locked(&self.accepted);
        let last = accepted.iter_mut().rev().find(|one| one.channel == channel && one.tracking_id == tracking_id);
        if let Some(last) = last {
            last.lost = true;
        }
    }

    pub(super) fn log(&self, mut entry: Request) {
        // The query of these services holds a signature or a key.
        if matches!(entry.service, Service::Flow | Service::Teams | Service::Webhook | Service::Ipstack) {
            entry.query = String::new();
        }
        if entry.service == Service::Slack {
            entry.path = String::new();
        }
        locked(&self.requests).push(entry);
    }

    /// Lets a request have its effect and returns the answer.
    pub(super) fn answer(&self, arrived: &Arrived) -> Reply {
        let Arrived { body, entry, .. } = arrived;
        let now = self.now();
        let origin = self.origin_of(entry.service);
        let token = self.token_of(arrived);
        let (method, path, query) = (entry.method.as_str(), entry.path.as_str(), entry.query.as_str());
        let world = &mut *locked(&self.world);
        match entry.service {
            Service::Entra => {
                let of = |service, application| (self.origin_of(service), application);
                let services =
                    [of(Service::Graph, GRAPH), of(Service::Activity, MANAGEMENT), of(Service::Exchange, EXCHANGE)];
                let call = entra::Call { now, origin: &origin, services: &services, method, path, query, body };
                entra::answer(world, &mut locked(&self.tokens), &call)
            }
            Service::Identity if path == CLI_PATH => {
                let services = [(self.origin_of(Service::Graph), GRAPH), (self.origin_of(Service::Exchange), EXCHANGE)];
                let call = entra::Call { now, origin: &origin, services: &services, method, path, query, body };
                entra::delegated::azure_cli(world, &mut locked(&self.tokens), &call)
            }
            Service::Identity if arrived.header("x-identity-header").is_some() => {
                entra::identity(world, &mut locked(&self.tokens), now, query)
            }
            Service::Identity => Reply::empty(401),
            Service::Activity => activity::answer(world, now, &origin, token.as_ref(), method, path, query),
            Service::Graph => {
                let prefer = arrived.header("prefer");
                let call = graph::Call { now, origin: &origin, method, path, query, prefer, body };
                graph::answer(world, token.as_ref(), &call)
            }
            Service::Exchange => match token.filter(|token| entry.tenant == Some(token.tenant)) {
                Some(token) => {
                    let anchor = arrived.header("x-anchormailbox");
                    exchange::answer(world, &token, &exchange::Call { now, origin: &origin, query, anchor, body })
                }
                None => Reply::empty(401),
            },
            Service::Flow => self.notify_flow(arrived),
            Service::Teams => self.notify_teams(arrived),
            Service::Webhook => self.receive_webhook(arrived),
            Service::Slack => self.notify_slack(arrived),
            Service::Ipstack => ipstack::answer(path, query),
            // Table storage has a proxy of its own.
            Service::Tables => Reply::empty(404),
        }
    }

    fn notify_flow(&self, arrived: &Arrived) -> Reply {
        let (reply, accepted) = flow::answer(&arrived.entry.query, &arrived.body);
        if let Some(accepted) = accepted {
            let tracking_id = arrived.header(TRACKING_ID).unwrap_or_default();
            self.note_accepted(&arrived.entry, tracking_id);
            locked(&self.tracking_ids).push(tracking_id.to_owned());
            locked(&self.notifications).push(accepted);
        }
        reply
    }

    fn receive_webhook(&self, arrived: &Arrived) -> Reply {
        let (reply, received) = channels::webhook(&arrived.headers, &arrived.body);
        if let Some(received) = received {
            self.note_accepted(&arrived.entry, &received.id);
            locked(&self.webhooks).push(received);
        }
        reply
    }

    fn notify_slack(&self, arrived: &Arrived) -> Reply {
        let (reply, accepted) = channels::slack(&arrived.body);
        if let Some(accepted) = accepted {
            self.note_accepted(&arrived.entry, "");
            locked(&self.slack).push(accepted);
        }
        reply
    }

    fn notify_teams(&self, arrived: &Arrived) -> Reply {
        let (reply, accepted) = flow::teams(&arrived.body);
        if let Some(accepted) = accepted {
            self.note_accepted(&arrived.entry, arrived.header(TRACKING_ID).unwrap_or_default());
            locked(&self.teams).push(accepted);
        }
        reply
    }
}

fn tenant_of_notification(body: &[u8]) -> Option<Uuid> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("TenantId")?.as_str()?.parse().ok()
}
