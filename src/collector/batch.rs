//! Judging the selected records of a run. What has to be known is looked up once, whatever the number of records.

use futures::{FutureExt as _, StreamExt as _, stream};

use crate::detection::{Finding, judge};
use audit_log::AuditRecord;

use super::knowledge::Known;
use super::{Stop, TenantRun};

/// Findings that are stored at once.
const STORED_AT_ONCE: usize = 8;

impl TenantRun<'_> {
    /// Judges records and stores what is found.
    pub(super) async fn judge_and_store(&self, records: Vec<AuditRecord>) -> Result<(), Stop> {
        if records.is_empty() {
            return Ok(());
        }
        let findings = self.judge(records).await?;
        let stores: Vec<_> = findings.into_iter().map(|finding| self.store_finding(finding).boxed()).collect();
        // All of them, whatever becomes of one: none is cut off between the acceptance of its notification and the mark.
        let stored: Vec<_> = stream::iter(stores).buffer_unordered(STORED_AT_ONCE).collect().await;
        Ok(stored.into_iter().collect::<Result<(), _>>()?)
    }

    /// Judges records. Only one batch at a time looks things up, so that nothing is looked up twice.
    pub(super) async fn judge(&self, records: Vec<AuditRecord>) -> Result<Vec<Finding>, Stop> {
        let mut known = self.known.lock().await;
        if known.is_none() {
            let row = self.kept.read(Clone::clone).await;
            *known = Some(Known::learn(self.app, &row).await?);
        }
        let Some(known) = known.as_mut() else { return Ok(Vec::new()) };
        self.organization.get_or_init(|| known.organization.clone());
        let mut findings = Vec::new();
        for record in records {
            known.prepare(&record).await;
            findings.extend(judge(&record, &known.knowledge));
        }
        Ok(findings)
    }

    /// The name of the tenant, as the partner's list or the tenant itself says it.
    pub(super) async fn organization(&self) -> String {
        match self.organization.get() {
            Some(name) => name.clone(),
            None => self.kept.read(|row| row.display_name.clone()).await,
        }
    }
}
