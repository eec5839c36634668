//! Settings of RemediateAccount: the keys of its tokens, the accounts it never changes, and what it may remove.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::SecretSlice;

use base::ids::MailAddress;

use super::source::Source;

/// Keys and limits of the action tokens, and the accounts that RemediateAccount never changes.
#[derive(Debug, Clone)]
pub struct ActionSettings {
    /// `ACTION_KEY`: whether requests are accepted, and with which token.
    pub key: ActionKey,
    /// `ACTION_TOKEN_HOURS`: the life of a button token.
    pub token_life: Duration,
    /// `PROTECTED_USERS`: accounts for which requests are rejected.
    pub protected_users: Vec<ProtectedUser>,
    /// `REMOVE_SIGNIN_METHODS`: whether methods added within 30 days are removed.
    pub remove_signin_methods: bool,
}

/// The three states of `ACTION_KEY`.
#[derive(Debug, Clone)]
pub enum ActionKey {
    /// Unset: every request is rejected, because nothing can prove that it comes from a notification.
    Unset,
    /// `off`: requests without a token are accepted, as flows of 2019 send them.
    Off,
    /// One or two keys of at least 32 bytes. The first signs tokens, all of them verify tokens.
    Signing(Vec<SecretSlice<u8>>),
}

impl ActionKey {
    /// Returns the sentence that every start logs as a warning; `None` if tokens are required.
    pub fn warning(&self) -> Option<&'static str> {
        match self {
            Self::Unset => Some(
                "ACTION_KEY is not set: Tenantwatch monitors and notifies, but RemediateAccount rejects every request. \
                 Set ACTION_KEY to base64 of at least 32 random bytes",
            ),
            Self::Off => Some(
                "ACTION_KEY is off: RemediateAccount accepts requests without a token. Set ACTION_KEY to base64 of at \
                 least 32 random bytes when every flow sends the ActionToken",
            ),
            Self::Signing(_) => None,
        }
    }
}

/// One entry of `PROTECTED_USERS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProtectedUser {
    /// A user principal name or mail address, which each request resolves to an object id.
    Address(MailAddress),
    /// An object id.
    ObjectId(uuid::Uuid),
}

/// The minimum length of a signing key, in bytes.
const KEY_BYTES: usize = 32;

impl ActionSettings {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let key = action_key(source);
        let hours = source.number("ACTION_TOKEN_HOURS", 1..=720, 72);
        Self {
            key,
            token_life: Duration::from_secs(hours * 3_600),
            protected_users: source.list("PROTECTED_USERS", "an address or an object id", |text| {
                let by_id = text.parse().ok().map(ProtectedUser::ObjectId);
                by_id.or_else(|| text.parse().ok().map(ProtectedUser::Address))
            }),
            remove_signin_methods: source.flag("REMOVE_SIGNIN_METHODS", false),
        }
    }
}

fn action_key(source: &mut Source) -> ActionKey {
    let Some(text) = source.text("ACTION_KEY") else { return ActionKey::Unset };
    if text.eq_ignore_ascii_case("off") {
        return ActionKey::Off;
    }
    let has_entries = text.split(',').any(|entry| !entry.trim().is_empty());
    if !has_entries {
        // A value of commas alone is a mistake, not a decision to work without a key.
        source.reject("ACTION_KEY", "is set but contains no key");
    }
    let keys = source.list("ACTION_KEY", "base64 of at least 32 bytes", |text| {
        BASE64.decode(text).ok().filter(|key| key.len() >= KEY_BYTES).map(SecretSlice::from)
    });
    if keys.len() > 2 {
        source
            .reject("ACTION_KEY", "may contain at most two keys: the new one, and the old one until its tokens expire");
    }
    ActionKey::Signing(keys)
}
