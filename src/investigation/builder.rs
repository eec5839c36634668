//! Builds the report from attributed activities, one after the other in the order of time.

mod about;
mod beginning;
mod items;
mod places;

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::activity::{Act, Activity, SignInResult};
use super::attribution::{Attributed, Attribution, Judgement};
use super::baseline::is_usable;
use super::changes::Change;
use super::details::Details;
use super::listed::{Distinct, Keyed, Listed};
use super::origin::{Origin, SeenFrom};
use super::report::{
    Access, Address, Counts, Deleted, FileRow, Noted, OtherAccount, ReadFolder, Report, Sent, Session, SyncedFolder,
};
use super::seen::Seen;
use super::timeline::Timeline;
use super::worth::{Gaps, Known, Worth};
use super::{habits, limits, verdict};
use about::about;
use beginning::Beginning;

/// A message by its mailbox and key.
type MessageKey = (String, String);

/// Collects what a report shows.
#[derive(Debug)]
pub struct Builder<'a> {
    pub(super) attribution: &'a Attribution,
    span: (DateTime<Utc>, DateTime<Utc>),
    tenant: String,
    pub(super) seen: Seen,
    /// The kinds of records of which some were not read.
    pub(super) gaps: Gaps,
    /// The time line around the attack.
    pub timeline: Timeline,
    pub(super) access: Option<Access>,
    sign_ins: u64,
    pub(super) results: BTreeSet<SignInResult>,
    attacker_addresses: Distinct,
    sign_in_addresses: Distinct,
    addresses: Keyed<IpAddr, Address>,
    /// Those of the owner and unclear ones, which must not crowd out the attacker's.
    other_addresses: Keyed<IpAddr, Address>,
    /// The address of the first record of the threat.
    pub(super) origin: Option<Origin>,
    /// When the account was first seen from each address.
    from: BTreeMap<IpAddr, SeenFrom>,
    sessions: Keyed<String, Session>,
    others: Keyed<String, OtherAccount>,
    /// Accounts that were only tried at first, which must not crowd out those in which the attacker was.
    tried: Keyed<String, OtherAccount>,
    other_names: Distinct,
    read: Distinct,
    read_folders: Keyed<(String, String), (u64, u64)>,
    synchronised: Keyed<SyncedFolder, ()>,
    sent: Keyed<MessageKey, Sent>,
    deleted: Keyed<MessageKey, Deleted>,
    files: Keyed<String, FileRow>,
    file_ids: BTreeMap<String, String>,
    searches: Listed<Noted>,
    changes: Listed<Change>,
    response: Listed<Noted>,
    after_response: Listed<Noted>,
    /// Spans in which Microsoft may have stopped recording what is read.
    pub(super) throttled: Vec<(DateTime<Utc>, DateTime<Utc>)>,
    pub(super) has_mail_reads: bool,
    /// The begin of the attack.
    pub(super) beginning: Beginning,
}

impl<'a> Builder<'a> {
    /// A report over a span of time.
    pub fn new(
        attribution: &'a Attribution,
        tenant: String,
        (seen, gaps): (Seen, Gaps),
        span: (DateTime<Utc>, DateTime<Utc>),
    ) -> Self {
        let (first, last) = attribution.period.unwrap_or((attribution.alarm, attribution.alarm));
        let (begin, end) = (first.max(span.0).min(span.1), last.min(span.1).max(span.0));
        Self {
            attribution,
            span,
            tenant,
            seen,
            gaps,
            timeline: Timeline::around(begin.min(end), end),
            access: None,
            sign_ins: 0,
            results: BTreeSet::new(),
            attacker_addresses: Distinct::default(),
            sign_in_addresses: Distinct::default(),
            addresses: Keyed::default(),
            other_addresses: Keyed::default(),
            origin: None,
            from: BTreeMap::new(),
            sessions: Keyed::default(),
            others: Keyed::default(),
            tried: Keyed::default(),
            other_names: Distinct::default(),
            read: Distinct::default(),
            read_folders: Keyed::default(),
            synchronised: Keyed::default(),
            sent: Keyed::default(),
            deleted: Keyed::default(),
            files: Keyed::default(),
            file_ids: BTreeMap::new(),
            searches: Listed::default(),
            changes: Listed::default(),
            response: Listed::default(),
            after_response: Listed::default(),
            throttled: Vec::new(),
            has_mail_reads: false,
            beginning: Beginning::default(),
        }
    }

