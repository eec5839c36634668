//! Reports of investigations in AuditLogActionsLog, and the addresses of attackers in AuditLogCoverage.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use base::ids::{Domain, RecordId, TenantId};
use table_store::{Column, Digest, Entity, Key, PartitionKey, StoreError, Stored};

use super::RowVersion;
use super::columns::{Columns, json_text};
use super::keys;

/// The time for which an address counts as an attacker's after it was last seen.
pub const ATTACKER_COUNTS: TimeDelta = TimeDelta::days(30);

/// The newest report about a threat: row `investigation_<log id>` in the tenant's partition of AuditLogActionsLog.
#[derive(Debug, Clone, PartialEq)]
pub struct InvestigationRow {
    /// PartitionKey
    pub domain: Domain,
    /// The threat.
    pub log_id: RecordId,
    /// `ReportNumber`: 1 for the first report.
    pub number: u32,
    /// `Task`: the id of the row of ProcessedAuditLogs that asked for the report.
    pub task: RecordId,
    /// `TenantId`
    pub tenant_id: TenantId,
    /// `IncidentId`
    pub incident_id: String,
    /// `Account`
    pub account: String,
    /// `Written`
    pub written: DateTime<Utc>,
    /// `Verdict`
    pub verdict: String,
    /// `Report`: JSON without activities, in numbered columns.
    pub report: String,
    /// `Activities`: JSON array, in numbered columns.
    pub activities: String,
    /// `Omitted`: what was left out of the row because of its size, empty if nothing.
    pub omitted: String,
    /// `Outcome`: the digest of the acts that the report attributes to the attacker.
    pub outcome: Digest,
}

impl InvestigationRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &[
        "ReportNumber",
        "Task",
        "TenantId",
        "IncidentId",
        "Account",
        "Written",
        "Verdict",
        "Report",
        "Activities",
        "Omitted",
        "Outcome",
    ];

    /// Returns the key of the report about a threat.
    pub fn key(domain: &Domain, log_id: &RecordId) -> Key {
        Key::new(PartitionKey::domain(domain), keys::investigation(log_id))
    }

    /// The row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(&self.domain, &self.log_id));
        entity.set("ReportNumber", Column::Int(self.number.into()));
        entity.set_text("Task", &self.task.to_string());
        entity.set_text("TenantId", &self.tenant_id.to_string());
        entity.set_text("IncidentId", &self.incident_id);
        entity.set_text("Account", &self.account);
        entity.set("Written", Column::Time(self.written));
        entity.set_text("Verdict", &self.verdict);
        entity.set_whole_text("Report", &self.report);
        entity.set_whole_text("Activities", &self.activities);
        entity.set_text("Omitted", &self.omitted);
        entity.set_text("Outcome", self.outcome.as_str());
        entity
    }

    /// From the store.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a column that decides something is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let row = Self {
            domain: columns.partition_name("")?,
            log_id: columns.row_name("investigation_")?,
            number: columns.count("ReportNumber")?,
            task: columns.required("Task")?,
            tenant_id: columns.required("TenantId")?,
            incident_id: columns.text("IncidentId"),
            account: columns.text("Account"),
            written: columns.time("Written")?,
            verdict: columns.text("Verdict"),
            report: columns.whole_text("Report"),
            activities: columns.whole_text("Activities"),
            omitted: columns.text("Omitted"),
            outcome: columns.required("Outcome")?,
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}

/// An account of a tenant, lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct VictimAccount {
    /// Its tenant.
    pub tenant_id: TenantId,
    /// Its name.
    pub account: String,
}

/// An address of an attacker: row `<h>` in the partition `attackers` of AuditLogCoverage.
#[derive(Debug, Clone, PartialEq)]
pub struct AttackerRow {
    /// `Address`
    pub address: IpAddr,
    /// `Seen`: when an investigation last attributed it.
    pub seen: DateTime<Utc>,
    /// `RecordId`: the threat whose investigation attributed it last.
    pub log_id: RecordId,
    /// `Accounts`: the accounts of the incidents from which it is known.
    pub accounts: BTreeSet<VictimAccount>,
    /// `Told`: the first accounts of each tenant whose sign-in from the address was told, in this order. Rows of earlier versions lack it.
    pub told: Vec<VictimAccount>,
}

impl AttackerRow {
    /// The columns, as docs/tables.md lists them.
    pub const COLUMNS: &'static [&'static str] = &["Address", "Seen", "RecordId", "Accounts", "Told"];

    /// Returns the key of an address.
    pub fn key(address: IpAddr) -> Key {
        Key::new(keys::attackers(), keys::attacker(&Digest::of(&[&address.to_canonical().to_string()])))
    }

    /// Returns whether the address still counts.
    pub fn counts_at(&self, now: DateTime<Utc>) -> bool {
        (now - self.seen).abs() <= ATTACKER_COUNTS
    }

    /// The row as it is stored.
    pub fn to_entity(&self) -> Entity {
        let mut entity = Entity::new(Self::key(self.address));
        entity.set_text("Address", &self.address.to_string());
        entity.set("Seen", Column::Time(self.seen));
        entity.set_text("RecordId", &self.log_id.to_string());
        entity.set_whole_text("Accounts", &json_text(&self.accounts));
        entity.set_whole_text("Told", &json_text(&self.told));
        entity
    }

    /// From the store.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] if a column is missing or malformed.
    pub fn from_stored(stored: &Stored) -> Result<(Self, RowVersion), StoreError> {
        let columns = Columns(&stored.entity);
        let row = Self {
            address: columns.required("Address")?,
            seen: columns.time("Seen")?,
            log_id: columns.required("RecordId")?,
            accounts: columns.json("Accounts")?,
            told: if stored.entity.text("Told").is_some() { columns.json("Told")? } else { Vec::new() },
        };
        Ok((row, RowVersion::of(stored, Self::COLUMNS)))
    }
}
