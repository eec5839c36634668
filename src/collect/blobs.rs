//! Reading content blobs: a bounded number at once, from the socket through the selector into judging, never a whole blob in
//! memory.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::{FutureExt as _, StreamExt as _, stream};
use tokio::sync::Semaphore;

use crate::detection::{is_selected, is_sign_in, system_noise};
use audit_log::{AuditRecord, Broken, Event, MailboxItems, Selector};
use base::clock::Deadline;
use m365::ServiceError;
use m365::management_activity::{Content, ContentType, Remedy};
use table_store::StoreError;

use super::Collector;
use super::batch::{Acknowledgement, hand_over};
use super::blob_stream::{ArrayEnds, LargeRecord};
use crate::tenants::Stop;
use crate::tenants::stop::stop_in_time;

/// Blobs that one run reads at once.
pub const AT_ONCE: usize = 4;

/// Blobs that the process reads at once, over all tenants. Each holds at most a chunk of the socket, one ordinary record and
/// one batch; together with [`LargeRecord`] this is the process's budget of bytes in flight, some 50 MB.
static IN_FLIGHT: Semaphore = Semaphore::const_new(24);

/// The number of records at which a batch is evaluated, and the number of their bytes.
const BATCH_RECORDS: usize = 64;
const BATCH_BYTES: usize = 256 * 1024;

/// The bytes of records of one run that may wait to be stored. A record that something is looked up for may wait for long; until the
/// room is used up, other blobs are read meanwhile.
pub const WAITING_BYTES: usize = AT_ONCE * BATCH_BYTES;

/// The divisor of the time that is left: one blob may take a half of it. A blob that arrives slowly must not keep the others from
/// being read; if its share is over, it is deferred.
const SHARE: u32 = 2;

/// Why a blob is not fetched.
#[derive(Debug)]
pub enum BlobFault {
    /// The service denies having it: AF20050, AF20051, AF20052. It never will again.
    Denied(ServiceError),
    /// It could not be read to its end, or contains malformed records. It is deferred.
    Unread(String),
    /// Nothing to do with the blob: the run ends.
    Stop(Stop),
}

impl From<Stop> for BlobFault {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<StoreError> for BlobFault {
    fn from(error: StoreError) -> Self {
        Self::Stop(error.into())
    }
}

/// Selected records on their way to the evaluation.
#[derive(Debug, Default)]
struct Batch {
    records: Vec<AuditRecord>,
    bytes: usize,
    broken: BrokenRecords,
    seen: u64,
    selected: u64,
}

/// A blob of a listing that has arrived.
#[derive(Debug)]
pub struct Arrived {
    of: ContentType,
    content: Content,
    records: BlobRecords,
}

/// The end of a blob: everything was handed over, and may not be stored yet.
#[derive(Debug)]
pub struct BlobRecords {
    batches: Vec<Acknowledgement>,
    broken: BrokenRecords,
    /// It was a complete JSON array.
    is_whole: bool,
    /// The number of its records of mailbox auditing.
    mailbox_items: u64,
}

/// The malformed records of a blob.
#[derive(Debug, Default)]
struct BrokenRecords {
    count: u64,
    /// The error of the first one.
    first: Option<String>,
}

impl Collector<'_> {
    /// Reads the listed blobs that were neither fetched before nor are deferred, and returns those that arrived.
    pub(super) async fn read_blobs(&self, of: ContentType, listed: &[Content]) -> Result<Vec<Arrived>, Stop> {
        let mut new = Vec::new();
        for content in listed {
            let is_known = self.session.read(|row| row.has_fetched(content)).await || self.is_deferred(content);
            if !is_known {
                new.push(content);
            }
        }
        let newest = listed.iter().map(|content| content.content_created).max();
        self.session.change(|row| row.last_content = row.last_content.max(newest)).await;
        let reads: Vec<_> = new.into_iter().map(|content| self.read_new(of, content).boxed()).collect();
        let mut outcomes = stream::iter(reads).buffer_unordered(AT_ONCE);
        let (mut arrived, mut stop) = (Vec::new(), Ok(()));
        while let Some(outcome) = outcomes.next().await {
            // Reads in flight are finished, or a notification could be cut off between acceptance and mark.
            self.ends_if(&outcome);
            match outcome {
                Ok(blob) => arrived.extend(blob),
                Err(error) => stop = stop.and(Err(error)),
            }
        }
        match stop {
            Ok(()) => Ok(arrived),
            Err(stop) => self.settle(arrived).await.and(Err(stop)),
        }
    }

