//! Activities, kept until they are attributed: in memory up to some mebibytes, then in a temporary file.

mod rest;

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io;

use chrono::{DateTime, Utc};
use rusqlite::{Connection, OptionalExtension as _, params};

use base::ids::{RecordId, TenantId};
use table_store::temporary_database;

pub(super) use rest::{Rest, id_mark, second};

use crate::investigation::{Activities, Activity, Attribution, Names, Reach, Subject, is_guid};

/// The activities that are kept in memory, in KiB.
const MEMORY_KIB: u32 = 16 * 1024;

const TABLES: &str = "
    CREATE TABLE activity (
        id BLOB NOT NULL UNIQUE, seconds INTEGER NOT NULL, nanos INTEGER NOT NULL, tenant TEXT, account TEXT NOT NULL,
        mailbox TEXT NOT NULL, target TEXT NOT NULL, address TEXT, session TEXT, other_session TEXT, reduced TEXT NOT NULL,
        record BLOB);
    CREATE TABLE name (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE mailbox_name (name TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE concerning (at INTEGER NOT NULL);
    CREATE TABLE looked_at (at INTEGER NOT NULL);
    CREATE TABLE reach_address (address TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE reach_session (session TEXT PRIMARY KEY) WITHOUT ROWID;
";

/// Keeps the same one of two records with one id, whichever comes first.
const KEEP: &str = "
    INSERT INTO activity VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
    ON CONFLICT (id) DO UPDATE SET seconds = excluded.seconds, nanos = excluded.nanos, tenant = excluded.tenant,
        account = excluded.account, mailbox = excluded.mailbox, target = excluded.target, address = excluded.address,
        session = excluded.session, other_session = excluded.other_session, reduced = excluded.reduced,
        record = excluded.record
    WHERE excluded.reduced < reduced OR (excluded.reduced = reduced AND excluded.record < record)";

const CONCERNING: &str = "
    INSERT INTO concerning SELECT rowid FROM activity
    WHERE (tenant IS NULL OR tenant = ?1)
        AND (account IN name OR target IN name OR mailbox IN mailbox_name)
    ORDER BY seconds, nanos, id";

const ELSEWHERE: &str = "
    FROM activity WHERE (tenant IS NULL OR tenant = ?1) AND account NOT IN name
        AND (address IN reach_address OR session IN reach_session OR other_session IN reach_session)";

/// Why activities cannot be kept or looked up.
#[derive(Debug, thiserror::Error)]
pub enum SpillError {
    /// The temporary database failed.
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    /// The records that were left cannot be noted, or not be read again.
    #[error("records cannot be read a second time: {0}")]
    Unread(#[from] io::Error),
}

/// The activities, each id once.
#[derive(Debug)]
pub struct Spill {
    database: Connection,
    account: String,
    tenant: Option<String>,
    names: Names,
    rest: Option<RefCell<Rest>>,
}

impl Spill {
    /// An empty database in which the records of this account are kept whole.
    ///
    /// # Errors
    /// Returns an error if the database cannot be made.
    pub fn new(account: &str) -> rusqlite::Result<Self> {
        let database = temporary_database(MEMORY_KIB, TABLES)?;
        Ok(Self { database, account: account.trim().to_lowercase(), tenant: None, names: Names::default(), rest: None })
    }

    /// Keeps an activity; of those that can concern the account also the record.
    ///
    /// # Errors
    /// Returns an error if the database cannot be used.
    pub fn keep(&self, activity: &Activity, record: &[u8]) -> rusqlite::Result<()> {
        let reduced = serde_json::to_string(activity).unwrap_or_default();
        let record = self.can_concern(activity).then_some(record);
        let mut insert = self.database.prepare_cached(KEEP)?;
        insert.execute(params![
            activity.id.as_uuid().as_bytes(),
            activity.time.timestamp(),
            activity.time.timestamp_subsec_nanos(),
            activity.tenant.map(|tenant| tenant.to_string()),
            activity.account,
            activity.mailbox,
            activity.target,
            activity.address.map(|address| address.to_string()),
            activity.sessions.first(),
            activity.sessions.get(1),
            reduced,
            record,
        ])?;
        Ok(())
    }

    /// An object id may turn out to be the account's.
    fn can_concern(&self, activity: &Activity) -> bool {
        let alias = self.account.split('@').next().unwrap_or_default();
        is_guid(&self.account)
            || [&activity.account, &activity.mailbox, &activity.target]
                .iter()
                .any(|text| **text == self.account || **text == alias || is_guid(text))
    }

    /// Selects what concerns the account, in the tenant in which it is most often seen. `None` where it occurs nowhere.
    ///
    /// # Errors
    /// Returns an error if the database cannot be used.
    pub fn focus(&mut self, subject: &Subject, names: &Names) -> Result<Option<Option<TenantId>>, SpillError> {
        self.names = names.clone();
        self.read_accounts(subject.names.iter().chain([&subject.alias]).map(String::as_str))?;
        self.database.execute_batch(
            "DELETE FROM name; DELETE FROM mailbox_name; DELETE FROM concerning; DELETE FROM looked_at;",
        )?;
        // No name is empty: most records are on no mailbox.
        for name in subject.names.iter().filter(|name| !name.is_empty()) {
            self.database.execute("INSERT OR IGNORE INTO name VALUES (?1)", [name])?;
            self.database.execute("INSERT OR IGNORE INTO mailbox_name VALUES (?1)", [name])?;
        }
        if !subject.alias.is_empty() {
            self.database.execute("INSERT OR IGNORE INTO mailbox_name VALUES (?1)", [&subject.alias])?;
        }
        let most = "SELECT tenant FROM activity WHERE account IN name OR target IN name OR mailbox IN name
            GROUP BY tenant ORDER BY tenant IS NULL, count(*) DESC, tenant LIMIT 1";
        let tenant: Option<Option<String>> = self.database.query_row(most, [], |row| row.get(0)).optional()?;
        let Some(tenant) = tenant else { return Ok(None) };
        self.tenant = tenant;
        self.database.execute(CONCERNING, params![self.tenant])?;
        Ok(Some(self.tenant.as_ref().and_then(|tenant| tenant.parse().ok())))
    }

    /// Returns whether a record concerns the account; `None` where it is in no file.
    ///
    /// # Errors
    /// Returns an error if the database cannot be used.
    pub fn concerns(&self, id: &RecordId, subject: &Subject) -> Result<Option<bool>, SpillError> {
        self.read_ids(&[id.to_string()])?;
        let mut select = self.database.prepare_cached("SELECT reduced FROM activity WHERE id = ?1")?;
        let found: Option<String> = select.query_row(params![id.as_uuid().as_bytes()], |row| row.get(0)).optional()?;
        Ok(found.and_then(|reduced| self.activity(&reduced)).map(|activity| subject.is_concerned(&activity)))
    }

    /// Returns whether a record is among the activities.
    ///
    /// # Errors
    /// Returns an error if the database cannot be used.
    pub fn has(&self, id: &RecordId) -> Result<bool, SpillError> {
        let mut select = self.database.prepare_cached("SELECT 1 FROM activity WHERE id = ?1")?;
        Ok(select.exists(params![id.as_uuid().as_bytes()])?)
    }

    /// Selects what the report lists: what concerns the account, and what others did from the attacker's addresses and sessions.
    ///
    /// # Errors
    /// Returns an error if the database cannot be used.
    pub fn look_at(&self, attribution: &Attribution) -> Result<(), SpillError> {
        self.reach(&attribution.reach())?;
        let sql = format!(
            "INSERT INTO looked_at SELECT rowid FROM activity WHERE rowid IN (SELECT at FROM concerning UNION SELECT rowid {ELSEWHERE})
            ORDER BY seconds, nanos, id"
        );
        self.database.execute(&sql, params![self.tenant])?;
        Ok(())
    }

    /// Hands on what the report lists, in the order of time, with the record where it concerns the account.
    ///
    /// # Errors
    /// Returns an error if the database cannot be used.
    pub fn looked_at<E: From<rusqlite::Error>>(
        &self,
        mut sink: impl FnMut(Activity, Option<&[u8]>) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut select = self.database.prepare_cached(
            "SELECT reduced, record FROM looked_at JOIN activity ON activity.rowid = looked_at.at ORDER BY looked_at.rowid",
        )?;
        let mut rows = select.query([])?;
        while let Some(row) = rows.next()? {
            let reduced = row.get_ref(0)?.as_str().map_err(rusqlite::Error::from)?;
            let record = row.get_ref(1)?.as_blob_or_null().map_err(rusqlite::Error::from)?;
            if let Some(activity) = self.activity(reduced) {
                sink(activity, record)?;
            }
        }
        Ok(())
    }

    fn reach(&self, reach: &Reach) -> Result<(), SpillError> {
        self.read_reach(reach)?;
        self.set_reach(reach)?;
        Ok(())
    }

    fn set_reach(&self, reach: &Reach) -> rusqlite::Result<()> {
        self.database.execute_batch("DELETE FROM reach_address; DELETE FROM reach_session;")?;
        let mut insert = self.database.prepare_cached("INSERT INTO reach_address VALUES (?1)")?;
        for address in &reach.addresses {
            insert.execute([address.to_string()])?;
        }
        let mut insert = self.database.prepare_cached("INSERT INTO reach_session VALUES (?1)")?;
        for session in &reach.sessions {
            insert.execute([session])?;
        }
        Ok(())
    }

    /// It was written by this program.
    fn activity(&self, reduced: &str) -> Option<Activity> {
        serde_json::from_str(reduced).ok().map(|activity| self.names.resolve(activity))
    }

    fn each(
        &self,
        sql: &str,
        parameters: impl rusqlite::Params,
        sink: &mut dyn FnMut(&Activity),
    ) -> rusqlite::Result<()> {
        let mut select = self.database.prepare_cached(sql)?;
        let mut rows = select.query(parameters)?;
        while let Some(row) = rows.next()? {
            if let Some(activity) = self.activity(row.get_ref(0)?.as_str()?) {
                sink(&activity);
            }
        }
        Ok(())
    }
}

impl Activities for Spill {
    type Error = SpillError;

    /// The account is the one on which the store was focussed.
    fn concerning(&self, _: &Subject, sink: &mut dyn FnMut(&Activity)) -> Result<(), SpillError> {
        let sql =
            "SELECT reduced FROM concerning JOIN activity ON activity.rowid = concerning.at ORDER BY concerning.rowid";
        Ok(self.each(sql, [], sink)?)
    }

    fn elsewhere(&self, _: &Subject, reach: &Reach, sink: &mut dyn FnMut(&Activity)) -> Result<(), SpillError> {
        self.reach(reach)?;
        let sql = format!("SELECT reduced {ELSEWHERE} ORDER BY seconds, nanos, id");
        Ok(self.each(&sql, params![self.tenant], sink)?)
    }

    fn in_quarters(
        &self,
        _: &Subject,
        reach: &Reach,
        before: DateTime<Utc>,
        sink: &mut dyn FnMut(&Activity),
    ) -> Result<(), SpillError> {
        self.read_quarters(reach, before)?;
        self.set_reach(reach)?;
        let sql = format!("SELECT reduced {ELSEWHERE} ORDER BY seconds, nanos, id");
        Ok(self.each(&sql, params![self.tenant], sink)?)
    }

    fn of_account(&self, account: &str, sink: &mut dyn FnMut(&Activity)) -> Result<(), SpillError> {
        let names: BTreeSet<String> = Subject::new(account, &self.names).names;
        self.read_accounts(names.iter().map(String::as_str))?;
        let marks = vec!["?"; names.len()].join(", ");
        let sql = format!("SELECT reduced FROM activity WHERE account IN ({marks}) ORDER BY seconds, nanos, id");
        Ok(self.each(&sql, rusqlite::params_from_iter(names), sink)?)
    }
}
