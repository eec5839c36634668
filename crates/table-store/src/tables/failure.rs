//! Classifies the errors of the table service and of the connection to it.

use azure_core_legacy::error::{Error, ErrorKind};

use base::http::RequestFailure;

use super::credential;
use crate::StoreError;

/// A failed request, without its address, headers or body.
#[derive(Debug)]
pub(super) enum Failure {
    /// The table does not exist, so nothing was done.
    NoTable,
    /// 404: no such row.
    Absent,
    /// 409: the row, or the table, is there already.
    Conflict,
    /// 412: the row has another version.
    Changed,
    /// Trying again may help. The operation may have been carried out in spite of the error.
    Unavailable(String),
    /// Trying again is pointless.
    Refused(String),
}

impl Failure {
    /// Of an error of the client crate. Its text is never used, because it contains the body and headers of the response.
    pub fn of(error: &Error) -> Self {
        match error.kind() {
            ErrorKind::HttpResponse { status, error_code } => {
                Self::of_answer(u16::from(*status), error_code.as_deref().unwrap_or_default())
            }
            ErrorKind::Io => {
                Self::Unavailable(match error.get_ref().and_then(|cause| cause.downcast_ref::<RequestFailure>()) {
                    Some(failure) => failure.to_string(),
                    None => "no response from the table service".to_owned(),
                })
            }
            ErrorKind::Credential => {
                let message = credential::message_in(error).unwrap_or("no token for the storage account");
                Self::Unavailable(message.to_owned())
            }
            ErrorKind::DataConversion | ErrorKind::MockFramework | ErrorKind::Other => {
                Self::Unavailable("the table service gave an answer that cannot be read".to_owned())
            }
        }
    }

    /// Error codes: "Table service error codes" on learn.microsoft.com.
    fn of_answer(status: u16, code: &str) -> Self {
        let text = format!("{status} {code}");
        match (status, code) {
            (404, "TableNotFound") => Self::NoTable,
            (404, _) => Self::Absent,
            (409, "TableBeingDeleted") => Self::Unavailable(text),
            (409, _) => Self::Conflict,
            (412, _) => Self::Changed,
            (401 | 403, _) => Self::Refused(format!(
                "{text}: is the account key right, or does the identity have the role Storage Table Data Contributor?"
            )),
            (408 | 429 | 500..=599, _) => Self::Unavailable(text),
            _ => Self::Refused(text),
        }
    }

    /// As an error of a store, where the operation gives it no meaning of its own.
    pub fn into_error(self) -> StoreError {
        match self {
            Self::NoTable => StoreError::Unavailable("the table was removed while it was used".to_owned()),
            Self::Absent => StoreError::Refused("404".to_owned()),
            Self::Conflict => StoreError::Refused("409".to_owned()),
            Self::Changed => StoreError::Refused("412".to_owned()),
            Self::Unavailable(text) => StoreError::Unavailable(text),
            Self::Refused(text) => StoreError::Refused(text),
        }
    }
}
