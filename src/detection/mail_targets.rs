//! Targets of mail as the settings of a mailbox contain them, for code that must prove where they lead.

use super::addresses::targets_in;
use super::knowledge::{Knowledge, Question};
use super::resolution::{self, Resolver};
use super::targets::Target;

/// The targets in one text: addresses, or a directory object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailTargets(Vec<Target>);

impl MailTargets {
    /// Reads a text of Exchange or Graph.
    pub fn read(text: &str) -> Self {
        Self(targets_in(text))
    }

    /// Returns the facts that must be looked up and have no answer yet. Answering may raise further questions.
    pub fn questions(&self, known: &Knowledge) -> Vec<Question> {
        resolution::questions(&self.0, known)
    }

    /// Returns whether it is proven that mail to all the targets stays inside the organization or goes to trusted recipients. A target
    /// that is not resolved is not proven.
    pub fn are_proven_inside(&self, known: &Knowledge) -> bool {
        let resolver = Resolver::new(&self.0, known);
        !self.0.is_empty() && self.0.iter().all(|target| resolver.is_proven_inside(target))
    }
}
