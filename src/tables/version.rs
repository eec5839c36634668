//! The version of a stored row, with everything in it that this program does not know.

use std::collections::BTreeMap;

use table_store::{Column, ETag, Entity, Stored};

/// The version of a row as it was read: its etag, and the columns that a newer version of the program may have written. Those
/// are written back, so that two versions can run side by side.
#[derive(Debug, Clone, PartialEq)]
pub struct RowVersion {
    etag: ETag,
    unknown: BTreeMap<String, Column>,
}

impl RowVersion {
    /// The version of a row whose type knows the columns `known`. A name that ends in `_` stands for all that begin with it.
    pub fn of(stored: &Stored, known: &[&str]) -> Self {
        let unknown = stored.entity.columns().iter().filter(|(name, _)| !is_known(name, known));
        Self {
            etag: stored.etag.clone(),
            unknown: unknown.map(|(name, value)| (name.clone(), value.clone())).collect(),
        }
    }

    /// Keeps a column whose word this program does not know. It is written back unless the row sets it.
    #[must_use]
    pub fn keeping(mut self, stored: &Stored, name: &str) -> Self {
        if let Some(value) = stored.entity.columns().get(name) {
            self.unknown.insert(name.to_owned(), value.clone());
        }
        self
    }

    /// The etag, for the store.
    pub fn etag(&self) -> &ETag {
        &self.etag
    }

    /// Adds the columns that this program does not know to a row that is about to replace this version.
    pub fn complete(&self, mut entity: Entity) -> Entity {
        for (name, value) in &self.unknown {
            if !entity.columns().contains_key(name) {
                entity.set(name.clone(), value.clone());
            }
        }
        entity
    }

    /// The same row in the version that the store gave it when it was written.
    #[must_use]
    pub fn written(&self, etag: ETag) -> Self {
        Self { etag, unknown: self.unknown.clone() }
    }
}

/// The version of a row that was just inserted: it holds nothing unknown.
impl From<ETag> for RowVersion {
    fn from(etag: ETag) -> Self {
        Self { etag, unknown: BTreeMap::new() }
    }
}

fn is_known(name: &str, known: &[&str]) -> bool {
    known.iter().any(|known| {
        let rest = name.strip_prefix(known);
        rest.is_some_and(|rest| rest.is_empty() || known.ends_with('_') || is_part_number(rest))
    })
}

/// Returns whether the rest of a column's name is the number of a further part: `_2`, `_3` and so on.
fn is_part_number(rest: &str) -> bool {
    rest.strip_prefix('_').is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::is_known;

    #[test]
    fn parts_and_prefixes_of_known_columns_are_known() {
        let known = ["State", "Steps", "Fetched_"];
        for name in ["State", "Steps", "Steps_2", "Steps_14", "Fetched_490000", "Fetched_490000_2"] {
            assert!(is_known(name, &known), "{name}");
        }
        for name in ["StateOfMind", "Steps_", "Steps_x", "Fetched", "Other"] {
            assert!(!is_known(name, &known), "{name}");
        }
    }
}
