//! Classifies the errors of credentials: who has to do something about a token that was not issued.
//!
//! Numbers and meanings: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>.

use azure_core::error::ErrorKind;

use base::http::RequestFailure;
use base::ids::TenantId;

use crate::scrubber::Scrubber;
use crate::{TokenError, TokenFault, aadsts};

/// Classifies a failure by Entra's own number. The message contains none of the secrets.
pub(super) fn classify(tenant: TenantId, error: &azure_core::Error, secrets: &Scrubber) -> TokenError {
    let answer = answered(error);
    let text = answer.map_or_else(|| error.to_string(), ToString::to_string);
    let (status, code) = match answer.map(azure_core::Error::kind) {
        Some(ErrorKind::HttpResponse { status, error_code, .. }) => (Some(u16::from(*status)), error_code.clone()),
        _ => (None, None),
    };
    let first_code = code.as_deref().and_then(|codes| codes.split(',').next()).and_then(|code| code.parse().ok());
    let aadsts = first_code.or_else(|| number_after(&text, "AADSTS"));
    let message = match (status, connection_failure(error)) {
        (None, Some(failure)) => failure,
        _ => first_line(&text),
    };
    TokenError { tenant, fault: fault(status, aadsts), aadsts, message: secrets.scrub(&message) }
}

/// Returns the host that could not be reached and why, if no response came.
fn connection_failure(error: &azure_core::Error) -> Option<String> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(failure) = error.downcast_ref::<RequestFailure>() {
            return Some(failure.to_string());
        }
        next = error.source();
    }
    None
}

/// Returns Entra's own response, if there was one.
fn answered(error: &azure_core::Error) -> Option<&azure_core::Error> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(error) = error.downcast_ref::<azure_core::Error>()
            && matches!(error.kind(), ErrorKind::HttpResponse { .. })
        {
            return Some(error);
        }
        next = error.source();
    }
    None
}

fn fault(status: Option<u16>, aadsts: Option<u32>) -> TokenFault {
    match (aadsts.and_then(aadsts::find), aadsts, status) {
        // Entra reports that it is busy with 400 at times.
        (Some(known), ..) => known.fault,
        (None, _, Some(408 | 429 | 500..) | None) => TokenFault::Transient,
        // Without a number, the platform rejected the managed identity. That proves nothing about the tenant.
        (None, None, Some(_)) => TokenFault::OurFault,
        // An unknown number counts for its tenant only. A problem of the credential would be reported for all tenants.
        (None, Some(_), Some(_)) => TokenFault::AccessLost,
    }
}

fn number_after(text: &str, mark: &str) -> Option<u32> {
    let (_, rest) = text.split_once(mark)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

/// Returns what a person needs of Entra's text: not the trace ids behind it.
pub(super) fn first_line(text: &str) -> String {
    let line = text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    line.chars().filter(|c| !c.is_control()).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::{TokenFault, fault, first_line, number_after};

    #[test]
    fn number_and_status_tell_whose_fault_it_is() {
        let table = [
            (Some(401), Some(7_000_229), TokenFault::ConsentMissing),
            (Some(400), Some(700_016), TokenFault::ConsentMissing),
            (Some(400), Some(65_001), TokenFault::ConsentMissing),
            (Some(401), Some(7_000_112), TokenFault::AccessLost),
            (Some(400), Some(90_002), TokenFault::AccessLost),
            (Some(400), Some(500_014), TokenFault::AccessLost),
            (Some(400), Some(53_003), TokenFault::AccessLost),
            (Some(401), Some(50_999), TokenFault::AccessLost),
            (Some(401), Some(7_000_215), TokenFault::OurFault),
            (Some(401), Some(7_000_222), TokenFault::OurFault),
            (Some(401), Some(700_027), TokenFault::OurFault),
            (Some(503), None, TokenFault::Transient),
            (Some(429), None, TokenFault::Transient),
            (Some(400), Some(90_033), TokenFault::Transient),
            (None, None, TokenFault::Transient),
        ];
        for (status, aadsts, expected) in table {
            assert_eq!(fault(status, aadsts), expected, "{status:?} {aadsts:?}");
        }
    }

    #[test]
    fn rejected_managed_identity_is_not_the_tenants_fault() {
        assert_eq!(fault(Some(400), None), TokenFault::OurFault);
        assert_eq!(fault(Some(403), None), TokenFault::OurFault);
    }

    #[test]
    fn error_number_is_found_and_trace_ids_are_ignored() {
        let text = "AADSTS7000215: Invalid client secret is provided.\r\nTrace ID: 1\r\nCorrelation ID: 2";
        assert_eq!(number_after(text, "AADSTS"), Some(7_000_215));
        assert_eq!(first_line(text), "AADSTS7000215: Invalid client secret is provided.");
    }
}
