//! The bytes between records: brackets and commas of arrays, containers around them, and junk.

use super::{Container, Current, Cursor, Place, Selector};
use crate::select::{Broken, Event};

/// The byte-order mark, which programs leave between records when they join files. Nothing of it shows.
const BYTE_ORDER_MARK: [u8; 3] = [0xEF, 0xBB, 0xBF];

impl<F: Fn(&str) -> bool> Selector<F> {
    pub(super) fn between(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        let Some(&byte) = cursor.chunk.get(cursor.at) else { return };
        if self.marks > 0 || byte == BYTE_ORDER_MARK[0] {
            return self.byte_order_mark(byte, cursor, sink);
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b'{' => return self.item(cursor, sink),
            b'[' => {
                self.arrays += 1;
                (self.after_comma, self.after_item) = (false, false);
            }
            b']' if self.arrays > 0 => self.close_array(cursor, sink),
            b',' => self.comma(cursor, sink),
            _ => return self.begin_junk(cursor, sink),
        }
        cursor.at += 1;
    }

    /// Skips a mark, wherever it is between records. The beginning of one that does not go on is junk.
    fn byte_order_mark(&mut self, byte: u8, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        if BYTE_ORDER_MARK.get(self.marks) != Some(&byte) {
            self.marks = 0;
            return self.begin_junk(cursor, sink);
        }
        self.marks = (self.marks + 1) % BYTE_ORDER_MARK.len();
        cursor.at += 1;
    }

    pub(super) fn close_array(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        if self.after_comma {
            self.report(Broken::StrayComma, cursor, sink);
        }
        self.arrays -= 1;
        (self.after_comma, self.after_item) = (false, true);
        if self.arrays == 0 {
            self.leave_container(cursor);
        }
    }

    /// Continues with the object around the list or object that has ended.
    pub(super) fn leave_container(&mut self, cursor: &mut Cursor<'_>) {
        let Some(container) = self.around.pop() else { return };
        self.arrays = container.arrays;
        (self.after_comma, self.after_item) = container.after;
        self.current = Current::new(container.line);
        self.current.expects_key = false;
        self.current.previous = b']';
        self.current.is_container = true;
        self.kept.clear();
        self.place = Place::Record;
        cursor.begin = cursor.at + 1;
    }

    /// Begins to read a list or an object in an object on its own.
    pub(super) fn enter_container(&mut self, byte: u8, cursor: &mut Cursor<'_>) {
        self.around.push(Container {
            line: self.current.line,
            arrays: self.arrays,
            after: (self.after_comma, self.after_item),
        });
        self.forget();
        if byte == b'[' {
            (self.arrays, self.after_comma, self.after_item) = (1, false, false);
            self.place = Place::Between;
        } else {
            self.arrays = 0;
            cursor.at -= 1;
            self.begin(cursor);
        }
    }

    pub(super) fn comma(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        if self.arrays == 0 || !self.after_item {
            self.report(Broken::StrayComma, cursor, sink);
        } else {
            self.after_comma = true;
        }
        self.after_item = false;
    }

    pub(super) fn report(&mut self, error: Broken, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        self.line = cursor.line(self.line, cursor.at);
        sink(Event::Broken { error, line: self.line, selected: false });
    }

    pub(super) fn begin_junk(&mut self, cursor: &mut Cursor<'_>, sink: &mut impl FnMut(Event<'_>)) {
        self.report(Broken::NotARecord, cursor, sink);
        (self.after_comma, self.after_item) = (false, true);
        self.place = Place::Junk;
    }

    /// Junk runs to the end of the line or to whatever may come behind it: a record, and in an array a comma or the end.
    pub(super) fn junk(&mut self, cursor: &mut Cursor<'_>) {
        let rest = &cursor.chunk[cursor.at..];
        let in_array = self.arrays > 0;
        let ends = |byte: &u8| matches!(byte, b'\n' | b'{') || in_array && matches!(byte, b',' | b']');
        let Some(length) = rest.iter().position(ends) else {
            cursor.at = cursor.chunk.len();
            return;
        };
        cursor.at += length;
        if rest[length] == b'{' {
            self.begin(cursor);
            self.current.is_behind_junk = true;
        } else {
            self.place = Place::Between;
        }
    }

    /// Gives up a record behind junk whose brace was a part of the junk: no name follows it. The junk has been reported.
    pub(super) fn give_up(&mut self, cursor: &mut Cursor<'_>) {
        cursor.at -= 1;
        self.forget();
        self.place = if self.current.line_ended { Place::Between } else { Place::Junk };
    }
}
