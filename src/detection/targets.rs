//! Where mail is sent: what is written in records and rules, and whether that is inside or outside.

use crate::settings::TrustedTarget;
use base::ids::{Domain, MailAddress};

use super::knowledge::{Answer, Knowledge};

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
}

/// Where one target leads.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Reach {
    /// Proven to leave the organization.
    Outside(String),
    /// Outside, but trusted by the provider's settings.
    Trusted(String),
    /// An accepted domain.
    Inside(String),
    /// Nobody can say.
    Unresolved {
        /// As written.
        text: String,
        /// A passing fault: it may be known later.
        withheld: bool,
    },
}

impl Reach {
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

    /// Every target of a list joined with `;`. A `;` inside quotes or brackets does not part.
    pub(super) fn read_list(text: &str) -> Vec<Self> {
        split_list(text).into_iter().filter_map(Self::read).collect()
    }

    /// Where it leads, by the accepted domains, the trusted ones and what Exchange said about directory objects.
    pub(super) fn reach(&self, known: &Knowledge) -> Vec<Reach> {
        match self {
            Self::Elsewhere(text) => vec![Reach::Outside(text.clone())],
            Self::Address { text, domain } => vec![reach_of_address(text, domain, known)],
            Self::Directory(text) => reach_of_directory_object(text, known),
            Self::NotShown => {
                vec![Reach::Unresolved {
                    text: "a recipient that the record does not show".to_owned(),
                    withheld: false,
                }]
            }
        }
    }
}

/// Whether mail to this domain stays in the tenant. While no accepted domain is known, the tenant's own counts.
pub(super) fn is_inside(domain: &Domain, known: &Knowledge) -> bool {
    let none_known = known.accepted.exact.is_empty() && known.accepted.with_sub_domains.is_empty();
    known.accepted.contain(domain) || (none_known && *domain == known.domain)
}

fn reach_of_address(text: &str, domain: &Domain, known: &Knowledge) -> Reach {
    if is_inside(domain, known) {
        Reach::Inside(text.to_owned())
    } else if is_trusted(text, domain, known) {
        Reach::Trusted(text.to_owned())
    } else {
        Reach::Outside(text.to_owned())
    }
}

fn is_trusted(text: &str, domain: &Domain, known: &Knowledge) -> bool {
    let here = |only_in: &Option<Domain>| only_in.as_ref().is_none_or(|tenant| *tenant == known.domain);
    known.trusted_targets.iter().any(|trusted| match trusted {
        TrustedTarget::Domain { only_in, domain: trusted } => here(only_in) && trusted == domain,
        TrustedTarget::Address { only_in, address } => {
            here(only_in) && text.parse::<MailAddress>().is_ok_and(|target| target == *address)
        }
    })
}

fn reach_of_directory_object(text: &str, known: &Knowledge) -> Vec<Reach> {
    let unresolved = |withheld| vec![Reach::Unresolved { text: text.to_owned(), withheld }];
    match known.recipients.get(text) {
        Some(Answer::Known(facts)) if !facts.addresses.is_empty() => {
            facts.addresses.iter().map(|address| reach_of_resolved(address, known)).collect()
        }
        Some(Answer::Known(_) | Answer::Unknown | Answer::Refused) => unresolved(false),
        Some(Answer::Withheld) => unresolved(true),
        None => unresolved(!known.offline),
    }
}

/// An address that Exchange gave for a directory object. What is no address is not resolved: one step, no chains.
fn reach_of_resolved(text: &str, known: &Knowledge) -> Reach {
    match Target::read(text) {
        Some(Target::Address { text, domain }) => reach_of_address(&text, &domain, known),
        Some(Target::Elsewhere(text)) => Reach::Outside(text),
        _ => Reach::Unresolved { text: text.to_owned(), withheld: false },
    }
}

/// An address by its domain; the local part may be anything, because Exchange accepts more than we would.
fn address(text: &str) -> Option<Target> {
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

fn without_prefix(text: &str) -> &str {
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

/// Parts at `;`, not inside quotes or brackets; when those do not match, at every `;`, so that nothing hides behind one.
fn split_list(text: &str) -> Vec<&str> {
    let (mut quoted, mut bracketed, mut start, mut parts) = (false, false, 0, Vec::new());
    for (at, ch) in text.char_indices() {
        match ch {
            '"' => quoted = !quoted,
            '[' if !quoted => bracketed = true,
            ']' if !quoted => bracketed = false,
            ';' if !quoted && !bracketed => {
                parts.extend(text.get(start..at));
                start = at + 1;
            }
            _ => {}
        }
    }
    if quoted || bracketed {
        return text.split(';').collect();
    }
    parts.extend(text.get(start..));
    parts
}
