//! Investigates a stored threat: reads the feed back and judges what was read.

use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Semaphore;

use base::clock::Deadline;
use base::ids::TenantId;
use m365::management_activity::ContentType;
use table_store::{Key, PartitionKey, RowKey, StoreError};

use super::changes;
use super::feed::{Feed, Progress, ReadBack};
use super::filter::ByteFilter;
use super::gathered::{Gathered, activity};
use super::made::{Made, Scope, make};
use super::on_a_thread;
use super::search::Search;
use super::spill::SpillError;
use crate::app::App;
use crate::detection::{FindingKind, KnownAttackers, ReasonName};
use crate::investigation::{FixedPoints, Gaps, Subject};
use crate::location::Databases;
use crate::tables::incidents::account_of;
use crate::tables::{FindingState, ProcessedRow, coverage, incidents, load};

/// The reach of the feed, in hours.
const FEED_HOURS: i64 = 167;

/// Sessions that are searched for, each by a query of its own.
const SESSIONS: usize = 5;

/// Threats of an incident that are read at once.
const THREATS_AT_ONCE: usize = 8;

/// Addresses that are said to be known from another incident.
const KNOWN: usize = 20;

/// Investigations that the process makes at once; each has a database of some mebibytes in memory.
static AT_ONCE: Semaphore = Semaphore::const_new(2);

/// A threat and how far back to look.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// The threat.
    pub finding: &'a ProcessedRow,
    /// The hours before the threat that are looked at.
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
    /// `true` if not all was read that was to be read.
    pub is_partial: bool,
    /// `true` if another attempt may read more.
    pub is_hindered: bool,
}

/// The stored threats of one incident, and the time of the report.
#[derive(Debug, Clone)]
struct Incident {
    account: String,
    threats: Vec<ProcessedRow>,
    /// Of the earliest threat.
    event: DateTime<Utc>,
    span: (DateTime<Utc>, DateTime<Utc>),
    gaps: Gaps,
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
    let permit = deadline.limit(AT_ONCE.acquire()).await;
    let _permit = permit.and_then(Result::ok).ok_or(LookBackError::Busy)?;
    let mut incident = incident(app, question).await?;
    let account = incident.account.clone();
    let mut gathered = Gathered::new(&account)?;
    for threat in &incident.threats {
        keep_stored(threat, &mut gathered)?;
    }
    let row = coverage::read(app.store.as_ref(), &finding.tenant_id).await?.map(|(row, _)| row);
    let alias = account.split('@').next().unwrap_or_default();
    let feed = Feed {
        app,
        tenant: finding.tenant_id,
        span: incident.span,
        event: incident.event,
        bytes: question.bytes,
        deadline,
        filter: ByteFilter::new([account.as_str(), alias]).map_err(|_| LookBackError::Account(account.clone()))?,
        started: row.map(|row| row.subscriptions).unwrap_or_default(),
        progress,
    };
    let mut back = feed.read(&mut gathered).await?;
    let is_out_of_reach = feed.oldest() > incident.span.0;
    if is_out_of_reach && !question.search {
        back.not_read.insert(0, out_of_reach(feed.oldest()));
    }
    incident.gaps = gaps(&back, feed.oldest() > incident.event);
    let search = Search {
        app,
        tenant: finding.tenant_id,
        span: incident.span,
        deadline,
        progress,
        name: format!("Tenantwatch {}", finding.record_id),
    };
    if question.search {
        search.by_account(&account, &mut gathered, &mut back.not_read).await?;
    }
    let mut made = judge(app, &incident, gathered, deadline).await?;
    if question.search {
        made = search_further(app, &incident, &search, made, &mut back.not_read).await?;
    }
    let is_partial = is_out_of_reach || !back.gaps.is_empty();
    made.report.not_logged.splice(0..0, back.not_read);
    let known = app.attackers.current(app.store.as_ref()).await;
    link(&known, finding, &mut made);
    locate(app, &mut made).await;
    let Made { report, attribution, .. } = &mut made;
    changes::look_up(app, finding.tenant_id, &attribution.subject, report, deadline).await;
    Ok(Looked { made, bytes: back.bytes, started: back.started, is_partial, is_hindered: back.is_hindered })
}

/// The time of a report begins before the earliest threat of the incident, whenever the report is made.
async fn incident(app: &App, question: &Question<'_>) -> Result<Incident, LookBackError> {
    let finding = question.finding;
    let threats = threats(app, finding).await?;
    let event = threats.iter().map(|threat| threat.event_time).min().unwrap_or(finding.event_time).min(question.now);
    let since = event - TimeDelta::hours(i64::try_from(question.hours).unwrap_or(FEED_HOURS));
    let span = (since, question.now);
    Ok(Incident { account: account_of(finding), threats, event, span, gaps: Gaps::default() })
}

