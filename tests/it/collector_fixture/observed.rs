//! Observes a run: its rows, its notifications and its requests.

use base::ids::TenantId;
use chrono::{DateTime, Utc};
use serde_json::Value;
use table_store::{PartitionKey, Query, Store as _, Stored, Table, list_all};
use tenantwatch::detection::FindingKind;
use tenantwatch::tables::{COVERAGE, CoverageRow, PROCESSED, ProcessedRow};
use uuid::Uuid;

use super::{CONTOSO, CollectorFixture};

impl CollectorFixture {
    /// Every finding of contoso that comes from a record.
    pub async fn findings(&self) -> Vec<ProcessedRow> {
        let mut rows = self.rows("contoso.com").await;
        rows.retain(|row| row.kind != FindingKind::Coverage);
        rows
    }

    /// Every row of ProcessedAuditLogs in a partition.
    pub async fn rows(&self, partition: &str) -> Vec<ProcessedRow> {
        let query = Query::partition(PartitionKey::parse(partition).unwrap());
        let rows = list_all(self.store.as_ref(), PROCESSED, query).await.unwrap();
        let is_finding = |row: &&Stored| !row.entity.key.row.as_str().starts_with("incident_");
        rows.iter().filter(is_finding).map(|row| ProcessedRow::from_stored(row).unwrap().0).collect()
    }

    pub async fn coverage(&self) -> CoverageRow {
        self.coverage_of(CONTOSO).await
    }

    pub async fn coverage_of(&self, tenant: Uuid) -> CoverageRow {
        let key = CoverageRow::key(&TenantId::new(tenant));
        let stored = self.store.inner.get(COVERAGE, &key).await.unwrap().unwrap();
        CoverageRow::from_stored(&stored).unwrap().0
    }

    /// Every row of a table in a partition, as it is stored.
    pub async fn stored(&self, table: Table, partition: &str) -> Vec<Stored> {
        let query = Query::partition(PartitionKey::parse(partition).unwrap());
        list_all(&self.store.inner, table, query).await.unwrap()
    }

    /// The bodies that the flow accepted whose member `Type` is this.
    pub fn notified(&self, kind: &str) -> Vec<Value> {
        self.sim.notifications().into_iter().filter(|body| body["Type"] == kind).collect()
    }

    /// The texts of the notices that the flow accepted.
    pub fn notice_texts(&self) -> Vec<String> {
        self.notified("Coverage").iter().map(|body| body["Description"].as_str().unwrap().to_owned()).collect()
    }

    pub fn teams_messages(&self) -> usize {
        self.sim.teams_messages().len()
    }

    /// Returns the number of store operations since the previous call of this function.
    pub fn store_operations(&self) -> usize {
        self.store.take_operations()
    }

    /// The windows that were listed since this was last called, in order.
    pub fn listings(&self) -> Vec<(DateTime<Utc>, DateTime<Utc>)> {
        let requests = self.sim.requests();
        let listings =
            requests.iter().filter(|request| request.path.ends_with("/subscriptions/content") && request.status == 200);
        let windows =
            listings.map(|request| (time(&request.query, "startTime"), time(&request.query, "endTime"))).collect();
        self.sim.forget_requests();
        windows
    }

    pub fn fetches(&self) -> usize {
        self.sim.count(|request| request.path.contains("/activity/feed/audit/"))
    }

    /// Returns the number of calls of a cmdlet, except those with an expired token.
    pub fn calls(&self, cmdlet: &str) -> usize {
        self.sim.count(|request| request.cmdlet.as_deref() == Some(cmdlet) && request.status != 401)
    }
}

/// The value of a time in a query, which has no zone.
fn time(query: &str, name: &str) -> DateTime<Utc> {
    let value = url::form_urlencoded::parse(query.as_bytes()).find(|(known, _)| known == name).unwrap().1.into_owned();
    chrono::NaiveDateTime::parse_from_str(&value, "%Y-%m-%dT%H:%M:%S").unwrap().and_utc()
}
