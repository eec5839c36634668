//! Why nothing was done.

use crate::notify::token::TokenRefusal;
use base::ids::RecordId;
use table_store::StoreError;

/// Why a request is refused. In each context but [`Refusal::HalfDismissed`] and
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
    #[error("{0} is in PROTECTED_USERS and is never touched; act by hand")]
    Protected(String),
    /// 409
    #[error(
        "the owner of the mailbox is not known: the finding names none, or the tenant has no account or mailbox of that name; find the \
         owner of the rule or mailbox in the audit record and act by hand"
    )]
    OwnerUnknown,
    /// 409
    #[error("another run for one of these accounts or mailboxes is in progress; try again in a minute")]
    Busy,
    /// 409
    #[error("there is no snapshot to go back to: nothing was remediated, or it has been undone already")]
    NoSnapshot,
    /// 409
    #[error("a later remediation has changed the same account; undo finding {0} first")]
    LaterRun(RecordId),
    /// 503
    #[error("nothing was changed: {0}")]
    Store(#[from] StoreError),
    /// 503
    #[error(
        "the same change is not told of again, but this finding could not be closed and may be told once more; press again: {0}"
    )]
    HalfDismissed(#[source] StoreError),
    /// 503
    #[error("no account was touched; the store did not answer in time, so what it has kept is not known; press again")]
    Unsure,
    /// 502
    #[error("nothing was changed, for the tenant could not be reached: {0}")]
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
