//! Getting notifications out: only the holder of a row's claim sends, a channel that accepted is never asked again, and what
//! is not accepted stays owed at growing distance, for ever.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;

use super::notices::{Notice, Subject, stamp};
use super::{Channel, Notifier, NotifyError};
use crate::tables::PROCESSED;
use crate::tables::RowVersion;
use crate::tables::claim::{self, Claimed};
use crate::tables::{CoverageSession, FindingState, Notified, ProcessedRow, pending};
use base::clock::{Clock, Deadline};
use base::ids::TenantId;
use table_store::{Store, StoreError};

/// No sending is begun with less than this left: [`CHANNEL_TIMEOUT`], the storing of what came of it, and the reserve before which a
/// run is cut off. A sending that is cut between acceptance and mark would come again.
const SEND_RESERVE: Duration = Duration::from_secs(75);

/// How long one sending is retried within a run: reading the log must not stand still for a channel that is down.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(30);

/// A passing fault of a channel is told through the other one from this attempt on.
const TOLD_FROM_ATTEMPT: u32 = 3;

/// Sends what one run holds the claims of.
#[derive(Debug)]
pub struct Outbox<'a> {
    store: &'a dyn Store,
    clock: Arc<dyn Clock>,
    notifier: &'a Notifier,
    /// The provider's own tenant: notices about the service are noted there.
    partner: TenantId,
    deadline: &'a Deadline,
    silent: Mutex<BTreeSet<Channel>>,
    accepted: AtomicU64,
}

/// What came of offering a row to its channels.
struct Offered {
    faults: Vec<NotifyError>,
    claim_is_lost: bool,
}

impl<'a> Outbox<'a> {
    /// Nothing is sent yet. Nothing is begun that cannot end before `deadline`.
    pub fn new(
        store: &'a dyn Store,
        clock: Arc<dyn Clock>,
        notifier: &'a Notifier,
        partner: TenantId,
        deadline: &'a Deadline,
    ) -> Self {
        Self { store, clock, notifier, partner, deadline, silent: Mutex::default(), accepted: AtomicU64::new(0) }
    }

    /// How many notifications a channel has accepted from this run.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// A `Notified` in which every channel is still owed.
    pub fn nobody_told(&self) -> Notified {
        self.notifier.channels().into_iter().map(|channel| (channel.as_str().to_owned(), None)).collect()
    }

    /// Stores a notice and sends it. One that is stored already is somebody else's, or was told before. `kept` is the tenant
    /// that it is about; what is about the service as a whole is looked for by every run.
    pub async fn tell(&self, notice: &Notice, kept: Option<&CoverageSession<'_>>) -> Result<(), StoreError> {
        let channels = self.notifier.channels();
        match self.insert_notice(notice, &channels, kept).await? {
            Some((row, etag)) => self.deliver(row, etag).await,
            None => Ok(()),
        }
    }

    /// Sends a row that this run holds the claim of to every channel that has not accepted it, and marks each acceptance.
    pub async fn deliver(&self, mut row: ProcessedRow, etag: RowVersion) -> Result<(), StoreError> {
        let offered = self.offer(&mut row, etag).await?;
        for fault in &offered.faults {
            self.tell_of_fault(fault, &row).await?;
        }
        self.forget_if_sent(&row, &offered).await
    }

    async fn forget_if_sent(&self, row: &ProcessedRow, offered: &Offered) -> Result<(), StoreError> {
        if row.state == FindingState::Sent && !offered.claim_is_lost {
            pending::remove(self.store, &row.tenant_id, &row.record_id).await?;
        }
        Ok(())
    }

    /// Offers the row to its channels, one after the other. The row is written after each acceptance, so that a kill
    /// repeats at most the one notification that was on its way.
    async fn offer(&self, row: &mut ProcessedRow, mut etag: RowVersion) -> Result<Offered, StoreError> {
        let mut offered = Offered { faults: Vec::new(), claim_is_lost: false };
        let channels = self.notifier.channels();
        // A channel that is not set any more is not owed anything.
        row.notified.retain(|name, told| told.is_some() || channels.iter().any(|channel| channel.as_str() == name));
        // Where that was all, nobody would ever be told: the channels that took its place are.
        if row.notified.is_empty() {
            row.notified = self.nobody_told();
        }
        for channel in channels {
            if self.deadline.left() < SEND_RESERVE {
                return Ok(offered);
            }
            if row.notified.get(channel.as_str()) != Some(&None) || self.is_silent(channel) {
                continue;
            }
            let patience = Deadline::after(self.clock.clone(), CHANNEL_TIMEOUT.min(self.deadline.left()));
            match self.notifier.send(channel, row, &patience).await {
                Ok(()) => {
                    self.accepted.fetch_add(1, Ordering::Relaxed);
                    row.notified.insert(channel.as_str().to_owned(), Some(self.clock.now()));
                    mark_sent_if_accepted(row);
                    match row.replace(self.store, &etag).await? {
                        Some(newer) => etag = newer,
                        None => offered.claim_is_lost = true,
                    }
                }
                Err(fault) => {
                    self.silence_if_down(&fault);
                    offered.faults.push(fault);
                }
            }
            if offered.claim_is_lost {
                return Ok(offered);
            }
        }
        self.postpone(row, &etag, &mut offered).await?;
        Ok(offered)
    }

