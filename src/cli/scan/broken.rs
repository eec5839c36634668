//! What could not be judged. A file of nothing but broken lines must not fill the memory with complaints.

use serde::Serialize;

/// Parts that are told with file and line; the others are counted.
const TOLD: usize = 1000;

/// Something in a file that could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::cli) struct BrokenPart {
    pub(in crate::cli) file: String,
    pub(in crate::cli) line: u64,
    pub(in crate::cli) error: String,
}

/// The first 1,000 of them, in the order they were met, and how many there are.
#[derive(Debug, Default)]
pub(in crate::cli) struct BrokenParts {
    told: Vec<BrokenPart>,
    count: u64,
}

impl BrokenParts {
    pub(in crate::cli) fn add(&mut self, file: &str, line: u64, error: &dyn std::fmt::Display) {
        self.count += 1;
        if self.told.len() < TOLD {
            self.told.push(BrokenPart { file: file.to_owned(), line, error: error.to_string() });
        }
    }

    pub(in crate::cli) fn told(&self) -> &[BrokenPart] {
        &self.told
    }

    pub(in crate::cli) fn count(&self) -> u64 {
        self.count
    }
}
