//! Reads the few members of a selected record that identify system noise, before the record is parsed: a third of all content is
//! `Set-Mailbox` by Exchange itself, and no finding comes of that.

use super::select::whole::{Look, Part, Text, cross_with, plain_text};

/// Members of a cmdlet's record, read without parsing it, exactly as [`AuditRecord`](super::AuditRecord) has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prefilter<'a> {
    /// `Operation`
    pub operation: &'a str,
    /// `UserType`
    pub user_type: i64,
    /// `OrganizationId`
    pub organization_id: &'a str,
    /// `OrganizationName`
    pub organization_name: &'a str,
}

impl<'a> Prefilter<'a> {
    /// `None` where the record has to be parsed: it holds one of the texts `forbidden` in any case and anywhere, as the name of a
    /// parameter for example; it is not a cmdlet's; or it is not written as Exchange writes, with all these members under their
    /// exact names, `Parameters` as a list and no letters behind escapes.
    pub fn of(record: &'a [u8], forbidden: &'static ForbiddenNames) -> Option<Self> {
        // Outside of text it is unusual, in text it is no JSON.
        if least(record) < b' ' {
            return None;
        }
        let mut look = Looking::new(forbidden);
        cross_with(record, &mut look).filter(|length| *length == record.len() && look.has_parameters)?;
        Some(Self {
            operation: look.operation?,
            user_type: look.user_type?,
            organization_id: look.organization_id?,
            organization_name: look.organization_name?,
        })
    }
}

/// Members of other kinds of records: with one of these it takes more to tell what the record is about.
const OF_OTHER_KINDS: &[&str] = &["Item", "MailboxOwnerUPN", "auditData"];

/// Texts, compared without case, that a record must not contain anywhere if the prefilter is to describe it.
#[derive(Debug)]
pub struct ForbiddenNames {
    names: &'static [&'static str],
    /// For each length the letters with which a text of that length begins that matters, one bit for each, without case.
    initials: [u32; 32],
}

impl ForbiddenNames {
    /// For a `static`: names are ASCII, and have fewer than 32 letters.
    pub const fn new(names: &'static [&'static str]) -> Self {
        const OWN: &[&str] = &["Operation", "UserType", "OrganizationId", "OrganizationName", "Parameters"];
        let initials = with_initials(with_initials(with_initials([0; 32], OWN), OF_OTHER_KINDS), names);
        Self { names, initials }
    }
}

const fn with_initials(mut initials: [u32; 32], names: &[&str]) -> [u32; 32] {
    let mut at = 0;
    while at < names.len() {
        let name = names[at].as_bytes();
        initials[name.len()] |= initial(name[0]);
        at += 1;
    }
    initials
}

/// One bit per letter, without case. Other characters share the bits of letters, which costs a comparison.
const fn initial(first: u8) -> u32 {
    1 << (first & 0x1F)
}

/// The members that the prefilter looks for, as far as found. If a member occurs twice, the first counts, as in the parser.
struct Looking<'a> {
    forbidden: &'static ForbiddenNames,
    operation: Option<&'a str>,
    user_type: Option<i64>,
    organization_id: Option<&'a str>,
    organization_name: Option<&'a str>,
    has_parameters: bool,
}

impl<'a> Looking<'a> {
    fn new(forbidden: &'static ForbiddenNames) -> Self {
        Self {
            forbidden,
            operation: None,
            user_type: None,
            organization_id: None,
            organization_name: None,
            has_parameters: false,
        }
    }
}

impl<'a> Look<'a> for Looking<'a> {
    #[inline(always)]
    fn is_sought(&self, length: usize, first: u8) -> bool {
        self.forbidden.initials.get(length).is_some_and(|initials| initials & initial(first) != 0)
    }

    /// Returns `false` always, because a text of [`ForbiddenNames`] can be anywhere in the record.
    fn is_done(&self) -> bool {
        false
    }

    fn look(&mut self, text: Text<'a, impl Fn() -> u32>) -> bool {
        let bytes = text.bytes();
        let member = match bytes {
            b"Operation" | b"UserType" | b"OrganizationId" | b"OrganizationName" | b"Parameters" => text.part(),
            _ => {
                let mut names = self.forbidden.names.iter().chain(OF_OTHER_KINDS);
                return !names.any(|name| name.as_bytes().eq_ignore_ascii_case(bytes));
            }
        };
        let value = match member {
            Part::Member(value) => value,
            Part::Other => return true,
            Part::Unusual => return false,
        };
        match bytes {
            b"UserType" => first(&mut self.user_type, plain_number(value)),
            b"Operation" => first(&mut self.operation, plain_text(value)),
            b"OrganizationId" => first(&mut self.organization_id, plain_text(value)),
            b"OrganizationName" => first(&mut self.organization_name, plain_text(value)),
            _ if self.has_parameters => true,
            _ => {
                self.has_parameters = value.starts_with(b"[");
                self.has_parameters
            }
        }
    }
}

/// The least byte there is.
fn least(bytes: &[u8]) -> u8 {
    let mut least = u8::MAX;
    for byte in bytes {
        least = least.min(*byte);
    }
    least
}

/// Keeps the first value; false when that is none.
fn first<T>(kept: &mut Option<T>, value: Option<T>) -> bool {
    if kept.is_none() {
        *kept = value;
    }
    kept.is_some()
}

/// A number without sign, fraction or exponent.
fn plain_number(bytes: &[u8]) -> Option<i64> {
    let length = bytes.iter().position(|byte| matches!(byte, b',' | b'}'))?;
    let digits = bytes[..length].trim_ascii_end();
    if digits.is_empty() || digits.len() > 9 || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(digits).ok()?.parse().ok()
}
