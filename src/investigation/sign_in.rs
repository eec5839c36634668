//! Results of sign-ins. `Operation` and `ResultStatus` do not tell whether a sign-in worked; `ErrorNumber` does.

use audit_log::AnyRecord;
use serde::{Deserialize, Serialize};

/// The result of a sign-in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SignInResult {
    /// A token was issued.
    In,
    /// The page offered to stay signed in: the credential was accepted, the sign-in did not end.
    Accepted,
    /// Nothing was decided, such as a choice between accounts.
    Interrupted,
    /// The password or an earlier session was accepted, and a second factor was asked for.
    SecondFactor,
    /// The user was signed in, and an application needs a consent.
    NeedsConsent,
    /// The password was right, and a policy blocked the sign-in.
    Blocked,
    /// A revoked or outdated token was used again.
    Revoked,
    /// The password was right, but has expired.
    Expired,
    /// Wrong password, locked, disabled or unknown.
    Refused,
    /// Failed for a reason that is not known.
    Failed,
}

impl SignInResult {
    /// Returns whether the result shows that the password or a session is known.
    pub fn has_credential(self) -> bool {
        !matches!(self, Self::In | Self::Interrupted | Self::Refused | Self::Failed)
    }

    /// Returns the result in words.
    pub fn as_text(self) -> &'static str {
        match self {
            Self::In => "signed in",
            Self::Accepted => "password accepted, sign-in not completed",
            Self::Interrupted => "interrupted, nothing decided",
            Self::SecondFactor => "password known, stopped by a second factor",
            Self::NeedsConsent => "signed in, application needs a consent",
            Self::Blocked => "password known, blocked by a policy",
            Self::Revoked => "kept out: the token was revoked or is too old",
            Self::Expired => "password known, but expired",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Returns the result of a sign-in record. Records before 2021 may lack the number; then the operation decides.
pub(super) fn result(record: &AnyRecord<'_>, operation: &str) -> SignInResult {
    let number = record.number("ErrorNumber").or_else(|| record.number("ErrorCode"));
    match number {
        Some(number) => of_number(number, operation),
        None if operation.eq_ignore_ascii_case("UserLoggedIn") && record.text("LogonError").is_none() => {
            SignInResult::In
        }
        None => SignInResult::Failed,
    }
}

fn of_number(number: i64, operation: &str) -> SignInResult {
    match number {
        0 if operation.eq_ignore_ascii_case("UserLoginFailed") => SignInResult::Failed,
        0 => SignInResult::In,
        50140 => SignInResult::Accepted,
        16000 | 16001 | 50058 | 50199 => SignInResult::Interrupted,
        50072 | 50074 | 50076 | 50079 | 500_121 | 50097 | 50158 => SignInResult::SecondFactor,
        65001 | 90094 | 900_941 => SignInResult::NeedsConsent,
        53000..=53003 | 50105 => SignInResult::Blocked,
        50132 | 50133 | 50173 | 70043 | 70044 => SignInResult::Revoked,
        50055 => SignInResult::Expired,
        50126 | 50053 | 50056 | 50057 | 50034 => SignInResult::Refused,
        _ => SignInResult::Failed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(json: &str, operation: &str) -> SignInResult {
        AnyRecord::read(json.as_bytes(), |record| result(record, operation)).unwrap()
    }

    #[test]
    fn number_decides_and_not_the_operation() {
        assert_eq!(of(r#"{"ErrorNumber":"0"}"#, "UserLoggedIn"), SignInResult::In);
        assert_eq!(of(r#"{"ErrorNumber":"50140","ResultStatus":"Success"}"#, "UserLoggedIn"), SignInResult::Accepted);
        assert_eq!(
            of(r#"{"ErrorNumber":65001,"ResultStatus":"Success"}"#, "UserLoginFailed"),
            SignInResult::NeedsConsent
        );
        assert_eq!(of(r#"{"ErrorNumber":"99999"}"#, "UserLoginFailed"), SignInResult::Failed);
    }

    #[test]
    fn operation_decides_without_a_number() {
        assert_eq!(of("{}", "UserLoggedIn"), SignInResult::In);
        assert_eq!(of(r#"{"LogonError":"InvalidUserNameOrPassword"}"#, "UserLoggedIn"), SignInResult::Failed);
        assert_eq!(of("{}", "UserLoginFailed"), SignInResult::Failed);
    }

    #[test]
    fn wrong_passwords_show_no_credential() {
        assert!(!SignInResult::Refused.has_credential() && !SignInResult::In.has_credential());
        assert!(SignInResult::SecondFactor.has_credential() && SignInResult::Expired.has_credential());
    }
}
