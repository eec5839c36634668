//! Describes the faults that a test can inject into any route of any service.

use std::time::Duration;

use uuid::Uuid;

use crate::requests::Service;
use crate::world::World;

/// The way in which a request fails.
#[derive(Debug, Clone)]
pub enum FaultKind {
    /// Answers with this instead. The request has no effect.
    Status {
        /// HTTP status.
        status: u16,
        /// Headers, e.g. `Retry-After`.
        headers: Vec<(String, String)>,
        /// The body.
        body: String,
    },
    /// Lets the request have its effect, then answers with this status.
    AfterEffect {
        /// HTTP status.
        status: u16,
    },
    /// Waits before the request has its effect and is answered. The time is real, not that of the simulator's clock.
    Delay(Duration),
    /// Lets the request have its effect, then waits before the answer.
    DelayAfterEffect(Duration),
    /// Accepts the request and never answers. The request has no effect.
    Hang,
    /// Lets the request have its effect and never answers.
    HangAfterEffect,
    /// Sends half of the body, then ends the connection.
    Cut,
    /// Damages a few bytes in the middle of the body.
    Corrupt,
    /// Ends the connection without an answer.
    Drop,
    /// Answers as if all were well, with nothing in the body. The request has its effect.
    Nothing(Nothing),
    /// Names the page just sent as the next one: in `NextPageUri` or in `@odata.nextLink`.
    PagesInACircle,
    /// Sends the right response after this number of mebibytes of blanks.
    Padded(usize),
    /// Answers rightly, but with another GUID in place of each one.
    OtherIds,
    /// Answers rightly, and then gives every user of the tenant, and their mailbox, the name of the next one.
    Renames,
    /// Lets a cmdlet read or change the mailbox of this name, whichever mailbox the request names. Source: names that several objects of
    /// a directory bear, and an administrator who is the attacker.
    OtherMailbox(String),
    /// Answers rightly, but without these members in any row.
    WithoutMembers(&'static [&'static str]),
    /// Answers with one row that has no members.
    EmptyRow,
    /// Answers with this status and an error that repeats the `Authorization` header and the body of the request.
    Echo {
        /// HTTP status.
        status: u16,
    },
}

/// A body without content under a status of success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nothing {
    /// Status 200, `Content-Length: 0`.
    NoBytes,
    /// Status 200, a few blanks and line ends.
    Blanks,
    /// Status 200, a UTF-8 byte order mark alone.
    ByteOrderMark,
    /// Status 200, chunked, without a chunk that has data.
    NoChunks,
    /// Status 200, `Content-Encoding: gzip`, a gzip stream of nothing.
    EmptyGzip,
    /// Status 204.
    NoContent,
    /// Status 200, `{}`.
    EmptyObject,
    /// Status 200, an object with `error` and without `value`.
    ErrorWithoutValue,
    /// The right answer without its member `value`.
    WithoutValue,
}

impl Nothing {
    /// Every kind.
    pub const ALL: [Self; 9] = [
        Self::NoBytes,
        Self::Blanks,
        Self::ByteOrderMark,
        Self::NoChunks,
        Self::EmptyGzip,
        Self::NoContent,
        Self::EmptyObject,
        Self::ErrorWithoutValue,
        Self::WithoutValue,
    ];
}

/// A fault for the requests of one service whose `METHOD path?query`, or cmdlet with its parameters, contains `route`.
#[derive(Debug, Clone)]
pub struct Fault {
    /// The service that fails.
    pub service: Service,
    /// A part of `METHOD path?query`, or of the cmdlet's name and the names of its parameters in their order; empty for all.
    pub route: String,
    /// The way in which it fails.
    pub kind: FaultKind,
    /// The number of requests that fail; `None` until the fault is cleared.
    pub times: Option<u32>,
    /// The only tenant whose requests fail.
    pub tenant: Option<Uuid>,
    /// The only mailbox whose requests fail, by any of its names.
    pub mailbox: Option<String>,
}

impl Fault {
    /// Creates a fault of any kind.
    pub fn new(service: Service, route: &str, kind: FaultKind) -> Self {
        Self { service, route: route.to_owned(), kind, times: None, tenant: None, mailbox: None }
    }

    /// Creates a fault that answers with a status and nothing else.
    pub fn status(service: Service, route: &str, status: u16) -> Self {
        Self::new(service, route, FaultKind::Status { status, headers: Vec::new(), body: String::new() })
    }

    /// Creates a fault that accepts requests and never answers them.
    pub fn hang(service: Service, route: &str) -> Self {
        Self::new(service, route, FaultKind::Hang)
    }

    /// Limits the fault to this number of requests.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Limits the fault to one tenant: that of the path, of the token, or of `TenantId` in a notification.
    #[must_use]
    pub fn in_tenant(mut self, tenant: Uuid) -> Self {
        self.tenant = Some(tenant);
        self
    }

    /// Limits the fault to requests about one mailbox, which may be given by any of its names.
    #[must_use]
    pub fn on_mailbox(mut self, name: &str) -> Self {
        self.mailbox = Some(name.to_owned());
        self
    }
}

/// The features of a request by which faults are chosen.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) service: Service,
    /// `METHOD path?query`
    pub(crate) line: String,
    /// The cmdlet and the names of its parameters.
    pub(crate) call: Option<String>,
    pub(crate) tenant: Option<Uuid>,
    /// The mailbox or account that the request names, in the words of the request.
    pub(crate) mailbox: Option<String>,
}

impl Target {
    fn fits(&self, fault: &Fault, world: Option<&World>) -> bool {
        fault.service == self.service
            && fault.times != Some(0)
            && fault.tenant.is_none_or(|tenant| self.tenant == Some(tenant))
            && fault.mailbox.as_deref().is_none_or(|name| self.is_about(name, world))
            && (self.line.contains(&fault.route)
                || self.call.as_deref().is_some_and(|call| call.contains(&fault.route)))
    }

    /// Returns whether the request is about the mailbox of that name, whichever of its names the request uses.
    fn is_about(&self, name: &str, world: Option<&World>) -> bool {
        let tenant = self.tenant.and_then(|tenant| world?.tenants.get(&tenant));
        let mailbox = |name: &str| tenant.and_then(|tenant| tenant.mailbox(name)).map(|mailbox| mailbox.guid);
        let named = self.mailbox.as_deref().and_then(mailbox);
        named.is_some() && named == mailbox(name)
    }
}

/// Takes the first fault that fits the request, and counts it. Without a world no fault of a single mailbox fits.
pub(crate) fn take(faults: &mut Vec<Fault>, target: &Target, world: Option<&World>) -> Option<FaultKind> {
    let at = faults.iter().position(|fault| target.fits(fault, world))?;
    let kind = faults[at].kind.clone();
    if let Some(times) = &mut faults[at].times {
        *times = times.saturating_sub(1);
        if *times == 0 {
            faults.remove(at);
        }
    }
    Some(kind)
}
