//! GetDomain: lists the customer tenants, one message each, and notices which of them are not seen any more.

use std::collections::BTreeSet;

use chrono::TimeDelta;

use crate::app::App;
use crate::assess;
use crate::collect;
use crate::notify::outbox::Outbox;
use crate::tables::{CoverageRow, CoverageSession, RowVersion, TableRow as _, TenantState};
use crate::tenants::customers::{self, Known, ListingError, Watched};
use crate::tenants::{self, first_row, housekeeping, service};
use base::clock::Deadline;
use base::ids::{RunId, TenantId};
use table_store::StoreError;

use super::{FunctionError, TenantMessage};

/// The time limit of one run, in seconds. Below `functionTimeout` of `host.json`.
pub const DEADLINE_SECONDS: u64 = 5 * 60;

/// A tenant that was never healthy is tried no oftener than this.
const HOURLY: TimeDelta = TimeDelta::minutes(55);

/// The number of complete listings in which a tenant has to be missing before it counts as gone.
const LISTINGS_MISSED: u32 = 2;

/// The monitored tenants as one run found them.
#[derive(Debug, Clone)]
pub struct Customers {
    /// One message for each tenant that is due now.
    pub messages: Vec<TenantMessage>,
    /// Every monitored tenant, due or not.
    pub monitored: BTreeSet<TenantId>,
    /// Why the customer list could not be read. The known tenants are monitored anyway.
    pub failure: Option<String>,
}

/// Returns the messages of the tenants to read now.
///
/// # Errors
/// Returns [`FunctionError`] if the store cannot be used. A listing that fails causes a notice, and the known tenants are
/// queued anyway.
pub async fn run(app: &App, deadline: &Deadline) -> Result<Vec<TenantMessage>, FunctionError> {
    Ok(list(app, deadline).await?.messages)
}

/// Lists the monitored tenants, as [`run`], and says whether the customer list could be read.
///
/// # Errors
/// As [`run`].
pub async fn list(app: &App, deadline: &Deadline) -> Result<Customers, FunctionError> {
    let outcome = list_and_housekeep(app, deadline).await;
    app.heartbeat.report(outcome.as_ref().is_ok_and(|customers| customers.failure.is_none())).await;
    outcome
}

async fn list_and_housekeep(app: &App, deadline: &Deadline) -> Result<Customers, FunctionError> {
    let (known, unreadable) = customers::known(app).await?;
    let outbox = app.outbox(deadline);
    let listing = customers::listed(app, deadline, &known).await;
    let failure = listing.as_ref().err().map(ToString::to_string);
    let watched = match &listing {
        Ok(listed) => [listed.clone(), missing_once(app, &known, listed)].concat(),
        Err(_) => all_known(app, &known),
    };
    let monitored = watched.iter().map(|tenant| tenant.tenant_id).collect();
    // The tenants are queued even if everything else fails.
    if let Err(error) = housekeep(app, deadline, &outbox, &known, unreadable, listing).await {
        tracing::error!("tenants are queued, but what else GetDomain does is not done: {error}");
    }
    let messages = messages(app, &known, watched);
    add_new_tenants(app, &known, &messages).await?;
    Ok(Customers { messages, monitored, failure })
}

