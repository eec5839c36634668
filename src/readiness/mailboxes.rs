//! Mailbox auditing: whether its records reach the feed, and how many mailboxes have it only by default.
//!
//! Microsoft's text says that auditing which is on by default reaches the feed only with Audit Premium, and practitioners disagree since
//! 2024. So both are said: what was seen in the feed, and what a filter on the server finds.

use chrono::{DateTime, TimeDelta, Utc};
use m365::ServiceError;

use super::{Asked, Item};
use crate::app::App;
use crate::tables::CoverageRow;

const NAME: &str = "MailboxAuditing";

/// The days in which a tenant with enough mailboxes has records of mailbox auditing.
const DAYS: i64 = 7;

/// A tenant with fewer mailboxes may have no such record for a week.
const ENOUGH_MAILBOXES: u32 = 10;

/// The most mailboxes without auditing that are counted. More would take more requests.
const COUNTED: u32 = 1_000;

/// Records of mailbox auditing, as far as they were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Seen {
    Yes,
    No,
    /// The tenant has not been read for long enough.
    TooEarly,
}

/// Asks about the mailboxes of a tenant: one request, and another one if a few mailboxes may explain that nothing was seen. That one is
/// left out unless `may_ask_twice`.
pub(super) async fn item(app: &App, asked: &Asked<'_>, may_ask_twice: bool) -> Item {
    let tenant = &asked.tenant_id;
    let unaudited = match app.exchange.unaudited_mailboxes(tenant, Some(COUNTED)).await {
        Ok(mailboxes) => u32::try_from(mailboxes.len()).unwrap_or(COUNTED),
        Err(error) => return Item::unknown(NAME, error.to_string(), ""),
    };
    let seen = asked.row.map_or(Seen::TooEarly, |row| seen(row, app.clock.now()));
    let has_enough = match (unaudited, seen) {
        (0, _) | (_, Seen::Yes | Seen::TooEarly) => Ok(false),
        (ENOUGH_MAILBOXES.., Seen::No) => Ok(true),
        (_, Seen::No) if may_ask_twice => app.exchange.has_mailboxes(tenant, ENOUGH_MAILBOXES).await,
        (_, Seen::No) => Ok(false),
    };
    describe(
        unaudited,
        seen,
        has_enough,
        &format!("tenantwatch onboard --tenant {} --enable-mailbox-auditing", asked.domain),
    )
}

fn seen(row: &CoverageRow, now: DateTime<Utc>) -> Seen {
    let from = now - TimeDelta::days(DAYS);
    if row.exchange_items.range(from.date_naive()..).any(|(_, count)| *count > 0) {
        return Seen::Yes;
    }
    if row.read_from.is_some_and(|began| began <= from) { Seen::No } else { Seen::TooEarly }
}

fn describe(unaudited: u32, seen: Seen, has_enough: Result<bool, ServiceError>, mend: &str) -> Item {
    let found = match seen {
        Seen::Yes => format!("records of mailbox auditing were seen in the last {DAYS} days"),
        Seen::No => format!("no record of mailbox auditing was seen in the last {DAYS} days"),
        Seen::TooEarly => format!("it has not been read for {DAYS} days yet"),
    };
    if unaudited == 0 {
        return Item::ok(NAME, format!("every user and shared mailbox has auditing that reaches the feed; {found}"));
    }
    let more = if unaudited >= COUNTED { " or more" } else { "" };
    let only = if unaudited == 1 { "1 mailbox has".to_owned() } else { format!("{unaudited}{more} mailboxes have") };
    let detail =
        format!("{found}; {only} auditing by default only, which may not reach the feed without Audit Premium");
    match (seen, has_enough) {
        (Seen::No, Ok(true)) => Item::missing(NAME, detail, mend),
        (Seen::No, _) => Item::unknown(NAME, format!("{detail}; fewer than 10 mailboxes, so it cannot be told"), mend),
        _ => Item::unknown(NAME, detail, mend),
    }
}
