//! Injects faults at random. The seed, the kind of request and the number of earlier requests of that kind decide which
//! requests fail, and how. The order of requests of different kinds has no influence, so a seed can be repeated.

use std::collections::HashMap;
use std::time::Duration;

use uuid::Uuid;

use crate::faults::{FaultKind, Nothing};
use crate::records::Seeded;
use crate::requests::Service;

/// A source of random faults.
#[derive(Debug, Clone)]
pub struct Trouble {
    seed: u64,
    per_mille: u64,
    hangs: bool,
    empties: bool,
    slowness: Option<Duration>,
    hostile: Option<Uuid>,
    asked: HashMap<String, u64>,
}

impl Trouble {
    /// Creates a source that lets this number of 1,000 requests fail.
    pub fn new(seed: u64, per_mille: u64) -> Self {
        Self { seed, per_mille, hangs: false, empties: false, slowness: None, hostile: None, asked: HashMap::new() }
    }

    /// Lets one in six of the failing requests go unanswered for ever.
    #[must_use]
    pub fn with_hangs(mut self) -> Self {
        self.hangs = true;
        self
    }

    /// Lets one in six of the failing requests be answered with a success that has no content.
    #[must_use]
    pub fn with_empty_answers(mut self) -> Self {
        self.empties = true;
        self
    }

    /// Lets one in six of the failing requests be answered after this time only.
    #[must_use]
    pub fn with_slow_answers(mut self, after: Duration) -> Self {
        self.slowness = Some(after);
        self
    }

    /// Lets this tenant answer one in four requests as an attacker would who administers it: at great length, with the ids of
    /// others, or renaming everybody afterwards.
    #[must_use]
    pub fn with_hostile_tenant(mut self, tenant: Uuid) -> Self {
        self.hostile = Some(tenant);
        self
    }

    /// Returns the fault of a request, if it fails. `path` has no query.
    pub(crate) fn take(
        &mut self,
        service: Service,
        path: &str,
        cmdlet: Option<&str>,
        tenant: Option<Uuid>,
    ) -> Option<FaultKind> {
        let asked = format!("{service:?} {path} {}", cmdlet.unwrap_or_default());
        let times = self.asked.entry(asked.clone()).or_default();
        *times += 1;
        let mut chance = Seeded::new(
            asked
                .bytes()
                .fold(self.seed ^ *times, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        );
        chance.next();
        if self.hostile.is_some() && self.hostile == tenant && matches!(service, Service::Graph | Service::Exchange) {
            return hostile(&mut chance);
        }
        let fails = chance.range(0, 1_000) < self.per_mille;
        fails.then(|| self.extra(service, &mut chance).unwrap_or_else(|| fault(service, path, &mut chance)))
    }

    /// Returns a fault of the kinds that are off by default. Without them no number is drawn, so old seeds keep their faults.
    fn extra(&self, service: Service, chance: &mut Seeded) -> Option<FaultKind> {
        let mut one_in_six = |is_on: bool| is_on && chance.range(0, 6) == 0;
        if one_in_six(self.hangs) {
            let channel = is_channel(service);
            return Some(if channel { FaultKind::HangAfterEffect } else { FaultKind::Hang });
        }
        if one_in_six(self.slowness.is_some()) {
            return self.slowness.map(FaultKind::Delay);
        }
        // An empty answer of a channel means that the notification was accepted, and table storage is real.
        let can_be_empty = !is_channel(service) && service != Service::Tables;
        if one_in_six(self.empties && can_be_empty) {
            return chance.pick(&Nothing::ALL).copied().map(FaultKind::Nothing);
        }
        None
    }
}

/// Returns an answer of a tenant whose administrator is the attacker.
fn hostile(chance: &mut Seeded) -> Option<FaultKind> {
    match chance.range(0, 12) {
        0 => Some(FaultKind::Padded(TOO_LONG)),
        1 => Some(FaultKind::OtherIds),
        2 => Some(FaultKind::Renames),
        _ => None,
    }
}

fn is_channel(service: Service) -> bool {
    matches!(service, Service::Flow | Service::Teams | Service::Webhook | Service::Slack)
}

/// Returns one of the faults that the service is known for.
fn fault(service: Service, path: &str, chance: &mut Seeded) -> FaultKind {
    match service {
        Service::Activity => activity(path, chance),
        // A final rejection by the token endpoint changes the tenant's state, so only transient faults are used.
        Service::Entra | Service::Identity => match chance.range(0, 3) {
            0 => FaultKind::Drop,
            1 => status(503, ""),
            _ => FaultKind::Delay(SHORT),
        },
        Service::Flow | Service::Teams | Service::Webhook | Service::Slack => match chance.range(0, 6) {
            0 => busy(429, ""),
            1 => status(502, ""),
            2 => FaultKind::Drop,
            3 => FaultKind::AfterEffect { status: 502 },
            4 => FaultKind::AfterEffect { status: 504 },
            _ => FaultKind::Delay(SHORT),
        },
        Service::Tables => match chance.range(0, 6) {
            0 => status(503, &tables_error("ServerBusy")),
            1 => status(500, &tables_error("OperationTimedOut")),
            2 => FaultKind::Drop,
            3 => FaultKind::AfterEffect { status: 500 },
            4 => FaultKind::AfterEffect { status: 503 },
            _ => FaultKind::Delay(SHORT),
        },
        Service::Graph | Service::Exchange | Service::Ipstack => common(chance),
    }
}

/// The length of an answer that no client may hold in memory, in mebibytes.
const TOO_LONG: usize = 40;

/// A delay that no timeout notices.
const SHORT: Duration = Duration::from_millis(15);

fn common(chance: &mut Seeded) -> FaultKind {
    match chance.range(0, 8) {
        0 => status(503, ""),
        1 => status(500, ""),
        2 => busy(429, ""),
        3 => FaultKind::Drop,
        4 => FaultKind::Cut,
        5 => FaultKind::Delay(SHORT),
        6 => status(408, ""),
        _ => status(401, ""),
    }
}

fn activity(path: &str, chance: &mut Seeded) -> FaultKind {
    const THROTTLED: &str = "Too many requests. Method=GetBlob, PublisherId=00000000-0000-0000-0000-000000000000";
    match chance.range(0, 4) {
        0 => busy(403, &error("AF429", THROTTLED)),
        1 => status(500, &error("AF50000", "An internal error occurred. Retry the request.")),
        // TLS detects a damaged byte, so content can be cut but not corrupted.
        2 if path.contains("/audit/") => FaultKind::Cut,
        2 => FaultKind::Corrupt,
        _ => common(chance),
    }
}

fn status(status: u16, body: &str) -> FaultKind {
    FaultKind::Status { status, headers: Vec::new(), body: body.to_owned() }
}

fn busy(status: u16, body: &str) -> FaultKind {
    FaultKind::Status { status, headers: vec![("retry-after".to_owned(), "2".to_owned())], body: body.to_owned() }
}

fn error(code: &str, message: &str) -> String {
    serde_json::json!({"error": {"code": code, "message": message}}).to_string()
}

fn tables_error(code: &str) -> String {
    serde_json::json!({"odata.error": {"code": code, "message": {"lang": "en-US", "value": code}}}).to_string()
}
