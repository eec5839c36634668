//! Builds the report from attributed activities, one after the other in the order of time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use chrono::{DateTime, Utc};

use super::activity::{Act, Activity, SignInResult};
use super::attribution::{Attributed, Attribution, Judgement, program};
use super::baseline::is_usable;
use super::changes::Change;
use super::details::{Details, File, Message};
use super::report::{
    Access, Address, Counts, Deleted, FileRow, Noted, OtherAccount, OtherKind, ReadFolder, Report, Sent, Session,
    SyncedFolder,
};
use super::seen::Seen;
use super::timeline::Timeline;
use super::{limits, verdict};

/// Clients named for each address.
const CLIENTS: usize = 5;

/// A message by its mailbox and key.
type MessageKey = (String, String);

/// Collects what a report shows.
#[derive(Debug)]
pub struct Builder<'a> {
    pub(super) attribution: &'a Attribution,
    span: (DateTime<Utc>, DateTime<Utc>),
    tenant: String,
    pub(super) seen: Seen,
    /// The time line around the attack.
    pub timeline: Timeline,
    pub(super) access: Option<Access>,
    sign_ins: u64,
    pub(super) results: BTreeSet<SignInResult>,
    attacker_addresses: BTreeSet<IpAddr>,
    pub(super) addresses: BTreeMap<IpAddr, Address>,
    /// The address of the first record of the threat, and the account's first activity from it.
    pub(super) origin: Option<(IpAddr, DateTime<Utc>)>,
    /// The account's first activity from each address.
    from: BTreeMap<IpAddr, DateTime<Utc>>,
    sessions: BTreeMap<String, Session>,
    others: BTreeMap<String, OtherAccount>,
    read: BTreeMap<MessageKey, (String, u64)>,
    synchronised: BTreeSet<SyncedFolder>,
    sent: BTreeMap<MessageKey, Sent>,
    deleted: BTreeMap<MessageKey, Deleted>,
    files: BTreeMap<String, FileRow>,
    file_ids: BTreeMap<String, String>,
    searches: Vec<Noted>,
    changes: Vec<Change>,
    response: Vec<Noted>,
    after_response: Vec<Noted>,
    pub(super) throttled: Vec<DateTime<Utc>>,
    pub(super) has_mail_reads: bool,
    /// The first acts of the attacker, which tell how it began.
    pub(super) first_acts: Vec<FirstAct>,
}

/// One of the attacker's first acts.
#[derive(Debug, Clone)]
pub(super) struct FirstAct {
    pub(super) time: DateTime<Utc>,
    pub(super) act: Act,
    pub(super) operation: String,
    pub(super) address: Option<IpAddr>,
    pub(super) program: Option<&'static str>,
}

impl<'a> Builder<'a> {
    /// A report over a span of time.
    pub fn new(attribution: &'a Attribution, tenant: String, seen: Seen, span: (DateTime<Utc>, DateTime<Utc>)) -> Self {
        let (first, last) = attribution.period.unwrap_or((attribution.alarm, attribution.alarm));
        let (begin, end) = (first.max(span.0).min(span.1), last.min(span.1).max(span.0));
        Self {
            attribution,
            span,
            tenant,
            seen,
            timeline: Timeline::around(begin.min(end), end),
            access: None,
            sign_ins: 0,
            results: BTreeSet::new(),
            attacker_addresses: BTreeSet::new(),
            addresses: BTreeMap::new(),
            origin: None,
            from: BTreeMap::new(),
            sessions: BTreeMap::new(),
            others: BTreeMap::new(),
            read: BTreeMap::new(),
            synchronised: BTreeSet::new(),
            sent: BTreeMap::new(),
            deleted: BTreeMap::new(),
            files: BTreeMap::new(),
            file_ids: BTreeMap::new(),
            searches: Vec::new(),
            changes: Vec::new(),
            response: Vec::new(),
            after_response: Vec::new(),
            throttled: Vec::new(),
            has_mail_reads: false,
            first_acts: Vec::new(),
        }
    }

    /// Adds an activity that was examined.
    pub fn add(&mut self, activity: &Activity, judgement: Judgement, details: Option<&Details>) {
        let subject = &self.attribution.subject;
        let is_attacker = judgement.attributed.is_attacker();
        self.add_address(activity, judgement);
        self.timeline.add(activity, judgement.attributed);
        if matches!(activity.act, Act::MailRead | Act::FolderSync) && subject.owns_mailbox(activity) {
            self.has_mail_reads = true;
            self.throttled.extend(details.filter(|details| details.is_throttled).map(|_| activity.time));
        }
        if is_attacker {
            self.add_session(activity);
            self.add_other(activity, judgement);
        }
        if is_attacker && (subject.did(activity) || subject.owns_mailbox(activity)) {
            self.add_attack(activity, details);
        }
        if judgement.attributed == Attributed::Response && matches!(activity.act, Act::Change | Act::Other) {
            self.response.push(noted(activity, details));
        }
    }

