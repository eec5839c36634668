//! Ids and names, parsed once at the border into types that cannot be wrong.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::Uuid;

/// A string that does not have the form of a name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The string is not a GUID.
    #[error("{0:?} is not a GUID")]
    NotAGuid(String),
    /// The string is not a DNS domain name.
    #[error("{0:?} is not a domain name")]
    NotADomain(String),
    /// The string is not a mail address or user principal name.
    #[error("{0:?} is not an address of the form name@domain")]
    NotAnAddress(String),
}

macro_rules! guid {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(Uuid);

        impl $name {
            /// Wraps a GUID that is already parsed.
            pub const fn new(guid: Uuid) -> Self {
                Self(guid)
            }

            /// Returns the GUID.
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;

            fn from_str(text: &str) -> Result<Self, NameError> {
                Uuid::try_parse(text.trim())
                    .map(Self)
                    .map_err(|_| NameError::NotAGuid(shortened(text)))
            }
        }

        /// Writes lower case with hyphens, the form of URLs and table keys.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}", self.0.hyphenated())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

guid! {
    /// A tenant (an Entra directory) by its GUID.
    TenantId
}
guid! {
    /// The `Id` of an audit record, which is also the row key of its finding and the log id of a notification.
    RecordId
}
guid! {
    /// One run of a function or of a remediation.
    RunId
}

impl RunId {
    /// Returns a new random run id.
    pub fn random() -> Self {
        Self(Uuid::new_v4())
    }
}

/// A domain name in its comparable form: lower case, IDNA ASCII, no trailing dot.
///
/// The characters are those of table keys as well (`a-z 0-9 . - _`), so a domain needs no escaping anywhere.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Domain(String);

impl Domain {
    /// Returns the comparable text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether this is a true sub-domain of `parent` (whole labels; a domain is not a sub-domain of itself).
    pub fn is_below(&self, parent: &Domain) -> bool {
        self.0.strip_suffix(parent.as_str()).is_some_and(|head| head.ends_with('.'))
    }

    /// Returns the domain as people read it, in Unicode.
    pub fn to_unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }
}

/// Returns the substitute for the domain of a tenant of which only the GUID is known.
impl From<&TenantId> for Domain {
    fn from(tenant: &TenantId) -> Self {
        Self(tenant.to_string())
    }
}

impl FromStr for Domain {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = || NameError::NotADomain(shortened(text));
        let ascii = idna::domain_to_ascii(text.trim().trim_end_matches('.')).map_err(|_| refuse())?;
        let label_is_sound = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_')
        };
        if ascii.len() > 253 || !ascii.split('.').all(label_is_sound) {
            return Err(refuse());
        }
        Ok(Self(ascii))
    }
}

impl fmt::Display for Domain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Serialize for Domain {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Domain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// A mail address or user principal name: the local part in lower case and a comparable [`Domain`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MailAddress {
    local: String,
    domain: Domain,
}

impl MailAddress {
    /// Returns the part before the last `@`, in lower case.
    pub fn local(&self) -> &str {
        &self.local
    }

    /// Returns the part after the last `@`.
    pub fn domain(&self) -> &Domain {
        &self.domain
    }
}

impl FromStr for MailAddress {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let refuse = || NameError::NotAnAddress(shortened(text));
        let (local, domain) = text.trim().rsplit_once('@').ok_or_else(refuse)?;
        let local_is_sound = !local.is_empty()
            && local.len() <= 128
            && !local.chars().any(|c| c.is_control() || c.is_whitespace() || matches!(c, '/' | '\\' | '<' | '>' | '"'));
        if !local_is_sound {
            return Err(refuse());
        }
        Ok(Self { local: local.to_lowercase(), domain: domain.parse().map_err(|_| refuse())? })
    }
}

impl fmt::Display for MailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.local, self.domain)
    }
}

/// Returns the beginning of a wrong text, enough to recognize it in an error.
fn shortened(text: &str) -> String {
    text.chars().take(80).collect()
}
