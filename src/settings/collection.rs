//! When GetDomain runs, how far ProcessAuditLog looks, and how long rows are kept.

use std::time::Duration;

use super::source::Source;

/// Schedule and distances.
#[derive(Debug, Clone)]
pub struct CollectionSettings {
    /// `GetDomainSchedule`: NCRONTAB, six fields, UTC. Read by the Functions host under `serve`, by us under `run`.
    pub schedule: croner::Cron,
    /// `LOOKBACK_MINUTES`: how far back the first run of a tenant looks.
    pub lookback: Duration,
    /// `OVERLAP_MINUTES`: how much each run lists again, for late content.
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
        let lookback = minutes(source.number("LOOKBACK_MINUTES", 1..=MOST_LOOKBACK_MINUTES, 180));
        let overlap = minutes(source.number("OVERLAP_MINUTES", 0..=1_440, 120));
        let retention = Duration::from_secs(source.number("RETENTION_DAYS", 7..=3_650, 365) * 86_400);
        Some(Self { schedule: schedule?, lookback, overlap, retention })
    }
}

/// Every 15 minutes.
const DEFAULT_SCHEDULE: &str = "0 */15 * * * *";

/// 167 h 55 min: what the service lists at most.
const MOST_LOOKBACK_MINUTES: u64 = 167 * 60 + 55;

/// What both NCRONTAB and croner understand. croner also knows `L`, `#`, `W`, `?`, `@`, `+` and a 7 for Sunday, which the Functions
/// host would refuse.
fn ncrontab(text: &str) -> Option<croner::Cron> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let [_, _, _, _, _, weekday] = fields[..] else { return None };
    let is_foreign = |field: &str| field.contains(['#', '?', '@', '+']);
    // `Wed` is a day; any other W means «nearest working day», which NCRONTAB does not know.
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
