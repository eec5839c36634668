//! The drawings of the page: places and sizes of rectangles. Nothing in them is text.

use chrono::{DateTime, TimeDelta, Utc};

use super::period::Period;
use super::report::Intervals;
use super::strip::Strip;
use super::threats::Threat;
use crate::detection::Severity;
use crate::tables::Span;

/// The width of every drawing.
pub(super) const WIDTH: f64 = 1_000.0;

/// The height of the bars of a day.
pub(super) const BARS_HEIGHT: f64 = 120.0;

/// The narrowest rectangle of a strip, so that a gap of a second is seen.
const NARROWEST: f64 = 2.0;

/// The most bars.
const MOST_BARS: i64 = 45;

/// A rectangle.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Rectangle {
    pub class: &'static str,
    pub x: String,
    pub y: String,
    pub width: String,
    pub height: String,
    pub title: String,
}

/// The threats of one day, or of a few days if the period is long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bars {
    /// The days of one bar.
    pub days: i64,
    /// The highest number of threats.
    pub highest: usize,
}

#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
fn seconds(length: TimeDelta) -> f64 {
    length.num_seconds() as f64
}

#[expect(clippy::cast_precision_loss, reason = "a place in a drawing")]
fn number(count: usize) -> f64 {
    count as f64
}

fn place(value: f64) -> String {
    format!("{value:.1}")
}

/// Draws the strip of a tenant: what is worse lies above what is better.
pub(super) fn strip(strip: &Strip, period: &Period) -> Vec<Rectangle> {
    let kinds = [("read", &strip.read), ("late", &strip.late), ("dark", &strip.dark), ("gap", &strip.gap)];
    kinds.into_iter().flat_map(|(class, spans)| spans.iter().map(move |span| on_strip(class, span, period))).collect()
}

fn on_strip(class: &'static str, span: &Span, period: &Period) -> Rectangle {
    let whole = seconds(period.to - period.from).max(1.0);
    let x = seconds(span.from - period.from) / whole * WIDTH;
    let width = (seconds(span.to - span.from) / whole * WIDTH).max(NARROWEST);
    Rectangle {
        class,
        x: place(x.min(WIDTH - width)),
        y: "0".to_owned(),
        width: place(width),
        height: "20".to_owned(),
        title: format!("{class}: {} to {} UTC", super::text::minute(span.from), super::text::minute(span.to)),
    }
}

/// Draws three intervals one after the other, to the scale of their sum.
pub(super) fn intervals(intervals: &Intervals) -> Vec<Rectangle> {
    let lengths = intervals.in_order().map(|length| length.map_or(0.0, seconds));
    let sum: f64 = lengths.iter().sum();
    let mut x = 0.0;
    let mut drawn = Vec::new();
    for ((class, title), length) in PARTS.into_iter().zip(lengths).filter(|(_, length)| *length > 0.0) {
        let width = length / sum * WIDTH;
        drawn.push(Rectangle {
            class,
            x: place(x),
            y: "0".to_owned(),
            width: place(width),
            height: "20".to_owned(),
            title: title.to_owned(),
        });
        x += width;
    }
    drawn
}

/// The classes and the names of the three intervals.
const PARTS: [(&str, &str); 3] = [
    ("microsoft", "event to available from Microsoft"),
    ("tenantwatch", "available to notified"),
    ("technician", "notified to secured"),
];

/// Draws the threats of each day as bars, by severity.
pub(super) fn bars(threats: &[Threat], period: &Period) -> (Bars, Vec<Rectangle>) {
    let days = (period.to - period.from).num_days() + 1;
    let days_of_bar = (days + MOST_BARS - 1) / MOST_BARS;
    let count = usize::try_from((days + days_of_bar - 1) / days_of_bar).unwrap_or(1).max(1);
    let length = TimeDelta::days(days_of_bar);
    let mut counts = vec![[0_usize; 3]; count];
    for threat in threats.iter().filter(|threat| period.contains(threat.event)) {
        let at = (threat.event - period.from).num_seconds() / length.num_seconds().max(1);
        let Some(bar) = usize::try_from(at).ok().and_then(|at| counts.get_mut(at)) else { continue };
        bar[SEVERITIES.iter().position(|severity| *severity == threat.severity).unwrap_or(0)] += 1;
    }
    let highest = counts.iter().map(|bar| bar.iter().sum()).max().unwrap_or(0);
    let width = WIDTH / number(count);
    let draw = |(at, bar): (usize, &[usize; 3])| {
        let begin = period.from + length * i32::try_from(at).unwrap_or(i32::MAX);
        bar_of(bar, begin, highest, width * number(at), width)
    };
    (Bars { days: days_of_bar, highest }, counts.iter().enumerate().flat_map(draw).collect())
}

/// The order in which severities are drawn, from the bottom.
const SEVERITIES: [Severity; 3] = [Severity::High, Severity::Medium, Severity::Low];

fn bar_of(counts: &[usize; 3], begin: DateTime<Utc>, highest: usize, x: f64, width: f64) -> Vec<Rectangle> {
    let mut top = BARS_HEIGHT;
    let mut drawn = Vec::new();
    for (severity, count) in SEVERITIES.into_iter().zip(counts).filter(|(_, count)| **count > 0) {
        let height = number(*count) / number(highest.max(1)) * BARS_HEIGHT;
        top -= height;
        drawn.push(Rectangle {
            class: severity.as_str(),
            x: place(x + width * 0.1),
            y: place(top),
            width: place(width * 0.8),
            height: place(height),
            title: format!("from {}: {count} {}", begin.format("%Y-%m-%d"), severity.as_str()),
        });
    }
    drawn
}
