//! Reads a tenant's feed back: every content type, newest first, each blob once, within bytes and time.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::atomic::{AtomicU64, Ordering};

use audit_log::{Event, Selector};
use base::clock::Deadline;
use base::ids::TenantId;
use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, stream};
use m365::ServiceError;
use m365::management_activity::{Content, ContentPage, ContentType, Remedy, SubscriptionStart};
use parking_lot::Mutex;

use super::filter::ByteFilter;
use super::gathered::{Gathered, activity};
use super::{CONTENT_TYPES, LookBackError, SpillError};
use crate::app::App;
use crate::collect::windows::LONGEST;
use crate::collect::{ArrayEnds, LargeRecord, PAGES};

/// The oldest content that the service lists, with some minutes for the way there.
const REACH: TimeDelta = TimeDelta::minutes(7 * 24 * 60 - 10);

/// Blobs that are read at once.
const AT_ONCE: usize = 4;

/// Reasons for which blobs were not read that are told one by one.
const REASONS: usize = 20;

/// Is told how far reading has come.
pub trait Progress: Sync {
    /// A span of a content type is being read, after so many bytes.
    fn reading(&self, of: ContentType, from: DateTime<Utc>, bytes: u64);

    /// An audit search goes on.
    fn searching(&self, what: &str, state: &str);
}

/// Tells nobody.
#[derive(Debug)]
pub struct NoProgress;

impl Progress for NoProgress {
    fn reading(&self, _: ContentType, _: DateTime<Utc>, _: u64) {}

    fn searching(&self, _: &str, _: &str) {}
}

/// The feed of one tenant, and the limits of reading it.
pub(super) struct Feed<'a> {
    pub(super) app: &'a App,
    pub(super) tenant: TenantId,
    /// The time for which content is listed, by when it became available.
    pub(super) span: (DateTime<Utc>, DateTime<Utc>),
    /// The first event of the incident: what is missing from before does not concern it.
    pub(super) event: DateTime<Utc>,
    pub(super) bytes: u64,
    pub(super) deadline: &'a Deadline,
    pub(super) filter: ByteFilter,
    /// When subscriptions were started, as far as it is known.
    pub(super) started: BTreeMap<String, DateTime<Utc>>,
    pub(super) progress: &'a dyn Progress,
}

/// The result of reading the feed back.
#[derive(Debug, Default)]
pub struct ReadBack {
    /// The content that was not read, span by span, in sentences.
    pub not_read: Vec<String>,
    /// The bytes that were read.
    pub bytes: u64,
    /// Content types whose subscription was started on the way.
    pub started: Vec<ContentType>,
    /// The content types of which something was not read that the service may have.
    pub(super) gaps: BTreeSet<&'static str>,
    /// `true` if something was not read that another attempt may read.
    pub(super) is_hindered: bool,
    /// The blobs that were not read, by content type and reason.
    unread: BTreeMap<(&'static str, String), Unread>,
}

/// Blobs that were not read for one reason.
#[derive(Debug, Clone, Copy)]
struct Unread {
    blobs: u64,
    first: DateTime<Utc>,
    last: DateTime<Utc>,
}

impl ReadBack {
    fn note_gap(&mut self, of: ContentType, is_lasting: bool) {
        self.gaps.insert(of.as_str());
        self.is_hindered |= !is_lasting;
    }

    /// Notes a window of which something was not listed.
    fn note_unlisted(&mut self, of: ContentType, (from, to): (DateTime<Utc>, DateTime<Utc>), why: &str) {
        self.note_gap(of, false);
        self.not_read.push(format!("{} of {} was not read: {why}.", of.as_str(), span(from, to)));
    }

    /// Notes a blob that was not read. Further reasons, such as texts of a service that differ each time, count as one.
    fn note_unread(&mut self, of: ContentType, created: DateTime<Utc>, why: String, is_lasting: bool) {
        self.note_gap(of, is_lasting);
        let key = (of.as_str(), why);
        let is_room = self.unread.len() < REASONS || self.unread.contains_key(&key);
        let key = if is_room { key } else { (of.as_str(), "for further reasons".to_owned()) };
        let unread = self.unread.entry(key).or_insert(Unread { blobs: 0, first: created, last: created });
        unread.blobs += 1;
        (unread.first, unread.last) = (unread.first.min(created), unread.last.max(created));
    }

    /// Says which blobs were not read: one sentence for each content type and reason, whatever the number of blobs.
    fn say_unread(&mut self) {
        for ((name, why), unread) in std::mem::take(&mut self.unread) {
            let time = match unread.blobs {
                1 => format!("content of {} UTC was", minute(unread.first)),
                blobs => format!("{blobs} blobs of {} were", span(unread.first, unread.last)),
            };
            self.not_read.push(format!("{name}: {time} not read: {why}."));
        }
    }
}

/// The reason for which the rest is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Limit {
    Bytes,
    Time,
}

