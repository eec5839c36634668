//! Action tokens: who holds one may press the button of one finding for a while.
//!
//! `v1.<expiry, unix seconds>.<scope>.<base64url>`. The last part is HMAC-SHA-256 over the length-prefixed lower-case
//! domain, account, log id, scope and expiry, once for each of the finding's two accounts: the mailbox owner and the actor. A
//! press names one of them, so a token can be checked before anything is looked up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

use crate::ledger::ProcessedRow;
use crate::names::{Domain, RecordId};
use crate::settings::ActionSettings;

/// The bytes of one HMAC-SHA-256.
const MAC_SIZE: usize = 32;

/// Longer than any token of ours.
const LONGEST: usize = 256;

/// The life of an undo token.
pub const UNDO_LIFE: TimeDelta = TimeDelta::days(30);

/// What a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `act`: Remediate, Preview, Dismiss.
    Act,
    /// `undo`: Undo.
    Undo,
}

impl Scope {
    /// The word in the token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Undo => "undo",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "act" => Ok(Self::Act),
            "undo" => Ok(Self::Undo),
            _ => Err("a scope is act or undo".to_owned()),
        }
    }
}

/// Why a token is refused. Says nothing about what would be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenRefusal {
    /// Demanded, but not there.
    #[error("Token is missing: ACTION_KEY is set, so the ActionToken of the notification is demanded")]
    Missing,
    /// Not ours, changed, or of another finding, account or scope.
    #[error("Token is not valid for this finding, account and action")]
    Wrong,
    /// Ours, but too old.
    #[error("Token has expired; tenantwatch token mints a new one")]
    Expired,
}

/// What a press says it is about.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The tenant's domain.
    pub domain: &'a Domain,
    /// The mailbox owner or the actor.
    pub account: &'a str,
    /// The log id.
    pub record_id: &'a RecordId,
    /// What is to be done.
    pub scope: Scope,
}

/// Mints and checks tokens with the keys of `ACTION_KEY`.
#[derive(Debug, Clone)]
pub struct ActionTokens {
    keys: Vec<SecretSlice<u8>>,
}

impl ActionTokens {
    /// The first key signs, all verify.
    pub fn new(actions: &ActionSettings) -> Self {
        Self { keys: actions.keys.clone() }
    }

    /// Whether a press needs a token.
    pub fn are_demanded(&self) -> bool {
        !self.keys.is_empty()
    }

    /// A token for this finding, `None` without a key.
    pub fn mint(&self, row: &ProcessedRow, scope: Scope, expiry: DateTime<Utc>) -> Option<SecretString> {
        let key = self.keys.first()?;
        let expiry = expiry.timestamp().max(0);
        let sign = |account: &str| {
            let claim = Claim { domain: &row.domain, account, record_id: &row.record_id, scope };
            signer(key, &claim, expiry).finalize().into_bytes()
        };
        let accounts = accounts(row);
        let signature = [sign(accounts[0]), sign(accounts[1])].concat();
        Some(format!("v1.{expiry}.{}.{}", scope.as_str(), URL_SAFE_NO_PAD.encode(signature)).into())
    }

    /// Whether the press may go on. Needs nothing but the request; every key and account is compared, each in constant time.
    ///
    /// # Errors
    /// When a token is demanded and this one is missing, not valid for the claim, or too old.
    pub fn check(
        &self,
        token: Option<&SecretString>,
        claim: &Claim<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), TokenRefusal> {
        if !self.are_demanded() {
            return Ok(());
        }
        let token = token.map(|token| token.expose_secret().trim()).filter(|token| !token.is_empty());
        let (expiry, signature) = parts(token.ok_or(TokenRefusal::Missing)?, claim.scope).ok_or(TokenRefusal::Wrong)?;
        let mut holds = false;
        for key in &self.keys {
            for mac in signature.chunks(MAC_SIZE) {
                holds |= signer(key, claim, expiry).verify_slice(mac).is_ok();
            }
        }
        match holds {
            false => Err(TokenRefusal::Wrong),
            true if expiry <= now.timestamp() => Err(TokenRefusal::Expired),
            true => Ok(()),
        }
    }
}

/// Both accounts; the one there is twice where there is only one.
fn accounts(row: &ProcessedRow) -> [&str; 2] {
    match (row.source_mailbox.as_str(), row.actor.as_str()) {
        ("", actor) => [actor, actor],
        (mailbox, "") => [mailbox, mailbox],
        (mailbox, actor) => [mailbox, actor],
    }
}

/// Expiry and signature of a token that says this scope.
fn parts(token: &str, scope: Scope) -> Option<(i64, Vec<u8>)> {
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split('.');
    let (version, expiry, said_scope, signature) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "v1" || said_scope != scope.as_str() || parts.next().is_some() {
        return None;
    }
    let number: i64 = expiry.parse().ok()?;
    let signature = URL_SAFE_NO_PAD.decode(signature).ok()?;
    (number.to_string() == expiry && signature.len() == 2 * MAC_SIZE).then_some((number, signature))
}

fn signer(key: &SecretSlice<u8>, claim: &Claim<'_>, expiry: i64) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("a key of any length is taken");
    let account = claim.account.trim().to_lowercase();
    let record = claim.record_id.to_string();
    let expiry = expiry.to_string();
    for part in [claim.domain.as_str(), &account, &record, claim.scope.as_str(), &expiry] {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part.as_bytes());
    }
    mac
}
