//! Collects content before it is published.

use chrono::{DateTime, Utc};
use serde_json::Value;

use crate::records::Seeded;
use crate::world::Tenant;

/// The blobs that are not published yet; the first of a content type is the newest.
#[derive(Debug, Default)]
pub(super) struct Drafts(Vec<Draft>);

#[derive(Debug)]
struct Draft {
    content_type: &'static str,
    created: DateTime<Utc>,
    records: Vec<Value>,
}

impl Drafts {
    /// Adds a blob.
    pub(super) fn add(&mut self, content_type: &'static str, created: DateTime<Utc>, records: Vec<Value>) {
        self.0.push(Draft { content_type, created, records });
    }

    /// Returns the time at which a blob is published.
    pub(super) fn created(&self, content_type: &str, number: usize) -> Option<DateTime<Utc>> {
        self.0.iter().filter(|draft| draft.content_type == content_type).nth(number).map(|draft| draft.created)
    }

    /// Adds a record to a blob.
    pub(super) fn put(&mut self, content_type: &str, number: usize, record: Value) {
        if let Some(draft) = self.0.iter_mut().filter(|draft| draft.content_type == content_type).nth(number) {
            draft.records.push(record);
        }
    }

    /// Repeats `each` records of every blob, except the newest, in the blob after it.
    pub(super) fn repeat_some(&mut self, content_type: &str, each: usize) {
        let copies: Vec<Vec<Value>> = self
            .0
            .iter()
            .filter(|draft| draft.content_type == content_type)
            .skip(1)
            .map(|draft| draft.records.iter().take(each).cloned().collect())
            .collect();
        for (number, records) in copies.into_iter().enumerate() {
            for record in records {
                self.put(content_type, number, record);
            }
        }
    }

    /// Publishes all blobs, the oldest first, each with its records out of order.
    pub(super) fn publish(mut self, tenant: &mut Tenant, seeded: &mut Seeded) {
        self.0.sort_by_key(|draft| draft.created);
        for mut draft in self.0 {
            seeded.shuffle(&mut draft.records);
            tenant.publish_at(draft.content_type, draft.created, &draft.records);
        }
    }
}
