//! Table keys. The client crate does not escape them and a quote in a key can overwrite another row, so a key can only be
//! made from a domain, a GUID, a digest or one of our own words, and holds nothing but `a-z 0-9 . _ -`.

use std::fmt;

use sha2::{Digest as _, Sha256};

use crate::names::{Domain, RecordId, RunId, TenantId};

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
            /// A key as the store gave it back, or one of our own words.
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

impl PartitionKey {
    /// Of ProcessedAuditLogs and AuditLogActionsLog: the tenant's domain (`ManagementDomain`).
    pub fn domain(domain: &Domain) -> Self {
        Self(domain.to_string())
    }

    /// Of AuditLogCoverage: all tenants' coverage rows.
    pub fn tenants() -> Self {
        Self("tenant".to_owned())
    }

    /// Of AuditLogCoverage: what belongs to the service as a whole, and of ProcessedAuditLogs for findings of no tenant.
    pub fn service() -> Self {
        Self("service".to_owned())
    }

    /// Of AuditLogCoverage: what is owed, seen and pending in one tenant.
    pub fn tenant(tenant: &TenantId) -> Self {
        Self(tenant.to_string())
    }

    /// Of AuditLogCoverage: who else forwards to one target.
    pub fn target(target: &Digest) -> Self {
        Self(format!("target_{target}"))
    }
}

impl RowKey {
    /// Of ProcessedAuditLogs, and the newest run in AuditLogActionsLog.
    pub fn record(record: &RecordId) -> Self {
        Self(record.to_string())
    }

    /// One run in AuditLogActionsLog.
    pub fn run(record: &RecordId, run: &RunId) -> Self {
        Self(format!("{record}_{run}"))
    }

    /// A tenant's coverage row.
    pub fn tenant(tenant: &TenantId) -> Self {
        Self(tenant.to_string())
    }

    /// A blob that is still owed, by the digest of its content id.
    pub fn owed(content_id: &Digest) -> Self {
        Self(format!("owed_{content_id}"))
    }

    /// A fingerprint that was seen.
    pub fn seen(fingerprint: &Digest) -> Self {
        Self(format!("seen_{fingerprint}"))
    }

    /// A finding that is not finished.
    pub fn pending(record: &RecordId) -> Self {
        Self(format!("pending_{record}"))
    }

    /// Where the row of a mailbox is in the partition of a target.
    pub fn aim(aim: &Digest) -> Self {
        Self(format!("aim_{aim}"))
    }

    /// What happened to a user, by the digest of the name, and which finding says so.
    pub fn near(user: &Digest, record: &RecordId) -> Self {
        Self(format!("near_{user}_{record}"))
    }

    /// The lock of a remediation, by the digest of the mailbox's object id.
    pub fn lock(mailbox: &Digest) -> Self {
        Self(format!("lock_{mailbox}"))
    }

    /// The one row of the service as a whole.
    pub fn service() -> Self {
        Self("service".to_owned())
    }

    /// A row that is named by nothing but a digest.
    pub fn digest(digest: &Digest) -> Self {
        Self(digest.to_string())
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
