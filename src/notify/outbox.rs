//! Sends notifications: only the holder of a row's claim sends, a channel that accepted one never gets it again, and a notification
//! that is not accepted stays owed and is sent again at growing intervals, without an end.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::bundles::{Bundles, Held};
use super::notices::Notice;
use super::retry_plan::{
    DAILY_REQUESTS, DAY, UNANSWERED_LIMIT, count_unanswered, has_become_unknown, is_due, mark_sent_if_accepted,
    next_attempt,
};
use super::usable_channels::UsableChannels;
use super::webhook_state::WEBHOOK_OFF;
use super::{Channel, Notification, Notifier, NotifyError, channel_notices, webhook_state};
use crate::facts::FactCache;
use crate::tables::PROCESSED;
use crate::tables::RowVersion;
use crate::tables::claim::{self, Claimed};
use crate::tables::{
    Containment, CoverageSession, FindingState, IncidentRow, Notified, ProcessedRow, Unanswered, incidents, load,
    pending,
};
use base::clock::{Clock, Deadline};
use base::ids::{Domain, RecordId, TenantId};
use table_store::{Store, StoreError};

/// No sending is begun with less than this left: [`CHANNEL_TIMEOUT`], the storing of what came of it, and the reserve before which a
/// run is cut off. A sending that is cut between acceptance and mark would come again.
const SEND_RESERVE: Duration = Duration::from_secs(75);

/// The time for the retries of one sending within a run: reading the log must not wait for a channel that is down.
const CHANNEL_TIMEOUT: Duration = Duration::from_secs(30);

/// From this attempt on, a transient fault of a channel is notified through the other channels.
const NOTIFIED_FROM_ATTEMPT: u32 = 3;

/// Sends what one run holds the claims of.
#[derive(Debug)]
pub struct Outbox<'a> {
    store: &'a dyn Store,
    clock: Arc<dyn Clock>,
    notifier: &'a Notifier,
    facts: &'a FactCache,
    /// The provider's own tenant: notices about the service are noted there.
    partner: TenantId,
    deadline: &'a Deadline,
    usable: UsableChannels<'a>,
    accepted: AtomicU64,
    bundles: Bundles,
}

