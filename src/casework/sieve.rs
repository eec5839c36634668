//! Decides which records are read at once, and which are left unread because nothing is known yet that makes them matter.
//!
//! A record is left only if it certainly does not concern the account, teaches no name, and shows no kind of record that was not seen
//! before. It is read later if an address, a session or an account turns out to matter (`Unread`). So the result is the same as if
//! every record had been read.

use std::collections::BTreeMap;
use std::io;

use audit_log::Traces;
use base::ids::TenantId;

use super::marks::{MarkHashSet, MarkSet, Marks, short};
use super::needle::Needle;
use super::unread::{Keys, Place, Unread};
use crate::investigation::{Activity, CLAIM, Names, Seen, Subject, is_guid, is_person};
use crate::location::parse_client_ip;

/// The type of records of the directory. There are few, and the accounts that they change stand in many places.
const DIRECTORY: i64 = 8;

/// The type of a cmdlet's records.
const CMDLET: i64 = 1;

/// A name of the account, and the number of records that were left before it was known.
#[derive(Debug)]
pub(super) struct Name {
    pub(super) needle: Needle,
    pub(super) since: u64,
}

/// The first and the last of the records of a tenant that were left, each with its number.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) first: (u64, u64),
    pub(super) last: (u64, u64),
}

/// The tenant of the last record, as its text and as an id.
#[derive(Debug, Default)]
struct Tenant {
    text: Vec<u8>,
    id: Option<TenantId>,
}

/// The state of reading.
#[derive(Debug)]
pub(super) struct Sieve {
    pub(super) unread: Unread,
    account: String,
    subject: Subject,
    accounts: MarkSet,
    pub(super) names: Vec<Name>,
    /// `false` if a name of the account cannot be searched for, so that nothing is left.
    is_on: bool,
    /// Accounts and object ids whose connection is known, or never taught by any record.
    settled: MarkHashSet<(u64, u64)>,
    addresses: Addresses,
    tenant: Tenant,
    pub(super) ends: BTreeMap<Option<TenantId>, Ends>,
}

impl Sieve {
    pub(super) fn new(account: &str) -> io::Result<Self> {
        let mut sieve = Self {
            unread: Unread::new()?,
            account: account.to_owned(),
            subject: Subject::new(account, &Names::default()),
            accounts: MarkSet::new([]),
            names: Vec::new(),
            is_on: true,
            settled: MarkHashSet::default(),
            addresses: Addresses::new(),
            tenant: Tenant::default(),
            ends: BTreeMap::new(),
        };
        sieve.note_subject();
        Ok(sieve)
    }

    fn marks(&self) -> Marks {
        self.unread.marks
    }

    /// Takes over the names of the account.
    fn note_subject(&mut self) {
        let (marks, since) = (self.marks(), self.unread.count());
        let alias = &self.subject.alias;
        for name in self.subject.names.iter().chain([alias]).filter(|name| !name.is_empty()) {
            if !self.accounts.insert(marks.of_text(name)) {
                continue;
            }
            // The address of the account contains its alias.
            if name != alias && !alias.is_empty() && name.contains(alias.as_str()) {
                continue;
            }
            match Needle::new(name) {
                Some(needle) => self.names.push(Name { needle, since }),
                None => self.is_on = false,
            }
        }
    }

    /// Learns from a record that was read.
    pub(super) fn learn(&mut self, activity: &Activity, names: &Names) {
        let (marks, account) = (self.marks(), activity.account.as_str());
        let Some(id) = activity.account_id.as_deref() else { return };
        if account.contains('@') && (activity.is_inside() || !is_person(account)) {
            self.settled.insert((marks.of_text(account), marks.of(id.as_bytes())));
        }
        let is_own = self.subject.names.contains(account) || self.subject.names.contains(id);
        if is_own {
            let subject = Subject::new(&self.account, names);
            if subject.names != self.subject.names || subject.alias != self.subject.alias {
                self.subject = subject;
                self.note_subject();
            }
        }
    }

