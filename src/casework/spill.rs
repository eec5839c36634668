//! Activities, kept until they are attributed: in memory up to some mebibytes, then in a temporary file.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashSet};
use std::io;

use chrono::{DateTime, Datelike as _, Timelike as _, Utc};
use rusqlite::{Connection, OptionalExtension as _, params};

use base::ids::{RecordId, TenantId};
use table_store::temporary_database;

use super::gathered::activity;
use super::marks::{MarkSet, short};
use super::unread::{Entry, Keys, Unread};
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

/// The records that were left, and the ids of those that were kept.
#[derive(Debug)]
pub(super) struct Rest {
    pub(super) unread: Unread,
    pub(super) ids: MarkSet,
    /// `true` if no record that was left has one of these ids.
    pub(super) has_no_twins: bool,
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

    fn on_days(
        &self,
        _: &Subject,
        reach: &Reach,
        before: DateTime<Utc>,
        sink: &mut dyn FnMut(&Activity),
    ) -> Result<(), SpillError> {
        self.read_days(reach, before)?;
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

/// Records that were left are read before a question to which they may belong is answered.
impl Spill {
    pub(super) fn set_rest(&mut self, rest: Rest) {
        self.rest = Some(RefCell::new(rest));
    }

    /// Returns the number of records that were left unread.
    pub(super) fn unread(&self) -> u64 {
        self.rest.as_ref().map_or(0, |rest| rest.borrow().unread.left())
    }

    fn read_accounts<'a>(&self, names: impl Iterator<Item = &'a str>) -> Result<(), SpillError> {
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut rest = rest.borrow_mut();
        let marks = rest.unread.marks;
        let names = names.filter(|name| !name.is_empty()).map(|name| marks.of_text(name));
        let accounts = MarkSet::new(names.filter(|account| rest.unread.may_have_account(*account)));
        if accounts.is_empty() {
            return self.read_twins(&mut rest);
        }
        let mailboxes: HashSet<u32> = accounts.iter().map(short).collect();
        self.read(&mut rest, |keys| {
            accounts.contains(keys.account) || (keys.mailbox != 0 && mailboxes.contains(&keys.mailbox))
        })
    }

    fn read_reach(&self, reach: &Reach) -> Result<(), SpillError> {
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut rest = rest.borrow_mut();
        let marks = rest.unread.marks;
        let addresses = rest.addresses(reach);
        let sessions = reach.sessions.iter().map(|session| short(marks.of_text(session)));
        let sessions = MarkSet::new(sessions.filter(|session| rest.unread.may_have_session(*session)).map(u64::from));
        if addresses.is_empty() && sessions.is_empty() {
            return self.read_twins(&mut rest);
        }
        self.read(&mut rest, |keys| {
            let is_in = |session: &u32| *session != 0 && sessions.contains(u64::from(*session));
            addresses.contains(keys.address) || keys.sessions.iter().any(is_in)
        })
    }

    fn read_ids(&self, ids: &[String]) -> Result<(), SpillError> {
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut rest = rest.borrow_mut();
        let marks = rest.unread.marks;
        let ids = MarkSet::new(ids.iter().map(|id| u64::from(short(marks.of_text(id)))));
        let found = rest.unread.with_ids(&ids)?;
        self.take(&mut rest, &found)?;
        self.read_twins(&mut rest)
    }

    /// Reads what has these keys.
    fn read(&self, rest: &mut Rest, is_wanted: impl Fn(&Keys) -> bool) -> Result<(), SpillError> {
        let found = rest.unread.find(|entry| is_wanted(&entry.keys))?;
        self.take(rest, &found)?;
        self.read_twins(rest)
    }

    /// Reads the other records with the ids of what is kept: the same one of them must win as if all had been read at once.
    fn read_twins(&self, rest: &mut Rest) -> Result<(), SpillError> {
        while !rest.has_no_twins {
            let found = rest.unread.with_ids(&rest.ids)?;
            rest.has_no_twins = found.is_empty();
            self.take(rest, &found)?;
        }
        Ok(())
    }

    /// Reads what was left. Returns the entries whose records are no activity.
    fn take(&self, rest: &mut Rest, entries: &[Entry]) -> Result<Vec<Entry>, SpillError> {
        let (mut broken, mut ids) = (Vec::new(), Vec::new());
        rest.unread.take(entries, |entry, json| -> Result<(), SpillError> {
            match activity(json) {
                Some(activity) => {
                    self.keep(&activity, json)?;
                    ids.push(activity.id);
                }
                None => broken.push(*entry),
            }
            Ok(())
        })?;
        for id in ids {
            rest.note(&id);
        }
        Ok(broken)
    }

    /// Reads one act of each account on each day from these addresses. A sign-in may have failed, so it does only if there is nothing
    /// else.
    fn read_days(&self, reach: &Reach, before: DateTime<Utc>) -> Result<(), SpillError> {
        let Some(rest) = &self.rest else { return Ok(()) };
        let mut rest = rest.borrow_mut();
        let addresses = rest.addresses(reach);
        let end = second(before) + u64::from(before.nanosecond() > 0);
        let mut acts = HashSet::new();
        let found = rest.unread.find(|Entry { keys, .. }| {
            let is_there = keys.created < end && addresses.contains(keys.address);
            is_there && (keys.is_sign_in || acts.insert(day_of(keys)))
        })?;
        let is_needed = |entry: &&Entry| !entry.keys.is_sign_in || !acts.contains(&day_of(&entry.keys));
        let found: Vec<Entry> = found.iter().filter(is_needed).copied().collect();
        let broken: HashSet<_> = self.take(&mut rest, &found)?.iter().map(|entry| day_of(&entry.keys)).collect();
        if !broken.is_empty() {
            let found = rest.unread.find(|entry| broken.contains(&day_of(&entry.keys)))?;
            self.take(&mut rest, &found)?;
        }
        self.read_twins(&mut rest)
    }
}

/// An account, an address and a day.
fn day_of(keys: &Keys) -> (u64, u64, u64) {
    (keys.account, keys.address, keys.created / 1_000_000)
}

/// Returns a time as one number, as [`Keys::created`] has it.
pub(super) fn second(time: DateTime<Utc>) -> u64 {
    let year = u64::try_from(time.year()).unwrap_or_default();
    let parts = [time.month(), time.day(), time.hour(), time.minute(), time.second()];
    parts.into_iter().fold(year, |number, part| number * 100 + u64::from(part))
}

impl Rest {
    pub(super) fn new(unread: Unread, ids: MarkSet) -> Self {
        Self { unread, ids, has_no_twins: false }
    }

    pub(super) fn note(&mut self, id: &RecordId) {
        self.has_no_twins &= !self.ids.insert(id_mark(&self.unread, id));
    }

    /// The addresses that occur among what was left.
    fn addresses(&self, reach: &Reach) -> MarkSet {
        let marks = reach.addresses.iter().map(|address| self.unread.marks.of_address(*address));
        MarkSet::new(marks.filter(|address| self.unread.may_have_address(*address)))
    }
}

/// The number of an id, as the entries have it.
pub(super) fn id_mark(unread: &Unread, id: &RecordId) -> u64 {
    u64::from(short(unread.marks.of_text(&id.to_string())))
}
