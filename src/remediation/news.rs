//! After a finished remediation the same thing done again is news.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::tables::COVERAGE;
use crate::tables::{SeenRow, load};
use base::clock::Deadline;
use table_store::{Digest, Store, StoreError};

use super::case::Case;
use super::record::STORE;

/// Forgets that the threats to the mailbox were told, for what all of them did is undone now. What is wrong where it fails.
pub async fn make_again(case: &Case<'_>) -> Option<String> {
    let limit = Deadline::after(Arc::clone(&case.app.clock), STORE);
    let error = match limit.limit(forget_told(case)).await {
        Some(Ok(())) => return None,
        Some(Err(error)) => error.to_string(),
        None => "no answer in time".to_owned(),
    };
    tracing::warn!(error, "not every remediated finding could be made news again");
    Some(format!("the same changes made again may not be notified for 30 days: {error}"))
}

async fn forget_told(case: &Case<'_>) -> Result<(), StoreError> {
    let store = case.app.store.as_ref();
    let own = &case.finding.fingerprint;
    store.delete(COVERAGE, &SeenRow::key(case.tenant(), own), None).await?;
    let of_mailbox = case.findings().await?.iter().filter(|row| case.accounts.owner.has_name(&row.source_mailbox));
    let others: BTreeSet<&Digest> =
        of_mailbox.filter(|row| row.threat).map(|row| &row.fingerprint).filter(|other| *other != own).collect();
    for other in others {
        forget_unless_muted(case, store, other).await?;
    }
    Ok(())
}

/// A person who dismissed another finding has not taken that back.
async fn forget_unless_muted(case: &Case<'_>, store: &dyn Store, fingerprint: &Digest) -> Result<(), StoreError> {
    let key = SeenRow::key(case.tenant(), fingerprint);
    let Some((seen, etag)) = load::<SeenRow>(store, &key).await? else { return Ok(()) };
    if seen.muted {
        return Ok(());
    }
    match store.delete(COVERAGE, &key, Some(&etag)).await {
        // Told, or dismissed, a moment ago.
        Err(StoreError::Changed(_)) => Ok(()),
        outcome => outcome,
    }
}