/// Returns the threat and the other stored threats of its incident. A dismissed one is no attacker's, and one that follows from another
/// may be the owner's, as when files are investigated.
async fn threats(app: &App, finding: &ProcessedRow) -> Result<Vec<ProcessedRow>, StoreError> {
    let store = app.store.as_ref();
    let mut threats = vec![finding.clone()];
    let Some(incident) = incidents::of(store, finding).await? else { return Ok(threats) };
    let further = incident.records.into_iter().filter(|record| *record != finding.record_id);
    let reads = further.map(|record| {
        let key = Key::new(PartitionKey::domain(&finding.domain), RowKey::record(&record));
        async move { load::<ProcessedRow>(store, &key).await }
    });
    let rows: Vec<_> = stream::iter(reads.collect::<Vec<_>>()).buffered(THREATS_AT_ONCE).try_collect().await?;
    let of_incident = rows.into_iter().flatten().map(|(row, _)| row).filter(|row| {
        let follows =
            !row.reasons.is_empty() && row.reasons.iter().all(|reason| reason.name == ReasonName::AfterThreat);
        let is_open = matches!(row.state, FindingState::Recorded | FindingState::Sending | FindingState::Sent);
        row.threat && is_open && !follows && row.kind != FindingKind::SignInMethod
    });
    threats.extend(of_incident);
    Ok(threats)
}

fn out_of_reach(oldest: DateTime<Utc>) -> String {
    let oldest = oldest.format("%Y-%m-%d %H:%M");
    format!("The feed keeps content for 7 days: its content from before {oldest} UTC cannot be read any more.")
}

fn gaps(back: &ReadBack, is_event_out_of_reach: bool) -> Gaps {
    let has = |of: ContentType| is_event_out_of_reach || back.gaps.contains(of.as_str());
    Gaps {
        sign_ins: has(ContentType::AzureActiveDirectory),
        mail: has(ContentType::Exchange),
        files: has(ContentType::SharePoint),
    }
}

/// Searches for what the first report shows of the attacker, and judges again.
async fn search_further(
    app: &App,
    incident: &Incident,
    search: &Search<'_>,
    made: Made,
    not_read: &mut Vec<String>,
) -> Result<Made, LookBackError> {
    let certain = made.report.addresses.iter().filter(|row| row.attribution.is_certain());
    let addresses: Vec<String> = certain.map(|row| row.ip.to_string()).collect();
    let own = made.report.sessions.iter().filter(|session| !session.is_shared);
    let sessions: Vec<String> = own.map(|session| session.session.clone()).take(SESSIONS).collect();
    let mut gathered = made.into_gathered();
    if !addresses.is_empty() {
        search.by_addresses(addresses, &mut gathered, not_read).await?;
    }
    for session in &sessions {
        search.by_session(session, &mut gathered, not_read).await?;
    }
    judge(app, incident, gathered, search.deadline).await
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
async fn judge(app: &App, incident: &Incident, gathered: Gathered, deadline: &Deadline) -> Result<Made, LookBackError> {
    let (incident, own_app) = (incident.clone(), app.settings.partner.client_id.to_string());
    let judging = on_a_thread(move || judge_gathered(&incident, gathered, own_app));
    deadline.limit(judging).await.unwrap_or(Err(LookBackError::Late))
}

fn judge_gathered(incident: &Incident, mut gathered: Gathered, own_app: String) -> Result<Made, LookBackError> {
    let no_start = || {
        let first = incident.threats.first().map(|threat| threat.record_id.to_string());
        LookBackError::NoStart(first.unwrap_or_default())
    };
    let subject = Subject::new(&incident.account, &gathered.names);
    let names = gathered.names.clone();
    let tenant: Option<TenantId> = gathered.spill.focus(&subject, &names)?.ok_or_else(no_start)?;
    let mut points = FixedPoints { are_found: true, own_app: Some(own_app), ..FixedPoints::default() };
    for threat in &incident.threats {
        if gathered.spill.concerns(&threat.record_id, &subject)? == Some(true) {
            points.records.insert(threat.record_id);
        } else {
            // The stored record may be cut; its address is kept beside it.
            points.addresses.extend(threat.ip.parse::<IpAddr>().ok());
        }
    }
    let (since, until) = incident.span;
    let scope = Scope { subject, tenant, points, since: Some(since), until: Some(until), gaps: incident.gaps };
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
