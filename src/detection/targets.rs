//! Targets of mail as records and rules write them.

use base::ids::Domain;

use super::addresses::targets_in;
use super::knowledge::Knowledge;

/// A target as a record or a rule writes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    /// An address with a domain name.
    Address {
        /// Lower case, the domain in comparable form.
        text: String,
        /// The part after the last `@`.
        domain: Domain,
    },
    /// A directory object by its legacy DN, DN, alias or display name.
    Directory(String),
    /// A telephone number or an address with an IP literal: nothing of the tenant is reached that way.
    Elsewhere(String),
    /// There is one, and the record does not show it.
    NotShown,
    /// A text that cannot be read as one address or name.
    Unclear(String),
}

/// The destination of one target.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Destination {
    /// Proven to leave the organization.
    Outside(String),
    /// Outside, but trusted by the provider's settings.
    Trusted(String),
    /// An accepted domain.
    Inside(String),
    /// Not resolved.
    Unresolved {
        /// As written.
        text: String,
        /// `true` after a transient error: it may be known later.
        withheld: bool,
    },
}

impl Destination {
    /// The address, or the text that could not be resolved.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Outside(text) | Self::Trusted(text) | Self::Inside(text) | Self::Unresolved { text, .. } => text,
        }
    }
}

impl Target {
    /// One target. `"name" [SMTP:x@y]`: only the bracket counts. `None` for an empty text.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.is_empty() {
            return None;
        }
        if let Some((before, inner)) = last_bracket(text) {
            if before.ends_with('@') {
                return Some(Self::Elsewhere(text.to_lowercase()));
            }
            return Some(Self::read_bracket(inner).unwrap_or_else(|| Self::Directory(text.to_owned())));
        }
        let bare = match text.rsplit_once('<') {
            Some((_, inner)) if inner.ends_with('>') => inner.trim_end_matches('>'),
            _ => text,
        };
        let bare = without_prefix(bare.trim_matches(['"', '\'', ' ']));
        Some(address(bare).or_else(|| phone(bare)).unwrap_or_else(|| Self::Directory(text.to_owned())))
    }

    /// The inside of `[SMTP:x]`, `[EX:/o=…]`, `[MOBILE:+44…]`.
    fn read_bracket(inner: &str) -> Option<Self> {
        let (kind, rest) = inner.split_once(':').unwrap_or(("", inner));
        let rest = rest.trim();
        if rest.is_empty() {
            return None;
        }
        if kind.trim().eq_ignore_ascii_case("EX") {
            return Some(Self::Directory(rest.to_owned()));
        }
        Some(address(rest).or_else(|| phone(rest)).unwrap_or_else(|| Self::Directory(rest.to_owned())))
    }

    /// Every target of a text that may name several.
    pub(super) fn read_list(text: &str) -> Vec<Self> {
        targets_in(text)
    }

    /// Returns the target that is encoded in an address like `IMCEASMTP-a+40b.example@contoso.com` under an accepted domain: Exchange
    /// decodes it and sends the mail there. Under any other domain the mail goes to that domain.
    ///
    /// Source: [MS-OXOABK] and the non-delivery reports of Exchange, which show such addresses: `+` and two hexadecimal digits
    /// stand for a character, `_` for a slash. What is encoded may be such an address again.
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
        if !is_inside(domain, known) {
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

/// Returns whether mail to this domain stays in the tenant. While no accepted domain is known, the tenant's own counts. A domain that
/// was added a short time ago does not.
pub(super) fn is_inside(domain: &Domain, known: &Knowledge) -> bool {
    let none_known = known.accepted.exact.is_empty() && known.accepted.with_sub_domains.is_empty();
    let is_new = known.recently_added.keys().any(|added| added == domain || domain.is_below(added));
    !is_new && (known.accepted.contain(domain) || (none_known && *domain == known.domain))
}

/// An address by its domain; the local part may be anything, because Exchange accepts more than the usual grammar.
pub(super) fn address(text: &str) -> Option<Target> {
    let (local, domain) = text.rsplit_once('@')?;
    // Legacy DNs and paths may hold an @ in a name.
    if local.is_empty() || local.starts_with('/') || domain.trim() != domain {
        return None;
    }
    let domain: Domain = domain.parse().ok()?;
    Some(Target::Address { text: format!("{}@{domain}", local.to_lowercase()), domain })
}

fn phone(text: &str) -> Option<Target> {
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_phone = digits >= 7
        && text.starts_with(['+', '0', '('])
        && text.chars().all(|ch| ch.is_ascii_digit() || matches!(ch, '+' | ' ' | '-' | '(' | ')' | '.' | '/'));
    is_phone.then(|| Target::Elsewhere(text.to_owned()))
}

pub(super) fn without_prefix(text: &str) -> &str {
    for prefix in ["smtp:", "mailto:"] {
        if let (Some(head), Some(rest)) = (text.get(..prefix.len()), text.get(prefix.len()..))
            && head.eq_ignore_ascii_case(prefix)
        {
            return rest.trim();
        }
    }
    text
}

/// `name [inner]` as (`name `, `inner`), by the last bracket: a display name may hold a bracket of its own.
fn last_bracket(text: &str) -> Option<(&str, &str)> {
    text.strip_suffix(']')?.rsplit_once('[')
}