/// Stores a row in state `New` for each tenant that is queued for the first time: only a tenant with a row is read.
async fn add_new_tenants(app: &App, known: &Known, messages: &[TenantMessage]) -> Result<(), StoreError> {
    for message in messages.iter().filter(|message| !known.contains_key(&message.tenant_id)) {
        let row = first_row(app, message);
        match app.store.insert(CoverageRow::TABLE, &row.to_entity()).await {
            Ok(_) | Err(StoreError::Exists(_)) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

fn session_of<'a>(app: &'a App, row: &CoverageRow, version: &RowVersion) -> CoverageSession<'a> {
    CoverageSession::new(app.store.as_ref(), app.clock.clone(), row.clone(), version.clone())
}

/// Sends the notices that are due, and does the daily work. Queueing the tenants is not part of it.
async fn housekeep(
    app: &App,
    deadline: &Deadline,
    outbox: &Outbox<'_>,
    known: &Known,
    unreadable: Vec<StoreError>,
    listing: Result<Vec<Watched>, ListingError>,
) -> Result<(), StoreError> {
    let stood_still = service::notice_standstill(app, outbox).await?;
    match &listing {
        Ok(listed) => {
            notice_unlisted(app, outbox, known, listed).await?;
            match unreadable.first() {
                // Its tenant is queued as a new one, and fails there until someone repairs the row.
                Some(error) => service::our_fault(app, outbox, &error.to_string()).await?,
                None => notice_recovery(app, outbox, known, listed).await?,
            }
        }
        Err(error) => notice_failure(app, outbox, error).await?,
    }
    let watched = match listing {
        Ok(listed) => [missing_once(app, known, &listed), listed].concat(),
        Err(_) => all_known(app, known),
    };
    // If nothing has run, every tenant is late, and one notice for all has said so. Tenants that stay late are notified from the
    // next run on.
    if !stood_still {
        notice_late(app, outbox, known, &watched).await?;
    }
    assess::resume_notices(app, outbox).await?;
    resume_unwatched(app, outbox, known, &watched).await?;
    housekeeping::do_once_a_day(app, deadline, outbox, known).await
}

/// Sends the undelivered notifications of tenants that are not queued any more.
async fn resume_unwatched(
    app: &App,
    outbox: &Outbox<'_>,
    known: &Known,
    watched: &[Watched],
) -> Result<(), StoreError> {
    let watched: BTreeSet<TenantId> = watched.iter().map(|tenant| tenant.tenant_id).collect();
    for (row, etag) in known.values().filter(|(row, _)| row.pending && !watched.contains(&row.tenant_id)) {
        assess::resume_unwatched(app, outbox, &session_of(app, row, etag)).await?;
    }
    Ok(())
}

/// One message for each tenant that is to be tried now.
fn messages(app: &App, known: &Known, watched: Vec<Watched>) -> Vec<TenantMessage> {
    let (run_id, queued_at) = (RunId::random(), app.clock.now());
    let is_due = |tenant: &Watched| known.get(&tenant.tenant_id).is_none_or(|(row, _)| is_due(row, app));
    watched
        .into_iter()
        .filter(is_due)
        .map(|tenant| TenantMessage {
            tenant_id: tenant.tenant_id,
            domain: tenant.domain,
            display_name: tenant.display_name,
            run_id,
            queued_at,
        })
        .collect()
}

fn is_due(row: &CoverageRow, app: &App) -> bool {
    let tried_lately = row.last_run.is_some_and(|last| (app.clock.now() - last).abs() < HOURLY);
    !(housekeeping::was_never_healthy(row) && tried_lately)
}

/// The known tenants that this listing lacks and the one before did not: they are read as before.
fn missing_once(app: &App, known: &Known, listed: &[Watched]) -> Vec<Watched> {
    let listed: BTreeSet<TenantId> = listed.iter().map(|tenant| tenant.tenant_id).collect();
    let is_new_to_miss = |tenant: &Watched| {
        let missed = known.get(&tenant.tenant_id).map_or(0, |(row, _)| row.missed_listings);
        missed + 1 < LISTINGS_MISSED && !listed.contains(&tenant.tenant_id)
    };
    all_known(app, known).into_iter().filter(is_new_to_miss).collect()
}

/// Every known tenant that is not excluded, as it is known. One that had left the listing before has not come back.
fn all_known(app: &App, known: &Known) -> Vec<Watched> {
    known
        .values()
        .map(|(row, _)| row)
        .filter(|row| !app.settings.tenants.excludes(&row.tenant_id, &row.domain))
        .filter(|row| row.state != TenantState::NotListed)
        .map(|row| Watched {
            tenant_id: row.tenant_id,
            domain: row.domain.clone(),
            display_name: row.display_name.clone(),
        })
        .collect()
}

async fn notice_failure(app: &App, outbox: &Outbox<'_>, error: &ListingError) -> Result<(), StoreError> {
    service::our_fault(app, outbox, &error.to_string()).await
}

/// Ends the Tenantwatch problem when customers are listed and no tenant has it any more.
async fn notice_recovery(app: &App, outbox: &Outbox<'_>, known: &Known, listed: &[Watched]) -> Result<(), StoreError> {
    // The row of a tenant that is no longer read keeps that state forever, so only listed tenants count.
    let mut rows = listed.iter().filter_map(|tenant| known.get(&tenant.tenant_id));
    if rows.any(|(row, _)| row.state == TenantState::OurFault) {
        return Ok(());
    }
    service::works(app, outbox).await
}

/// Known tenants that are no longer among the customers. One complete listing that lacks a tenant may be a mistake of the service, so
/// only the second one after the other counts.
async fn notice_unlisted(app: &App, outbox: &Outbox<'_>, known: &Known, listed: &[Watched]) -> Result<(), StoreError> {
    let listed: BTreeSet<TenantId> = listed.iter().map(|tenant| tenant.tenant_id).collect();
    for (row, version) in known.values() {
        let is_excluded = app.settings.tenants.excludes(&row.tenant_id, &row.domain);
        let is_listed = listed.contains(&row.tenant_id);
        let missed = if is_listed { 0 } else { row.missed_listings.saturating_add(1).min(LISTINGS_MISSED) };
        if is_excluded || is_listed && row.missed_listings == 0 {
            continue;
        }
        let session = session_of(app, row, version);
        session.change(|row| row.missed_listings = missed).await;
        if missed >= LISTINGS_MISSED {
            enter(app, outbox, &session, row, TenantState::NotListed).await?;
        }
        if missed != row.missed_listings {
            session.save().await?;
        }
    }
    Ok(())
}

/// Watched tenants that are not read in time.
async fn notice_late(app: &App, outbox: &Outbox<'_>, known: &Known, watched: &[Watched]) -> Result<(), StoreError> {
    let now = collect::now(app).time;
    for (row, etag) in watched.iter().filter_map(|tenant| known.get(&tenant.tenant_id)) {
        let is_late = row.covered_until.is_some_and(|covered| now - covered > tenants::LATE_AFTER);
        let untold = row.state == TenantState::Late && row.notified.is_empty();
        // A first run looks back by more than that: a new tenant gets as long again.
        let is_still_new = row.state == TenantState::New && now - row.since > tenants::LATE_AFTER;
        if is_late && (row.state == TenantState::Healthy || is_still_new || untold) {
            let session = session_of(app, row, etag);
            enter(app, outbox, &session, row, TenantState::Late).await?;
        }
    }
    Ok(())
}

/// Changes the state of a tenant, unless nothing would change.
async fn enter(
    app: &App,
    outbox: &Outbox<'_>,
    session: &CoverageSession<'_>,
    row: &CoverageRow,
    state: TenantState,
) -> Result<(), StoreError> {
    let is_told = row.state == state && (row.covered_until.is_none() || !row.notified.is_empty());
    if is_told {
        return Ok(());
    }
    tenants::enter(app, session, outbox, state, &row.last_outcome).await
}