    /// Adds an activity that was examined.
    pub fn add(&mut self, activity: &Activity, judgement: Judgement, details: Option<&Details>) {
        let subject = &self.attribution.subject;
        let is_attacker = judgement.attributed.is_attacker();
        self.note_origin(activity, judgement);
        self.add_address(activity, judgement);
        self.timeline.add(activity, judgement.attributed);
        self.note_mail_read(activity, details);
        if is_attacker {
            self.beginning.note_sign_in(activity, subject.did(activity));
            self.add_session(activity);
            self.add_other(activity, judgement);
        }
        if is_attacker && (subject.did(activity) || subject.owns_mailbox(activity)) {
            self.add_attack(activity, details);
        }
        if judgement.attributed == Attributed::Response && matches!(activity.act, Act::Change | Act::Other) {
            self.response.add(|| noted(activity, details));
        }
    }

    /// Takes note of an activity that is not in the reported time: the sentences must be true of it too.
    pub fn note_outside(&mut self, activity: &Activity, judgement: Judgement, details: Option<&Details>) {
        let is_before = activity.time < self.span.0;
        if is_before && judgement.attributed.is_attacker() {
            self.beginning.note_sign_in(activity, self.attribution.subject.did(activity));
        }
        self.note_origin(activity, judgement);
        let lasts = is_before && activity.time + limits::THROTTLED > self.span.0;
        self.note_mail_read(activity, details.filter(|_| lasts));
    }

    fn note_mail_read(&mut self, activity: &Activity, details: Option<&Details>) {
        let is_read = matches!(activity.act, Act::MailRead | Act::FolderSync);
        if !is_read || !self.attribution.subject.owns_mailbox(activity) {
            return;
        }
        self.has_mail_reads = true;
        if details.is_some_and(|details| details.is_throttled) {
            self.add_throttled(activity.time);
        }
    }

    /// Activities come in the order of time, so spans that overlap are one.
    fn add_throttled(&mut self, from: DateTime<Utc>) {
        let to = from + limits::THROTTLED;
        match self.throttled.last_mut().filter(|(_, end)| from <= *end) {
            Some((_, end)) => *end = to,
            None => self.throttled.push((from, to)),
        }
    }

    fn add_attack(&mut self, activity: &Activity, details: Option<&Details>) {
        self.add_access(activity);
        self.beginning.note(activity);
        let address = activity.address.filter(|address| is_usable(*address));
        if let Some(address) = address {
            self.attacker_addresses.note(&address);
        }
        if let Act::SignIn(result) = activity.act {
            self.results.insert(result);
            if result == SignInResult::In {
                self.sign_ins += 1;
                address.map(|address| self.sign_in_addresses.note(&address));
            }
        }
        if !self.response.is_empty() {
            self.after_response.add(|| noted(activity, details));
        }
        if let Some(details) = details.filter(|details| !details.has_failed) {
            self.add_details(activity, details);
        }
    }

    /// An attempt that was kept out neither begins nor prolongs an access.
    fn add_access(&mut self, activity: &Activity) {
        let is_inside = activity.is_inside();
        let access = self.access.get_or_insert(Access { first: activity.time, last: activity.time, is_proven: false });
        if is_inside && !access.is_proven {
            (access.first, access.is_proven) = (activity.time, true);
        }
        if is_inside || !access.is_proven {
            access.last = activity.time;
        }
    }

    /// Ends the report.
    pub fn finish(mut self) -> (Report, Timeline) {
        let counts = self.counts();
        let worth = self.worth(&counts);
        let not_logged = limits::not_logged(&self, &counts);
        let origin = verdict::origin(&self);
        let mut others: Vec<OtherAccount> = std::mem::take(&mut self.others).into_rows().into_values().collect();
        others.extend(std::mem::take(&mut self.tried).into_rows().into_values());
        others.sort_by(|a, b| (a.kind, a.first, &a.account).cmp(&(b.kind, b.first, &b.account)));
        let mut addresses: Vec<Address> = std::mem::take(&mut self.addresses).into_rows().into_values().collect();
        addresses.extend(std::mem::take(&mut self.other_addresses).into_rows().into_values());
        addresses.sort_by_key(|row| (row.attribution, row.first, row.ip));
        let report = Report {
            account: self.attribution.subject.name.clone(),
            tenant: self.tenant.clone(),
            from: self.span.0,
            to: self.span.1,
            verdict: verdict::verdict(&self, &counts, &worth, &others),
            access: self.access,
            origin,
            beginning: [verdict::beginning(&self), habits::remarks(self.attribution)].concat(),
            addresses,
            sessions: in_time(self.sessions.into_rows().into_values(), |row| row.first),
            other_accounts: others,
            sent: in_time(self.sent.into_rows().into_values(), |row| row.time),
            read: by_folder(self.read_folders.into_rows()),
            synchronised: self.synchronised.into_rows().into_keys().collect(),
            deleted: in_time(self.deleted.into_rows().into_values(), |row| row.time),
            searches: self.searches.into_rows(),
            files: in_time(self.files.into_rows().into_values(), |row| row.time),
            changes: self.changes.into_rows(),
            response: self.response.into_rows(),
            after_response: self.after_response.into_rows(),
            counts,
            worth,
            not_logged,
        };
        (report, self.timeline)
    }

