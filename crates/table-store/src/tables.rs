//! Rows in Azure Table storage, through the client crate `azure_data_tables` 0.21.
//!
//! The crate has traps, each with a guard here or in the modules below:
//! * It puts keys into addresses as they are: keys are types that hold nothing to escape ([`super::key`]).
//! * Its retry makes an insert meet its own row: it never retries; we do, and only what may be repeated.
//! * A transaction that failed is `Ok`: every status in the answer is looked at.
//! * It brings its own HTTP client and XML parser: [`transport`] replaces the one and never lets it reach the other.
//! * It writes `Authorization` headers to its debug log: it runs without a log.

pub(crate) mod credential;
mod failure;
mod transport;
mod wire;

use std::collections::BTreeSet;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core_legacy::{Continuable as _, RetryOptions, TransportOptions};
use azure_data_tables::IfMatchCondition;
use azure_data_tables::clients::{EntityClient, TableClient, TableServiceClient, TableServiceClientBuilder};
use azure_storage::CloudLocation;
use backon::{BackoffBuilder as _, ExponentialBuilder};
use chrono::{DateTime, SecondsFormat, Utc};
use futures::StreamExt as _;
use url::{Host, Url};

use self::failure::Failure;
use self::wire::{Sent, StoredCells};
use super::{
    Continuation, ETag, Entity, Key, Page, PartitionKey, Query, RowKey, Store, StoreError, Stored, TOGETHER_LIMIT,
    Table, TableNames, fit_together,
};
use crate::account::StorageAccount;
use base::clock::{Clock, SystemClock};
use base::service_time::ServiceTime;

/// Number of retries of an operation that may be repeated.
const RETRIES: usize = 4;

/// The distance of the first retry; it doubles, with jitter.
const FIRST_DELAY: Duration = Duration::from_millis(200);

/// The tables of one storage account.
#[derive(Clone)]
pub struct TablesStore {
    service: TableServiceClient,
    names: TableNames,
    clock: Arc<dyn Clock>,
    time: Arc<ServiceTime>,
}

impl fmt::Debug for TablesStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TablesStore").field("names", &self.names).finish_non_exhaustive()
    }
}

/// The result of an operation that may be repeated. It tells whether an earlier attempt may have carried it out already.
struct Repeated<T> {
    result: Result<T, Failure>,
    tried_before: bool,
}

impl TablesStore {
    /// The tables of the account, over `http`. Nothing is sent yet; a table is made when it is first missed.
    ///
    /// # Errors
    /// When the address is neither https nor on loopback, or the key or identity cannot be used.
    pub fn new(
        settings: &StorageAccount,
        names: impl Into<TableNames>,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, StoreError> {
        if !is_allowed(&settings.table_endpoint) {
            return Err(StoreError::Refused("the address of the table service must be https".to_owned()));
        }
        let location =
            CloudLocation::Custom { account: settings.account.clone(), uri: settings.table_endpoint.to_string() };
        let credentials = credential::of(settings, http.clone())?;
        let time = Arc::new(ServiceTime::default());
        let service = TableServiceClientBuilder::with_location(location, credentials)
            .retry(RetryOptions::none())
            .transport(TransportOptions::new(Arc::new(transport::Transport::new(http, Arc::clone(&time)))))
            .build();
        Ok(Self { service, names: names.into(), clock, time })
    }

    fn table(&self, table: Table) -> TableClient {
        self.service.table_client(self.names.of(table))
    }

    fn row(&self, table: Table, key: &Key) -> EntityClient {
        self.table(table).partition_key_client(key.partition.as_str()).entity_client(key.row.as_str())
    }

    /// Makes one attempt. If the table is missing, the service has done nothing: creates the table and repeats the work.
    async fn once<T, F>(&self, table: Table, attempt: u32, work: impl Fn() -> F) -> Result<T, Failure>
    where
        F: Future<Output = azure_core_legacy::Result<T>>,
    {
        match quietly(work(), attempt).await {
            Err(Failure::NoTable) => {
                self.create(table).await?;
                quietly(work(), attempt + 1).await
            }
            outcome => outcome,
        }
    }

    /// Up to [`RETRIES`] more tries while the store is unavailable. Only for work that may be done twice.
    async fn repeatedly<T, F>(&self, table: Table, work: impl Fn() -> F) -> Repeated<T>
    where
        F: Future<Output = azure_core_legacy::Result<T>>,
    {
        let delays = ExponentialBuilder::default().with_min_delay(FIRST_DELAY).with_max_times(RETRIES).with_jitter();
        let mut attempt = 1;
        for delay in delays.build() {
            match self.once(table, attempt, &work).await {
                Err(Failure::Unavailable(_)) => self.clock.sleep(delay).await,
                result => return Repeated { result, tried_before: attempt > 1 },
            }
            attempt += 1;
        }
        Repeated { result: self.once(table, attempt, &work).await, tried_before: attempt > 1 }
    }

    async fn create(&self, table: Table) -> Result<(), Failure> {
        match quietly(self.table(table).create().into_future(), 1).await {
            Ok(_) | Err(Failure::Conflict) => Ok(()),
            Err(failure) => Err(failure),
        }
    }

    /// Removes up to [`TOGETHER_LIMIT`] rows in one request. A transaction is refused as a whole when one row is
    /// gone already; `false` then, and nothing was removed.
    async fn delete_together(
        &self,
        table: Table,
        partition: &PartitionKey,
        rows: &[&RowKey],
    ) -> Result<bool, StoreError> {
        let rows_of = self.table(table).partition_key_client(partition.as_str());
        let work = async || {
            let mut transaction = rows_of.transaction();
            for row in rows {
                transaction = transaction.delete(row.as_str(), None)?;
            }
            transaction.await
        };
        match self.repeatedly(table, work).await.result {
            Ok(answer) => {
                let answers = &answer.operation_responses;
                Ok(answers.len() == rows.len() && answers.iter().all(|one| one.status_code.is_success()))
            }
            Err(failure @ Failure::Unavailable(_)) => Err(failure.into_error()),
            // After any other failure single deletes follow. They succeed or report the cause.
            Err(_) => Ok(false),
        }
    }
}

#[async_trait]
impl Store for TablesStore {
    fn service_time(&self) -> Option<DateTime<Utc>> {
        // The service runs in real time, whatever clock a test has set.
        self.time.now(&SystemClock)
    }

