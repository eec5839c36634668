//! Table keys. The client crate does not escape them and a quote in a key can overwrite another row, so a key can only be
//! made from a domain, a GUID, a digest or a fixed word, and holds nothing but `a-z 0-9 . _ -`.

use std::fmt;

use sha2::{Digest as _, Sha256};

use base::ids::{Domain, RecordId, RunId, TenantId};

/// A text that cannot be a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} cannot be a table key: only a-z, 0-9, '.', '_' and '-' are, at most 255 of them")]
pub struct KeyError(String);

/// A lower-case hexadecimal SHA-256.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Hashes the parts, each with its length before it, so that no two lists of parts give the same digest.
    pub fn of<T: AsRef<[u8]>>(parts: &[T]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.as_ref().len() as u64).to_be_bytes());
            hash.update(part.as_ref());
        }
        Self(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The 64 hexadecimal digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::str::FromStr for Digest {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let is_digest = text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if is_digest { Ok(Self(text.to_owned())) } else { Err(refused(text)) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

macro_rules! key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(String);

        impl $name {
            /// A key as the store gave it back, or a fixed word.
            ///
            /// # Errors
            /// When it holds anything but the characters of a key.
            pub fn parse(text: &str) -> Result<Self, KeyError> {
                if is_key(text) { Ok(Self(text.to_owned())) } else { Err(refused(text)) }
            }

            /// The text of the key.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

key! {
    /// The key of a partition.
    PartitionKey
}
key! {
    /// The key of a row within its partition.
    RowKey
}

/// A fixed word of a key: lower-case letters, checked when the program is compiled if it is a `const`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word(&'static str);

impl Word {
    /// Names a word.
    ///
    /// # Panics
    /// If the word contains anything but `a-z`. A `const` then does not compile.
    pub const fn new(word: &'static str) -> Self {
        let (bytes, mut at) = (word.as_bytes(), 0);
        while at < bytes.len() {
            assert!(bytes[at].is_ascii_lowercase(), "a word of a table key is a-z");
            at += 1;
        }
        Self(word)
    }

    /// The word.
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

impl PartitionKey {
    /// The partition that a domain names.
    pub fn domain(domain: &Domain) -> Self {
        Self(domain.to_string())
    }

    /// The partition that a tenant's GUID names.
    pub fn tenant(tenant: &TenantId) -> Self {
        Self(tenant.to_string())
    }

    /// The partition that a fixed word names.
    pub fn word(word: Word) -> Self {
        Self(word.as_str().to_owned())
    }

    /// The partition `<word>_<digest>`.
    pub fn word_digest(word: Word, digest: &Digest) -> Self {
        Self(format!("{}_{digest}", word.as_str()))
    }
}

impl RowKey {
    /// The row that a record's GUID names.
    pub fn record(record: &RecordId) -> Self {
        Self(record.to_string())
    }

    /// The row `<record>_<run>`.
    pub fn run(record: &RecordId, run: &RunId) -> Self {
        Self(format!("{record}_{run}"))
    }

    /// The row that a tenant's GUID names.
    pub fn tenant(tenant: &TenantId) -> Self {
        Self(tenant.to_string())
    }

    /// The row that a digest names.
    pub fn digest(digest: &Digest) -> Self {
        Self(digest.to_string())
    }

    /// The row that a fixed word names.
    pub fn word(word: Word) -> Self {
        Self(word.as_str().to_owned())
    }

    /// The row `<word>_<digest>`.
    pub fn word_digest(word: Word, digest: &Digest) -> Self {
        Self(format!("{}_{digest}", word.as_str()))
    }

    /// The row `<word>_<record>`.
    pub fn word_record(word: Word, record: &RecordId) -> Self {
        Self(format!("{}_{record}", word.as_str()))
    }

    /// The row `<word>_<digest>_<record>`.
    pub fn word_digest_record(word: Word, digest: &Digest, record: &RecordId) -> Self {
        Self(format!("{}_{digest}_{record}", word.as_str()))
    }
}

/// The full address of a row within its table.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Key {
    /// The partition.
    pub partition: PartitionKey,
    /// The row.
    pub row: RowKey,
}

impl Key {
    /// Puts both parts together.
    pub fn new(partition: PartitionKey, row: RowKey) -> Self {
        Self { partition, row }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.partition, self.row)
    }
}

fn is_key(text: &str) -> bool {
    (1..=255).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
}

fn refused(text: &str) -> KeyError {
    KeyError(text.chars().take(80).collect())
}
