//! Targets of mail as records and rules write them.

use base::ids::Domain;

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
