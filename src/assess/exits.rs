//! Recognizes the exit of an office or a VPN among the addresses of attackers: many accounts of a tenant sign in from it.

use super::Assessor;
use crate::detection::{Finding, FindingKind, Severity};
use crate::location::parse_client_ip;
use crate::tables::{AttackerRow, VictimAccount, update};
use table_store::StoreError;

/// The accounts of one tenant whose sign-ins from one address are told. From the next one on the address counts as an exit.
const ACCOUNTS_OF_NO_EXIT: usize = 10;

/// The most accounts that a row names. An address that so many accounts of all tenants use is an exit as well.
const ACCOUNTS: usize = 1_000;

/// The place of an account among those of its tenant that used the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// One of the first.
    Told,
    /// The one with which the address became an exit.
    Last,
    /// The address is an exit, or no attacker's any more.
    Untold,
}

impl Assessor<'_> {
    /// Counts a sign-in from an attacker's address. If many accounts of the tenant use the address, the finding is only recorded; the one
    /// with which that begins says so.
    pub(super) async fn count_at_address(&self, finding: &mut Finding) -> Result<(), StoreError> {
        if finding.kind != FindingKind::KnownAttackerAddress || !finding.threat {
            return Ok(());
        }
        let Some(address) = finding.client_ip.as_deref().and_then(parse_client_ip) else { return Ok(()) };
        let account = VictimAccount { tenant_id: self.tenant, account: finding.actor.trim().to_lowercase() };
        // Findings of one blob are stored at the same time, and would change the row under each other.
        let _turn = self.address_turn.lock().await;
        let (store, key) = (self.app.store.as_ref(), AttackerRow::key(address));
        let place = update::<AttackerRow, Place>(store, &self.app.clock, &key, |stored| match stored {
            Some(row) => place(row, &account),
            // A technician dismissed its threat.
            None => (None, Place::Untold),
        })
        .await?;
        match place {
            Place::Told => {}
            Place::Last => say_exit(finding),
            Place::Untold => (finding.threat, finding.severity) = (false, Severity::Low),
        }
        Ok(())
    }
}

/// Returns the place of an account, and the row with it if it is new.
fn place(mut row: AttackerRow, account: &VictimAccount) -> (Option<AttackerRow>, Place) {
    let mut own = row.told.iter().filter(|told| told.tenant_id == account.tenant_id);
    let place = |at: usize| if at < ACCOUNTS_OF_NO_EXIT { Place::Told } else { Place::Last };
    if let Some(at) = own.clone().position(|told| told == account) {
        return (None, place(at));
    }
    let count = own.by_ref().count();
    if count > ACCOUNTS_OF_NO_EXIT || row.told.len() >= ACCOUNTS {
        return (None, Place::Untold);
    }
    row.told.push(account.clone());
    (Some(row), place(count))
}

/// The notification with which the others end says why. It is the one that a bundle shows.
fn say_exit(finding: &mut Finding) {
    let sentence = format!(
        " More than {ACCOUNTS_OF_NO_EXIT} accounts of this tenant use the address, so it is probably the exit of an office or a VPN: further sign-ins from it are recorded, but not told."
    );
    finding.score = finding.score.saturating_add(1);
    finding.description.push_str(&sentence);
    if let Some(reason) = finding.reasons.first_mut() {
        reason.sentence.push_str(&sentence);
    }
}