    async fn read_new(&self, of: ContentType, content: &Content) -> Result<Option<Arrived>, Stop> {
        if self.is_ending() {
            return Ok(None);
        }
        stop_in_time(self.deadline)?;
        let share = Deadline::after(Arc::clone(&self.app.clock), self.deadline.left() / SHARE);
        match self.read(content, &share).await {
            Ok(records) => Ok(Some(Arrived { of, content: content.clone(), records })),
            Err(fault) => self.note_fault(of, content, fault).await.map(|()| None),
        }
    }

    /// Waits until the records of these blobs are stored, and notes the blobs as fetched.
    pub(super) async fn settle(&self, arrived: Vec<Arrived>) -> Result<(), Stop> {
        let mut stop = Ok(());
        for Arrived { of, content, records } in arrived {
            let settled = match self.settle_blob(&content, records).await {
                Ok(()) => Ok(()),
                Err(fault) => self.note_fault(of, &content, fault).await,
            };
            stop = stop.and(settled);
        }
        // Blobs may have been left out because of a batch whose blob did not arrive whole.
        match stop {
            Ok(()) if self.is_ending() => Err(Stop::Transient("records could not be stored".to_owned())),
            stop => stop,
        }
    }

    /// Waits until every record of a blob is stored. Then it counts as fetched.
    pub(super) async fn settle_blob(&self, content: &Content, records: BlobRecords) -> Result<(), BlobFault> {
        for batch in records.batches {
            batch.wait().await?;
        }
        if let BrokenRecords { count, first: Some(first) } = records.broken {
            return Err(BlobFault::Unread(format!("{count} of its records are malformed, the first because: {first}")));
        }
        if !records.is_whole {
            return Err(BlobFault::Unread("it is not a complete JSON array".to_owned()));
        }
        self.session
            .change(|row| {
                row.note_fetched(content);
                row.note_exchange_items(content.content_created.date_naive(), records.mailbox_items);
            })
            .await;
        self.count(|report| report.blobs += 1);
        Ok(())
    }

    /// Notes that a new blob is lost or deferred, or ends the run.
    async fn note_fault(&self, of: ContentType, content: &Content, fault: BlobFault) -> Result<(), Stop> {
        match fault {
            BlobFault::Denied(error) => self.lose_denied(content, &error).await,
            BlobFault::Unread(why) => self.defer(of, content, &why).await,
            BlobFault::Stop(stop) => Err(stop),
        }
    }

    /// Reads one blob, which has until `share` is over, and hands its records to the next stage.
    pub(super) async fn read(&self, content: &Content, share: &Deadline) -> Result<BlobRecords, BlobFault> {
        let answer = {
            let _permit = IN_FLIGHT.acquire().await;
            self.app.activity.fetch(&self.tenant, &content.content_uri).await
        };
        let response = answer.map_err(|error| self.blob_fault(error))?;
        self.read_records(response, content.content_created, share).await
    }

    /// Streams the records of a blob to the next stage. A permit of the process is held only while bytes are read, never while records
    /// are evaluated: a tenant whose Exchange does not respond must not keep the others from reading.
    async fn read_records(
        &self,
        mut response: reqwest::Response,
        created: DateTime<Utc>,
        share: &Deadline,
    ) -> Result<BlobRecords, BlobFault> {
        let attackers = self.app.attackers.current(self.app.store.as_ref()).await;
        let sign_in = AtomicBool::new(false);
        let mut selector = Selector::new(|operation: &str| {
            let is_sign_in = !attackers.is_empty() && is_sign_in(operation);
            sign_in.store(is_sign_in, Ordering::Relaxed);
            is_sign_in || is_selected(operation)
        });
        // A sign-in is looked at only if its bytes contain the address of an attacker.
        let is_wanted = |json: &[u8]| !sign_in.load(Ordering::Relaxed) || attackers.may_be_in(json);
        let mut items = MailboxItems::default();
        let mut array = ArrayEnds::default();
        let mut batch = Batch::default();
        let mut batches = Vec::new();
        let mut large = LargeRecord::default();
        while let Some(chunk) = next_chunk(&mut response, share).await? {
            array.note(&chunk);
            items.push(&chunk);
            selector.push(&chunk, |event| batch.take(event, is_wanted));
            if batch.is_full() {
                // A large record keeps its permit until there is room for it, so that no other one comes meanwhile.
                batches.extend(self.hand_over(&mut batch, created).await?);
                large.release();
            }
            large.hold(selector.kept_bytes()).await;
        }
        selector.finish(|event| batch.take(event, is_wanted));
        batches.extend(self.hand_over(&mut batch, created).await?);
        drop(large);
        self.count(|report| {
            report.records += batch.seen;
            report.selected += batch.selected;
            report.broken += batch.broken.count;
        });
        Ok(BlobRecords { batches, broken: batch.broken, is_whole: array.is_complete(), mailbox_items: items.finish() })
    }

