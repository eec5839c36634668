//! Listing what content became available in a window, page by page, and reading it before the next page is asked for: memory
//! does not grow with the number of blobs.

use std::collections::HashSet;

use chrono::{DateTime, TimeDelta, Utc};

use crate::detection::FindingKind;
use crate::tables::{Span, TenantState};
use m365::management_activity::{ContentPage, ContentType, Remedy, SubscriptionStart};

use super::blobs::Arrived;
use super::windows::Plan;
use super::{Collector, time};
use crate::tenants::Stop;
use crate::tenants::stop::Start;
use crate::tenants::stop::stop_in_time;

/// The time after a start of a subscription in which it is not started again: the service answers a repeated start with 429
/// (elastic/integrations pull request 15476).
const START_INTERVAL: TimeDelta = TimeDelta::minutes(15);

/// The most pages of one window. A listing that never ends is an error of the service.
pub const PAGES: usize = 10_000;

/// The blobs that may have arrived and not be stored yet before another page is listed.
const NOT_STORED_LIMIT: usize = 200;

impl Collector<'_> {
    /// Lists and reads a window. It is covered when every page of every content type was listed and every blob read or
    /// deferred.
    pub(super) async fn read_window(&self, plan: &Plan, window: Span) -> Result<(), Stop> {
        let mut arrived = Vec::new();
        let listed = self.read_listed(plan, window, &mut arrived).await;
        let settled = self.settle(arrived).await;
        let listed_until = listed?;
        settled?;
        // No single wrong clock may carry coverage into the future.
        let span = Span { from: window.from, to: window.to.min(listed_until) };
        self.session.change(|row| row.cover(span)).await;
        Ok(())
    }

    /// Returns the content types that are needed: the directory's only for detections that evaluate directory records.
    fn content_types(&self) -> Vec<ContentType> {
        let off = &self.app.settings.trust.detections_off;
        let needs_directory =
            [FindingKind::Consent, FindingKind::SignInMethod, FindingKind::Domain, FindingKind::AuditTampering]
                .iter()
                .any(|kind| !off.contains(kind.as_str()))
                || self.app.settings.investigation.is_on;
        let directory = needs_directory.then_some(ContentType::AzureActiveDirectory);
        std::iter::once(ContentType::Exchange).chain(directory).collect()
    }

    /// Reads everything in a window. Returns the time up to which the service has listed every content type.
    async fn read_listed(&self, plan: &Plan, window: Span, arrived: &mut Vec<Arrived>) -> Result<DateTime<Utc>, Stop> {
        let mut listed_until = window.to;
        for of in self.content_types() {
            listed_until = listed_until.min(self.read_content(plan, of, window, arrived).await?);
        }
        Ok(listed_until)
    }

    /// Reads everything of one content type in a window, and adds the blobs whose records are not stored yet to `arrived`. Returns the
    /// time up to which the service has listed.
    async fn read_content(
        &self,
        plan: &Plan,
        of: ContentType,
        window: Span,
        arrived: &mut Vec<Arrived>,
    ) -> Result<DateTime<Utc>, Stop> {
        let mut page = self.first_page(of, window).await?;
        let listed_until = time::now(self.app).time;
        self.reading.get_or_try_init(|| self.begin_reading(plan)).await?;
        let mut seen = HashSet::new();
        for _ in 0..PAGES {
            stop_in_time(self.deadline)?;
            arrived.extend(self.read_blobs(of, &page.content).await?);
            if arrived.len() >= NOT_STORED_LIMIT {
                self.settle(std::mem::take(arrived)).await?;
            }
            let Some(next) = page.next else { return Ok(listed_until) };
            let next = next?;
            if !seen.insert(next.clone()) {
                break;
            }
            page = self.app.activity.list_next(&self.tenant, &next).await?;
        }
        Err(Stop::Transient("the listing of content does not end: its pages lead in a circle".to_owned()))
    }

    /// Returns the first page. Without a subscription, one is started and the listing is repeated; the service may need some time
    /// until it lists (MicrosoftDocs/office-365-management-api#479), and then the run ends quietly.
    async fn first_page(&self, of: ContentType, window: Span) -> Result<ContentPage, Stop> {
        match self.app.activity.list(&self.tenant, of, window.from, window.to).await {
            Err(error) if Remedy::of(&error) == Some(Remedy::Subscribe) => self.start(of).await?,
            listed => return Ok(listed?),
        }
        match self.app.activity.list(&self.tenant, of, window.from, window.to).await {
            Err(error) if Remedy::of(&error) == Some(Remedy::Subscribe) => Err(Stop::Starting(Start::Accepted)),
            listed => Ok(listed?),
        }
    }

    /// Notes that a start was requested, so that it is not repeated within 15 minutes.
    async fn note_start(&self, of: ContentType, now: DateTime<Utc>) -> Result<(), Stop> {
        self.session.change(|row| row.subscriptions.insert(of.as_str().to_owned(), now)).await;
        Ok(self.session.save().await?)
    }

    /// Starts a subscription, unless it was started within the last 15 minutes.
    async fn start(&self, of: ContentType) -> Result<(), Stop> {
        let now = self.app.clock.now();
        let started = self.session.read(|row| row.subscriptions.get(of.as_str()).copied()).await;
        if started.is_some_and(|started| (now - started).abs() < START_INTERVAL) {
            return Err(Stop::Starting(Start::Accepted));
        }
        match self.app.activity.start(&self.tenant, of).await? {
            SubscriptionStart::Started | SubscriptionStart::AlreadyEnabled => self.note_start(of, now).await,
            // The service counts starts that Tenantwatch does not know of. This one counts as well.
            SubscriptionStart::TooFrequent => {
                self.note_start(of, now).await?;
                Err(Stop::Starting(Start::Throttled))
            }
            SubscriptionStart::AuditingOff => {
                let why = "the audit service does not know this tenant".to_owned();
                Err(Stop::AccessBlocked(TenantState::AuditingOff, why))
            }
        }
    }
}
