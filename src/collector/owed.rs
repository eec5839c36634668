//! Blobs that could not be read: tried again at growing distance, until read or expired.

use chrono::{DateTime, TimeDelta, Utc};
use futures::{FutureExt as _, StreamExt as _, stream};

use crate::tables::COVERAGE;
use crate::tables::{DeferredBlob, Span, coverage, list_readable};
use base::clock::Deadline;
use m365::ServiceError;
use m365::management_activity::{Content, ContentType};
use table_store::{PartitionKey, Query, StoreError};

use super::blobs::BlobFault;
use super::{Stop, TenantRun};

/// Owed blobs that one run reads at once.
const AT_ONCE: usize = 4;

/// What became of an owed blob.
enum Tried {
    /// Fetched by now, and owed no more.
    Settled,
    /// Lost for good.
    Lost(DeferredBlob),
    /// Still owed.
    Owed,
}

impl TenantRun<'_> {
    /// Whether a listed blob is owed: its time is not now.
    pub(super) fn is_owed(&self, content: &Content) -> bool {
        self.owed.lock().is_ok_and(|owed| owed.contains(&content.content_id))
    }

    fn note_owed(&self, blobs: &[DeferredBlob]) {
        if let Ok(mut owed) = self.owed.lock() {
            owed.extend(blobs.iter().map(|blob| blob.content.content_id.clone()));
        }
    }

    /// Tries the owed blobs whose time has come, until `share` is over. Nothing is asked where none is owed.
    pub(super) async fn read_owed(&self, share: &Deadline) -> Result<(), Stop> {
        if self.kept.read(|row| row.owed).await == 0 {
            return Ok(());
        }
        let query = Query::partition(PartitionKey::tenant(&self.tenant)).with_prefix(DeferredBlob::ROW_PREFIX);
        let rows = list_readable::<DeferredBlob>(self.app.store.as_ref(), query).await?;
        let rows: Vec<DeferredBlob> = rows.into_iter().map(|(row, _)| row).collect();
        let count = u32::try_from(rows.len()).unwrap_or(u32::MAX);
        self.kept.change(|row| row.owed = count).await;
        let still = self.kept.read(|row| coverage::still_owed(rows.clone(), row)).await;
        for blob in rows.into_iter().filter(|blob| !still.contains(blob)) {
            self.settle_owed(&blob).await?;
        }
        self.note_owed(&still);
        let lost = self.try_due(still, share).await?;
        self.lose_owed(lost).await
    }

    async fn try_due(&self, mut owed: Vec<DeferredBlob>, share: &Deadline) -> Result<Vec<DeferredBlob>, Stop> {
        let now = self.app.clock.now();
        owed.retain(|blob| blob.next_attempt <= now || blob.content.content_expiration <= now);
        // What is lost first comes first. What was tried is not due in the next run, which goes on with the others.
        owed.sort_by_key(|blob| blob.content.content_expiration);
        let tries: Vec<_> = owed.into_iter().map(|blob| self.try_owed(blob, share).boxed()).collect();
        let mut tried = stream::iter(tries).buffer_unordered(AT_ONCE);
        let (mut lost, mut stop) = (Vec::new(), Ok(()));
        while let Some(outcome) = tried.next().await {
            // Nothing is awaited here: what is in flight would stand still meanwhile, with whatever it has locked.
            self.ends_if(&outcome);
            match outcome {
                Ok(Tried::Lost(blob)) => lost.push(blob),
                Ok(Tried::Settled | Tried::Owed) => {}
                Err(error) => stop = stop.and(Err(error)),
            }
        }
        stop.map(|()| lost)
    }

    async fn try_owed(&self, blob: DeferredBlob, share: &Deadline) -> Result<Tried, Stop> {
        if self.is_ending() || share.has_passed() {
            return Ok(Tried::Owed);
        }
        self.stop_in_time()?;
        let fault = match self.fetch(&blob.content, share).await {
            Ok(()) => {
                self.settle_owed(&blob).await?;
                return Ok(Tried::Settled);
            }
            Err(BlobFault::Denied(_)) => return Ok(Tried::Lost(blob)),
            Err(BlobFault::Stop(stop)) => return Err(stop),
            Err(BlobFault::Unread(why)) => why,
        };
        let now = self.app.clock.now();
        tracing::warn!(tenant = %self.tenant, attempts = blob.attempts, "an owed blob is still not read: {fault}");
        if blob.content.content_expiration <= now {
            return Ok(Tried::Lost(blob));
        }
        let attempts = blob.attempts.saturating_add(1);
        let next_attempt = next_attempt(&blob.content, attempts, now);
        crate::tables::put(self.app.store.as_ref(), &self.app.clock, &DeferredBlob { attempts, next_attempt, ..blob })
            .await?;
        Ok(Tried::Owed)
    }

    /// Notes a blob that could not be read.
    pub(super) async fn owe(&self, of: ContentType, content: &Content, why: &str) -> Result<(), Stop> {
        let now = self.app.clock.now();
        tracing::warn!(tenant = %self.tenant, created = %content.content_created, "a blob is owed: {why}");
        let blob = DeferredBlob {
            tenant_id: self.tenant,
            content_type: of,
            content: content.clone(),
            attempts: 1,
            next_attempt: next_attempt(content, 1, now),
        };
        // Counted first: a count that is too high puts itself right, a row that nobody looks for would be lost content one day.
        self.kept.change(|row| row.owed = row.owed.saturating_add(1)).await;
        self.kept.save().await?;
        match self.app.store.insert(COVERAGE, &blob.to_entity()).await {
            Ok(_) | Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.note_owed(&[blob]);
        Ok(())
    }

    /// A blob that the service denies having when it is first asked for.
    pub(super) async fn lose_denied(&self, content: &Content, error: &ServiceError) -> Result<(), Stop> {
        let why = format!("the service does not give out content that it listed ({})", error.code());
        self.lose(&[span_of(content)], &why).await?;
        self.kept.change(|row| row.note_fetched(content)).await;
        Ok(())
    }

    /// The rows go when the gap is stored and told, so that a kill in between loses neither.
    async fn lose_owed(&self, lost: Vec<DeferredBlob>) -> Result<(), Stop> {
        let spans: Vec<Span> = lost.iter().map(|blob| span_of(&blob.content)).collect();
        self.lose(&spans, "content expired before it could be read").await?;
        if lost.is_empty() {
            return Ok(());
        }
        self.kept.change(|row| lost.iter().for_each(|blob| row.note_fetched(&blob.content))).await;
        self.kept.save().await?;
        for blob in &lost {
            self.settle_owed(blob).await?;
        }
        Ok(())
    }

    async fn settle_owed(&self, blob: &DeferredBlob) -> Result<(), StoreError> {
        self.app.store.delete(COVERAGE, &blob.key(), None).await?;
        self.kept.change(|row| row.owed = row.owed.saturating_sub(1)).await;
        Ok(())
    }
}

/// The time that a blob stands for. Listings know blobs by the moment they became available.
fn span_of(content: &Content) -> Span {
    let from = content.content_created;
    Span { from, to: from.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(from) }
}

/// 10 minutes after the first attempt, then twice as long each time, at most 6 hours; and once more shortly before it expires.
fn next_attempt(content: &Content, attempts: u32, now: DateTime<Utc>) -> DateTime<Utc> {
    let distance = TimeDelta::minutes(10 << attempts.clamp(1, 7).saturating_sub(1)).min(TimeDelta::hours(6));
    match content.content_expiration.checked_sub_signed(TimeDelta::minutes(30)) {
        Some(last_chance) if last_chance > now => (now + distance).min(last_chance),
        _ => now + TimeDelta::minutes(10),
    }
}
