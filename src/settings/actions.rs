//! What RemediateAccount may do and demands.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::SecretSlice;

use base::ids::MailAddress;

use super::source::Source;

/// Keys and limits of the action tokens, and whom a press may not touch.
#[derive(Debug, Clone)]
pub struct ActionSettings {
    /// `ACTION_KEY`: none, one or two keys of at least 32 bytes. The first signs, all verify.
    pub keys: Vec<SecretSlice<u8>>,
    /// `ACTION_TOKEN_HOURS`: the life of a button token.
    pub token_life: Duration,
    /// `PROTECTED_USERS`: accounts that are refused.
    pub protected_users: Vec<ProtectedUser>,
    /// `REMOVE_SIGNIN_METHODS`: whether methods added within 30 days are removed.
    pub remove_signin_methods: bool,
}

/// One entry of `PROTECTED_USERS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProtectedUser {
    /// By user principal name or mail address, resolved to an object id when it matters.
    Address(MailAddress),
    /// By object id.
    ObjectId(uuid::Uuid),
}

/// The shortest key that signs, in bytes.
const KEY_BYTES: usize = 32;

impl ActionSettings {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let keys = source.list("ACTION_KEY", "base64 of at least 32 bytes", |text| {
            BASE64.decode(text).ok().filter(|key| key.len() >= KEY_BYTES).map(SecretSlice::from)
        });
        if keys.is_empty()
            && source.text("ACTION_KEY").is_some_and(|text| text.split(',').all(|entry| entry.trim().is_empty()))
        {
            // Nothing but commas: no key would mean that no button needs a token.
            source.refuse("ACTION_KEY", "is set, but holds no key");
        }
        if keys.len() > 2 {
            source.refuse("ACTION_KEY", "holds at most two keys: the new one, and the old one while its tokens live");
        }
        let hours = source.number("ACTION_TOKEN_HOURS", 1..=720, 72);
        Self {
            keys,
            token_life: Duration::from_secs(hours * 3_600),
            protected_users: source.list("PROTECTED_USERS", "an address or an object id", |text| {
                let by_id = text.parse().ok().map(ProtectedUser::ObjectId);
                by_id.or_else(|| text.parse().ok().map(ProtectedUser::Address))
            }),
            remove_signin_methods: source.flag("REMOVE_SIGNIN_METHODS", false),
        }
    }
}