    fn add_address(&mut self, activity: &Activity, judgement: Judgement) {
        let Some(ip) = activity.address.filter(|address| Attribution::is_named(*address)) else { return };
        self.note_origin(activity, ip);
        let by_itself = self.attribution.judge_address(ip);
        let shown = by_itself.unwrap_or(judgement);
        let row = self.addresses.entry(ip).or_insert_with(|| Address {
            ip,
            attribution: shown.attributed,
            rule: shown.rule,
            place: String::new(),
            network: String::new(),
            first: activity.time,
            last: activity.time,
            activities: 0,
            clients: Vec::new(),
        });
        if by_itself.is_none() && shown.attributed < row.attribution {
            (row.attribution, row.rule) = (shown.attributed, shown.rule);
        }
        row.last = activity.time;
        row.activities += 1;
        if !activity.client.is_empty() && row.clients.len() < CLIENTS && !row.clients.contains(&activity.client) {
            row.clients.push(activity.client.clone());
        }
    }

    /// Activities come in the order of time.
    fn note_origin(&mut self, activity: &Activity, ip: IpAddr) {
        if self.attribution.subject.did(activity) && activity.is_inside() {
            self.from.entry(ip).or_insert(activity.time);
        }
        if self.origin.is_none() && self.attribution.threats.contains(&activity.id) && is_usable(ip) {
            self.origin = Some((ip, self.from.get(&ip).copied().unwrap_or(activity.time)));
        }
    }

    fn add_session(&mut self, activity: &Activity) {
        let shared = self.attribution.shared_sessions();
        for session in &activity.sessions {
            let row = self.sessions.entry(session.clone()).or_insert_with(|| Session {
                session: session.clone(),
                account: activity.account.clone(),
                is_shared: shared.contains(&session.as_str()),
                ips: Vec::new(),
                first: activity.time,
                last: activity.time,
                activities: 0,
            });
            row.last = activity.time;
            row.activities += 1;
            let address = activity.address.filter(|address| Attribution::is_named(*address));
            row.ips.extend(address.filter(|address| !row.ips.contains(address)));
        }
    }

    fn add_other(&mut self, activity: &Activity, judgement: Judgement) {
        let is_certain = judgement.attributed != Attributed::Likely;
        if self.attribution.subject.did(activity) || !activity.is_by_person() || !is_certain {
            return;
        }
        let kind = match activity.act {
            Act::SignIn(SignInResult::In) => OtherKind::SignedIn,
            Act::SignIn(result) if result.has_credential() => OtherKind::Stopped,
            Act::SignIn(_) => OtherKind::Tried,
            _ => OtherKind::SignedIn,
        };
        let row = self.others.entry(activity.account.clone()).or_insert_with(|| OtherAccount {
            account: activity.account.clone(),
            kind,
            first: activity.time,
            last: activity.time,
            activities: 0,
            ips: Vec::new(),
        });
        row.kind = row.kind.min(kind);
        row.last = activity.time;
        row.activities += 1;
        let address = activity.address.filter(|address| Attribution::is_named(*address));
        row.ips.extend(address.filter(|address| !row.ips.contains(address)));
    }

    fn add_attack(&mut self, activity: &Activity, details: Option<&Details>) {
        let is_inside = activity.is_inside();
        let access = self.access.get_or_insert(Access { first: activity.time, last: activity.time, is_proven: false });
        // An attempt that was kept out does not prolong an access of the attacker.
        if is_inside || !access.is_proven {
            access.last = activity.time;
        }
        access.is_proven |= is_inside;
        self.attacker_addresses.extend(activity.address.filter(|address| is_usable(*address)));
        if self.first_acts.len() < 20 {
            self.first_acts.push(FirstAct {
                time: activity.time,
                act: activity.act,
                operation: activity.operation.clone(),
                address: activity.address,
                program: program(&activity.client),
            });
        }
        if let Act::SignIn(result) = activity.act {
            self.results.insert(result);
            self.sign_ins += u64::from(result == SignInResult::In);
        }
        if !self.response.is_empty() {
            self.after_response.push(noted(activity, details));
        }
        if let Some(details) = details.filter(|details| !details.has_failed) {
            self.add_details(activity, details);
        }
    }

    fn add_details(&mut self, activity: &Activity, details: &Details) {
        match activity.act {
            Act::MailRead => details.messages.iter().for_each(|message| self.add_read(activity, message)),
            Act::FolderSync => {
                let folder =
                    |folder: &String| SyncedFolder { mailbox: activity.mailbox.clone(), folder: folder.clone() };
                self.synchronised.extend(details.folders.iter().map(folder));
            }
            Act::MailSent => details.messages.iter().for_each(|message| self.add_sent(activity, message, details)),
            Act::MailDeleted => details.messages.iter().for_each(|message| self.add_deleted(activity, message)),
            Act::Search => self.searches.push(noted(activity, Some(details))),
            Act::FileRead | Act::FileShared => details.file.iter().for_each(|file| self.add_file(activity, file)),
            Act::Change => self.changes.push(Change {
                noted: noted(activity, Some(details)),
                object: details.change.clone().unwrap_or_default(),
                state: None,
            }),
            _ => {}
        }
    }

