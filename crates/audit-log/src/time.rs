//! Reads the forms in which the time of a record is written.

use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};

/// Without a zone, all in UTC. PowerShell, Excel and the portals write times as people in the United States do.
const FORMS: &[&str] = &[
    "%Y-%m-%dT%H:%M:%S%.f",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%m/%d/%Y %I:%M:%S%.f %p",
    "%m/%d/%Y %I:%M %p",
    "%m/%d/%Y %H:%M:%S%.f",
    "%m/%d/%Y %H:%M",
];

/// Returns the time that the text gives, in UTC whether or not it says so. A fraction may follow the seconds.
pub(super) fn utc(text: &str) -> Option<DateTime<Utc>> {
    let text = text.trim();
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    milliseconds(text).or_else(|| in_other_forms(text))
}

fn in_other_forms(text: &str) -> Option<DateTime<Utc>> {
    // Browsers write a comma behind the date and narrow spaces before AM and PM.
    let words: Vec<_> = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty()).collect();
    let text = words.join(" ");
    let text = ["UTC", "GMT", "Z"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(&text).trim_end();
    let parse = |form: &&str| NaiveDateTime::parse_from_str(text, form).ok();
    let with_zone = || DateTime::parse_from_str(text, "%Y-%m-%d %H:%M:%S%.f%#z").map(|time| time.to_utc()).ok();
    let form = FORMS.iter().find_map(parse).map(|time| time.and_utc()).or_else(with_zone)?;
    // Two digits of a year would be read as one of the first century.
    (form.date_naive() >= NaiveDate::from_ymd_opt(1970, 1, 1)?).then_some(form)
}

/// `/Date(1625738400000)/`, as Windows PowerShell writes a time in JSON.
fn milliseconds(text: &str) -> Option<DateTime<Utc>> {
    let number = text.trim_matches('/').strip_prefix("Date(")?.strip_suffix(')')?;
    DateTime::from_timestamp_millis(number.parse().ok()?)
}
