//! Builds the timeline: marks in lanes, at most as many as a drawing can show.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};

use super::activity::{Act, Activity};
use super::attribution::Attributed;

/// The columns of the drawing.
const COLUMNS: i32 = 160;

/// A row of the drawing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Sign-ins.
    SignIns,
    /// Mail.
    Mail,
    /// Files.
    Files,
    /// Changes, and all else.
    Changes,
    /// The response.
    Response,
}

impl Lane {
    /// All of them, from the top.
    pub const ALL: [Self; 5] = [Self::SignIns, Self::Mail, Self::Files, Self::Changes, Self::Response];

    /// Returns its title.
    pub fn title(self) -> &'static str {
        match self {
            Self::SignIns => "Sign-ins",
            Self::Mail => "Mail",
            Self::Files => "Files",
            Self::Changes => "Changes",
            Self::Response => "Response",
        }
    }

    fn of(activity: &Activity, attributed: Attributed) -> Self {
        match activity.act {
            _ if attributed == Attributed::Response => Self::Response,
            Act::SignIn(_) => Self::SignIns,
            Act::MailRead | Act::FolderSync | Act::MailSent | Act::MailDeleted | Act::MailChanged | Act::Search => {
                Self::Mail
            }
            Act::FileRead | Act::FileShared | Act::FileChanged => Self::Files,
            Act::Change | Act::Other => Self::Changes,
        }
    }
}

/// One mark: activities of one lane and one kind within a column.
#[derive(Debug, Clone, PartialEq)]
pub struct Mark {
    /// The lane.
    pub lane: Lane,
    /// The side that they are attributed to; `Linked` includes proven ones.
    pub attributed: Attributed,
    /// The place of the first one, from 0 to 1.
    pub place: f64,
    /// The number of activities.
    pub count: u64,
    /// The time of the first one.
    pub first: DateTime<Utc>,
    /// The operation of the first one.
    pub operation: String,
}

/// A lane, whose activities, and a column.
type Cell = (Lane, Attributed, i32);

/// Activities in one cell: their number, and the first one's time and operation.
#[derive(Debug, Clone)]
struct Content {
    count: u64,
    first: DateTime<Utc>,
    operation: String,
}

/// The time around an attack, and what happened in it.
#[derive(Debug, Clone)]
pub struct Timeline {
    /// The begin.
    pub begin: DateTime<Utc>,
    /// The end.
    pub end: DateTime<Utc>,
    cells: BTreeMap<Cell, Content>,
}

impl Timeline {
    /// A time line around a span.
    pub fn around(first: DateTime<Utc>, last: DateTime<Utc>) -> Self {
        let length = last - first;
        let (before, after) = (TimeDelta::hours(1).max(length / 4), TimeDelta::hours(2).max(length / 3));
        Self { begin: first - before, end: last + after, cells: BTreeMap::new() }
    }

    pub(super) fn add(&mut self, activity: &Activity, attributed: Attributed) {
        if activity.time < self.begin || activity.time > self.end {
            return;
        }
        let shown = if attributed == Attributed::Proven { Attributed::Linked } else { attributed };
        #[expect(clippy::cast_possible_truncation, reason = "a column, between 0 and their number")]
        let column = (self.place(activity.time) * f64::from(COLUMNS)) as i32;
        let key = (Lane::of(activity, shown), shown, column);
        let new = || Content { count: 0, first: activity.time, operation: activity.operation.clone() };
        self.cells.entry(key).or_insert_with(new).count += 1;
    }

    #[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
    fn place(&self, time: DateTime<Utc>) -> f64 {
        let length = (self.end - self.begin).num_seconds().max(1) as f64;
        (time - self.begin).num_seconds() as f64 / length
    }

    /// Returns the marks, the attacker's last so that they lie on top.
    pub fn marks(&self) -> Vec<Mark> {
        let mark = |((lane, attributed, _), content): (&Cell, &Content)| Mark {
            lane: *lane,
            attributed: *attributed,
            place: self.place(content.first),
            count: content.count,
            first: content.first,
            operation: content.operation.clone(),
        };
        let mut marks: Vec<Mark> = self.cells.iter().map(mark).collect();
        marks.sort_by_key(|mark| std::cmp::Reverse(mark.attributed));
        marks
    }
}
