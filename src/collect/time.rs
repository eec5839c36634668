//! The time up to which content is read. One clock can be wrong, so up to three are compared and the middle one counts.

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::App;

/// Clocks that differ by more are worth a notice.
const NOTABLE: TimeDelta = TimeDelta::minutes(10);

/// The time, and whether the clocks disagree about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// The middle one of three clocks, the earlier one of two, or this machine's.
    pub time: DateTime<Utc>,
    /// The time of the clock that is ahead of the others.
    pub latest: DateTime<Utc>,
    /// The largest difference between the clocks, if it is notable.
    pub disagreement: Option<TimeDelta>,
}

/// Returns the time by this machine's clock, that of the Management Activity API and that of the table store. The clock of the token
/// endpoint takes the place of one that is not known: a process that has just started has called no other service.
pub fn now(app: &App) -> Now {
    let store = app.store.service_time().map(|time| app.clock.of_system_time(time));
    let clocks = [Some(app.clock.now()), app.activity.service_time(), store, app.tokens.service_time()];
    of(clocks.into_iter().flatten().take(3).collect())
}

fn of(mut clocks: Vec<DateTime<Utc>>) -> Now {
    clocks.sort_unstable();
    let middle = match clocks.len() {
        0..=2 => clocks.first(),
        more => clocks.get(more / 2),
    };
    let apart = clocks.last().zip(clocks.first()).map(|(last, first)| *last - *first);
    let or_never = |time: Option<&DateTime<Utc>>| time.copied().unwrap_or(DateTime::<Utc>::MIN_UTC);
    Now {
        time: or_never(middle),
        latest: or_never(clocks.last()),
        disagreement: apart.filter(|apart| *apart > NOTABLE),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minutes: i64) -> DateTime<Utc> {
        DateTime::UNIX_EPOCH + TimeDelta::minutes(minutes)
    }

    #[test]
    fn no_single_wrong_clock_moves_the_time() {
        for wrong in [-10_000, -60, 60, 10_000] {
            for place in 0..3 {
                let mut clocks = vec![at(0), at(1), at(2)];
                clocks[place] = at(wrong);
                let now = of(clocks);
                assert!((at(0)..=at(2)).contains(&now.time), "{wrong} {place}: {now:?}");
                assert!(now.disagreement.is_some());
            }
        }
        assert_eq!(of(vec![at(0), at(1), at(2)]).disagreement, None);
    }

    #[test]
    fn earlier_of_two_clocks_counts() {
        assert_eq!(of(vec![at(5), at(3)]).time, at(3));
        assert_eq!(of(vec![at(5)]).time, at(5));
    }
}