/// The result of offering a row to its channels.
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
        facts: &'a FactCache,
        partner: TenantId,
        deadline: &'a Deadline,
    ) -> Self {
        Self {
            store,
            clock,
            notifier,
            facts,
            partner,
            deadline,
            usable: UsableChannels::new(store, notifier),
            accepted: AtomicU64::new(0),
            bundles: Bundles::default(),
        }
    }

    /// Returns the number of notifications that channels have accepted from this run.
    pub fn accepted(&self) -> u64 {
        self.accepted.load(Ordering::Relaxed)
    }

    /// A `Notified` in which every channel that wants the row is still owed. Empty if no channel wants it.
    pub fn owed(&self, row: &ProcessedRow) -> Notified {
        let wanted = self.notifier.channels().into_iter().filter(|channel| self.notifier.wants(*channel, row));
        wanted.map(|channel| (channel.as_str().to_owned(), None)).collect()
    }

    /// Stores a notice and sends it. One that is stored already is somebody else's, or was told before. `kept` is the tenant
    /// that it is about; what is about the service as a whole is looked for by every run.
    pub async fn tell(&self, notice: &Notice, kept: Option<&CoverageSession<'_>>) -> Result<(), StoreError> {
        let channels = self.usable.all().await;
        match self.insert_notice(notice, &channels, kept).await? {
            Some((row, etag)) => self.deliver(row, etag).await,
            None => Ok(()),
        }
    }

    /// Sends a threat that this run holds the claim of. The first threats to one account are sent at once; further ones wait for
    /// [`Self::send_bundles`].
    pub async fn deliver_threat(&self, row: ProcessedRow, etag: RowVersion) -> Result<(), StoreError> {
        match self.bundles.admit(row, etag) {
            Some((row, etag)) => self.deliver(row, etag).await,
            None => Ok(()),
        }
    }

    /// Sends one notification for each account with threats that were held back. Without the time for it they are left, and a later
    /// run takes them over.
    pub async fn send_bundles(&self) -> Result<(), StoreError> {
        if self.deadline.left() < SEND_RESERVE {
            return Ok(());
        }
        for bundle in self.bundles.take() {
            self.send_bundle(bundle).await?;
        }
        Ok(())
    }

    /// Returns whether a threat is held back for [`Self::send_bundles`]: its stored row may still be changed.
    pub fn holds(&self, record: &RecordId) -> bool {
        self.bundles.holds(record)
    }

    /// The others are closed before the worst is sent: a kill in between leaves the worst owed, and nothing is sent twice.
    async fn send_bundle(&self, bundle: Vec<Held>) -> Result<(), StoreError> {
        let mut bundle = bundle.into_iter();
        let (worst, version) = loop {
            let Some(held) = bundle.next() else { return Ok(()) };
            if let Some(ours) = self.ours(&held).await? {
                break ours;
            }
        };
        let mut further = 0;
        for held in bundle {
            further += u32::from(self.close_as_part(&held, &worst).await?);
        }
        self.deliver_with(worst, version, further).await
    }

    /// Closes a threat for which the notification of the worst one stands. Returns whether it was still ours.
    async fn close_as_part(&self, held: &Held, worst: &ProcessedRow) -> Result<bool, StoreError> {
        let Some((mut row, version)) = self.ours(held).await? else { return Ok(false) };
        row.state = FindingState::Repeat;
        row.repeat_of = Some(worst.record_id);
        row.next_attempt = None;
        if row.replace(self.store, &version).await?.is_none() {
            return Ok(false);
        }
        if row.containment != Some(Containment::Open) {
            pending::remove(self.store, &row.tenant_id, &row.record_id).await?;
        }
        Ok(true)
    }

    /// The stored row of a threat that is held back, unless somebody else has taken it over.
    async fn ours(&self, held: &Held) -> Result<Option<(ProcessedRow, RowVersion)>, StoreError> {
        let stored = load::<ProcessedRow>(self.store, &held.key).await?;
        Ok(stored.filter(|(row, _)| row.claim_id == held.claim && row.state == FindingState::Sending))
    }

    /// Sends a row that this run holds the claim of to every channel that has not accepted it, and marks each acceptance.
    pub async fn deliver(&self, row: ProcessedRow, etag: RowVersion) -> Result<(), StoreError> {
        self.deliver_with(row, etag, 0).await
    }

    async fn deliver_with(&self, mut row: ProcessedRow, etag: RowVersion, further: u32) -> Result<(), StoreError> {
        let offered = self.offer(&mut row, etag, further).await?;
        for fault in &offered.faults {
            self.notify_of_fault(fault, &row).await?;
        }
        self.forget_if_sent(&row, &offered).await
    }

    async fn forget_if_sent(&self, row: &ProcessedRow, offered: &Offered) -> Result<(), StoreError> {
        let is_done = row.state == FindingState::Sent && row.containment != Some(Containment::Open);
        if is_done && !offered.claim_is_lost {
            pending::remove(self.store, &row.tenant_id, &row.record_id).await?;
        }
        Ok(())
    }

    /// Offers the row to its channels, one after the other. The row is written after each acceptance, so that a kill
    /// repeats at most the one notification that was on its way.
    async fn offer(&self, row: &mut ProcessedRow, mut etag: RowVersion, further: u32) -> Result<Offered, StoreError> {
        let mut offered = Offered { faults: Vec::new(), claim_is_lost: false };
        let channels = self.usable.all().await;
        // A channel that is not set any more is not owed anything.
        row.notified.retain(|name, told| told.is_some() || channels.iter().any(|channel| channel.as_str() == name));
        // If that was all, no one would ever be notified. The channels that took its place are.
        if row.notified.is_empty() {
            row.notified = self.owed(row);
            row.notified.retain(|name, _| channels.iter().any(|channel| channel.as_str() == name));
        }
        if channels.is_empty() && row.threat {
            tracing::error!(log_id = %row.record_id, "no channel is left, so no one is notified of this threat; {WEBHOOK_OFF}");
        }
        let incident = self.incident_of(row).await;
        let own_domains = self.own_domains(row);
        for channel in channels {
            if self.deadline.left() < SEND_RESERVE {
                return Ok(offered);
            }
            if !is_due(row, channel, self.clock.now()) || self.usable.is_silent(channel) {
                continue;
            }
            let patience = Deadline::after(self.clock.clone(), CHANNEL_TIMEOUT.min(self.deadline.left()));
            let notification = Notification {
                own_domains: &own_domains,
                ..Notification::of_incident(row, incident.as_ref(), further)
            };
            match self.notifier.send(channel, notification, &patience).await {
                Ok(()) => match self.mark_accepted(row, channel, &etag).await? {
                    Some(newer) => etag = newer,
                    None => offered.claim_is_lost = true,
                },
                Err(fault) => {
                    self.note_fault(row, channel, &fault);
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

    /// Stores that a channel accepted the notification. Returns the new version of the row; `None` if the claim is lost.
    async fn mark_accepted(
        &self,
        row: &mut ProcessedRow,
        channel: Channel,
        version: &RowVersion,
    ) -> Result<Option<RowVersion>, StoreError> {
        self.accepted.fetch_add(1, Ordering::Relaxed);
        row.notified.insert(channel.as_str().to_owned(), Some(self.clock.now()));
        mark_sent_if_accepted(row);
        row.replace(self.store, version).await
    }

    /// Notes in the row, which is stored later, what follows from a fault for this channel.
    fn note_fault(&self, row: &mut ProcessedRow, channel: Channel, fault: &NotifyError) {
        self.usable.silence_if_down(fault);
        if matches!(fault, NotifyError::Gone { .. }) {
            // A receiver that wants no notification is owed none.
            row.notified.remove(channel.as_str());
        }
        if matches!(fault, NotifyError::Unanswered { .. }) {
            count_unanswered(row, channel, self.clock.now());
        }
    }

    /// Stores that some channels have not accepted the notification, and when they are tried again: later each time.
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
            row.next_attempt = Some(next_attempt(row, self.clock.now()));
        }
        offered.claim_is_lost = row.replace(self.store, etag).await?.is_none();
        Ok(())
    }

    /// A fault of a channel is notified through the others, once a day; a channel that does not answer once a month, and through
    /// itself if there is no other.
    async fn notify_of_fault(&self, fault: &NotifyError, row: &ProcessedRow) -> Result<(), StoreError> {
        let (channel, is_certain) = match fault {
            NotifyError::Configuration { channel, .. } => (*channel, true),
            NotifyError::Transient { channel, .. } => (*channel, row.attempts >= NOTIFIED_FROM_ATTEMPT),
            NotifyError::Unanswered { channel, .. } => (*channel, has_become_unknown(row, *channel)),
            NotifyError::Gone { .. } => return self.turn_webhook_off(fault).await,
        };
        tracing::warn!(channel = channel.as_str(), log_id = %row.record_id, "{fault}; the notification remains pending");
        let others: Vec<Channel> = self.usable.all().await.into_iter().filter(|c| *c != channel).collect();
        let is_slow = matches!(fault, NotifyError::Unanswered { .. });
        if !is_certain || others.is_empty() && !is_slow {
            return Ok(());
        }
        let now = self.clock.now();
        let notice = match is_slow {
            true => channel_notices::slow(self.partner, channel, CHANNEL_TIMEOUT, now),
            false => channel_notices::fault(self.partner, channel, fault, now),
        };
        let through = if others.is_empty() { vec![channel] } else { others };
        if let Some((mut row, etag)) = self.insert_notice(&notice, &through, None).await? {
            if through == [channel] {
                let requests = UNANSWERED_LIMIT + DAILY_REQUESTS - 1;
                // The slow channel itself gets the notice once: it does not answer this one either.
                row.unanswered
                    .insert(channel.as_str().to_owned(), Unanswered { requests, last: row.processed_at - DAY });
            }
            let offered = self.offer(&mut row, etag, 0).await?;
            self.forget_if_sent(&row, &offered).await?;
        }
        Ok(())
    }

    async fn turn_webhook_off(&self, fault: &NotifyError) -> Result<(), StoreError> {
        let Some(address) = self.notifier.webhook_address() else { return Ok(()) };
        tracing::warn!(
            "{fault}; nothing is sent to it until WEBHOOK_URL changes, and its pending notifications are dropped; set a new URL"
        );
        webhook_state::turn_off(self.store, &self.clock, &address).await?;
        self.usable.note_webhook_off();
        let others = self.usable.all().await;
        if others.is_empty() {
            return Ok(());
        }
        let notice = webhook_state::notice(self.partner, &self.clock, &address);
        if let Some((mut row, etag)) = self.insert_notice(&notice, &others, None).await? {
            let offered = self.offer(&mut row, etag, 0).await?;
            self.forget_if_sent(&row, &offered).await?;
        }
        Ok(())
    }

    /// The domains of the tenant, as far as they are known now.
    fn own_domains(&self, row: &ProcessedRow) -> Vec<Domain> {
        let mut domains = self.facts.cached_domains(&row.tenant_id);
        domains.push(row.domain.clone());
        domains
    }

    /// The incident of a threat. Without it the notification is sent all the same.
    async fn incident_of(&self, row: &ProcessedRow) -> Option<IncidentRow> {
        let incident = incidents::of(self.store, row).await;
        incident
            .inspect_err(|error| tracing::warn!(log_id = %row.record_id, "the incident was not read: {error}"))
            .ok()?
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
}
