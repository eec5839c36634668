//! Why nothing was done.

use crate::notify::token::TokenRefusal;
use base::ids::RecordId;
use table_store::StoreError;

/// The cause of a refusal. In each case but [`Refusal::HalfDismissed`] and
/// [`Refusal::Unsure`] nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// 413
    #[error("the body is longer than 64 KiB")]
    TooLarge,
    /// 400
    #[error("{0}")]
    BadRequest(String),
    /// 403
    #[error(transparent)]
    Token(#[from] TokenRefusal),
    /// 404
    #[error("no threat is stored under this ID for this Domain and User{0}")]
    NoSuchThreat(&'static str),
    /// 403
    #[error("{0} is in PROTECTED_USERS, so Tenantwatch does not change it; act manually")]
    Protected(String),
    /// 409
    #[error(
        "the finding does not name the owner of the mailbox, so Tenantwatch does not know which mailbox to secure; find the owner of the \
         rule or mailbox in the audit record and act manually"
    )]
    OwnerUnknown,
    /// 409
    #[error("another run for one of these accounts or mailboxes is in progress; try again in a minute")]
    Busy,
    /// 409
    #[error("there is no snapshot to restore: nothing was remediated, or it has been undone already")]
    NoSnapshot,
    /// 409
    #[error("a later remediation has changed the same account; undo finding {0} first")]
    LaterRun(RecordId),
    /// 503
    #[error("nothing was changed: {0}")]
    Store(#[from] StoreError),
    /// 503
    #[error(
        "the same change is muted, but this finding could not be closed and may be notified once more; send the request again: {0}"
    )]
    HalfDismissed(#[source] StoreError),
    /// 503
    #[error(
        "no account was changed; the store did not respond in time, so it is not known what it has stored; send the request again"
    )]
    Unsure,
    /// 502
    #[error("nothing was changed, because the tenant could not be reached: {0}")]
    Unreachable(String),
}

impl Refusal {
    /// The HTTP status.
    pub fn status(&self) -> u16 {
        match self {
            Self::TooLarge => 413,
            Self::BadRequest(_) => 400,
            Self::Token(_) | Self::Protected(_) => 403,
            Self::NoSuchThreat(_) => 404,
            Self::OwnerUnknown | Self::Busy | Self::NoSnapshot | Self::LaterRun(_) => 409,
            Self::Store(_) | Self::HalfDismissed(_) | Self::Unsure => 503,
            Self::Unreachable(_) => 502,
        }
    }
}