    /// Leaves a record unread and returns its operation; `None` if it has to be read.
    ///
    /// # Errors
    /// Returns an error if the temporary file cannot be written.
    pub(super) fn leave<'a>(
        &mut self,
        json: &'a [u8],
        traces: Option<&Traces<'a>>,
        place: Place,
        seen: &BTreeMap<Option<TenantId>, Seen>,
    ) -> io::Result<Option<&'a str>> {
        let own = if traces.is_none() { Traces::of(json) } else { None };
        let traces = traces.or(own.as_ref()).filter(|_| self.is_on);
        let Some((traces, keys)) = traces.and_then(|traces| Some((traces, self.keys(traces, json)?))) else {
            return Ok(None);
        };
        let tenant = self.tenant(traces.organization);
        let has_mailbox = traces.mailbox.is_some() || traces.record_type == Some(CMDLET);
        if seen.get(&tenant).is_none_or(|seen| seen.may_learn(traces.operation, has_mailbox)) {
            return Ok(None);
        }
        let end = (keys.created, self.unread.count());
        let ends = self.ends.entry(tenant).or_insert(Ends { first: end, last: end });
        ends.first = ends.first.min(end);
        ends.last = ends.last.max(end);
        self.unread.add(&keys, traces.id, place)?;
        Ok(Some(traces.operation))
    }

    /// Returns the keys of a record that can be left.
    fn keys(&mut self, traces: &Traces<'_>, json: &[u8]) -> Option<Keys> {
        let marks = self.marks();
        let created = moment(traces.created)?;
        let account = marks.of_optional(traces.account.map(without_claim));
        let mailbox = marks.of_optional(traces.mailbox);
        let concerns = self.accounts.contains(account) || self.accounts.contains(mailbox);
        if concerns || traces.record_type == Some(DIRECTORY) || !is_guid(traces.id) {
            return None;
        }
        let is_cmdlet = traces.record_type == Some(CMDLET) && traces.mailbox.is_none();
        if is_cmdlet && self.names.iter().any(|name| name.needle.may_be_in(json)) {
            return None;
        }
        if self.teaches(traces, account) {
            return None;
        }
        let address =
            traces.addresses.iter().flatten().map(|text| self.addresses.mark(marks, text)).find(|mark| *mark != 0);
        let session = |at: usize| short(marks.of_optional(traces.sessions[at]));
        let is_sign_in =
            ["UserLoggedIn", "UserLoginFailed"].iter().any(|name| traces.operation.eq_ignore_ascii_case(name));
        Some(Keys {
            account,
            mailbox: short(mailbox),
            address: address.unwrap_or_default(),
            sessions: [session(0), session(1), session(2)],
            created,
            is_sign_in,
            is_cmdlet,
        })
    }

    /// Returns whether the record may connect an account with an object id for the first time.
    fn teaches(&self, traces: &Traces<'_>, account: u64) -> bool {
        let has_name = traces.account.is_some_and(|account| account.contains(&b'@'));
        let mut ids = traces.object_ids.iter().flatten().filter(|id| is_guid(id));
        has_name && ids.next().is_some_and(|id| !self.settled.contains(&(account, self.marks().of(id))))
    }

    fn tenant(&mut self, text: Option<&[u8]>) -> Option<TenantId> {
        let text = text.unwrap_or_default();
        if self.tenant.text != text {
            let id = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
            self.tenant = Tenant { text: text.to_vec(), id };
        }
        self.tenant.id
    }
}

/// The account as an activity names it.
fn without_claim(account: &[u8]) -> &[u8] {
    match account.split_at_checked(CLAIM.len()) {
        Some((claim, name)) if claim.eq_ignore_ascii_case(CLAIM.as_bytes()) => name,
        _ => account,
    }
}

/// The numbers of addresses by their text. Only few addresses occur in a file, and each of them in many records.
#[derive(Debug)]
struct Addresses(Vec<(u64, u64)>);

impl Addresses {
    const PLACES: usize = 1 << 10;

    fn new() -> Self {
        Self(vec![(0, 0); Self::PLACES])
    }

    /// 0 if the text is no address.
    fn mark(&mut self, marks: Marks, text: &str) -> u64 {
        let of_text = marks.of(text.as_bytes());
        let parse = || parse_client_ip(text).map_or(0, |address| marks.of_address(address));
        // The remainder fits.
        let Some(place) = self.0.get_mut((of_text % Self::PLACES as u64) as usize) else { return parse() };
        if place.0 != of_text {
            *place = (of_text, parse());
        }
        place.1
    }
}

/// Returns a time such as `2026-11-20T08:00:00`, in UTC, as one number. `None` for any other form.
fn moment(text: &[u8]) -> Option<u64> {
    const FORM: &[u8; 19] = b"0000-00-00T00:00:00";
    let text = text.strip_suffix(b"Z").unwrap_or(text);
    if text.len() != FORM.len() {
        return None;
    }
    let mut number = 0;
    for (byte, form) in text.iter().zip(FORM) {
        match (form, byte) {
            (b'0', b'0'..=b'9') => number = number * 10 + u64::from(byte - b'0'),
            (b'0', _) => return None,
            _ if byte == form => {}
            _ => return None,
        }
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::moment;

    #[test]
    fn times_are_numbers_in_their_order() {
        assert_eq!(moment(b"2026-11-20T08:00:09"), Some(20_261_120_080_009));
        assert_eq!(moment(b"2026-11-20T08:00:09Z"), Some(20_261_120_080_009));
        for other in
            ["2026-11-20 08:00:09", "2026-11-20T08:00:09.1", "2026-11-20T08:00:09+01:00", "20-11-20T08:00:0x", ""]
        {
            assert_eq!(moment(other.as_bytes()), None, "{other}");
        }
    }
}
