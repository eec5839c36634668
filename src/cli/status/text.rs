//! Times and lengths as people read them.

use chrono::{DateTime, TimeDelta, Utc};

/// Returns a time to the minute, UTC.
pub(super) fn minute(time: DateTime<Utc>) -> String {
    time.format("%Y-%m-%d %H:%M").to_string()
}

/// Returns a length in its two largest units, as `45 s`, `12 min`, `3 h 5 min` or `2 d 4 h`.
pub(super) fn length(length: TimeDelta) -> String {
    let seconds = length.num_seconds();
    let (minutes, hours, days) = (seconds / 60, seconds / 3_600, seconds / 86_400);
    let with = |large: String, small: i64, unit: &str| {
        if small == 0 { large } else { format!("{large} {small} {unit}") }
    };
    match () {
        () if seconds < 60 => format!("{seconds} s"),
        () if minutes < 60 => format!("{minutes} min"),
        () if hours < 24 => with(format!("{hours} h"), minutes % 60, "min"),
        () => with(format!("{days} d"), hours % 24, "h"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_their_two_largest_units() {
        let cases = [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3_599, "59 min"), (3_600, "1 h"), (11_100, "3 h 5 min")];
        let days = [(86_400, "1 d"), (187_200, "2 d 4 h")];
        for (seconds, text) in cases.into_iter().chain(days) {
            assert_eq!(length(TimeDelta::seconds(seconds)), text);
        }
    }
}
