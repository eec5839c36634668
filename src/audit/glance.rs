//! What a selected record shows before it is built: a third of all content is `Set-Mailbox` by Exchange itself, and none of that
//! is kept.

use super::select::whole::{Look, Part, Text, cross_with, plain_text};

/// Members of a cmdlet's record, read without parsing it, exactly as [`AuditRecord`](super::AuditRecord) has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance<'a> {
    /// `Operation`
    pub operation: &'a str,
    /// `UserType`
    pub user_type: i64,
    /// `OrganizationId`
    pub organization_id: &'a str,
    /// `OrganizationName`
    pub organization_name: &'a str,
}

impl<'a> Glance<'a> {
    /// `None` where the record has to be parsed: it holds one of the texts `without` in any case and anywhere, as the name of a
    /// parameter for example; it is not a cmdlet's; or it is not written as Exchange writes, with all these members under their
    /// exact names, `Parameters` as a list and no letters behind escapes.
    pub fn of(record: &'a [u8], without: &[&str]) -> Option<Self> {
        // Outside of text it is unusual, in text it is no JSON.
        if least(record) < b' ' {
            return None;
        }
        let mut look = Looking::without(without);
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
const OF_OTHER_KINDS: [&str; 3] = ["Item", "MailboxOwnerUPN", "auditData"];

/// What is looked for, and what was seen of it. Of members that come twice the first counts, as it does for the parser.
struct Looking<'a, 'w> {
    without: &'w [&'w str],
    /// One bit for each length of a name.
    lengths: u64,
    /// One bit for each letter that a name begins with, without case.
    initials: u32,
    operation: Option<&'a str>,
    user_type: Option<i64>,
    organization_id: Option<&'a str>,
    organization_name: Option<&'a str>,
    has_parameters: bool,
}

impl<'w> Looking<'_, 'w> {
    fn without(without: &'w [&'w str]) -> Self {
        const OWN: [&str; 5] = ["Operation", "UserType", "OrganizationId", "OrganizationName", "Parameters"];
        let names = OWN.iter().chain(&OF_OTHER_KINDS).chain(without);
        Self {
            without,
            lengths: names.clone().fold(0, |lengths, name| lengths | 1 << name.len()),
            initials: names.fold(0, |initials, name| initials | initial(name.as_bytes())),
            operation: None,
            user_type: None,
            organization_id: None,
            organization_name: None,
            has_parameters: false,
        }
    }
}

impl<'a> Look<'a> for Looking<'a, '_> {
    fn lengths(&self) -> u64 {
        self.lengths
    }

    /// What it is without can stand anywhere.
    fn is_done(&self) -> bool {
        false
    }

    #[inline]
    fn look(&mut self, text: Text<'a, impl Fn() -> u32>) -> bool {
        let bytes = text.bytes();
        if self.initials & initial(bytes) == 0 {
            return true;
        }
        if self.without.iter().chain(&OF_OTHER_KINDS).any(|name| name.as_bytes().eq_ignore_ascii_case(bytes)) {
            return false;
        }
        let member = match bytes {
            b"Operation" | b"UserType" | b"OrganizationId" | b"OrganizationName" | b"Parameters" => text.part(),
            _ => return true,
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

fn initial(text: &[u8]) -> u32 {
    text.first().map_or(0, |first| 1 << (first & 0x1F))
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
