//! What RemediateAccount may do and demands.

use std::time::Duration;

use secrecy::SecretSlice;

use crate::names::MailAddress;

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
