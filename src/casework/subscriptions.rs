//! Starts the subscriptions that investigations need beside those of the detections.

use chrono::TimeDelta;
use m365::management_activity::{ContentType, SubscriptionStart};

use crate::app::App;
use crate::tables::CoverageSession;

/// The content types that only investigations read.
const NEEDED: [ContentType; 2] = [ContentType::SharePoint, ContentType::General];

/// The age of content that the service has: what was enabled before Tenantwatch asked is taken to be older.
const REACH: TimeDelta = TimeDelta::days(7);

/// Starts what is missing, once per tenant: the answer is noted in the coverage row, and a refusal as well. After a transient error the next
/// run asks again.
pub async fn start_subscriptions(app: &App, session: &CoverageSession<'_>) {
    if !app.settings.investigation.is_on {
        return;
    }
    let (tenant, known) = session.read(|row| (row.tenant_id, row.subscriptions.clone())).await;
    for of in NEEDED.into_iter().filter(|of| !known.contains_key(of.as_str())) {
        let now = app.clock.now();
        let at = match app.activity.start(&tenant, of).await {
            Ok(SubscriptionStart::Started) => now,
            Ok(SubscriptionStart::AlreadyEnabled) => now - REACH,
            Ok(SubscriptionStart::TooFrequent | SubscriptionStart::AuditingOff) => continue,
            Err(error) if error.is_transient() => continue,
            Err(error) => {
                tracing::info!(%tenant, "{} is not subscribed to, so investigations lack it: {error}", of.as_str());
                now
            }
        };
        session.change(|row| row.subscriptions.insert(of.as_str().to_owned(), at)).await;
    }
}
