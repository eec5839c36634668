//! The parts of a judgement that other findings can change.

use super::finding::{Finding, FindingKind, Severity};
use super::reason::Reason;

/// A judgement that other findings can add to: a finding, or the row that one was stored as.
pub trait Judged {
    /// The parts that can change.
    fn judgement(&mut self) -> Judgement<'_>;
}

/// The parts of a judgement.
#[derive(Debug)]
pub struct Judgement<'a> {
    /// The type.
    pub kind: FindingKind,
    /// `true` if a technician must be notified.
    pub threat: &'a mut bool,
    /// The severity.
    pub severity: &'a mut Severity,
    /// 0 to 100.
    pub score: &'a mut u8,
    /// Every cause, the weightiest first.
    pub reasons: &'a mut Vec<Reason>,
}

impl Judged for Finding {
    fn judgement(&mut self) -> Judgement<'_> {
        Judgement {
            kind: self.kind,
            threat: &mut self.threat,
            severity: &mut self.severity,
            score: &mut self.score,
            reasons: &mut self.reasons,
        }
    }
}
