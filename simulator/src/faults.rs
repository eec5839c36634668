//! Faults that can be injected into any route.

use std::time::Duration;

use crate::requests::Service;

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum FaultKind {
    /// Answered with this instead, and nothing happens.
    Status {
        /// HTTP status.
        status: u16,
        /// Headers, e.g. `Retry-After`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// It happens, but this is answered.
    AfterEffect {
        /// HTTP status.
        status: u16,
    },
    /// Answered late.
    Delay(Duration),
    /// Half of the body, then the connection ends.
    Cut,
    /// Bytes in the middle of the body are not what they were.
    Corrupt,
    /// The connection ends without an answer.
    Drop,
}

/// A fault for the requests of one service whose `METHOD path?query`, or cmdlet with its parameters, contains `route`.
#[derive(Debug, Clone)]
pub struct Fault {
    /// Whose.
    pub service: Service,
    /// A part of `METHOD path?query`, or of the cmdlet's name and the names of its parameters in their order; empty for all.
    pub route: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// How often; `None` until it is cleared.
    pub times: Option<u32>,
}

impl Fault {
    /// A fault that answers with a status and nothing else.
    pub fn status(service: Service, route: &str, status: u16) -> Self {
        let kind = FaultKind::Status { status, headers: Vec::new(), body: String::new() };
        Self { service, route: route.to_owned(), kind, times: None }
    }

    /// Any kind of fault.
    pub fn new(service: Service, route: &str, kind: FaultKind) -> Self {
        Self { service, route: route.to_owned(), kind, times: None }
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }
}

/// Takes the first fault that fits, and counts it.
pub(crate) fn take(faults: &mut Vec<Fault>, service: Service, line: &str, call: Option<&str>) -> Option<FaultKind> {
    let fits = |fault: &Fault| {
        fault.service == service
            && fault.times != Some(0)
            && (line.contains(&fault.route) || call.is_some_and(|call| call.contains(&fault.route)))
    };
    let at = faults.iter().position(fits)?;
    let kind = faults[at].kind.clone();
    if let Some(times) = &mut faults[at].times {
        *times = times.saturating_sub(1);
        if *times == 0 {
            faults.remove(at);
        }
    }
    Some(kind)
}
