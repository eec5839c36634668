//! Seals: a keyed mark on what Tenantwatch itself has stored. Whoever can write the tables can write a row of any content, and take a seal
//! to no other row; without `ACTION_KEY` nobody can make one.
//!
//! A seal is an HMAC-SHA-256 under `ACTION_KEY` over a label of its own kind and length-prefixed parts, as base64url. Where `ACTION_KEY`
//! is `off` or not set, every process has a key of its own: then only what this process has stored bears its seal.

use std::collections::BTreeSet;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::Mac as _;
use secrecy::SecretSlice;
use table_store::cut_text;

use super::token::hmac;
use crate::detection::ReasonName;
use crate::settings::ActionKey;
use crate::tables::{ActionRow, ProcessedRow};

/// The units of a text that are sealed. No column is cut to fewer.
const TEXT_LIMIT: usize = 4_000;

/// The bytes of a key of this process.
const KEY_SIZE: usize = 32;

/// The reasons that relations add after the judgement, when their sender may be another run.
const RELATED: &[ReasonName] =
    &[ReasonName::SharedTarget, ReasonName::MethodChangedNearby, ReasonName::ChangeNearby, ReasonName::AfterThreat];

/// Makes and checks seals.
#[derive(Debug, Clone)]
pub struct Seals {
    keys: Arc<Vec<SecretSlice<u8>>>,
    /// `true` if other processes make and know the same seals.
    are_shared: bool,
}

impl Seals {
    /// Takes the keys of the settings, or a random one. Without a random generator nothing is sealed, and no seal holds.
    pub fn new(key: &ActionKey) -> Self {
        let mut random = vec![0; KEY_SIZE];
        let (keys, are_shared) = match key {
            ActionKey::Signing(keys) => (keys.clone(), true),
            ActionKey::Off | ActionKey::Unset => match getrandom::fill(&mut random) {
                Ok(()) => (vec![random.into()], false),
                Err(_) => (Vec::new(), false),
            },
        };
        Self { keys: Arc::new(keys), are_shared }
    }

    /// Returns the seal of a judgement: of what decides about whom it concerns, and about what is done because of it.
    pub fn of_finding(&self, row: &ProcessedRow) -> String {
        self.seal(&parts_of_finding(row))
    }

    /// Returns whether Tenantwatch has judged this, and nobody has changed it since.
    pub fn hold_finding(&self, row: &ProcessedRow) -> bool {
        self.hold(&row.seal, &parts_of_finding(row))
    }

    /// Returns the seal of a record that is to be evaluated again because of a row.
    pub fn of_record(&self, row: &ProcessedRow, record: &str) -> String {
        self.seal(&parts_of_record(row, record))
    }

    /// Returns whether Tenantwatch has stored this record to be evaluated again.
    pub fn hold_record(&self, row: &ProcessedRow, record: &str) -> bool {
        self.hold(&row.seal, &parts_of_record(row, record))
    }

    /// Returns the seal of a run, of what it was for and of how far it has come.
    pub fn of_run(&self, run: &ActionRow) -> String {
        self.seal(&parts_of_run(run))
    }

    /// Returns whether Tenantwatch has begun this run, and has stored of its steps what the row says.
    pub fn hold_run(&self, run: &ActionRow) -> bool {
        self.hold(&run.seal, &parts_of_run(run))
    }

    /// Returns whether the steps of a run may count as done. Without a key that outlives the process, no seal could show it.
    pub fn may_count_run(&self, run: &ActionRow) -> bool {
        !self.are_shared || self.hold_run(run)
    }

    fn seal(&self, parts: &[String]) -> String {
        let Some(key) = self.keys.first() else { return String::new() };
        URL_SAFE_NO_PAD.encode(hmac(key, &bytes(parts)).finalize().into_bytes())
    }

    fn hold(&self, seal: &str, parts: &[String]) -> bool {
        let Ok(seal) = URL_SAFE_NO_PAD.decode(seal) else { return false };
        self.keys.iter().any(|key| hmac(key, &bytes(parts)).verify_slice(&seal).is_ok())
    }
}

fn bytes(parts: &[String]) -> Vec<&[u8]> {
    parts.iter().map(String::as_bytes).collect()
}

/// Left out is what later steps may change: score, sentences, incident, state, and the reasons that relations add.
fn parts_of_finding(row: &ProcessedRow) -> [String; 14] {
    let text = |text: &str| cut_text(text, TEXT_LIMIT);
    let reasons: BTreeSet<&str> = row
        .reasons
        .iter()
        .map(|reason| reason.name)
        .filter(|name| !RELATED.contains(name))
        .map(ReasonName::as_str)
        .collect();
    [
        "tenantwatch finding 1".to_owned(),
        row.domain.to_string(),
        row.record_id.to_string(),
        row.tenant_id.to_string(),
        row.kind.as_str().to_owned(),
        row.threat.to_string(),
        row.severity.as_str().to_owned(),
        text(&row.source_mailbox),
        text(&row.actor),
        row.event_time.timestamp().to_string(),
        text(&row.rule_id),
        text(&row.rule_name),
        text(&row.forwarding_address),
        reasons.into_iter().collect::<Vec<_>>().join(" "),
    ]
}

fn parts_of_record(row: &ProcessedRow, record: &str) -> [String; 5] {
    [
        "tenantwatch record 1".to_owned(),
        row.domain.to_string(),
        row.record_id.to_string(),
        row.tenant_id.to_string(),
        record.to_owned(),
    ]
}

fn parts_of_run(run: &ActionRow) -> [String; 11] {
    [
        "tenantwatch run 2".to_owned(),
        run.domain.to_string(),
        run.record_id.to_string(),
        run.run_id.to_string(),
        run.started.timestamp().to_string(),
        run.action.clone(),
        run.status.clone(),
        run.mailbox.clone(),
        run.account_ids.clone(),
        run.incident_id.clone(),
        run.steps.clone(),
    ]
}
