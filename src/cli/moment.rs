//! A date or a time on the command line, UTC.

use std::str::FromStr;

use chrono::{DateTime, Datelike as _, NaiveDate, NaiveDateTime, TimeDelta, Utc};

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
    /// Returns its first second.
    pub fn first_second(self) -> DateTime<Utc> {
        match self {
            Self::Day(day) => day.and_time(chrono::NaiveTime::MIN).and_utc(),
            Self::Time(time) => time,
        }
    }

    /// Returns its last second.
    pub fn last_second(self) -> DateTime<Utc> {
        match self {
            Self::Day(_) => self.first_second() + TimeDelta::days(1) - TimeDelta::seconds(1),
            Self::Time(time) => time,
        }
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
}
