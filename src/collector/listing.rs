//! Listing what content became available in a window, page by page, and reading it before the next page is asked for: memory
//! does not grow with the number of blobs.

use chrono::{DateTime, Utc};

use crate::detection::FindingKind;
use crate::tables::{Span, TenantState};
use m365::management_activity::{ContentPage, ContentType, Remedy, SubscriptionStart};

use super::windows::Plan;
use super::{Stop, TenantRun};

/// The most pages of one window. A listing that never ends is a fault of the service.
const PAGES: usize = 10_000;

impl TenantRun<'_> {
    /// Lists and reads a window. It is covered when every page of every content type was listed and every blob read or
    /// noted as owed.
    pub(super) async fn read_window(&self, plan: &Plan, window: Span) -> Result<(), Stop> {
        let mut service_time = window.to;
        for of in self.content_types() {
            service_time = service_time.min(self.read_content(plan, of, window).await?);
        }
        // A clock that is fast must not carry coverage into the service's future.
        let span = Span { from: window.from, to: window.to.min(service_time) };
        self.kept.change(|row| row.cover(span)).await;
        Ok(())
    }

    /// Which content is needed: the directory's only for the detections that live there.
    fn content_types(&self) -> Vec<ContentType> {
        let off = &self.app.settings.trust.detections_off;
        let needs_directory =
            [FindingKind::Consent, FindingKind::SignInMethod].iter().any(|kind| !off.contains(kind.as_str()));
        let directory = needs_directory.then_some(ContentType::AzureActiveDirectory);
        std::iter::once(ContentType::Exchange).chain(directory).collect()
    }

    /// Reads everything of one content type in a window; gives the service's own time when the listing began.
    async fn read_content(&self, plan: &Plan, of: ContentType, window: Span) -> Result<DateTime<Utc>, Stop> {
        let mut page = self.first_page(of, window).await?;
        let service_time = page.service_time.unwrap_or(window.to);
        if let Some(time) = page.service_time {
            self.app.memory.note_service_time(time, self.app.clock.now());
        }
        self.reading.get_or_try_init(|| self.begin_reading(plan)).await?;
        for _ in 0..PAGES {
            self.stop_in_time()?;
            self.read_blobs(of, &page.content).await?;
            let Some(next) = page.next else { return Ok(service_time) };
            page = self.app.activity.list_next(&self.tenant, &next).await?;
        }
        Err(Stop::Transient("the listing of content does not end".to_owned()))
    }

    /// The first page; without a subscription it is started, and the listing asked for once more.
    async fn first_page(&self, of: ContentType, window: Span) -> Result<ContentPage, Stop> {
        match self.app.activity.list(&self.tenant, of, window.from, window.to).await {
            Err(error) if Remedy::of(&error) == Some(Remedy::Subscribe) => self.start(of).await?,
            listed => return Ok(listed?),
        }
        Ok(self.app.activity.list(&self.tenant, of, window.from, window.to).await?)
    }

    async fn start(&self, of: ContentType) -> Result<(), Stop> {
        match self.app.activity.start(&self.tenant, of).await? {
            SubscriptionStart::Started | SubscriptionStart::AlreadyEnabled => Ok(()),
            SubscriptionStart::AuditingOff => {
                Err(Stop::Dark(TenantState::AuditingOff, "the audit system does not know the tenant".to_owned()))
            }
        }
    }
}