    async fn insert(&self, table: Table, entity: &Entity) -> Result<ETag, StoreError> {
        entity.check_limits()?;
        let client = self.table(table);
        let work = async || client.insert::<_, StoredCells>(Sent(entity))?.await;
        match self.once(table, 1, work).await {
            Ok(answer) => Ok(ETag(answer.etag.to_string())),
            Err(Failure::Conflict) => Err(StoreError::Exists(entity.key.clone())),
            Err(failure) => Err(failure.into_error()),
        }
    }

    async fn insert_together(&self, table: Table, entities: &[Entity]) -> bool {
        let Some(first) = entities.first().filter(|_| fit_together(entities)) else { return false };
        let rows_of = self.table(table).partition_key_client(first.key.partition.as_str());
        let work = async || {
            let mut transaction = rows_of.transaction();
            for entity in entities {
                transaction = transaction.insert(Sent(entity))?;
            }
            transaction.await
        };
        // Never repeated: the second try would meet the rows of the first.
        let Ok(answer) = self.once(table, 1, work).await else { return false };
        let answers = &answer.operation_responses;
        answers.len() == entities.len() && answers.iter().all(|one| one.status_code.is_success())
    }

    async fn replace(&self, table: Table, entity: &Entity, etag: &ETag) -> Result<ETag, StoreError> {
        entity.check_limits()?;
        let client = self.row(table, &entity.key);
        let work = async || client.update(Sent(entity), if_match(etag))?.await;
        let Repeated { result, tried_before } = self.repeatedly(table, work).await;
        match result {
            Ok(answer) => return Ok(ETag(answer.etag.to_string())),
            Err(Failure::Absent | Failure::Changed) => {}
            Err(failure) => return Err(failure.into_error()),
        }
        // The first try may have been done, and its answer lost: then the row is as we wanted it.
        let changed = || StoreError::Changed(entity.key.clone());
        let stored = if tried_before { self.get(table, &entity.key).await? } else { None };
        stored.filter(|stored| stored.entity == *entity).map(|stored| stored.etag).ok_or_else(changed)
    }

    async fn get(&self, table: Table, key: &Key) -> Result<Option<Stored>, StoreError> {
        let client = self.row(table, key);
        match self.repeatedly(table, async || client.get::<StoredCells>().await).await.result {
            Ok(answer) => answer.entity.stored(Some(answer.etag.to_string())).map(Some),
            Err(Failure::Absent) => Ok(None),
            Err(failure) => Err(failure.into_error()),
        }
    }

