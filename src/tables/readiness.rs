//! The columns of a coverage row that hold what the daily look at the tenant found.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use table_store::{Entity, Stored};

use super::columns::json_text;

/// The longest stored detail, in characters.
const DETAIL_CHARS: usize = 300;

/// The stored result of a look at a tenant, its time, and the items that were notified.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredReadiness {
    /// `Readiness`: every item.
    pub items: Vec<StoredItem>,
    /// `ReadinessAt`: the time of the look.
    pub at: Option<DateTime<Utc>>,
    /// `ReadinessTold`: the names of missing items that a digest has named.
    pub told: BTreeSet<String>,
}

/// One item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct StoredItem {
    /// The name.
    pub item: String,
    /// `ok`, `missing` or `unknown`.
    pub state: String,
    /// One sentence.
    #[serde(default)]
    pub detail: String,
}

impl StoredItem {
    /// Creates an item. A detail that is too long is cut.
    pub fn new(item: &str, state: &str, detail: &str) -> Self {
        let detail = detail.chars().take(DETAIL_CHARS).collect();
        Self { item: item.to_owned(), state: state.to_owned(), detail }
    }

    /// Returns whether it is missing.
    pub fn is_missing(&self) -> bool {
        self.state == "missing"
    }
}

impl StoredReadiness {
    /// Notes a look. An item that is fine again is told of anew when it is missing the next time.
    pub fn note(&mut self, items: Vec<StoredItem>, at: DateTime<Utc>) {
        self.items = items;
        self.at = Some(at);
        self.forget_mended();
    }

    /// Returns the missing items that no digest has named yet.
    pub fn untold(&self) -> impl Iterator<Item = &StoredItem> {
        self.items.iter().filter(|item| item.is_missing() && !self.told.contains(&item.item))
    }

    fn forget_mended(&mut self) {
        for item in self.items.iter().filter(|item| item.state == "ok") {
            self.told.remove(&item.item);
        }
    }

    /// Merges two writers: the later look counts, and nothing is told twice.
    pub(super) fn merged(&self, other: &Self) -> Self {
        let later = if self.at >= other.at { self } else { other };
        let told = self.told.union(&other.told).cloned().collect();
        let mut merged = Self { items: later.items.clone(), at: later.at, told };
        merged.forget_mended();
        merged
    }

    pub(super) fn set(&self, entity: &mut Entity) {
        if self.at.is_some() {
            entity.set_whole_text("Readiness", &json_text(&self.items));
        }
        if !self.told.is_empty() {
            entity.set_whole_text("ReadinessTold", &json_text(&self.told));
        }
    }

    /// Reads the columns. A column that cannot be read counts as missing, because the tenant must be read nevertheless.
    pub(super) fn of(stored: &Stored) -> Self {
        let text = |name: &str| stored.entity.whole_text(name).unwrap_or_default();
        let Ok(items) = serde_json::from_str::<Vec<StoredItem>>(&text("Readiness")) else { return Self::default() };
        let told = serde_json::from_str(&text("ReadinessTold")).unwrap_or_default();
        Self { items, at: stored.entity.time("ReadinessAt"), told }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(states: &[(&str, &str)], at: i64) -> (Vec<StoredItem>, DateTime<Utc>) {
        let items = states.iter().map(|(item, state)| StoredItem::new(item, state, "")).collect();
        (items, DateTime::UNIX_EPOCH + chrono::TimeDelta::hours(at))
    }

    fn after(readiness: &StoredReadiness, (items, at): (Vec<StoredItem>, DateTime<Utc>)) -> StoredReadiness {
        let mut next = readiness.clone();
        next.note(items, at);
        next
    }

    #[test]
    fn item_is_told_once_until_it_was_ok() {
        let missing = after(&StoredReadiness::default(), look(&[("A", "missing"), ("B", "unknown")], 1));
        assert_eq!(missing.untold().map(|item| item.item.as_str()).collect::<Vec<_>>(), ["A"]);
        let mut told = missing.clone();
        told.told.insert("A".to_owned());
        assert_eq!(after(&told, look(&[("A", "missing")], 2)).untold().count(), 0);
        let unknown = after(&told, look(&[("A", "unknown")], 2));
        assert_eq!(after(&unknown, look(&[("A", "missing")], 3)).untold().count(), 0, "unknown is not ok");
        let mended = after(&told, look(&[("A", "ok")], 2));
        assert_eq!(after(&mended, look(&[("A", "missing")], 3)).untold().count(), 1);
    }

    #[test]
    fn later_look_and_every_telling_survive_concurrent_writers() {
        let first = after(&StoredReadiness::default(), look(&[("A", "missing")], 1));
        let looked = after(&first, look(&[("A", "missing"), ("B", "missing")], 2));
        let mut told = first.clone();
        told.told.insert("A".to_owned());
        for merged in [looked.merged(&told), told.merged(&looked)] {
            assert_eq!((merged.items.len(), merged.at), (2, looked.at));
            assert_eq!(merged.untold().map(|item| item.item.as_str()).collect::<Vec<_>>(), ["B"]);
        }
    }
}
