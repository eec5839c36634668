//! Addresses in which another target is encoded.

use super::addresses::targets_in;
use super::knowledge::Knowledge;
use super::targets::Target;

impl Target {
    /// Returns the target that is encoded in an address like `IMCEASMTP-a+40b.example@contoso.com` under an accepted domain: Exchange
    /// decodes it and sends the mail there. Under any other domain the mail goes to that domain.
    ///
    /// Source: [MS-OXOABK] and the non-delivery reports of Exchange, which show such addresses: `+` and two hexadecimal digits
    /// stand for a character, `_` for a slash. The encoded text may be such an address again.
    pub(super) fn decoded(&self, known: &Knowledge) -> Option<Self> {
        const DEEPEST: usize = 8;
        let mut decoded = self.decoded_once(known)?;
        for _ in 0..DEEPEST {
            match decoded.decoded_once(known) {
                Some(inner) => decoded = inner,
                None => return Some(decoded),
            }
        }
        match decoded {
            Self::Address { text, .. } => Some(Self::Unclear(text)),
            other => Some(other),
        }
    }

    fn decoded_once(&self, known: &Knowledge) -> Option<Self> {
        let Self::Address { text, domain } = self else { return None };
        let encoded = text.rsplit_once('@').map(|(local, _)| local)?.strip_prefix("imcea")?;
        let (kind, encoded) = encoded.split_once('-')?;
        if !known.is_inside(domain) {
            return None;
        }
        let decoded = decode(encoded);
        Some(match kind {
            "smtp" => match targets_in(&decoded).as_slice() {
                [Self::Directory(_)] | [] => Self::Elsewhere(decoded),
                [one] => one.clone(),
                _ => Self::Unclear(decoded),
            },
            "ex" => Self::Directory(decoded),
            _ => Self::Elsewhere(decoded),
        })
    }
}

fn decode(encoded: &str) -> String {
    let mut bytes = Vec::with_capacity(encoded.len());
    let mut rest = encoded.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = hex.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        match (first, code) {
            (b'+', Some(code)) => {
                bytes.push(code);
                rest = after.get(2..).unwrap_or_default();
            }
            (b'_', _) => {
                bytes.push(b'/');
                rest = after;
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
