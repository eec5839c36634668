//! Settings of the schedule, of the periods that ProcessAuditLog lists, and of the age at which rows are removed.

use std::time::Duration;

use chrono::DateTime;

use super::source::Source;

/// Schedule, periods and retention.
#[derive(Debug, Clone)]
pub struct CollectionSettings {
    /// `GetDomainSchedule`: NCRONTAB, six fields, UTC. The Functions host reads it under `serve`, Tenantwatch itself
    /// under `run`.
    pub schedule: croner::Cron,
    /// `LOOKBACK_MINUTES`: how far back the first run of a tenant lists content.
    pub lookback: Duration,
    /// `OVERLAP_MINUTES`: how much each run lists again, to find late content.
    pub overlap: Duration,
    /// `RETENTION_DAYS`: the age at which closed rows are removed.
    pub retention: Duration,
}

impl CollectionSettings {
    pub(super) fn from_source(source: &mut Source) -> Option<Self> {
        let minutes = |number: u64| Duration::from_secs(number * 60);
        let form = "an NCRONTAB expression of six fields, e.g. 0 */15 * * * *";
        let schedule = match source.text("GetDomainSchedule") {
            Some(_) => source.parsed("GetDomainSchedule", form, ncrontab),
            None => ncrontab(DEFAULT_SCHEDULE),
        };
        if schedule.as_ref().is_some_and(is_never_due) {
            source.reject("GetDomainSchedule", "is never due: no date matches it");
        }
        let lookback = minutes(source.number("LOOKBACK_MINUTES", 1..=MOST_LOOKBACK_MINUTES, 180));
        let overlap = minutes(source.number("OVERLAP_MINUTES", 0..=1_440, 120));
        let retention = Duration::from_secs(source.number("RETENTION_DAYS", 7..=3_650, 365) * 86_400);
        Some(Self { schedule: schedule?, lookback, overlap, retention })
    }
}

/// Every 15 minutes.
const DEFAULT_SCHEDULE: &str = "0 */15 * * * *";

/// The oldest content that the service lists: 167 h 55 min ago.
const MOST_LOOKBACK_MINUTES: u64 = 167 * 60 + 55;

/// Parses what both NCRONTAB and croner understand. croner also accepts `L`, `#`, `W`, `?`, `@`, `+` and a 7 for Sunday,
/// which the Functions host rejects.
fn ncrontab(text: &str) -> Option<croner::Cron> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [_, _, _, _, _, weekday] = fields[..] else { return None };
    let is_foreign = |field: &str| field.contains(['#', '?', '@', '+']);
    // `Wed` is a day; any other W means "nearest working day", which NCRONTAB does not support.
    let nearest = |field: &str| field.to_ascii_lowercase().replace("wed", "").contains('w');
    let last_day = |field: &str| {
        field.bytes().any(|b| b.eq_ignore_ascii_case(&b'l')) && !field.to_ascii_lowercase().contains("jul")
    };
    if fields.iter().any(|field| is_foreign(field) || nearest(field))
        || last_day(fields[3])
        || last_day(weekday)
        || weekday.contains('7')
    {
        return None;
    }
    croner::parser::CronParser::builder()
        .seconds(croner::parser::Seconds::Required)
        .dom_and_dow(true)
        .build()
        .parse(text)
        .ok()
}

/// Returns whether no date ever matches, as for 31 February. The start of the search does not matter: the expression has no
/// year, and every combination of date and weekday recurs within 40 years.
fn is_never_due(schedule: &croner::Cron) -> bool {
    schedule.find_next_occurrence(&DateTime::UNIX_EPOCH, false).is_err()
}