    /// Hands the records of a batch to the next stage, when there is room for them.
    async fn hand_over(&self, batch: &mut Batch, created: DateTime<Utc>) -> Result<Option<Acknowledgement>, Stop> {
        if batch.records.is_empty() {
            return Ok(None);
        }
        let bytes = batch.bytes.clamp(1, WAITING_BYTES).try_into().unwrap_or(u32::MAX);
        let place = Arc::clone(&self.waiting_places).acquire_many_owned(bytes).await;
        let place = place.map_err(|_| Stop::Transient("the run has ended".to_owned()))?;
        hand_over(&self.batches, batch.take_records(), created, place, Arc::clone(&self.ending)).await.map(Some)
    }

    fn blob_fault(&self, error: ServiceError) -> BlobFault {
        match Remedy::of(&error) {
            Some(Remedy::ContentLost) => BlobFault::Denied(error),
            // Each of the others would fare the same.
            _ if matches!(error, ServiceError::Token(_) | ServiceError::Waiting { .. }) => {
                BlobFault::Stop(error.into())
            }
            _ => BlobFault::Unread(error.to_string()),
        }
    }
}

async fn next_chunk(response: &mut reqwest::Response, share: &Deadline) -> Result<Option<Bytes>, BlobFault> {
    let cut = |error: reqwest::Error| BlobFault::Unread(format!("it was cut off: {}", error.without_url()));
    // Only the waiting is cut off: the records of earlier chunks are stored by now.
    let chunk = async {
        let _permit = IN_FLIGHT.acquire().await;
        response.chunk().await
    };
    match share.limit(chunk).await {
        Some(chunk) if !share.has_passed() => chunk.map_err(cut),
        Some(_) | None => Err(BlobFault::Unread("it did not end within its time".to_owned())),
    }
}

impl Batch {
    fn take(&mut self, event: Event<'_>, is_wanted: impl Fn(&[u8]) -> bool) {
        self.seen += u64::from(is_a_record(&event));
        match event {
            Event::Skipped { .. } | Event::Traced { .. } => {}
            Event::Selected { json, .. } if !is_wanted(json) => {}
            Event::Envelope { .. } => self.broken.note(&Broken::NoOperation),
            Event::Selected { json, .. } if system_noise(json).is_some() => self.selected += 1,
            Event::Selected { json, .. } => match AuditRecord::parse(json) {
                Ok(record) => {
                    self.selected += 1;
                    self.bytes += record.text.len();
                    self.records.push(record);
                }
                Err(error) => self.broken.note(&error),
            },
            Event::Broken { error, .. } => self.broken.note(&error),
        }
    }

    fn take_records(&mut self) -> Vec<AuditRecord> {
        self.bytes = 0;
        std::mem::take(&mut self.records)
    }

    fn is_full(&self) -> bool {
        self.records.len() >= BATCH_RECORDS || self.bytes >= BATCH_BYTES
    }
}

impl BrokenRecords {
    fn note(&mut self, error: &dyn std::error::Error) {
        self.count += 1;
        self.first.get_or_insert_with(|| error.to_string());
    }
}

fn is_a_record(event: &Event<'_>) -> bool {
    match event {
        Event::Selected { .. } | Event::Traced { .. } | Event::Skipped { .. } | Event::Envelope { .. } => true,
        Event::Broken { error, .. } => Broken::is_a_record(*error),
    }
}
