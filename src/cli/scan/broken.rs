//! Collects the parts of files that could not be evaluated, up to a limit: a file of nothing but malformed lines must not fill
//! the memory with errors.

use serde::Serialize;

/// The number of parts that are reported with file and line; the others are counted.
const TOLD: usize = 1000;

/// A part of a file that could not be evaluated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(in crate::cli) struct BrokenPart {
    pub(in crate::cli) file: String,
    pub(in crate::cli) line: u64,
    pub(in crate::cli) error: String,
}

/// The first [`TOLD`] parts in the order of the files, and the number of all.
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