    /// Returns the lists of which only the first rows are kept: their name, those rows, and the number of all.
    pub(super) fn cut_lists(&self) -> Vec<(&'static str, u64, u64)> {
        let all = [
            ("addresses of the attacker", self.addresses.extent()),
            ("other addresses", self.other_addresses.extent()),
            ("sessions", self.sessions.extent()),
            ("accounts in which the attacker was", self.others.extent()),
            ("accounts that were tried", self.tried.extent()),
            ("folders with messages that were read", self.read_folders.extent()),
            ("folders that were copied", self.synchronised.extent()),
            ("messages that were sent", self.sent.extent()),
            ("messages that were deleted", self.deleted.extent()),
            ("files", self.files.extent()),
            ("searches", self.searches.extent()),
            ("changes", self.changes.extent()),
            ("acts of the response", self.response.extent()),
            ("acts after the response", self.after_response.extent()),
        ];
        let cut = all.into_iter().filter(|(_, (kept, count))| kept < count);
        cut.map(|(name, (kept, count))| (name, kept, count)).collect()
    }

    fn worth(&self, counts: &Counts) -> Worth {
        let is_throttled =
            |access: Access| self.throttled.iter().any(|(from, to)| *from <= access.last && *to >= access.first);
        let has_gap = self.gaps.mail || self.access.is_some_and(is_throttled);
        let read = Known::of(counts.messages_read, self.has_mail_reads, has_gap);
        let mail = |count: u64| Known::of(count, self.seen.mail, self.gaps.mail);
        let is_copied = counts.messages_read == 0 && counts.folders_synchronised > 0;
        Worth {
            sign_ins: Known::of(self.sign_ins, self.seen.sign_ins, self.gaps.sign_ins),
            sign_in_addresses: self.sign_in_addresses.count(),
            is_through_another: self.beginning.delegate().is_some(),
            messages_read: if is_copied { Known::WholeFolders } else { read },
            folders_synchronised: Known::of(counts.folders_synchronised, self.has_mail_reads, has_gap),
            messages_sent: mail(counts.messages_sent),
            messages_deleted: mail(counts.messages_deleted),
            files: Known::of(counts.files, self.seen.files, self.gaps.files),
        }
    }

    fn counts(&self) -> Counts {
        Counts {
            sign_ins: self.sign_ins,
            addresses: self.attacker_addresses.count(),
            messages_read: self.read.count(),
            folders_synchronised: self.synchronised.count(),
            messages_sent: self.sent.count(),
            messages_deleted: self.deleted.count(),
            files: self.files.count(),
            other_accounts: self.other_names.count(),
        }
    }
}

fn in_time<T>(rows: impl Iterator<Item = T>, time: impl Fn(&T) -> DateTime<Utc>) -> Vec<T> {
    let mut rows: Vec<T> = rows.collect();
    rows.sort_by_key(time);
    rows
}

fn by_folder(read: BTreeMap<(String, String), (u64, u64)>) -> Vec<ReadFolder> {
    let row = |((mailbox, folder), (messages, bytes))| ReadFolder { mailbox, folder, messages, bytes };
    let mut rows: Vec<ReadFolder> = read.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.messages));
    rows
}

fn noted(activity: &Activity, details: Option<&Details>) -> Noted {
    let of_sign_in = match activity.act {
        Act::SignIn(result) => result.as_text(),
        _ => "",
    };
    let text = details.map(|details| about(activity.act, details)).filter(|text| !text.is_empty());
    Noted {
        time: activity.time,
        account: activity.account.clone(),
        operation: activity.operation.clone(),
        text: text.unwrap_or_else(|| of_sign_in.to_owned()),
        id: activity.id,
    }
}
