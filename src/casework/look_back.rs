//! Investigates a stored threat: reads the feed back and judges what was read.

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::Semaphore;

use base::clock::Deadline;
use base::ids::TenantId;
use m365::management_activity::ContentType;
use table_store::StoreError;

use super::changes;
use super::feed::{Feed, Progress};
use super::filter::ByteFilter;
use super::gathered::{Gathered, activity};
use super::made::{Made, Scope, make};
use super::on_a_thread;
use super::search::Search;
use super::spill::SpillError;
use crate::app::App;
use crate::detection::KnownAttackers;
use crate::investigation::{Address, Attributed, FixedPoints, Subject};
use crate::location::Databases;
use crate::tables::incidents::account_of;
use crate::tables::{ProcessedRow, coverage};

/// The reach of the feed, in hours.
const FEED_HOURS: i64 = 167;

/// Sessions that are searched for, each by a query of its own.
const SESSIONS: usize = 5;

/// Addresses that are said to be known from another incident.
const KNOWN: usize = 20;

/// Investigations that the process makes at once; each has a database of some mebibytes in memory.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A threat and how far back to look.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The threat.
    pub finding: &'a ProcessedRow,
    /// The length of the time that is looked at, in hours.
    pub hours: u64,
    /// The most content, in bytes.
    pub bytes: u64,
    /// `true` if the audit search is used for the time before the feed.
    pub search: bool,
    /// The present.
    pub now: DateTime<Utc>,
}

/// A report, and what reading the feed showed besides.
#[derive(Debug)]
pub struct Looked {
    /// The report.
    pub made: Made,
    /// The bytes that were read.
    pub bytes: u64,
    /// Content types whose subscription was started.
    pub started: Vec<ContentType>,
}

