//! What could not be judged. A file of nothing but broken lines must not fill the memory with complaints.

use serde::Serialize;

/// Parts that are told with file and line; the others are counted.
const TOLD: usize = 1000;

/// Something in a file that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct BrokenPart {
    pub(super) file: String,
    pub(super) line: u64,
    pub(super) error: String,
}

/// The first 1,000 of them, in the order they were met, and how many there are.
#[derive(Debug, Default)]
pub(super) struct BrokenParts {
    told: Vec<BrokenPart>,
    count: u64,
}

impl BrokenParts {
    pub(super) fn add(&mut self, file: &str, line: u64, error: &dyn std::fmt::Display) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(BrokenPart { file: file.to_owned(), line, error: error.to_string() });
        }
    }

    pub(super) fn told(&self) -> &[BrokenPart] {
        &self.told
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }
}
