//! Models the accounts of people: sign-in, sign-in methods and consents.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// A person's account.
#[derive(Debug, Clone)]
pub struct User {
    /// The object id.
    pub id: Uuid,
    /// The user principal name.
    pub upn: String,
    /// The display name.
    pub display_name: String,
    /// `true` if sign-in is allowed.
    pub account_enabled: bool,
    /// `true` if the account is synchronized from an on-premises directory.
    pub synced: bool,
    /// `true` if the account has an administrator role, so that the app must not change it.
    pub administrator: bool,
    /// `true` for the account of a guest.
    pub guest: bool,
    /// The groups that the account is a member of.
    pub groups: Vec<SecurityGroup>,
    /// The number of times that the cloud password was set. The password itself is never stored.
    pub password_resets: u32,
    /// The number of times that sessions were revoked.
    pub session_revocations: u32,
    /// The sign-in methods.
    pub methods: Vec<SignInMethod>,
    /// The consents that the user has granted.
    pub grants: Vec<Grant>,
}

impl User {
    /// Returns whether `name` is the object id or the user principal name, in any case.
    pub(super) fn is(&self, name: &str) -> bool {
        self.upn.eq_ignore_ascii_case(name) || self.id.to_string().eq_ignore_ascii_case(name)
    }
}

/// A group of the directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecurityGroup {
    /// Its id.
    pub id: Uuid,
    /// `true` if a directory role is assigned to the group.
    pub has_directory_role: bool,
}

/// A sign-in method.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInMethod {
    /// Its id.
    pub id: String,
    /// `phoneAuthenticationMethod`, …
    pub kind: String,
    /// The name shown.
    pub label: String,
    /// The time when it was added.
    pub created: Option<DateTime<Utc>>,
}

impl SignInMethod {
    /// Returns the password, which every account has.
    pub(super) fn password() -> Self {
        Self {
            id: "28c10230-6103-485e-b985-444c60001490".to_owned(),
            kind: "passwordAuthenticationMethod".to_owned(),
            label: String::new(),
            created: None,
        }
    }
}

/// A consent of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The service principal that it is for.
    pub client_id: Uuid,
    /// The scopes, space separated.
    pub scope: String,
}
