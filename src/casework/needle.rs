//! Finds a name in the bytes of a record, without regard to case.

use memchr::memchr2_iter;

/// The sign for kelvin, whose small letter is an ordinary k.
const KELVIN: &[u8] = "\u{212A}".as_bytes();

/// A name in lower case, of ASCII letters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Needle {
    name: Vec<u8>,
    /// The position in the name at which the search begins: its rarest letter.
    at: usize,
    small: u8,
    capital: u8,
}

impl Needle {
    /// `None` if the name is no text that can be searched for by its bytes.
    pub(super) fn new(name: &str) -> Option<Self> {
        if name.is_empty() || !name.is_ascii() || name.contains(['\\', '"', '/']) {
            return None;
        }
        let name = name.to_ascii_lowercase().into_bytes();
        let at = (0..name.len()).min_by_key(|at| name.get(*at).map_or(0, |byte| frequency(*byte)))?;
        let small = *name.get(at)?;
        Some(Self { at, small, capital: small.to_ascii_uppercase(), name })
    }

    /// Returns whether the name may be in a record without escapes of letters.
    pub(super) fn may_be_in(&self, record: &[u8]) -> bool {
        let is_here = |at: usize| {
            let begin = at.checked_sub(self.at);
            let text = begin.and_then(|begin| record.get(begin..begin + self.name.len()));
            text.is_some_and(|text| text.eq_ignore_ascii_case(&self.name))
        };
        memchr2_iter(self.small, self.capital, record).any(is_here)
            || (self.name.contains(&b'k') && memchr::memmem::find(record, KELVIN).is_some())
    }
}

/// How frequent a byte is in records, roughly.
fn frequency(byte: u8) -> u8 {
    match byte {
        b'@' => 0,
        b'q' | b'j' | b'z' | b'_' | b'+' => 1,
        b'k' | b'w' | b'y' | b'v' | b'h' | b'g' => 2,
        b'x' | b'u' | b'l' | b'm' | b'p' => 3,
        b'0'..=b'9' | b'-' | b'.' => 5,
        _ => 4,
    }
}

#[cfg(test)]
mod tests {
    use super::Needle;

    #[test]
    fn names_are_found_in_any_case() {
        let needle = Needle::new("Kim.Lee").unwrap();
        for record in [r#"{"ObjectId":"contoso/KIM.lee"}"#, "kim.lee", "\u{212A}im.lee"] {
            assert!(needle.may_be_in(record.as_bytes()), "{record}");
        }
        for record in ["", "im.lee", "kim.le", "kim-lee"] {
            assert!(!needle.may_be_in(record.as_bytes()), "{record}");
        }
        assert_eq!(Needle::new("josé"), None);
    }
}
