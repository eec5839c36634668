//! Action tokens: the holder of one may press the button of one finding for a while.
//!
//! `v2.<minted, unix seconds>.<expiry>.<scope>.<base64url>`. The last part holds a mark of the tenant and of each of the finding's two
//! accounts, the mailbox owner and the actor, and an HMAC-SHA-256 over the length-prefixed lower-case domain, log id, scope, both times
//! and the marks. A mark is an HMAC of a name by itself. A request names one account, so form, times, scope and that account are checked
//! before anything is looked up; all marks are compared with the stored finding afterwards, so that a changed row cannot turn a signed
//! request on another account or tenant.
//!
//! Tokens of the first version, `v1.<expiry>.<scope>.<base64url>`, have no mark of the tenant and no time of creation. They hold until
//! they expire, and never with `Force`.

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

/// The actions that a token allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Scope {
    /// `act`: Remediate, Preview, Dismiss.
    Act,
    /// `undo`: Undo.
    Undo,
    /// `force`: Undo with `Force`. Only `tenantwatch token` creates it.
    Force,
}

impl Scope {
    /// The word in the token.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Act => "act",
            Self::Undo => "undo",
            Self::Force => "force",
        }
    }
}

impl std::str::FromStr for Scope {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "act" => Ok(Self::Act),
            "undo" => Ok(Self::Undo),
            "force" => Ok(Self::Force),
            _ => Err("a scope is act, undo or force".to_owned()),
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
    /// Ours, but the stored finding names another tenant or account than when the token was created.
    #[error("the stored finding is not the one that the token was created for; it was changed in the table")]
    Changed,
    /// Ours, but created before a finished Undo.
    #[error(
        "an Undo of this finding has ended since the token was created; use the newest card, or run `tenantwatch token`"
    )]
    Undone,
}

/// The finding, account and action that a request names.
#[derive(Debug, Clone, Copy)]
pub struct Claim<'a> {
    /// The tenant's domain.
    pub domain: &'a Domain,
    /// The mailbox owner or the actor.
    pub account: &'a str,
    /// The log id.
    pub record_id: &'a RecordId,
    /// The action.
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

    /// Returns a token for this finding that is created at `now`; `None` without a key.
    pub fn mint(&self, row: &ProcessedRow, scope: Scope, now: DateTime<Utc>, life: TimeDelta) -> Option<SecretString> {
        let ActionKey::Signing(keys) = &self.key else { return None };
        let key = keys.first()?;
        // An Undo voids the tokens of its second too, so this one counts from the next.
        let now = row.undone_at.map_or(now, |undone| now.max(undone + TimeDelta::seconds(1)));
        let times = Times { minted: Some(now.timestamp().max(0)), expiry: (now + life).timestamp().max(0) };
        let cut = |mark: Hmac<Sha256>| mark.finalize().into_bytes().into_iter().take(MARK_SIZE);
        let marks: Vec<u8> = marks_of(key, row, Version::Second).into_iter().flat_map(cut).collect();
        let claim = Claim { domain: &row.domain, account: "", record_id: &row.record_id, scope };
        let mac = signer(key, &claim, &marks, times).finalize().into_bytes();
        let signature = URL_SAFE_NO_PAD.encode([marks.as_slice(), mac.as_slice()].concat());
        let minted = times.minted.unwrap_or_default();
        Some(format!("v2.{minted}.{}.{}.{signature}", times.expiry, scope.as_str()).into())
    }

    /// Checks a token before anything is looked up: form, scope, signature, expiry, and the account that the request names. Needs nothing
    /// but the request; every comparison is made, each in constant time.
    ///
    /// # Errors
    /// Returns [`TokenRefusal`] if there is no key, or if a token is required and this one is missing, not valid for the claim,
    /// or too old.
    pub fn check(
        &self,
        token: Option<&SecretString>,
        claim: &Claim<'_>,
        now: DateTime<Utc>,
    ) -> Result<CheckedToken, TokenRefusal> {
        let keys = match &self.key {
            ActionKey::Unset => return Err(TokenRefusal::NoKey),
            ActionKey::Off => return Ok(CheckedToken(None)),
            ActionKey::Signing(keys) => keys,
        };
        let token = token.map(|token| token.expose_secret().trim()).filter(|token| !token.is_empty());
        let parts = parts(token.ok_or(TokenRefusal::Missing)?, claim.scope).ok_or(TokenRefusal::Wrong)?;
        let signed_by = keys.iter().enumerate().fold(None, |signed_by, (at, key)| {
            let is_signed = is_signed_by(key, &parts, claim);
            signed_by.or(is_signed.then_some(at))
        });
        match signed_by {
            None => Err(TokenRefusal::Wrong),
            Some(_) if parts.times.expiry <= now.timestamp() => Err(TokenRefusal::Expired),
            Some(at) => Ok(CheckedToken(Some((at, parts)))),
        }
    }

    /// Checks a token against the stored finding: every mark, and that no Undo has ended since it was created.
    ///
    /// # Errors
    /// [`TokenRefusal::Changed`] and [`TokenRefusal::Undone`].
    pub fn check_finding(&self, token: &CheckedToken, row: &ProcessedRow, scope: Scope) -> Result<(), TokenRefusal> {
        let (ActionKey::Signing(keys), Some((at, parts))) = (&self.key, &token.0) else { return Ok(()) };
        let key = keys.get(*at).ok_or(TokenRefusal::Wrong)?;
        let marks = parts.marks.chunks(MARK_SIZE).zip(marks_of(key, row, parts.version));
        if !marks.fold(true, |holds, (given, mark)| mark.verify_truncated_left(given).is_ok() & holds) {
            return Err(TokenRefusal::Changed);
        }
        let minted = parts.times.minted.unwrap_or(0);
        match row.undone_at {
            Some(undone) if scope == Scope::Act && minted <= undone.timestamp() => Err(TokenRefusal::Undone),
            _ => Ok(()),
        }
    }
}

