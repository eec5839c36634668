//! After a finished remediation the same thing done again is news.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::tables::COVERAGE;
use crate::tables::{NotifiedFingerprintRow, load};
use base::clock::Deadline;
use table_store::{Digest, Store, StoreError};

use super::context::RemediationContext;
use super::limits::STORE_CALL_TIMEOUT;

/// Forgets that the threats to the mailbox were notified, because their effect is undone now. Returns a warning if that fails.
pub async fn reset_notified_fingerprints(context: &RemediationContext<'_>) -> Option<String> {
    let limit = Deadline::after(Arc::clone(&context.app.clock), STORE_CALL_TIMEOUT);
    let error = match limit.limit(forget_told(context)).await {
        Some(Ok(true)) => return None,
        Some(Ok(false)) => "more findings are stored than one request reads".to_owned(),
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".to_owned(),
    };
    tracing::warn!(error, "not every remediated finding could be made news again");
    Some(format!("the same changes made again may not be notified for 30 days: {error}"))
}

/// Returns whether all findings of the mailbox could be looked at.
async fn forget_told(context: &RemediationContext<'_>) -> Result<bool, StoreError> {
    let store = context.app.store.as_ref();
    let own = &context.finding.fingerprint;
    store.delete(COVERAGE, &NotifiedFingerprintRow::key(context.tenant(), own), None).await?;
    let of_mailbox =
        context.findings().await?.rows.iter().filter(|row| context.accounts.owner.has_name(&row.source_mailbox));
    let others: BTreeSet<&Digest> =
        of_mailbox.filter(|row| row.threat).map(|row| &row.fingerprint).filter(|other| *other != own).collect();
    for other in others {
        forget_unless_muted(context, store, other).await?;
    }
    Ok(context.findings().await?.is_complete)
}

/// A person who dismissed another finding has not taken that back.
async fn forget_unless_muted(
    context: &RemediationContext<'_>,
    store: &dyn Store,
    fingerprint: &Digest,
) -> Result<(), StoreError> {
    let key = NotifiedFingerprintRow::key(context.tenant(), fingerprint);
    let Some((seen, etag)) = load::<NotifiedFingerprintRow>(store, &key).await? else { return Ok(()) };
    if seen.muted {
        return Ok(());
    }
    match store.delete(COVERAGE, &key, Some(etag.etag())).await {
        // Told, or dismissed, a moment ago.
        Err(StoreError::Changed(_)) => Ok(()),
        outcome => outcome,
    }
}
