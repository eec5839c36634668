//! Changes to rows that others may change at the same time, and work that is repeated while the store is unavailable.

use std::sync::Arc;
use std::time::Duration;

use backon::{ExponentialBuilder, Retryable as _};
use base::clock::Clock;

use super::{Entity, Key, Store, StoreError, Stored, Table};

/// The number of repetitions after the first try, whether a row changed in the meantime or the store was unavailable.
const REPETITIONS: usize = 7;

/// The delay before the first repetition. It doubles, with jitter.
const FIRST_DELAY: Duration = Duration::from_millis(20);

/// The longest delay.
const LONGEST_DELAY: Duration = Duration::from_secs(2);

/// The action of [`update`] on a row, and the value that it then returns.
#[derive(Debug, Clone, PartialEq)]
pub enum Change<T> {
    /// Stores this: a new row if there was none, else in place of the version that was read.
    Write(Entity, T),
    /// Leaves the row as it is.
    Leave(T),
}

/// Changes one row. Reads it, calls `change` for the new one and writes that. If another writer was faster, waits a little and
/// starts again. `change` must not depend on how often it is called.
///
/// # Errors
/// [`StoreError::Changed`] or [`StoreError::Exists`] if others changed the row at every try; otherwise as the store says.
pub async fn update<T>(
    store: &dyn Store,
    clock: &Arc<dyn Clock>,
    table: Table,
    key: &Key,
    change: impl Fn(Option<&Stored>) -> Result<Change<T>, StoreError>,
) -> Result<T, StoreError> {
    let once = async || {
        let stored = store.get(table, key).await?;
        match change(stored.as_ref())? {
            Change::Leave(value) => Ok(value),
            Change::Write(entity, value) => {
                match &stored {
                    Some(stored) => store.replace(table, &entity, &stored.etag).await?,
                    None => store.insert(table, &entity).await?,
                };
                Ok(value)
            }
        }
    };
    retry(clock, is_conflict, once).await
}

/// Repeats work while the store is unavailable. Only for work that may be done twice, for example an insert whose row tells
/// whether it is one's own.
///
/// # Errors
/// [`StoreError::Unavailable`] if the store was unavailable at every try; any other error at once.
pub async fn retry_unavailable<T, F>(clock: &Arc<dyn Clock>, work: impl FnMut() -> F) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    retry(clock, is_unavailable, work).await
}

/// Repeats work after each error of which `when` returns true, with the one back-off that all work on rows has. `work` must read again
/// what it depends on.
///
/// # Errors
/// The last error if every try failed; any other error at once.
pub async fn retry<T, F>(
    clock: &Arc<dyn Clock>,
    when: impl Fn(&StoreError) -> bool,
    work: impl FnMut() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = Result<T, StoreError>>,
{
    let delays = ExponentialBuilder::default()
        .with_min_delay(FIRST_DELAY)
        .with_max_delay(LONGEST_DELAY)
        .with_max_times(REPETITIONS)
        .with_jitter();
    work.retry(delays).sleep(sleeper(clock)).when(when).await
}

/// Returns whether another writer was faster.
pub fn is_conflict(error: &StoreError) -> bool {
    matches!(error, StoreError::Changed(_) | StoreError::Exists(_))
}

/// Returns whether the store could not be used at that moment.
pub fn is_unavailable(error: &StoreError) -> bool {
    matches!(error, StoreError::Unavailable(_))
}

/// Waits on the clock that was passed in.
fn sleeper(clock: &Arc<dyn Clock>) -> impl Fn(Duration) -> futures::future::BoxFuture<'static, ()> + 'static {
    let clock = Arc::clone(clock);
    move |duration| clock.sleep(duration)
}