/// The reason for which there is no report.
#[derive(Debug, thiserror::Error)]
pub enum LookBackError {
    /// The temporary database failed.
    #[error("the temporary file for activities failed: {0}")]
    Spill(#[from] SpillError),
    /// The tables failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The filter could not be built.
    #[error("the account {0} cannot be searched for")]
    Account(String),
    /// Neither the feed nor the stored record has a place to start.
    #[error("neither the feed nor the stored record {0} shows what happened; nothing can be investigated")]
    NoStart(String),
    /// The records were read, but not judged in time.
    #[error("the time of this run was over before the records were judged")]
    Late,
    /// No place among those at once became free in time.
    #[error("other investigations took the time of this run")]
    Busy,
}

/// Investigates a threat. The report says which content could not be read.
///
/// # Errors
/// Returns [`LookBackError`] if there is no report.
pub async fn look_back(
    app: &App,
    question: &Question<'_>,
    deadline: &Deadline,
    progress: &dyn Progress,
) -> Result<Looked, LookBackError> {
    let finding = question.finding;
    let account = account_of(finding);
    let permit = deadline.limit(AT_ONCE.acquire()).await;
    let _permit = permit.and_then(Result::ok).ok_or(LookBackError::Busy)?;
    let mut gathered = Gathered::new(&account)?;
    keep_stored(finding, &mut gathered)?;
    let since = question.now - TimeDelta::hours(i64::try_from(question.hours).unwrap_or(FEED_HOURS));
    let row = coverage::read(app.store.as_ref(), &finding.tenant_id).await?.map(|(row, _)| row);
    let alias = account.split('@').next().unwrap_or_default();
    let feed = Feed {
        app,
        tenant: finding.tenant_id,
        span: (since, question.now),
        bytes: question.bytes,
        deadline,
        filter: ByteFilter::new([account.as_str(), alias]).map_err(|_| LookBackError::Account(account.clone()))?,
        started: row.map(|row| row.subscriptions).unwrap_or_default(),
        progress,
    };
    let mut back = feed.read(&mut gathered).await?;
    let search = Search {
        app,
        tenant: finding.tenant_id,
        span: (since, question.now),
        deadline,
        progress,
        name: format!("Tenantwatch {}", finding.record_id),
    };
    if question.search {
        search.by_account(&account, &mut gathered, &mut back.not_read).await?;
    }
    let mut made = judge(app, question, &account, gathered, since, deadline).await?;
    if question.search {
        made = search_further(app, question, &account, &search, made, &mut back.not_read).await?;
    }
    made.report.not_logged.splice(0..0, back.not_read);
    let known = app.attackers.current(app.store.as_ref()).await;
    link(&known, finding, &mut made);
    locate(app, &mut made).await;
    let Made { report, attribution, .. } = &mut made;
    changes::look_up(app, finding.tenant_id, &attribution.subject, report, deadline).await;
    Ok(Looked { made, bytes: back.bytes, started: back.started })
}

/// Searches for what the first report shows of the attacker, and judges again.
async fn search_further(
    app: &App,
    question: &Question<'_>,
    account: &str,
    search: &Search<'_>,
    made: Made,
    not_read: &mut Vec<String>,
) -> Result<Made, LookBackError> {
    let since = made.span.0;
    let is_sure = |row: &&Address| matches!(row.attribution, Attributed::Proven | Attributed::Linked);
    let addresses: Vec<String> = made.report.addresses.iter().filter(is_sure).map(|row| row.ip.to_string()).collect();
    let own = made.report.sessions.iter().filter(|session| !session.is_shared);
    let sessions: Vec<String> = own.map(|session| session.session.clone()).take(SESSIONS).collect();
    let mut gathered = made.into_gathered();
    if !addresses.is_empty() {
        search.by_addresses(addresses, &mut gathered, not_read).await?;
    }
    for session in &sessions {
        search.by_session(session, &mut gathered, not_read).await?;
    }
    judge(app, question, account, gathered, since, search.deadline).await
}

/// The record of the threat is known even if its content is gone.
fn keep_stored(finding: &ProcessedRow, gathered: &mut Gathered) -> Result<(), SpillError> {
    let stored = finding.record.as_bytes();
    match activity(stored).filter(|activity| activity.id == finding.record_id) {
        Some(activity) => gathered.keep(&activity, stored),
        None => Ok(()),
    }
}

/// Judges what was gathered, on a thread of its own: an attacker chooses how much that is.
async fn judge(
    app: &App,
    question: &Question<'_>,
    account: &str,
    gathered: Gathered,
    since: DateTime<Utc>,
    deadline: &Deadline,
) -> Result<Made, LookBackError> {
    let (finding, now, account) = (question.finding.clone(), question.now, account.to_owned());
    let own_app = app.settings.partner.client_id.to_string();
    let judging = on_a_thread(move || judge_gathered(&finding, &account, gathered, (since, now), own_app));
    deadline.limit(judging).await.unwrap_or(Err(LookBackError::Late))
}

fn judge_gathered(
    finding: &ProcessedRow,
    account: &str,
    mut gathered: Gathered,
    (since, until): (DateTime<Utc>, DateTime<Utc>),
    own_app: String,
) -> Result<Made, LookBackError> {
    let no_start = || LookBackError::NoStart(finding.record_id.to_string());
    let subject = Subject::new(account, &gathered.names);
    let names = gathered.names.clone();
    let tenant: Option<TenantId> = gathered.spill.focus(&subject, &names)?.ok_or_else(no_start)?;
    let is_there = gathered.spill.concerns(&finding.record_id, &subject)? == Some(true);
    let points = FixedPoints {
        records: is_there.then_some(finding.record_id).into_iter().collect(),
        are_found: false,
        // The stored record may be cut; its address is kept beside it.
        addresses: if is_there { None } else { finding.ip.parse().ok() }.into_iter().collect(),
        own_app: Some(own_app),
    };
    let since = since.min(finding.event_time);
    let scope = Scope { subject, tenant, points, since: Some(since), until: Some(until) };
    make(gathered, scope)?.ok_or_else(no_start)
}

/// Says which of the attacker's addresses are known from another incident. Its tenant is not named.
fn link(known: &KnownAttackers, finding: &ProcessedRow, made: &mut Made) {
    let own = (finding.tenant_id, account_of(finding));
    let attackers = made.report.addresses.iter().filter(|row| row.attribution.is_attacker());
    let elsewhere = attackers.filter_map(|row| {
        let address = known.addresses().get(&row.ip).filter(|address| !address.accounts.contains(&own))?;
        Some(format!(
            "The address {} is known from another incident, the investigation of {} on {} UTC.",
            row.ip,
            address.log_id,
            address.seen.format("%Y-%m-%d %H:%M")
        ))
    });
    made.report.beginning.extend(elsewhere.take(KNOWN));
}

/// Adds the place and the network's owner to the attacker's addresses.
async fn locate(app: &App, made: &mut Made) {
    let networks = Databases::open(None, app.settings.investigation.networks.as_deref());
    let networks = networks.inspect_err(|error| tracing::warn!("ASN_DATABASE cannot be read: {error}")).ok();
    for address in made.report.addresses.iter_mut().filter(|address| address.attribution.is_attacker()) {
        address.place = app.locator.locate(Some(address.ip)).await;
        address.network = networks.as_ref().map(|networks| networks.network(address.ip)).unwrap_or_default();
    }
}
