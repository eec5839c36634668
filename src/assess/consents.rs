//! The two or three records of one consent are one finding, also if they arrive in different blobs.

use super::{Assessor, repeats};
use crate::detection::{CONSENT_JOINS, Finding, consent_names, has_new_scope, join_consent};
use crate::tables::{ConsentRow, FindingState, ProcessedRow, RowVersion, load, put};
use table_store::{Digest, StoreError};

impl Assessor<'_> {
    /// Joins a record of a consent to the stored finding of an earlier one, and returns whether it did. It does not where that would
    /// withhold news: where the stored finding is a repeat or was dismissed and this record has a new permission, or where it was
    /// notified with a lower severity. Nor does it while the stored finding is being sent.
    pub(super) async fn join_stored_consent(&self, finding: &Finding) -> Result<bool, StoreError> {
        let Some(mark) = self.earlier_consent(finding).await? else { return Ok(false) };
        let Some((mut row, version)) = self.stored_finding(&mark.record_id).await? else { return Ok(false) };
        let has_news = match row.state {
            FindingState::Repeat | FindingState::Dismissed => has_new_scope(&row.scopes, &finding.scopes),
            FindingState::Sent => finding.severity > row.severity,
            _ => false,
        };
        let is_free = row.state.is_closed() || self.outbox.holds(&row.record_id);
        if has_news || !is_free {
            return Ok(false);
        }
        self.mark_names(finding, &mark).await?;
        let before = row.clone();
        let mut scopes = std::mem::take(&mut row.scopes);
        join_consent(&mut row, &mut scopes, finding);
        row.scopes = scopes;
        if row != before {
            self.seal_again(&before, &mut row);
            self.store_joined(row, version).await?;
        }
        Ok(true)
    }

    async fn store_joined(&self, row: ProcessedRow, version: RowVersion) -> Result<(), StoreError> {
        if row.state == FindingState::Recorded {
            return self.store_raised(row, version).await;
        }
        if row.threat {
            repeats::add_scopes(self.app, &row).await?;
        }
        let key = row.key();
        row.replace(self.app.store.as_ref(), &version).await?.map(drop).ok_or(StoreError::Changed(key))
    }

    /// The mark of another record of the same consent.
    async fn earlier_consent(&self, finding: &Finding) -> Result<Option<ConsentRow>, StoreError> {
        for name in consent_names(finding) {
            let key = ConsentRow::key_of(&self.tenant, &Digest::of(&name));
            let Some((mark, _)) = load::<ConsentRow>(self.app.store.as_ref(), &key).await? else { continue };
            let is_near = (finding.event_time - mark.event_time).abs() <= CONSENT_JOINS;
            if is_near && mark.record_id != finding.record_id {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    /// Marks that later records of this consent join this finding.
    pub(super) async fn mark_consent(&self, finding: &Finding) -> Result<(), StoreError> {
        let mark = ConsentRow {
            tenant_id: self.tenant,
            consent: finding.fingerprint.clone(),
            record_id: finding.record_id,
            event_time: finding.event_time,
        };
        self.mark_names(finding, &mark).await
    }

    /// Stores the mark under every name of the consent.
    async fn mark_names(&self, finding: &Finding, mark: &ConsentRow) -> Result<(), StoreError> {
        for name in consent_names(finding) {
            let named = ConsentRow { consent: Digest::of(&name), ..mark.clone() };
            put(self.app.store.as_ref(), &self.app.clock, &named).await?;
        }
        Ok(())
    }
}
