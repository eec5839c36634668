//! The first threats to one account are sent one by one in a run; the further ones are held back and become one notification. So are
//! sign-ins of many accounts from one address of an attacker.

use std::collections::HashMap;

use crate::detection::{FindingKind, Severity};
use crate::tables::incidents::account_of;
use crate::tables::{Containment, ProcessedRow, RowVersion};
use base::ids::{RecordId, RunId};
use parking_lot::Mutex;
use table_store::Key;

/// The number of threats to one account that one run sends one by one.
const SENT_ONE_BY_ONE: usize = 5;

/// The threats of one run by account.
#[derive(Debug, Default)]
pub(super) struct Bundles(Mutex<HashMap<String, Account>>);

#[derive(Debug, Default)]
struct Account {
    sent: usize,
    held: Vec<Held>,
}

/// A threat that is held back, and the claim of this run on it. Not the row itself: there may be thousands, and what is found about
/// them meanwhile is written to the stored rows.
#[derive(Debug)]
pub(super) struct Held {
    pub key: Key,
    pub record_id: RecordId,
    pub claim: RunId,
    weight: (bool, Severity, u8),
}

/// Returns what threats have in common that are told together: the account, or the address of the attacker.
fn subject_of(row: &ProcessedRow) -> String {
    match row.kind {
        FindingKind::KnownAttackerAddress => format!("address {}", row.ip),
        _ => match account_of(row) {
            account if account.is_empty() => format!("unknown owner, changed by {}", row.actor.trim().to_lowercase()),
            account => account,
        },
    }
}

impl Bundles {
    /// Returns the threat if it is to be sent by itself; otherwise it is held back.
    pub fn admit(&self, row: ProcessedRow, version: RowVersion) -> Option<(ProcessedRow, RowVersion)> {
        let mut accounts = self.0.lock();
        let account = accounts.entry(subject_of(&row)).or_default();
        if account.sent < SENT_ONE_BY_ONE {
            account.sent += 1;
            return Some((row, version));
        }
        // Every action on an account must be notified.
        let has_acted = row.containment.as_ref().is_some_and(Containment::has_acted);
        let weight = (has_acted, row.severity, row.score);
        account.held.push(Held { key: row.key(), record_id: row.record_id, claim: row.claim_id, weight });
        None
    }

    /// Returns whether a threat is held back.
    pub fn holds(&self, record: &RecordId) -> bool {
        let accounts = self.0.lock();
        accounts.values().any(|account| account.held.iter().any(|held| held.record_id == *record))
    }

    /// Takes out all that was held back, by account, the worst first.
    pub fn take(&self) -> Vec<Vec<Held>> {
        let mut accounts = self.0.lock();
        let mut bundles: Vec<Vec<Held>> = accounts
            .values_mut()
            .map(|account| std::mem::take(&mut account.held))
            .filter(|held| !held.is_empty())
            .collect();
        for held in &mut bundles {
            held.sort_by_key(|held| std::cmp::Reverse(held.weight));
        }
        bundles
    }
}
