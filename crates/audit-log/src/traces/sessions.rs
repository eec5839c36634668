//! Sessions in members that are objects or lists.

use super::values::{Value, bytes_into, is_plain, quoted};
use crate::select::whole::{Look, Part, Text, cross_with};

/// The search for the session of a token.
#[derive(Default)]
struct Context<'a> {
    is_seen: bool,
    session: Option<&'a [u8]>,
}

impl<'a> Look<'a> for Context<'a> {
    const LENGTH: Option<u32> = Some("AADSessionId".len() as u32);

    #[inline(always)]
    fn is_sought(&self, _: usize, first: u8) -> bool {
        first.eq_ignore_ascii_case(&b'A')
    }

    fn is_done(&self) -> bool {
        false
    }

    fn look(&mut self, text: Text<'a, impl Fn() -> u32>) -> bool {
        if !text.bytes().eq_ignore_ascii_case(b"AADSessionId") {
            return true;
        }
        match text.part() {
            Part::Other => true,
            Part::Unusual => false,
            // Of two members of one name the parser of objects keeps the last.
            Part::Member(_) if self.is_seen => false,
            Part::Member(value) => {
                self.is_seen = true;
                bytes_into(&mut self.session, value)
            }
        }
    }
}

pub(super) fn context_session(value: &[u8]) -> Option<Value<'_>> {
    if value.starts_with(b"null") || value.starts_with(b"\"\"") {
        return Some(Value::None);
    }
    let mut context = Context::default();
    cross_with(value.starts_with(b"{").then_some(value)?, &mut context)?;
    Some(context.session.map_or(Value::None, Value::Text))
}

/// Reads a list of `{"Name":…,"Value":…}` and returns the last session in it.
pub(super) fn device_session(value: &[u8]) -> Option<Value<'_>> {
    if value.starts_with(b"null") {
        return Some(Value::None);
    }
    let mut rest = Rest(value.strip_prefix(b"[")?);
    let mut session = None;
    if rest.skip(b"]").is_some() {
        return Some(Value::None);
    }
    loop {
        rest.skip(b"{")?;
        (rest.text()? == b"Name").then_some(())?;
        rest.skip(b":")?;
        let name = rest.text()?;
        rest.skip(b",")?;
        (rest.text()? == b"Value").then_some(())?;
        rest.skip(b":")?;
        let value = rest.text()?;
        rest.skip(b"}")?;
        if name.eq_ignore_ascii_case(b"SessionId") {
            session = Some(value).filter(|text| is_plain(text));
            session?;
        }
        if rest.skip(b",").is_none() {
            rest.skip(b"]")?;
            let session = session.filter(|session| !session.is_empty());
            return Some(session.map_or(Value::None, Value::Text));
        }
    }
}

/// The bytes that are still to be read.
struct Rest<'a>(&'a [u8]);

impl<'a> Rest<'a> {
    fn skip(&mut self, token: &[u8]) -> Option<()> {
        self.0 = self.0.trim_ascii_start().strip_prefix(token)?;
        Some(())
    }

    /// Reads a text. A backslash in it is left as it is written.
    fn text(&mut self) -> Option<&'a [u8]> {
        let begin = self.0.trim_ascii_start();
        let text = quoted(begin)?;
        self.0 = begin.get(text.len() + 2..)?;
        Some(text)
    }
}
