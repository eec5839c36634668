//! Faults by chance: which requests fail, and how, follows from a seed, from what is asked and from how often the same was
//! asked before. The order in which requests of different kinds come does not matter, so that a seed can be tried again.

use std::collections::HashMap;
use std::time::Duration;

use crate::faults::FaultKind;
use crate::records::Seeded;
use crate::requests::Service;

/// A source of faults.
#[derive(Debug, Clone)]
pub struct Trouble {
    seed: u64,
    per_mille: u64,
    asked: HashMap<String, u64>,
}

impl Trouble {
    /// Lets so many of 1,000 requests fail.
    pub fn new(seed: u64, per_mille: u64) -> Self {
        Self { seed, per_mille, asked: HashMap::new() }
    }

    /// What becomes of a request. `path` without a query.
    pub(crate) fn take(&mut self, service: Service, path: &str, cmdlet: Option<&str>) -> Option<FaultKind> {
        let asked = format!("{service:?} {path} {}", cmdlet.unwrap_or_default());
        let times = self.asked.entry(asked.clone()).or_default();
        *times += 1;
        let mut chance = Seeded::new(
            asked
                .bytes()
                .fold(self.seed ^ *times, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)),
        );
        chance.next();
        (chance.range(0, 1_000) < self.per_mille).then(|| fault(service, path, &mut chance))
    }
}

/// Every fault that a service is known for.
fn fault(service: Service, path: &str, chance: &mut Seeded) -> FaultKind {
    let common = |chance: &mut Seeded| match chance.range(0, 8) {
        0 => status(503, ""),
        1 => status(500, ""),
        2 => busy(429, ""),
        3 => FaultKind::Drop,
        4 => FaultKind::Cut,
        5 => FaultKind::Delay(Duration::from_millis(15)),
        6 => status(408, ""),
        _ => status(401, ""),
    };
    match service {
        Service::Activity => match chance.range(0, 4) {
            0 => busy(
                403,
                &error("AF429", "Too many requests. Method=GetBlob, PublisherId=00000000-0000-0000-0000-000000000000"),
            ),
            1 => status(500, &error("AF50000", "An internal error occurred. Retry the request.")),
            // Content comes over TLS: it breaks off, but no byte of it is another.
            2 if path.contains("/audit/") => FaultKind::Cut,
            2 => FaultKind::Corrupt,
            _ => common(chance),
        },
        // What a token endpoint refuses for good changes the tenant's state; here only what passes.
        Service::Entra | Service::Identity => match chance.range(0, 3) {
            0 => FaultKind::Drop,
            1 => status(503, ""),
            _ => FaultKind::Delay(Duration::from_millis(15)),
        },
        Service::Flow | Service::Teams => match chance.range(0, 6) {
            0 => busy(429, ""),
            1 => status(502, ""),
            2 => FaultKind::Drop,
            3 => FaultKind::AfterEffect { status: 502 },
            4 => FaultKind::AfterEffect { status: 504 },
            _ => FaultKind::Delay(Duration::from_millis(15)),
        },
        Service::Tables => match chance.range(0, 6) {
            0 => status(503, &tables_error("ServerBusy")),
            1 => status(500, &tables_error("OperationTimedOut")),
            2 => FaultKind::Drop,
            3 => FaultKind::AfterEffect { status: 500 },
            4 => FaultKind::AfterEffect { status: 503 },
            _ => FaultKind::Delay(Duration::from_millis(15)),
        },
        Service::Graph | Service::Exchange | Service::Ipstack => common(chance),
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
