//! The time line as a drawing.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use super::readable;
use crate::cli::investigate::texts::whose;
use crate::investigation::{self as inv, Attributed, Timeline};

/// The left end of the lanes, and their length.
const LEFT: f64 = 90.0;
const WIDTH: f64 = 905.0;

const FULL: &str = "M-6 0A6 6 0 1 0 6 0A6 6 0 1 0 -6 0Z";
const DIAMOND: &str = "M0 -7L7 0L0 7L-7 0Z";
const SQUARE: &str = "M-5 -5H5V5H-5Z";
const TRIANGLE: &str = "M0 -7L6.5 5H-6.5Z";
const SMALL: &str = "M-3.5 0A3.5 3.5 0 1 0 3.5 0A3.5 3.5 0 1 0 -3.5 0Z";
const CROSS: &str = "M-4 -4L4 4M-4 4L4 -4";

/// The top of the first lane, the height of a row of marks, and the space above and below the rows of a lane.
const TOP: u32 = 8;
const ROW: u32 = 16;
const SPACE: u32 = 9;

/// One lane. Each side has a row of its own, so that no mark hides another side's.
pub(super) struct Lane {
    pub(super) title: &'static str,
    /// The height at which its title stands.
    pub(super) text: u32,
    /// The heights of its rows.
    pub(super) rows: Vec<u32>,
}

pub(super) struct Tick {
    pub(super) x: String,
    pub(super) anchor: &'static str,
    pub(super) title: String,
}

pub(super) struct Mark {
    pub(super) class: &'static str,
    pub(super) shape: &'static str,
    pub(super) x: String,
    pub(super) y: u32,
    pub(super) title: String,
}

/// The lanes with their marks.
pub(super) struct Drawing {
    pub(super) lanes: Vec<Lane>,
    pub(super) marks: Vec<Mark>,
    /// The lower end of the lanes.
    pub(super) bottom: u32,
}

pub(super) fn drawing(timeline: &Timeline) -> Drawing {
    let all = timeline.marks();
    let mut drawing = Drawing { lanes: Vec::new(), marks: Vec::new(), bottom: TOP };
    for lane in inv::Lane::ALL {
        let marks = || all.iter().filter(|mark| mark.lane == lane);
        let kinds: BTreeSet<u8> = marks().map(|mark| row_of(mark.attributed)).collect();
        let first = drawing.bottom + SPACE + ROW / 2;
        let rows: Vec<u32> = (first..).step_by(ROW as usize).take(kinds.len().max(1)).collect();
        let y = |mark: &inv::Mark| {
            let kind = row_of(mark.attributed);
            kinds.iter().zip(&rows).find(|(of_row, _)| **of_row == kind).map_or(first, |(_, y)| *y)
        };
        drawing.marks.extend(marks().map(|one| mark(one, y(one))));
        let height = 2 * SPACE + ROW * u32::try_from(rows.len()).unwrap_or_default();
        drawing.lanes.push(Lane { title: lane.title(), text: drawing.bottom + height / 2 + 4, rows });
        drawing.bottom += height;
    }
    drawing
}

/// The order of the rows of a lane. Marks of the owner and of Microsoft are hollow and can lie on each other.
fn row_of(attributed: Attributed) -> u8 {
    match attributed {
        Attributed::Proven | Attributed::Linked => 0,
        Attributed::Likely => 1,
        Attributed::Unclear => 2,
        Attributed::Owner | Attributed::Microsoft => 3,
        Attributed::Response => 4,
    }
}

/// Five times along the line; the outer ones stay inside of the drawing.
pub(super) fn ticks(timeline: &Timeline) -> Vec<Tick> {
    let length = timeline.end - timeline.begin;
    let tick = |part: i32| {
        let anchor = match part {
            0 => "start",
            4 => "end",
            _ => "middle",
        };
        let time = timeline.begin + length * part / 4;
        Tick { x: x(f64::from(part) / 4.0), anchor, title: time.format("%m-%d %H:%M").to_string() }
    };
    (0..=4).map(tick).collect()
}

fn x(place: f64) -> String {
    format!("{:.1}", LEFT + place * WIDTH)
}

/// The place of the alarm, empty where it is outside of the drawing.
#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
pub(super) fn alarm(timeline: &Timeline, alarm: DateTime<Utc>) -> String {
    let length = (timeline.end - timeline.begin).num_seconds().max(1) as f64;
    let place = (alarm - timeline.begin).num_seconds() as f64 / length;
    if (0.0..=1.0).contains(&place) { x(place) } else { String::new() }
}

fn shape(attributed: Attributed) -> &'static str {
    match attributed {
        Attributed::Proven | Attributed::Linked => FULL,
        Attributed::Likely => DIAMOND,
        Attributed::Owner => SMALL,
        Attributed::Microsoft => SQUARE,
        Attributed::Response => TRIANGLE,
        Attributed::Unclear => CROSS,
    }
}

fn mark(mark: &inv::Mark, y: u32) -> Mark {
    Mark {
        class: mark.attributed.as_str(),
        shape: shape(mark.attributed),
        x: x(mark.place),
        y,
        title: format!(
            "{} UTC, {}: {}{}",
            mark.first.format("%Y-%m-%d %H:%M:%S"),
            if mark.attributed == Attributed::Linked { "attacker" } else { whose(mark.attributed) },
            readable(&mark.operation),
            if mark.count > 1 { format!(" and {} more", mark.count - 1) } else { String::new() }
        ),
    }
}

pub(super) fn key() -> Vec<(&'static str, &'static str, &'static str)> {
    vec![
        ("Linked", FULL, "attacker"),
        ("Likely", DIAMOND, "likely the attacker"),
        ("Unclear", CROSS, "unclear"),
        ("Owner", SMALL, "owner"),
        ("Microsoft", SQUARE, "Microsoft"),
        ("Response", TRIANGLE, "response"),
    ]
}
