//! The keys of rows that are not named by a domain, a tenant or a record alone.

use base::ids::RecordId;
use table_store::{Digest, PartitionKey, RowKey, Word};

const TENANT: Word = Word::new("tenant");
const SERVICE: Word = Word::new("service");
const TARGET: Word = Word::new("target");
const OWED: Word = Word::new("owed");
const SEEN: Word = Word::new("seen");
const PENDING: Word = Word::new("pending");
const AIM: Word = Word::new("aim");
const NEAR: Word = Word::new("near");
const SNAPSHOT: Word = Word::new("snapshot");
const CONSENT: Word = Word::new("consent");
const REMOVED: Word = Word::new("removed");
const ADDED: Word = Word::new("added");
const INCIDENT: Word = Word::new("incident");
const LOCK: Word = Word::new("lock");
const INVESTIGATION: Word = Word::new("investigation");
const ATTACKERS: Word = Word::new("attackers");
const BREAKER: Word = Word::new("breaker");
const ALL: Word = Word::new("all");
const CHANNEL: Word = Word::new("channel");
const WEBHOOK: Word = Word::new("webhook");

/// The partition of AuditLogCoverage with all tenants' coverage rows.
pub fn tenants() -> PartitionKey {
    PartitionKey::word(TENANT)
}

/// The partition of AuditLogCoverage for the service as a whole, and of ProcessedAuditLogs for findings of no tenant.
pub fn service_partition() -> PartitionKey {
    PartitionKey::word(SERVICE)
}

/// The one row of the service as a whole.
pub fn service() -> RowKey {
    RowKey::word(SERVICE)
}

/// The partition of AuditLogCoverage with the mailboxes that forward to one target.
pub fn target(target: &Digest) -> PartitionKey {
    PartitionKey::word_digest(TARGET, target)
}

/// A deferred blob, by the digest of its content id.
pub fn owed(content_id: &Digest) -> RowKey {
    RowKey::word_digest(OWED, content_id)
}

/// A notified fingerprint.
pub fn seen(fingerprint: &Digest) -> RowKey {
    RowKey::word_digest(SEEN, fingerprint)
}

/// An unfinished finding.
pub fn pending(record: &RecordId) -> RowKey {
    RowKey::word_record(PENDING, record)
}

/// The place of a mailbox's row in the partition of a target.
pub fn aim(aim: &Digest) -> RowKey {
    RowKey::word_digest(AIM, aim)
}

/// An event of a user, by the digest of the name and the finding that shows it.
pub fn near(user: &Digest, record: &RecordId) -> RowKey {
    RowKey::word_digest_record(NEAR, user, record)
}

/// The finding that the records of a consent join, by the digest of the account and one key of the application.
pub fn consent(consent: &Digest) -> RowKey {
    RowKey::word_digest(CONSENT, consent)
}

/// A removed object, by its digest.
pub fn removed(object: &Digest) -> RowKey {
    RowKey::word_digest(REMOVED, object)
}

/// A domain that was added, by its digest.
pub fn added(domain: &Digest) -> RowKey {
    RowKey::word_digest(ADDED, domain)
}

/// The newest incident of an account, by the digest of its address.
pub fn incident(account: &Digest) -> RowKey {
    RowKey::word_digest(INCIDENT, account)
}

/// The lock of a remediation, by the digest of an object id.
pub fn lock(object: &Digest) -> RowKey {
    RowKey::word_digest(LOCK, object)
}

/// The index of open snapshots, by the digest of an object id.
pub fn snapshot(object: &Digest) -> RowKey {
    RowKey::word_digest(SNAPSHOT, object)
}

/// The newest report about a threat.
pub fn investigation(log_id: &RecordId) -> RowKey {
    RowKey::word_record(INVESTIGATION, log_id)
}

/// The partition of AuditLogCoverage with the addresses of attackers.
pub fn attackers() -> PartitionKey {
    PartitionKey::word(ATTACKERS)
}

/// An address of an attacker.
pub fn attacker(address: &Digest) -> RowKey {
    RowKey::digest(address)
}

/// The partition of AuditLogCoverage with the counters of automatic containment.
pub fn breaker() -> PartitionKey {
    PartitionKey::word(BREAKER)
}

/// The counters over all tenants.
pub fn breaker_of_all() -> RowKey {
    RowKey::word(ALL)
}

/// The partition of AuditLogCoverage with the states of channels.
pub fn channels() -> PartitionKey {
    PartitionKey::word(CHANNEL)
}

/// The state of the webhook.
pub fn webhook() -> RowKey {
    RowKey::word(WEBHOOK)
}