/// The state of reading that blobs share.
struct Reading<'a> {
    gathered: Mutex<&'a mut Gathered>,
    bytes: AtomicU64,
    seen: Mutex<HashSet<String>>,
}

impl Feed<'_> {
    /// The time from which content is listed.
    pub(super) fn oldest(&self) -> DateTime<Utc> {
        self.span.0.max(self.span.1 - REACH)
    }

    /// Reads everything into `gathered`.
    ///
    /// # Errors
    /// Returns an error only if the temporary database fails: what the service does not give is said in [`ReadBack::not_read`].
    pub(super) async fn read(&self, gathered: &mut Gathered) -> Result<ReadBack, LookBackError> {
        let reading = Reading { gathered: Mutex::new(gathered), bytes: AtomicU64::new(0), seen: Mutex::default() };
        let mut back = ReadBack::default();
        for of in CONTENT_TYPES {
            self.read_type(of, &reading, &mut back).await?;
        }
        back.bytes = reading.bytes.load(Ordering::Relaxed);
        back.say_unread();
        Ok(back)
    }

    async fn read_type(
        &self,
        of: ContentType,
        reading: &Reading<'_>,
        back: &mut ReadBack,
    ) -> Result<(), LookBackError> {
        let name = of.as_str();
        let oldest = self.oldest();
        let started = self.started.get(name).filter(|started| **started > oldest);
        if let Some(started) = started {
            if *started > self.event {
                back.note_gap(of, true);
            }
            back.not_read.push(format!(
                "{name} was subscribed to on {} UTC; content from before does not exist for Tenantwatch.",
                minute(*started)
            ));
        }
        let mut until = self.span.1;
        while until > oldest {
            let from = oldest.max(until - LONGEST);
            if let Some(limit) = self.limit(reading) {
                back.note_gap(of, limit == Limit::Bytes);
                back.not_read.push(self.left_out(name, oldest, until, limit));
                return Ok(());
            }
            self.progress.reading(of, from, reading.bytes.load(Ordering::Relaxed));
            match self.read_window(of, (from, until), reading, back).await? {
                Window::Read => {}
                Window::NoSubscription => {
                    back.note_gap(of, true);
                    back.not_read.push(self.subscribe(of, &mut back.started).await);
                    return Ok(());
                }
            }
            until = from;
        }
        Ok(())
    }

    /// Reads the blobs of one window.
    async fn read_window(
        &self,
        of: ContentType,
        (from, to): (DateTime<Utc>, DateTime<Utc>),
        reading: &Reading<'_>,
        back: &mut ReadBack,
    ) -> Result<Window, LookBackError> {
        let (window, mut pages) = ((from, to), HashSet::new());
        let mut page = match self.within(self.app.activity.list(&self.tenant, of, from, to)).await {
            Some(Ok(page)) => page,
            Some(Err(error)) if Remedy::of(&error) == Some(Remedy::Subscribe) => return Ok(Window::NoSubscription),
            failed => {
                back.note_unlisted(of, window, &why_unlisted(failed));
                return Ok(Window::Read);
            }
        };
        for _ in 0..PAGES {
            self.read_blobs(of, &page.content, reading, back).await?;
            let next = match page.next.take() {
                None => return Ok(Window::Read),
                Some(Ok(next)) if pages.insert(next.clone()) => next,
                Some(Ok(_)) => break,
                Some(Err(error)) => {
                    back.note_unlisted(of, window, &error.to_string());
                    return Ok(Window::Read);
                }
            };
            page = match self.within(self.app.activity.list_next(&self.tenant, &next)).await {
                Some(Ok(page)) => page,
                failed => {
                    back.note_unlisted(of, window, &why_unlisted(failed));
                    return Ok(Window::Read);
                }
            };
        }
        back.note_unlisted(of, window, "the listing does not end");
        Ok(Window::Read)
    }

    async fn read_blobs(
        &self,
        of: ContentType,
        listed: &[Content],
        reading: &Reading<'_>,
        back: &mut ReadBack,
    ) -> Result<(), LookBackError> {
        let new: Vec<&Content> = listed.iter().filter(|content| reading.is_new(content)).collect();
        let reads = new.into_iter().map(|content| async move { (content, self.read_blob(of, content, reading).await) });
        let mut reads = stream::iter(reads.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        while let Some((content, read)) = reads.next().await {
            match read {
                Ok(()) => {}
                Err(BlobFault::Spill(error)) => return Err(error.into()),
                Err(BlobFault::Unread(why)) => back.note_unread(of, content.content_created, why, false),
                Err(BlobFault::Limit(limit)) => {
                    back.note_unread(of, content.content_created, self.why(limit), limit == Limit::Bytes);
                }
            }
        }
        Ok(())
    }

    /// Streams one blob into the gathered activities.
    async fn read_blob(&self, of: ContentType, content: &Content, reading: &Reading<'_>) -> Result<(), BlobFault> {
        if let Some(limit) = self.limit(reading) {
            return Err(BlobFault::Limit(limit));
        }
        let late = || BlobFault::Limit(Limit::Time);
        let fetched =
            self.within(self.app.activity.fetch(&self.tenant, &content.content_uri)).await.ok_or_else(late)?;
        let mut response = fetched.map_err(|error| BlobFault::Unread(error.to_string()))?;
        let mut selector = Selector::new(|_| true);
        let is_directory = of == ContentType::AzureActiveDirectory;
        let (mut kept, mut large) = (Ok(()), LargeRecord::default());
        let mut array = ArrayEnds::default();
        loop {
            let chunk = self.within(response.chunk()).await.ok_or_else(late)?;
            let Some(chunk) = chunk.map_err(|error| BlobFault::Unread(error.without_url().to_string()))? else { break };
            array.note(&chunk);
            reading.bytes.fetch_add(chunk.len() as u64, Ordering::Relaxed);
            selector.push(&chunk, |event| self.take(event, is_directory, reading, &mut kept));
            self.within(large.hold(selector.kept_bytes())).await;
        }
        selector.finish(|event| self.take(event, is_directory, reading, &mut kept));
        kept.map_err(BlobFault::Spill)?;
        match array.is_complete() {
            true => Ok(()),
            false => Err(BlobFault::Unread("it is not a complete JSON array".to_owned())),
        }
    }

    /// The directory is kept whole: it is little, and gives names, addresses and sessions.
    fn take(&self, event: Event<'_>, is_directory: bool, reading: &Reading<'_>, kept: &mut Result<(), SpillError>) {
        let Event::Selected { json, .. } = event else { return };
        if kept.is_err() || !(is_directory || self.filter.lets_through(json)) {
            return;
        }
        if let Some(activity) = activity(json) {
            let mut gathered = reading.gathered.lock();
            *kept = gathered.keep(&activity, json);
        }
    }

    fn limit(&self, reading: &Reading<'_>) -> Option<Limit> {
        if self.deadline.has_passed() {
            return Some(Limit::Time);
        }
        (reading.bytes.load(Ordering::Relaxed) >= self.bytes).then_some(Limit::Bytes)
    }

    fn why(&self, limit: Limit) -> String {
        match limit {
            Limit::Bytes => format!("the limit of {} MB (INVESTIGATE_MB) was reached", self.bytes >> 20),
            Limit::Time => "the time of the run was over".to_owned(),
        }
    }

    fn left_out(&self, name: &str, from: DateTime<Utc>, to: DateTime<Utc>, limit: Limit) -> String {
        format!("{name} of {} was not read: {}.", span(from, to), self.why(limit))
    }

    async fn within<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        self.deadline.limit(work).await
    }

    /// Starts a subscription that is missing, so that a later investigation has its content.
    async fn subscribe(&self, of: ContentType, started: &mut Vec<ContentType>) -> String {
        let name = of.as_str();
        let missing =
            format!("{name} has no subscription in this tenant, so none of its content exists for Tenantwatch");
        match self.within(self.app.activity.start(&self.tenant, of)).await {
            Some(Ok(SubscriptionStart::Started | SubscriptionStart::AlreadyEnabled)) => {
                started.push(of);
                format!("{missing}. The subscription was started now; content comes from now on.")
            }
            Some(Ok(SubscriptionStart::AuditingOff)) => {
                format!("{missing}. The audit service does not know this tenant.")
            }
            Some(Ok(SubscriptionStart::TooFrequent)) => format!("{missing}. It was started a moment ago."),
            Some(Err(error)) => format!("{missing}. It could not be started: {error}."),
            None => format!("{missing}."),
        }
    }
}

impl Reading<'_> {
    fn is_new(&self, content: &Content) -> bool {
        self.seen.lock().insert(content.content_id.clone())
    }
}

/// The result of a window.
enum Window {
    Read,
    NoSubscription,
}

/// The reason for which a blob was not read to its end.
enum BlobFault {
    Spill(SpillError),
    Unread(String),
    Limit(Limit),
}

fn why_unlisted(failed: Option<Result<ContentPage, ServiceError>>) -> String {
    match failed {
        Some(Err(error)) => error.to_string(),
        _ => "the time of the run was over".to_owned(),
    }
}

fn span(from: DateTime<Utc>, to: DateTime<Utc>) -> String {
    format!("{} to {} UTC", minute(from), minute(to))
}

fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}
