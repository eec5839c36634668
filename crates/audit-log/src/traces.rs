//! Reads the members by which one record among many is found again, without parsing it: by whom it is, on which mailbox, from which
//! address and in which session.

mod sessions;
mod values;

use super::select::whole::{Look, Part, Text, cross_with};
use sessions::{context_session, device_session};
use values::{bytes_into, filled_into, name_into, record_type, result_into, text_into};

/// The envelopes that are opened around a record, as [`AnyRecord`](super::AnyRecord) opens them.
const DEPTH: u8 = 2;

/// Members of a record as [`AnyRecord`](super::AnyRecord) has them. Texts are ASCII and have no escapes except as noted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traces<'a> {
    /// `CreationTime`
    pub created: &'a [u8],
    /// `Id`
    pub id: &'a [u8],
    /// `Operation`
    pub operation: &'a str,
    /// `RecordType`
    pub record_type: Option<i64>,
    /// `OrganizationId`
    pub organization: Option<&'a [u8]>,
    /// `UserId`, each backslash twice as in JSON.
    pub account: Option<&'a [u8]>,
    /// `MailboxOwnerUPN`, each backslash twice as in JSON.
    pub mailbox: Option<&'a [u8]>,
    /// `UserKey` and `TokenObjectId`, each backslash twice as in JSON.
    pub object_ids: [Option<&'a [u8]>; 2],
    /// `ClientIP`, `ClientIPAddress`, `ActorIpAddress` and `ActorIP`.
    pub addresses: [Option<&'a str>; 4],
    /// `SessionId`, `AADSessionId` of `AppAccessContext`, and `SessionId` of `DeviceProperties`.
    pub sessions: [Option<&'a [u8]>; 3],
}

impl<'a> Traces<'a> {
    /// `None` where the record has to be parsed: it is not written as Microsoft's services write, on one line and with plain texts in
    /// these members. A record that is no sound JSON may have traces.
    pub fn of(record: &'a [u8]) -> Option<Self> {
        let (length, traces) = Self::cross(record)?;
        (length == record.len()).then_some(traces)
    }

    /// The traces of the record that the bytes begin with, and its length.
    pub(crate) fn cross(bytes: &'a [u8]) -> Option<(usize, Self)> {
        let mut looking = Looking::default();
        let length = cross_with(bytes, &mut looking)?;
        // An object without an operation is an envelope of another kind.
        (!looking.found.operation.is_empty()).then_some(())?;
        Some((length, looking.end(DEPTH)?))
    }
}

/// The names of the members; the place of a name is its bit in [`Looking::seen`].
const NAMES: [&str; 17] = [
    "CreationTime",
    "Id",
    "Operation",
    "OrganizationId",
    "RecordType",
    "UserId",
    "MailboxOwnerUPN",
    "UserKey",
    "ClientIP",
    "ClientIPAddress",
    "ActorIpAddress",
    "ActorIP",
    "SessionId",
    "AppAccessContext",
    "DeviceProperties",
    "auditData",
    "TokenObjectId",
];

/// For each length the letters with which a name of that length begins, one bit for each, without case.
const INITIALS: [u32; 32] = {
    let (mut initials, mut at) = ([0; 32], 0);
    while at < NAMES.len() {
        let name = NAMES[at].as_bytes();
        initials[name.len()] |= 1 << (name[0] & 0x1F);
        at += 1;
    }
    initials
};

/// Returns the place of a name. No two names have the same length and first letter.
#[inline]
fn member_of(bytes: &[u8]) -> Option<usize> {
    let member = match (bytes.len(), bytes.first()?.to_ascii_lowercase()) {
        (12, b'c') => 0,
        (2, b'i') => 1,
        (9, b'o') => 2,
        (14, b'o') => 3,
        (10, b'r') => 4,
        (6, b'u') => 5,
        (15, b'm') => 6,
        (7, b'u') => 7,
        (8, b'c') => 8,
        (15, b'c') => 9,
        (14, b'a') => 10,
        (7, b'a') => 11,
        (9, b's') => 12,
        (16, b'a') => 13,
        (16, b'd') => 14,
        (9, b'a') => 15,
        (13, b't') => 16,
        _ => return None,
    };
    let name = NAMES.get(member)?.as_bytes();
    (name == bytes || name.eq_ignore_ascii_case(bytes)).then_some(member)
}

/// The members that were found so far. If a member occurs twice, the first counts, as in the parser.
#[derive(Debug, Default)]
struct Looking<'a> {
    seen: u32,
    found: Traces<'a>,
    inner: Option<&'a [u8]>,
}

impl<'a> Looking<'a> {
    /// Opens the envelope, if it is one.
    fn end(self, depth: u8) -> Option<Traces<'a>> {
        if let Some(inner) = self.inner {
            let mut looking = Looking::default();
            cross_with(inner, &mut looking)?;
            return looking.end(depth.checked_sub(1)?);
        }
        let found = self.found;
        (!found.created.is_empty() && !found.id.is_empty() && !found.operation.is_empty()).then_some(found)
    }

    /// Returns whether the value is one that can be understood without parsing.
    fn take(&mut self, member: usize, value: &'a [u8]) -> bool {
        let found = &mut self.found;
        match member {
            0 => filled_into(&mut found.created, value),
            1 => filled_into(&mut found.id, value),
            2 => {
                let mut operation = None;
                let is_read = text_into(&mut operation, value);
                found.operation = operation.unwrap_or_default();
                is_read && operation.is_some()
            }
            3 => bytes_into(&mut found.organization, value),
            4 => match record_type(value) {
                Some(number) => {
                    found.record_type = number;
                    true
                }
                None => false,
            },
            5 => name_into(&mut found.account, value),
            6 => name_into(&mut found.mailbox, value),
            7 => name_into(&mut found.object_ids[0], value),
            16 => name_into(&mut found.object_ids[1], value),
            8..=11 => text_into(&mut found.addresses[member - 8], value),
            12 => bytes_into(&mut found.sessions[0], value),
            13 => result_into(&mut found.sessions[1], context_session(value)),
            14 => result_into(&mut found.sessions[2], device_session(value)),
            _ => {
                self.inner = Some(value).filter(|value| value.starts_with(b"{"));
                self.inner.is_some() || value.starts_with(b"null")
            }
        }
    }
}