    async fn list(&self, table: Table, query: &Query) -> Result<Page, StoreError> {
        let mut request = self.table(table).query().filter(filter(query)?).top(limit(query));
        if !query.columns.is_empty() {
            request = request.select(selection(&query.columns));
        }
        if let Some(after) = &query.after {
            let (partition, row) = after.0.split_once('\n').unwrap_or((&after.0, ""));
            request = request.initial_partition_key(partition);
            if !row.is_empty() {
                request = request.initial_row_key(row);
            }
        }
        let work = async || match request.clone().into_stream::<StoredCells>().next().await {
            Some(page) => page.map(Some),
            None => Ok(None),
        };
        match self.repeatedly(table, work).await.result {
            Ok(Some(page)) => {
                let next = page
                    .continuation()
                    .map(|(partition, row)| Continuation(format!("{partition}\n{}", row.unwrap_or_default())));
                let (foreign, ours): (Vec<_>, Vec<_>) = page.entities.into_iter().partition(StoredCells::is_foreign);
                if !foreign.is_empty() {
                    tracing::warn!(rows = foreign.len(), partition = %query.partition, "rows with foreign keys left alone");
                }
                let rows = ours.into_iter().map(|row| row.stored(None)).collect::<Result<_, _>>()?;
                Ok(Page { rows, next })
            }
            Ok(None) => Ok(Page::default()),
            Err(failure) => Err(failure.into_error()),
        }
    }

    async fn delete(&self, table: Table, key: &Key, etag: Option<&ETag>) -> Result<(), StoreError> {
        let client = self.row(table, key);
        let condition = etag.map_or(IfMatchCondition::Any, if_match);
        let work = async || client.delete().if_match(condition.clone()).await;
        let Repeated { result, tried_before } = self.repeatedly(table, work).await;
        match result {
            Ok(_) => Ok(()),
            // Gone is what was wanted, or what an earlier try may have done.
            Err(Failure::Absent) if etag.is_none() || tried_before => Ok(()),
            Err(Failure::Absent | Failure::Changed) => Err(StoreError::Changed(key.clone())),
            Err(failure) => Err(failure.into_error()),
        }
    }

    async fn delete_many(&self, table: Table, partition: &PartitionKey, rows: &[RowKey]) -> Result<(), StoreError> {
        // A row may be named only once in a transaction.
        let rows: Vec<&RowKey> = rows.iter().collect::<BTreeSet<_>>().into_iter().collect();
        for together in rows.chunks(TOGETHER_LIMIT) {
            if self.delete_together(table, partition, together).await? {
                continue;
            }
            for row in together {
                self.delete(table, &Key::new(partition.clone(), (*row).clone()), None).await?;
            }
        }
        Ok(())
    }
}

/// Runs work of the client crate; `attempt` counts from 1.
async fn quietly<T>(work: impl Future<Output = azure_core_legacy::Result<T>>, attempt: u32) -> Result<T, Failure> {
    transport::quietly(work, attempt).await.map_err(|error| Failure::of(&error))
}

/// https everywhere, http for an emulator on this machine.
pub(crate) fn is_allowed(endpoint: &Url) -> bool {
    match endpoint.scheme() {
        "https" => true,
        "http" => match endpoint.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        },
        _ => false,
    }
}

fn if_match(etag: &ETag) -> IfMatchCondition {
    IfMatchCondition::Etag(etag.0.clone().into())
}

fn limit(query: &Query) -> u32 {
    u32::try_from(query.page_size()).unwrap_or(1_000)
}

/// Keys hold no quote, so they can stand in a filter as they are.
fn filter(query: &Query) -> Result<String, StoreError> {
    let mut filter = format!("PartitionKey eq '{}'", query.partition);
    if let Some(span) = query.row_span()? {
        filter.push_str(&format!(" and RowKey ge '{}' and RowKey lt '{}'", span.start, span.end));
    }
    if let Some(since) = query.changed_since {
        filter.push_str(&format!(" and Timestamp ge datetime'{}'", time_in_filter(since)));
    }
    if !query.any_of.is_empty() {
        let values = query.any_of.iter().map(|wanted| format!("{} eq '{}'", wanted.column, wanted.value));
        filter.push_str(&format!(" and ({})", values.collect::<Vec<_>>().join(" or ")));
    }
    if let Some(before) = query.changed_before {
        filter.push_str(&format!(" and Timestamp lt datetime'{}'", time_in_filter(before)));
    }
    Ok(filter)
}

/// The named columns, and what every row is known by.
fn selection(columns: &[String]) -> String {
    let known_by = ["PartitionKey", "RowKey", "Timestamp"].into_iter();
    known_by.chain(columns.iter().map(String::as_str)).collect::<Vec<_>>().join(",")
}

fn time_in_filter(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Micros, true)
}
