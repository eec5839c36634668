//! The parts that the formats have in common.

use crate::investigation::{Act, Activity, ActivityRow, Judgement};

/// Returns an activity as the report lists it.
pub(super) fn row(activity: &Activity, judgement: Judgement) -> ActivityRow<'_> {
    ActivityRow {
        id: activity.id,
        time: activity.time,
        account: &activity.account,
        mailbox: &activity.mailbox,
        operation: &activity.operation,
        ip: activity.address.map(|address| address.to_string()).unwrap_or_default(),
        session: activity.sessions.first().map_or("", String::as_str),
        attribution: judgement.attributed,
        rule: judgement.rule,
        client: &activity.client,
        result: match activity.act {
            Act::SignIn(result) => result.as_text(),
            _ => "",
        },
    }
}