impl<'a> Look<'a> for Looking<'a> {
    const NAMES: bool = true;

    #[inline(always)]
    fn is_sought(&self, length: usize, first: u8) -> bool {
        INITIALS.get(length).is_some_and(|initials| initials & (1 << (first & 0x1F)) != 0)
    }

    /// Returns `false` always: a name with an escape may be anywhere.
    fn is_done(&self) -> bool {
        false
    }

    fn look(&mut self, text: Text<'a, impl Fn() -> u32>) -> bool {
        let bytes = text.bytes();
        let Some(member) = member_of(bytes) else { return true };
        if self.seen & (1 << member) != 0 {
            return true;
        }
        match text.part() {
            Part::Other => true,
            Part::Unusual => false,
            Part::Member(value) => {
                self.seen |= 1 << member;
                self.take(member, value)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Traces;

    const HEAD: &str = r#""CreationTime":"2026-11-20T08:00:00","Id":"1","Operation":"Send""#;

    fn with(members: &str) -> String {
        format!("{{{HEAD},{members}}}")
    }

    #[test]
    fn members_are_read_from_every_place() {
        let record = with(
            r#""OrganizationId":"o","RecordType":50,"UserId":"NT AUTHORITY\\SYSTEM","MailboxOwnerUPN":null,"userkey":"k\\\\",
            "ClientIPAddress":"1.2.3.4","SessionId":"","AppAccessContext":{"APIId":"","AADSessionId":"a"},
            "DeviceProperties":[{"Name":"OS","Value":"x"},{"Name":"SessionId","Value":"d"}],"Folders":[{"Id":"n","UserId":"z"}]"#,
        );
        let record = record.replace('\n', " ");
        let traces = Traces::of(record.as_bytes()).unwrap();
        assert_eq!(traces.created, b"2026-11-20T08:00:00");
        assert_eq!((traces.id, traces.operation, traces.record_type), (&b"1"[..], "Send", Some(50)));
        assert_eq!(traces.account, Some(&br"NT AUTHORITY\\SYSTEM"[..]));
        assert_eq!((traces.mailbox, traces.object_ids), (None, [Some(&br"k\\\\"[..]), None]));
        assert_eq!(traces.addresses, [None, Some("1.2.3.4"), None, None]);
        assert_eq!(traces.sessions, [None, Some(&b"a"[..]), Some(&b"d"[..])]);
    }

    #[test]
    fn unusual_records_have_no_traces() {
        for members in [
            r#""UserId":"jos\u00e9""#,
            r#""UserId":"josé""#,
            r#""UserId":" v""#,
            r#""UserId":7"#,
            r#""User\u0049d":"v""#,
            r#""ClientIP":"a\"b""#,
            r#""AppAccessContext":"{\"AADSessionId\":\"a\"}""#,
            r#""AppAccessContext":{"AADSessionId":"a","aadsessionid":"b"}"#,
            r#""DeviceProperties":[{"Value":"d","Name":"SessionId"}]"#,
            r#""auditData":"{}""#,
            "\n\"UserId\":\"v\"",
        ] {
            assert_eq!(Traces::of(with(members).as_bytes()), None, "{members}");
        }
        assert_eq!(Traces::of(br#"{"Operation":"Send","Id":"1"}"#), None);
    }

    #[test]
    fn every_name_is_found_in_its_place() {
        for (place, name) in super::NAMES.iter().enumerate() {
            assert_eq!(super::member_of(name.to_lowercase().as_bytes()), Some(place), "{name}");
        }
        assert_eq!(super::member_of(b"Operatiom"), None);
    }

    #[test]
    fn envelope_is_opened() {
        let inner = with(r#""UserId":"v""#);
        let record = format!(r#"{{"operation":"Send","userId":"w","auditData":{inner}}}"#);
        assert_eq!(Traces::of(record.as_bytes()).unwrap().account, Some(&b"v"[..]));
    }
}
