//! The names that an object of the directory answers to. Exchange also finds objects by a part of a name, so an answer is believed only
//! if the object has the name that was asked for.

use std::collections::BTreeSet;

use super::row::{Row, text, texts};

/// The members of a row that name its object.
const MEMBERS: [&str; 12] = [
    "UserPrincipalName",
    "ExchangeGuid",
    "Name",
    "LegacyExchangeDN",
    "DistinguishedName",
    "Alias",
    "Identity",
    "Id",
    "Guid",
    "ExternalDirectoryObjectId",
    "PrimarySmtpAddress",
    "ExternalEmailAddress",
];

/// All names of one object, in lower case.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// Collects the names of a row. An address counts with and without its scheme (`smtp:a@b`, `a@b`).
    pub(super) fn of(row: &Row) -> Self {
        let members = MEMBERS.iter().filter_map(|member| text(row, member));
        let mut names = BTreeSet::new();
        for name in members.chain(texts(row, "EmailAddresses")) {
            let name = name.to_lowercase();
            if let Some((_, address)) = name.split_once(':') {
                names.insert(address.to_owned());
            }
            names.insert(name);
        }
        Self(names)
    }

    /// Returns whether the object has this name, in any case of its letters.
    pub(super) fn contain(&self, asked: &str) -> bool {
        let asked = asked.to_lowercase();
        self.0.contains(&asked) || common_name(&asked).is_some_and(|name| self.0.contains(name))
    }

    /// Iterates over the names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(String::as_str)
    }
}

/// Returns the last part of a canonical name, `EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/<tenant>/<name>`.
/// Audit records name objects in this form, which no cmdlet returns.
fn common_name(asked: &str) -> Option<&str> {
    let (server, path) = asked.split_once('/')?;
    server.contains('.').then(|| path.rsplit('/').next().unwrap_or_default())
}

/// An object that can be asked whether it has a name.
pub(super) trait Named {
    /// Returns whether the object has this name.
    fn has_name(&self, asked: &str) -> bool;
}

/// Returns the address of `SMTP:x` or `smtp:x` in lower case; `None` for any other scheme. A string without a scheme is an address.
pub(super) fn smtp_address(address: &str) -> Option<String> {
    match address.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("smtp") => Some(rest.to_lowercase()),
        Some(_) => None,
        None => Some(address.to_lowercase()),
    }
}
