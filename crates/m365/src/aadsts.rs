//! The AADSTS numbers with which Entra rejects a token request, in one table: who has to do something, and what.
//!
//! Meanings: <https://learn.microsoft.com/entra/identity-platform/reference-error-codes>; for a provider's app that requests a token of a
//! customer's tenant: KelvinTegelaar/CIPP-API `Get-NormalizedError.ps1` and Azure/login#515, #517.

use super::token_fault::TokenFault;

/// The row of one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aadsts {
    /// The number after `AADSTS`.
    pub number: u32,
    /// The fault, which tells who has to do something.
    pub fault: TokenFault,
    /// The advice what to do, in complete sentences.
    pub advice: &'static str,
}

const fn row(number: u32, fault: TokenFault, advice: &'static str) -> Aadsts {
    Aadsts { number, fault, advice }
}

const CONSENT: &str = "An administrator of the tenant must open the consent link.";
const CREDENTIAL: &str = "Check the secret or certificate of the app registration, and that it has not expired.";
const FEDERATED: &str =
    "Compare issuer, subject (case matters) and audience of the federated credential with the managed identity.";
const GONE: &str = "The tenant no longer exists or is blocked. Exclude it with TENANTS_EXCLUDE if that is right.";
const BUSY: &str = "Nothing has to be done: it is tried again.";

/// All known numbers.
pub const TABLE: &[Aadsts] = &[
    row(7_000_229, TokenFault::ConsentMissing, CONSENT),
    row(700_016, TokenFault::ConsentMissing, CONSENT),
    row(65_001, TokenFault::ConsentMissing, CONSENT),
    row(
        650_051,
        TokenFault::ConsentMissing,
        "The app is not known in the tenant yet. Wait a minute, then open the consent link again.",
    ),
    row(
        650_052,
        TokenFault::AccessLost,
        "The tenant lacks a service that the app asks for: it needs a subscription with Exchange Online.",
    ),
    row(7_000_112, TokenFault::AccessLost, "The app is disabled in the tenant. An administrator there must enable it."),
    row(
        53_003,
        TokenFault::AccessLost,
        "Conditional Access blocks the app. Exclude its service principal from that policy.",
    ),
    row(90_002, TokenFault::AccessLost, GONE),
    row(900_023, TokenFault::AccessLost, GONE),
    row(5_000_224, TokenFault::AccessLost, GONE),
    row(5_001_211, TokenFault::AccessLost, GONE),
    row(
        500_011,
        TokenFault::AccessLost,
        "The tenant has no such service. It needs a subscription with Exchange Online.",
    ),
    row(500_014, TokenFault::AccessLost, "The service is disabled in the tenant. Check its licences."),
    row(
        50_020,
        TokenFault::AccessLost,
        "The account that signed in is a guest in the tenant. Use one with a GDAP role.",
    ),
    row(
        50_177,
        TokenFault::AccessLost,
        "The account that signed in has no access to the tenant. Check its GDAP security group.",
    ),
    row(
        65_002,
        TokenFault::AccessLost,
        "Microsoft does not let this program reach the service with its token. Sign in with another one.",
    ),
    row(7_000_215, TokenFault::OurFault, CREDENTIAL),
    row(7_000_222, TokenFault::OurFault, CREDENTIAL),
    row(7_000_218, TokenFault::OurFault, CREDENTIAL),
    row(700_027, TokenFault::OurFault, CREDENTIAL),
    row(
        700_024,
        TokenFault::OurFault,
        "Check the clock of this machine: the assertion is not valid yet, or no longer.",
    ),
    row(70_021, TokenFault::OurFault, FEDERATED),
    row(700_211, TokenFault::OurFault, FEDERATED),
    row(700_212, TokenFault::OurFault, FEDERATED),
    row(700_213, TokenFault::OurFault, FEDERATED),
    row(7_002_138, TokenFault::OurFault, FEDERATED),
    row(90_033, TokenFault::Transient, BUSY),
    row(50_196, TokenFault::Transient, BUSY),
    row(90_006, TokenFault::Transient, BUSY),
];

/// Returns the row of a number, if it is known.
pub fn find(number: u32) -> Option<&'static Aadsts> {
    TABLE.iter().find(|row| row.number == number)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{TABLE, find};

    #[test]
    fn each_number_has_one_row_with_advice() {
        let numbers: BTreeSet<u32> = TABLE.iter().map(|row| row.number).collect();
        assert_eq!(numbers.len(), TABLE.len());
        for row in TABLE {
            assert_eq!(find(row.number), Some(row));
            assert!(row.advice.ends_with('.') && row.advice.len() > 20, "{row:?}");
        }
    }
}
