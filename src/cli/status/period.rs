//! The period of a report: dates or times, UTC.

use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, SubsecRound as _, TimeDelta, Utc};

/// The length of the period if it is not given.
const DEFAULT_LENGTH: TimeDelta = TimeDelta::days(30);

/// A date or a time on the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// A whole day.
    Day(NaiveDate),
    /// A point in time.
    Time(DateTime<Utc>),
}

/// A string that is neither a date nor a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("write a date as 2026-11-22 or a time as 2026-11-22T10:30:00Z")]
pub struct NotAMoment;

/// The period starts after its end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("--since ({}) is after --until ({})", from.format("%Y-%m-%dT%H:%M:%SZ"), to.format("%Y-%m-%dT%H:%M:%SZ"))]
pub struct Reversed {
    from: DateTime<Utc>,
    to: DateTime<Utc>,
}

/// Both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// The first second.
    pub from: DateTime<Utc>,
    /// The last second.
    pub to: DateTime<Utc>,
}

impl FromStr for Moment {
    type Err = NotAMoment;

    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let has_plain_year = |year: i32| (1..=9_999).contains(&year);
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            return if has_plain_year(day.year()) { Ok(Self::Day(day)) } else { Err(NotAMoment) };
        }
        let time = time(&text.replacen(' ', "T", 1)).ok_or(NotAMoment)?;
        if has_plain_year(time.year()) { Ok(Self::Time(time)) } else { Err(NotAMoment) }
    }
}

/// Parses a time with an offset, or without one as UTC; seconds may be missing.
fn time(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Some(time.to_utc());
    }
    let text = text.strip_suffix(['Z', 'z']).unwrap_or(text);
    let forms = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M"];
    forms.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok()).map(|time| time.and_utc())
}

impl Moment {
    fn first_second(self) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.and_time(chrono::NaiveTime::MIN).and_utc(),
            Self::Time(time) => time,
        }
    }

    fn last_second(self) -> DateTime<Utc> {
        match self {
            Self::Day(_) => self.first_second() + TimeDelta::days(1) - TimeDelta::seconds(1),
            Self::Time(time) => time,
        }
    }
}

impl Period {
    /// Returns the period between both; without `until` it ends now, without `since` it is 30 days long.
    ///
    /// # Errors
    /// Returns [`Reversed`] if it would start after its end.
    pub fn between(since: Option<Moment>, until: Option<Moment>, now: DateTime<Utc>) -> Result<Self, Reversed> {
        let to = until.map_or(now.trunc_subsecs(0), Moment::last_second);
        let from = since.map_or(to - DEFAULT_LENGTH, Moment::first_second);
        if from > to { Err(Reversed { from, to }) } else { Ok(Self { from, to }) }
    }

    /// Returns whether the second of a time belongs to it.
    pub fn contains(&self, time: DateTime<Utc>) -> bool {
        (self.from..=self.to).contains(&time.trunc_subsecs(0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_and_times_are_read_in_every_usual_form() {
        let noon = "2026-11-22T12:00:00Z".parse::<DateTime<Utc>>().unwrap();
        for text in [
            "2026-11-22T12:00:00Z",
            "2026-11-22T14:00:00+02:00",
            "2026-11-22T12:00:00",
            "2026-11-22 12:00",
            "2026-11-22T12:00Z",
            "2026-11-22 12:00:00Z",
        ] {
            assert_eq!(text.parse(), Ok(Moment::Time(noon)), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "22.11.2026", "+99999-01-01", "2026-11-22T25:00"] {
            assert_eq!(text.parse::<Moment>(), Err(NotAMoment), "{text}");
        }
    }

    #[test]
    fn one_date_at_both_ends_is_that_whole_day() {
        let day = "2026-11-22".parse().unwrap();
        let period = Period::between(Some(day), Some(day), Utc::now()).unwrap();
        for (text, belongs) in [
            ("2026-11-21T23:59:59.9Z", false),
            ("2026-11-22T00:00:00Z", true),
            ("2026-11-22T23:59:59.9Z", true),
            ("2026-11-23T00:00:00Z", false),
        ] {
            assert_eq!(period.contains(text.parse().unwrap()), belongs, "{text}");
        }
        let earlier = "2026-11-21".parse().unwrap();
        assert!(Period::between(Some(day), Some(earlier), Utc::now()).is_err());
    }
}