    fn add_read(&mut self, activity: &Activity, message: &Message) {
        let key = (activity.mailbox.clone(), message.key.clone());
        let read = self.read.entry(key).or_insert_with(|| (message.folder.clone(), 0));
        read.1 = read.1.max(message.size);
    }

    fn add_sent(&mut self, activity: &Activity, message: &Message, details: &Details) {
        let key = (String::new(), message.key.clone());
        self.sent.entry(key).or_insert_with(|| Sent {
            time: activity.time,
            subject: message.subject.clone(),
            recipients: details.recipients.clone(),
            mailbox: activity.mailbox.clone(),
            message: message.key.clone(),
            id: activity.id,
        });
    }

    fn add_deleted(&mut self, activity: &Activity, message: &Message) {
        let key = (activity.mailbox.clone(), message.key.clone());
        self.deleted.entry(key).or_insert_with(|| Deleted {
            time: activity.time,
            subject: message.subject.clone(),
            folder: message.folder.clone(),
            operation: activity.operation.clone(),
        });
    }

    /// Records of one file may have its id or only its address.
    fn add_file(&mut self, activity: &Activity, file: &File) {
        let url = file.url.to_lowercase();
        let key = match &file.id {
            Some(id) => {
                if let Some(earlier) = self.files.remove(&url) {
                    self.files.entry(id.clone()).or_insert(earlier);
                }
                self.file_ids.insert(url, id.clone());
                id.clone()
            }
            None => self.file_ids.get(&url).cloned().unwrap_or(url),
        };
        let row = self.files.entry(key).or_insert_with(|| FileRow {
            name: file.name.clone(),
            url: file.url.clone(),
            operations: Vec::new(),
            time: activity.time,
            bytes: 0,
        });
        row.bytes = row.bytes.max(file.size);
        if !row.operations.contains(&activity.operation) {
            row.operations.push(activity.operation.clone());
        }
    }

    /// Ends the report.
    pub fn finish(mut self) -> (Report, Timeline) {
        let counts = self.counts();
        let not_logged = limits::not_logged(&self, &counts);
        let origin = verdict::origin(&self);
        let mut others: Vec<OtherAccount> = std::mem::take(&mut self.others).into_values().collect();
        others.sort_by(|a, b| (a.kind, a.first, &a.account).cmp(&(b.kind, b.first, &b.account)));
        let mut addresses: Vec<Address> = std::mem::take(&mut self.addresses).into_values().collect();
        addresses.sort_by_key(|row| (row.attribution, row.first, row.ip));
        let report = Report {
            account: self.attribution.subject.name.clone(),
            tenant: self.tenant.clone(),
            from: self.span.0,
            to: self.span.1,
            verdict: verdict::verdict(&self, &counts, &others),
            access: self.access,
            origin,
            beginning: verdict::beginning(&self),
            addresses,
            sessions: in_time(self.sessions.into_values(), |row| row.first),
            other_accounts: others,
            sent: in_time(self.sent.into_values(), |row| row.time),
            read: by_folder(self.read),
            synchronised: self.synchronised.into_iter().collect(),
            deleted: in_time(self.deleted.into_values(), |row| row.time),
            searches: self.searches,
            files: in_time(self.files.into_values(), |row| row.time),
            changes: self.changes,
            response: self.response,
            after_response: self.after_response,
            counts,
            not_logged,
        };
        (report, self.timeline)
    }

    fn counts(&self) -> Counts {
        let count = |length: usize| length as u64;
        Counts {
            sign_ins: self.sign_ins,
            addresses: count(self.attacker_addresses.len()),
            messages_read: count(self.read.len()),
            folders_synchronised: count(self.synchronised.len()),
            messages_sent: count(self.sent.len()),
            messages_deleted: count(self.deleted.len()),
            files: count(self.files.len()),
            other_accounts: count(self.others.len()),
        }
    }
}

fn in_time<T>(rows: impl Iterator<Item = T>, time: impl Fn(&T) -> DateTime<Utc>) -> Vec<T> {
    let mut rows: Vec<T> = rows.collect();
    rows.sort_by_key(time);
    rows
}

fn by_folder(read: BTreeMap<MessageKey, (String, u64)>) -> Vec<ReadFolder> {
    let mut folders: BTreeMap<(String, String), (u64, u64)> = BTreeMap::new();
    for ((mailbox, _), (folder, size)) in read {
        let row = folders.entry((mailbox, folder)).or_default();
        row.0 += 1;
        row.1 += size;
    }
    let row = |((mailbox, folder), (messages, bytes))| ReadFolder { mailbox, folder, messages, bytes };
    let mut rows: Vec<ReadFolder> = folders.into_iter().map(row).collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.messages));
    rows
}

fn noted(activity: &Activity, details: Option<&Details>) -> Noted {
    let of_sign_in = match activity.act {
        Act::SignIn(result) => result.as_text(),
        _ => "",
    };
    let text = details.map(|details| details.text.clone()).filter(|text| !text.is_empty());
    Noted {
        time: activity.time,
        account: activity.account.clone(),
        operation: activity.operation.clone(),
        text: text.unwrap_or_else(|| of_sign_in.to_owned()),
        id: activity.id,
    }
}
