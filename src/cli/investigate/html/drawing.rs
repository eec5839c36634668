//! The time line as a drawing.

use chrono::{DateTime, Utc};

use super::readable;
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

pub(super) struct Lane {
    pub(super) title: &'static str,
    pub(super) y: u32,
    pub(super) text: u32,
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

fn lane_y(lane: inv::Lane) -> u32 {
    let at = inv::Lane::ALL.iter().zip(0..).find(|(one, _)| **one == lane).map_or(0, |(_, at)| at);
    26 + at * 36
}

pub(super) fn lanes() -> Vec<Lane> {
    let lane = |lane: &inv::Lane| Lane { title: lane.title(), y: lane_y(*lane), text: lane_y(*lane) + 4 };
    inv::Lane::ALL.iter().map(lane).collect()
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

pub(super) fn marks(timeline: &Timeline) -> Vec<Mark> {
    let mark = |mark: inv::Mark| Mark {
        class: mark.attributed.as_str(),
        shape: shape(mark.attributed),
        x: x(mark.place),
        y: lane_y(mark.lane),
        title: format!(
            "{} UTC, {}: {}{}",
            mark.first.format("%Y-%m-%d %H:%M:%S"),
            if mark.attributed == Attributed::Linked { "attacker" } else { mark.attributed.as_str() },
            readable(&mark.operation),
            if mark.count > 1 { format!(" and {} more", mark.count - 1) } else { String::new() }
        ),
    };
    timeline.marks().into_iter().map(mark).collect()
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
