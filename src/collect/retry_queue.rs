//! Retries blobs that could not be read, with exponential backoff, until they are read or expire.

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt as _, StreamExt as _, stream};

use crate::tables::COVERAGE;
use crate::tables::claim::is_reached;
use crate::tables::{DeferredBlob, Span, coverage, list_readable};
use base::clock::Deadline;
use m365::ServiceError;
use m365::management_activity::{Content, ContentType};
use table_store::{PartitionKey, Query, StoreError};

use super::Collector;
use super::blobs::{AT_ONCE, BlobFault};
use crate::tenants::Stop;
use crate::tenants::stop::stop_in_time;

/// The result of a try.
enum Tried {
    /// Read by now, and no longer in the queue.
    Read,
    /// Permanently lost.
    Lost(DeferredBlob),
    /// Still in the queue.
    Deferred,
}

impl Collector<'_> {
    /// Returns whether a listed blob is in the retry queue: its time is not now.
    pub(super) fn is_deferred(&self, content: &Content) -> bool {
        self.deferred.lock().contains(&content.content_id)
    }

    fn note_deferred(&self, blobs: &[DeferredBlob]) {
        self.deferred.lock().extend(blobs.iter().map(|blob| blob.content.content_id.clone()));
    }

    /// Tries the deferred blobs that are due, until `share` is over. If there are none, the store is not queried.
    pub(super) async fn read_retry_queue(&self, share: &Deadline) -> Result<(), Stop> {
        if self.session.read(|row| row.owed).await == 0 {
            return Ok(());
        }
        let query = Query::partition(PartitionKey::tenant(&self.tenant)).with_prefix(DeferredBlob::ROW_PREFIX);
        let rows = list_readable::<DeferredBlob>(self.app.store.as_ref(), query).await?;
        let rows: Vec<DeferredBlob> = rows.into_iter().map(|(row, _)| row).collect();
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        self.session.change(|row| row.owed = count).await;
        let still = self.session.read(|row| coverage::still_owed(rows.clone(), row)).await;
        for blob in rows.into_iter().filter(|blob| !still.contains(blob)) {
            self.remove_from_retry_queue(&blob).await?;
        }
        self.note_deferred(&still);
        let lost = self.try_due(still, share).await?;
        self.lose_deferred(lost).await
    }

    async fn try_due(&self, mut owed: Vec<DeferredBlob>, share: &Deadline) -> Result<Vec<DeferredBlob>, Stop> {
        let now = super::time::now(self.app).time;
        owed.retain(|blob| is_reached(blob.next_attempt, now) || blob.content.content_expiration <= now);
        // The blob that expires first comes first. A blob that was tried is not due in the next run, which continues with the
        // others.
        owed.sort_by_key(|blob| blob.content.content_expiration);
        let tries: Vec<_> = owed.into_iter().map(|blob| self.try_deferred(blob, share).boxed()).collect();
        let mut tried = stream::iter(tries).buffer_unordered(AT_ONCE);
        let (mut lost, mut stop) = (Vec::new(), Ok(()));
        while let Some(outcome) = tried.next().await {
            // Do not await here: reads in flight would stall, and so would their locks.
            self.ends_if(&outcome);
            match outcome {
                Ok(Tried::Lost(blob)) => lost.push(blob),
                Ok(Tried::Read | Tried::Deferred) => {}
                Err(error) => stop = stop.and(Err(error)),
            }
        }
        stop.map(|()| lost)
    }

    async fn try_deferred(&self, blob: DeferredBlob, share: &Deadline) -> Result<Tried, Stop> {
        if self.is_ending() || share.has_passed() {
            return Ok(Tried::Deferred);
        }
        stop_in_time(self.deadline)?;
        let fetched = match self.read(&blob.content, share).await {
            Ok(records) => self.settle_blob(&blob.content, records).await,
            Err(fault) => Err(fault),
        };
        let fault = match fetched {
            Ok(()) => {
                self.remove_from_retry_queue(&blob).await?;
                return Ok(Tried::Read);
            }
            Err(BlobFault::Denied(_)) => return Ok(Tried::Lost(blob)),
            Err(BlobFault::Stop(stop)) => return Err(stop),
            Err(BlobFault::Unread(why)) => why,
        };
        let now = super::time::now(self.app).time;
        tracing::warn!(tenant = %self.tenant, attempts = blob.attempts, "a deferred blob is still not read: {fault}");
        if blob.content.content_expiration <= now {
            return Ok(Tried::Lost(blob));
        }
        let attempts = blob.attempts.saturating_add(1);
        let next_attempt = next_attempt(&blob.content, attempts, now);
        crate::tables::put(self.app.store.as_ref(), &self.app.clock, &DeferredBlob { attempts, next_attempt, ..blob })
            .await?;
        Ok(Tried::Deferred)
    }

    /// Puts a blob that could not be read into the retry queue.
    pub(super) async fn defer(&self, of: ContentType, content: &Content, why: &str) -> Result<(), Stop> {
        let now = super::time::now(self.app).time;
        tracing::warn!(tenant = %self.tenant, created = %content.content_created, "a blob is deferred: {why}");
        let blob = DeferredBlob {
            tenant_id: self.tenant,
            content_type: of,
            content: content.clone(),
            attempts: 1,
            next_attempt: next_attempt(content, 1, now),
        };
        // Increment the count before inserting the row. A count that is too high corrects itself; a row that no run looks for would end as
        // lost content.
        self.session.change(|row| row.owed = row.owed.saturating_add(1)).await;
        self.session.save().await?;
        match self.app.store.insert(COVERAGE, &blob.to_entity()).await {
            Ok(_) | Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.note_deferred(&[blob]);
        Ok(())
    }

    /// Stores the gap of a blob that the service denies having at the first request.
    pub(super) async fn lose_denied(&self, content: &Content, error: &ServiceError) -> Result<(), Stop> {
        let why = format!("the service listed content but does not deliver it ({})", error.code());
        self.lose(&[span_of(content)], &why).await?;
        self.session.change(|row| row.note_fetched(content)).await;
        Ok(())
    }

    /// Removes the rows only after the gap is stored and its notice was handed on, so that a kill in between loses neither.
    async fn lose_deferred(&self, lost: Vec<DeferredBlob>) -> Result<(), Stop> {
        let spans: Vec<Span> = lost.iter().map(|blob| span_of(&blob.content)).collect();
        self.lose(&spans, "the content expired before it could be read").await?;
        if lost.is_empty() {
            return Ok(());
        }
        self.session.change(|row| lost.iter().for_each(|blob| row.note_fetched(&blob.content))).await;
        self.session.save().await?;
        for blob in &lost {
            self.remove_from_retry_queue(blob).await?;
        }
        Ok(())
    }

    async fn remove_from_retry_queue(&self, blob: &DeferredBlob) -> Result<(), StoreError> {
        self.app.store.delete(COVERAGE, &blob.key(), None).await?;
        self.session.change(|row| row.owed = row.owed.saturating_sub(1)).await;
        Ok(())
    }
}

/// The time that a blob stands for. Listings know blobs by the moment they became available.
fn span_of(content: &Content) -> Span {
    let from = content.content_created;
    Span { from, to: from.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(from) }
}

/// Returns the time of the next attempt: 10 minutes after the first one, then twice as long each time, at most 6 hours; the last
/// attempt comes shortly before the blob expires.
fn next_attempt(content: &Content, attempts: u32, now: DateTime<Utc>) -> DateTime<Utc> {
    let distance = TimeDelta::minutes(10 << attempts.clamp(1, 7).saturating_sub(1)).min(TimeDelta::hours(6));
    match content.content_expiration.checked_sub_signed(TimeDelta::minutes(30)) {
        Some(last_chance) if last_chance > now => (now + distance).min(last_chance),
        _ => now + TimeDelta::minutes(10),
    }
}