    /// What was not accepted is owed: later each time.
    async fn postpone(
        &self,
        row: &mut ProcessedRow,
        etag: &RowVersion,
        offered: &mut Offered,
    ) -> Result<(), StoreError> {
        if row.state != FindingState::Sending {
            return Ok(());
        }
        mark_sent_if_accepted(row);
        if row.state == FindingState::Sending {
            row.next_attempt = Some(self.clock.now() + distance(row.attempts));
        }
        offered.claim_is_lost = row.replace(self.store, etag).await?.is_none();
        Ok(())
    }

    /// A channel that does not work is told of through the others, once a day.
    async fn tell_of_fault(&self, fault: &NotifyError, row: &ProcessedRow) -> Result<(), StoreError> {
        let (channel, is_certain) = match fault {
            NotifyError::Configuration { channel, .. } => (*channel, true),
            NotifyError::Transient { channel, .. } => (*channel, row.attempts >= TOLD_FROM_ATTEMPT),
        };
        tracing::warn!(channel = channel.as_str(), log_id = %row.record_id, "{fault}; the notification stays owed");
        let others: Vec<Channel> = self.notifier.channels().into_iter().filter(|c| *c != channel).collect();
        if !is_certain || others.is_empty() {
            return Ok(());
        }
        let notice = self.fault_notice(channel, fault);
        if let Some((mut row, etag)) = self.insert_notice(&notice, &others, None).await? {
            let offered = self.offer(&mut row, etag).await?;
            self.forget_if_sent(&row, &offered).await?;
        }
        Ok(())
    }

    fn fault_notice(&self, channel: Channel, fault: &NotifyError) -> Notice {
        let now = self.clock.now();
        Notice {
            subject: Subject::service(self.partner),
            what: "Channel".to_owned(),
            since: format!("{} {}", channel.as_str(), now.date_naive()),
            text: format!(
                "Notifications do not get through: {fault}. They are kept and sent again; since {} you read them here only.",
                stamp(now)
            ),
            at: now,
        }
    }

    /// Stores a notice with this run's claim. `None`: it is there already and not ours.
    async fn insert_notice(
        &self,
        notice: &Notice,
        channels: &[Channel],
        kept: Option<&CoverageSession<'_>>,
    ) -> Result<Option<(ProcessedRow, RowVersion)>, StoreError> {
        let now = self.clock.now();
        let row = notice.to_row(channels, now);
        pending::insert(self.store, &row.tenant_id, &row, None).await?;
        if let Some(kept) = kept {
            kept.note_unfinished().await?;
        }
        match claim::insert(self.store, PROCESSED, &row.to_entity()).await? {
            Claimed::Ours(etag) => Ok(Some((row, etag))),
            Claimed::Theirs(_) => Ok(None),
        }
    }

    fn is_silent(&self, channel: Channel) -> bool {
        self.silent.lock().is_ok_and(|silent| silent.contains(&channel))
    }

    /// A channel that is down is not asked again in this run. What it refuses at once may be due to the one notification.
    fn silence_if_down(&self, fault: &NotifyError) {
        if let (NotifyError::Transient { channel, .. }, Ok(mut silent)) = (fault, self.silent.lock()) {
            silent.insert(*channel);
        }
    }
}

/// The state that follows from who has accepted.
fn mark_sent_if_accepted(row: &mut ProcessedRow) {
    if row.notified.values().all(Option::is_some) {
        row.state = FindingState::Sent;
        row.next_attempt = None;
    }
}

/// How long an owed notification waits after its so-manieth attempt: 5 minutes, doubled each time, at most 6 hours.
fn distance(attempts: u32) -> TimeDelta {
    TimeDelta::minutes(5 * (1 << attempts.clamp(1, 7).saturating_sub(1))).min(TimeDelta::hours(6))
}