/// A token that holds for its request. It is still to be compared with the stored finding.
#[derive(Debug)]
pub struct CheckedToken(Option<(usize, Parts)>);

impl CheckedToken {
    /// Returns whether it is a token of the first version, which names no tenant.
    pub fn names_no_tenant(&self) -> bool {
        self.0.as_ref().is_some_and(|(_, parts)| parts.version == Version::First)
    }
}

/// The form of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    First,
    Second,
}

impl Version {
    /// Returns the number of its marks.
    fn marks(self) -> usize {
        match self {
            Self::First => 2,
            Self::Second => 3,
        }
    }
}

/// The times of a token, in unix seconds.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// Absent in tokens of the first version.
    minted: Option<i64>,
    expiry: i64,
}

/// Returns the marks of a finding in the order of the token, each to be cut.
fn marks_of(key: &SecretSlice<u8>, row: &ProcessedRow, version: Version) -> Vec<Hmac<Sha256>> {
    let tenant = (version == Version::Second).then(|| {
        let (record_id, tenant_id) = (row.record_id.to_string(), row.tenant_id.to_string());
        hmac(key, &[b"tenant", record_id.as_bytes(), tenant_id.as_bytes()])
    });
    tenant.into_iter().chain(accounts(row).map(|account| mark(key, account, &row.record_id))).collect()
}

/// Both accounts; the one there is twice where there is only one.
fn accounts(row: &ProcessedRow) -> [&str; 2] {
    match (row.source_mailbox.as_str(), row.actor.as_str()) {
        ("", actor) => [actor, actor],
        (mailbox, "") => [mailbox, mailbox],
        (mailbox, actor) => [mailbox, actor],
    }
}

/// The parts of a token.
#[derive(Debug)]
struct Parts {
    version: Version,
    times: Times,
    marks: Vec<u8>,
    mac: Vec<u8>,
}

/// The parts of a token that says this scope.
fn parts(token: &str, scope: Scope) -> Option<Parts> {
    if token.len() > LONGEST {
        return None;
    }
    let texts: Vec<&str> = token.split('.').collect();
    let (version, minted, expiry, said_scope, signature) = match texts.as_slice() {
        ["v1", expiry, scope, signature] => (Version::First, None, *expiry, *scope, *signature),
        ["v2", minted, expiry, scope, signature] => {
            (Version::Second, Some(seconds(minted)?), *expiry, *scope, *signature)
        }
        _ => return None,
    };
    // No token of the first version was created for Force.
    let is_for = said_scope == scope.as_str() && !(version == Version::First && scope == Scope::Force);
    let mut marks = URL_SAFE_NO_PAD.decode(signature).ok()?;
    if !is_for || marks.len() != version.marks() * MARK_SIZE + MAC_SIZE {
        return None;
    }
    let mac = marks.split_off(version.marks() * MARK_SIZE);
    Some(Parts { version, times: Times { minted, expiry: seconds(expiry)? }, marks, mac })
}

/// A number that is written in one way only.
fn seconds(text: &str) -> Option<i64> {
    text.parse().ok().filter(|number: &i64| number.to_string() == text)
}

/// Returns whether this key signed the token, and for the claimed account. Every comparison runs to its end.
fn is_signed_by(key: &SecretSlice<u8>, parts: &Parts, claim: &Claim<'_>) -> bool {
    let is_ours = signer(key, claim, &parts.marks, parts.times).verify_slice(&parts.mac).is_ok();
    // The last two are those of the accounts.
    let accounts = parts.marks.chunks(MARK_SIZE).skip(parts.version.marks() - 2);
    let is_for = |given: &[u8]| mark(key, claim.account, claim.record_id).verify_truncated_left(given).is_ok();
    accounts.fold(false, |found, given| is_for(given) | found) & is_ours
}

/// An account of a finding, recognisable only by whoever has the key.
fn mark(key: &SecretSlice<u8>, account: &str, record_id: &RecordId) -> Hmac<Sha256> {
    let account = account.trim().to_lowercase();
    hmac(key, &[b"account", record_id.to_string().as_bytes(), account.as_bytes()])
}

/// Signs everything but the account of the claim, which the marks stand for.
fn signer(key: &SecretSlice<u8>, claim: &Claim<'_>, marks: &[u8], times: Times) -> Hmac<Sha256> {
    let (domain, record_id) = (claim.domain.as_str().as_bytes(), claim.record_id.to_string());
    let (scope, expiry) = (claim.scope.as_str().as_bytes(), times.expiry.to_string());
    match times.minted {
        None => hmac(key, &[domain, marks, record_id.as_bytes(), scope, expiry.as_bytes()]),
        Some(minted) => {
            let minted = minted.to_string();
            hmac(key, &[b"v2", domain, record_id.as_bytes(), scope, minted.as_bytes(), expiry.as_bytes(), marks])
        }
    }
}

/// HMAC-SHA-256 over the parts, each with its length before it.
pub(super) fn hmac(key: &SecretSlice<u8>, parts: &[&[u8]]) -> Hmac<Sha256> {
    #[expect(clippy::expect_used, reason = "HMAC takes keys of any length (RFC 2104)")]
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).expect("a key of any length is taken");
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac
}
