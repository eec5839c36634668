//! Spans of time, and what is left when some of them are done.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

/// A span of time, `from <= t < to`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Span {
    /// Inclusive.
    pub from: DateTime<Utc>,
    /// Exclusive.
    pub to: DateTime<Utc>,
}

impl Span {
    /// Returns whether the span contains no time.
    pub fn is_empty(&self) -> bool {
        self.from >= self.to
    }
}

/// The same time in as few spans as can be: in order, none empty, none touching.
pub fn merge(mut spans: Vec<Span>) -> Vec<Span> {
    spans.retain(|span| !span.is_empty());
    spans.sort_unstable();
    let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
    for span in spans {
        match merged.last_mut() {
            Some(last) if span.from <= last.to => last.to = last.to.max(span.to),
            _ => merged.push(span),
        }
    }
    merged
}

/// Returns the parts of a span that are in none of the others: in order, none empty.
pub fn without(span: Span, others: &[Span]) -> Vec<Span> {
    let mut left = Vec::new();
    let mut from = span.from;
    for other in merge(others.to_vec()) {
        let before = Span { from, to: other.from.min(span.to) };
        if !before.is_empty() {
            left.push(before);
        }
        from = from.max(other.to);
    }
    let last = Span { from, to: span.to };
    if !last.is_empty() {
        left.push(last);
    }
    left
}
