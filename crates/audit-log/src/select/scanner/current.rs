//! The record that is being read, and the decision about it.

use crate::select::operation::Key;

/// The decision about the current record, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// No operation yet.
    Open,
    /// By an `Operation` in another case; an exact one would overrule it.
    Likely { selected: bool },
    /// By its `Operation`.
    Decided { selected: bool },
}

/// The record that is being read.
#[derive(Debug)]
pub(super) struct Current {
    pub(super) depth: u64,
    pub(super) length: usize,
    pub(super) line: u64,
    pub(super) fate: Fate,
    /// At depth 1: what comes next is a key, not a value.
    pub(super) expects_key: bool,
    /// The key whose value comes next.
    pub(super) key: Key,
    /// The last byte outside of text that is not white space.
    pub(super) previous: u8,
    /// A line ended since `previous`.
    pub(super) line_ended: bool,
    /// The object contained a list or an object that was read on its own.
    pub(super) is_container: bool,
    /// The text that is being read may be the operation or its key.
    pub(super) text_matters: bool,
    /// Something that is no record stands before it on its line, so its brace may belong to that.
    pub(super) is_behind_junk: bool,
}

impl Current {
    #[inline]
    pub(super) fn new(line: u64) -> Self {
        Self {
            depth: 1,
            length: 0,
            line,
            fate: Fate::Open,
            expects_key: true,
            key: Key::Other,
            previous: b'{',
            line_ended: false,
            is_container: false,
            text_matters: false,
            is_behind_junk: false,
        }
    }

    /// Returns whether the brace behind junk was no beginning of a record: something other than a name follows it.
    #[inline]
    pub(super) fn is_no_record(&self) -> bool {
        self.is_behind_junk && self.previous == b'{' && self.depth == 1
    }

    #[inline]
    pub(super) fn is_selected(&self) -> bool {
        matches!(self.fate, Fate::Likely { selected: true } | Fate::Decided { selected: true })
    }

    #[inline]
    pub(super) fn expect_key(&mut self) {
        self.expects_key = true;
        self.key = Key::Other;
    }

    #[inline]
    pub(super) fn begin_text(&mut self) {
        let is_open = self.depth == 1 && !matches!(self.fate, Fate::Decided { .. });
        self.text_matters = is_open && (self.expects_key || self.key != Key::Other);
    }

    /// The first exact `Operation` decides; among others the first as well.
    #[inline]
    pub(super) fn decide(&mut self, selected: bool) {
        match (self.key, self.fate) {
            (Key::Exact, _) => self.fate = Fate::Decided { selected },
            (Key::OtherCase, Fate::Open) => self.fate = Fate::Likely { selected },
            _ => {}
        }
        self.key = Key::Other;
    }

    /// Returns whether a list or an object comes next whose name says that it contains records.
    #[inline]
    pub(super) fn is_before_container(&self) -> bool {
        self.depth == 1 && !self.expects_key && self.key == Key::Container && self.fate == Fate::Open
    }

    /// Returns whether a brace at the start of a line cannot belong to this record. If so, the record was truncated, and the
    /// brace begins another one.
    #[inline]
    pub(super) fn is_cut_before_brace(&self) -> bool {
        let may_stand = match self.previous {
            b':' => true,
            b',' | b'[' => self.depth > 1,
            _ => false,
        };
        self.line_ended && !may_stand
    }
}
