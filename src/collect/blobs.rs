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
use super::batch::hand_over;
use super::blob_stream::{ArrayEnds, LargeRecord};
use crate::tenants::Stop;
use crate::tenants::stop::stop_in_time;

/// Blobs that one run reads at once.
const AT_ONCE: usize = 4;

/// Blobs that the process reads at once, over all tenants. Each holds at most a chunk of the socket, one ordinary record and
/// one batch; together with [`LargeRecord`] this is the process's budget of bytes in flight, some 50 MB.
static IN_FLIGHT: Semaphore = Semaphore::const_new(24);

/// The number of records at which a batch is evaluated, and the number of their bytes.
const BATCH_RECORDS: usize = 64;
const BATCH_BYTES: usize = 256 * 1024;

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

/// The malformed records of a blob.
#[derive(Debug, Default)]
struct BrokenRecords {
    count: u64,
    /// The error of the first one.
    first: Option<String>,
}

impl Collector<'_> {
    /// Reads the listed blobs that were neither fetched before nor are deferred.
    pub(super) async fn read_blobs(&self, of: ContentType, listed: &[Content]) -> Result<(), Stop> {
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
        let mut stop = Ok(());
        while let Some(outcome) = outcomes.next().await {
            // Reads in flight are finished, or a notification could be cut off between acceptance and mark.
            self.ends_if(&outcome);
            stop = stop.and(outcome);
        }
        stop
    }

    async fn read_new(&self, of: ContentType, content: &Content) -> Result<(), Stop> {
        if self.is_ending() {
            return Ok(());
        }
        stop_in_time(self.deadline)?;
        let share = Deadline::after(Arc::clone(&self.app.clock), self.deadline.left() / SHARE);
        match self.fetch(content, &share).await {
            Ok(()) => Ok(()),
            Err(BlobFault::Denied(error)) => self.lose_denied(content, &error).await,
            Err(BlobFault::Unread(why)) => self.defer(of, content, &why).await,
            Err(BlobFault::Stop(stop)) => Err(stop),
        }
    }

    /// Reads one blob, which has until `share` is over. It counts as read when the next stage has acknowledged every record in it.
    pub(super) async fn fetch(&self, content: &Content, share: &Deadline) -> Result<(), BlobFault> {
        let answer = {
            let _permit = IN_FLIGHT.acquire().await;
            self.app.activity.fetch(&self.tenant, &content.content_uri).await
        };
        let response = answer.map_err(|error| self.blob_fault(error))?;
        let (broken, items) = self.read_records(response, content.content_created, share).await?;
        if let BrokenRecords { count, first: Some(first) } = broken {
            return Err(BlobFault::Unread(format!("{count} of its records are malformed, the first because: {first}")));
        }
        self.session
            .change(|row| {
                row.note_fetched(content);
                row.note_exchange_items(content.content_created.date_naive(), items);
            })
            .await;
        self.count(|report| report.blobs += 1);
        Ok(())
    }

    /// Streams the records of a blob to the next stage and returns those that are malformed, and the number of records of mailbox
    /// auditing. A permit of the process is held only while bytes are read, never while records are evaluated: a tenant whose Exchange
    /// does not respond must not keep the others from reading.
    async fn read_records(
        &self,
        mut response: reqwest::Response,
        created: DateTime<Utc>,
        share: &Deadline,
    ) -> Result<(BrokenRecords, u64), BlobFault> {
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
        let mut large = LargeRecord::default();
        while let Some(chunk) = next_chunk(&mut response, share).await? {
            array.note(&chunk);
            items.push(&chunk);
            selector.push(&chunk, |event| batch.take(event, is_wanted));
            if batch.is_full() {
                large.release();
                hand_over(&self.batches, batch.take_records(), created).await?;
            }
            large.hold(selector.kept_bytes()).await;
        }
        drop(large);
        selector.finish(|event| batch.take(event, is_wanted));
        hand_over(&self.batches, batch.take_records(), created).await?;
        self.count(|report| {
            report.records += batch.seen;
            report.selected += batch.selected;
            report.broken += batch.broken.count;
        });
        match array.is_complete() {
            true => Ok((batch.broken, items.finish())),
            false => Err(BlobFault::Unread("it is not a complete JSON array".to_owned())),
        }
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
            Event::Skipped | Event::Traced { .. } => {}
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
        Event::Selected { .. } | Event::Traced { .. } | Event::Skipped | Event::Envelope { .. } => true,
        Event::Broken { error, .. } => Broken::is_a_record(*error),
    }
}
