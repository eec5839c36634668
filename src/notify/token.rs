//! Action tokens: who holds one may press the button of one finding for a while.
//!
//! `v1.<expiry, unix seconds>.<scope>.<base64url>`. The last part holds a mark of each of the finding's two accounts, the
//! mailbox owner and the actor, and an HMAC-SHA-256 over the length-prefixed lower-case domain, both marks, log id, scope and
//! expiry. A mark is an HMAC of the account by itself: a press names one account, so with the marks a token can be checked
//! before anything is looked up.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretSlice, SecretString};
use sha2::Sha256;

use crate::settings::{ActionKey, ActionSettings};
use crate::tables::ProcessedRow;
use base::ids::{Domain, RecordId};

/// The bytes of the mark of an account.
const MARK_SIZE: usize = 16;

/// The bytes of an HMAC-SHA-256.
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
    /// Without a key no token can be checked.
    #[error("ACTION_KEY is not set; set it, or set it to off for flows that send no Token")]
    NoKey,
    /// Required, but missing.
    #[error("Token is missing; ACTION_KEY is set, so send the ActionToken of the notification")]
    Missing,
    /// Not ours, changed, or of another finding, account or scope.
    #[error("Token is not valid for this finding, account and action")]
    Wrong,
    /// Ours, but too old.
    #[error("Token has expired; run `tenantwatch token` to create a new one")]
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

/// Issues and checks tokens as `ACTION_KEY` says.
#[derive(Debug, Clone)]
pub struct ActionTokens {
    key: ActionKey,
}

impl ActionTokens {
    /// Takes the keys of the settings.
    pub fn new(actions: &ActionSettings) -> Self {
        Self { key: actions.key.clone() }
    }

    /// A token for this finding, `None` without a key.
    pub fn mint(&self, row: &ProcessedRow, scope: Scope, expiry: DateTime<Utc>) -> Option<SecretString> {
        let ActionKey::Signing(keys) = &self.key else { return None };
        let key = keys.first()?;
        let expiry = expiry.timestamp().max(0);
        let mark = |account: &str| {
            let mac = mark(key, account, &row.record_id).finalize().into_bytes();
            mac.into_iter().take(MARK_SIZE)
        };
        let [owner, actor] = accounts(row);
        let marks: Vec<u8> = mark(owner).chain(mark(actor)).collect();
        let mac = signer(key, &row.domain, &marks, &row.record_id, scope, expiry).finalize().into_bytes();
        let signature = URL_SAFE_NO_PAD.encode([marks.as_slice(), mac.as_slice()].concat());
        Some(format!("v1.{expiry}.{}.{signature}", scope.as_str()).into())
    }

    /// Whether the press may go on. Needs nothing but the request; every comparison is made, each in constant
    /// time.
    ///
    /// # Errors
    /// Returns [`TokenRefusal`] if there is no key, or if a token is required and this one is missing, not valid for the claim,
    /// or too old.
    pub fn check(
        &self,
        token: Option<&SecretString>,
        claim: &Claim<'_>,
        now: DateTime<Utc>,
    ) -> Result<(), TokenRefusal> {
        let keys = match &self.key {
            ActionKey::Unset => return Err(TokenRefusal::NoKey),
            ActionKey::Off => return Ok(()),
            ActionKey::Signing(keys) => keys,
        };
        let token = token.map(|token| token.expose_secret().trim()).filter(|token| !token.is_empty());
        let parts = parts(token.ok_or(TokenRefusal::Missing)?, claim.scope).ok_or(TokenRefusal::Wrong)?;
        let holds = keys.iter().fold(false, |holds, key| is_signed_by(key, &parts, claim) | holds);
        match holds {
            false => Err(TokenRefusal::Wrong),
            true if parts.expiry <= now.timestamp() => Err(TokenRefusal::Expired),
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

/// What a token is made of.
struct Parts {
    expiry: i64,
    marks: Vec<u8>,
    mac: Vec<u8>,
}

/// The parts of a token that says this scope.
fn parts(token: &str, scope: Scope) -> Option<Parts> {
    if token.len() > LONGEST {
        return None;
    }
    let mut parts = token.split('.');
    let (version, expiry, said_scope, signature) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    if version != "v1" || said_scope != scope.as_str() || parts.next().is_some() {
        return None;
    }
    let number: i64 = expiry.parse().ok()?;
    let mut marks = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if number.to_string() != expiry || marks.len() != 2 * MARK_SIZE + MAC_SIZE {
        return None;
    }
    let mac = marks.split_off(2 * MARK_SIZE);
    Some(Parts { expiry: number, marks, mac })
}

/// Whether this key signed the token, and for the claimed account. Nothing ends early.
fn is_signed_by(key: &SecretSlice<u8>, parts: &Parts, claim: &Claim<'_>) -> bool {
    let signer = signer(key, claim.domain, &parts.marks, claim.record_id, claim.scope, parts.expiry);
    let is_ours = signer.verify_slice(&parts.mac).is_ok();
    let marks = parts.marks.chunks(MARK_SIZE);
    let is_for = |given: &[u8]| mark(key, claim.account, claim.record_id).verify_truncated_left(given).is_ok();
    marks.fold(false, |found, given| is_for(given) | found) & is_ours
}

/// An account of a finding, recognisable only by whoever has the key.
fn mark(key: &SecretSlice<u8>, account: &str, record_id: &RecordId) -> Hmac<Sha256> {
    let account = account.trim().to_lowercase();
    hmac(key, &[b"account", record_id.to_string().as_bytes(), account.as_bytes()])
}

fn signer(
    key: &SecretSlice<u8>,
    domain: &Domain,
    marks: &[u8],
    record_id: &RecordId,
    scope: Scope,
    expiry: i64,
) -> Hmac<Sha256> {
    let (record_id, expiry) = (record_id.to_string(), expiry.to_string());
    let texts = [domain.as_str().as_bytes(), marks, record_id.as_bytes(), scope.as_str().as_bytes(), expiry.as_bytes()];
    hmac(key, &texts)
}

/// HMAC-SHA-256 over the parts, each with its length before it.
fn hmac(key: &SecretSlice<u8>, parts: &[&[u8]]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("a key of any length is taken");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}
