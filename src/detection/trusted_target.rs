//! Targets outside the tenant that the provider's settings trust.

use base::ids::{Domain, MailAddress};

/// One entry of `TRUSTED_DOMAINS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedTarget {
    /// `domain` or `<tenant domain>/domain`
    Domain {
        /// Only in the tenant with this ManagementDomain.
        only_in: Option<Domain>,
        /// The trusted domain.
        domain: Domain,
    },
    /// `address@domain` or `<tenant domain>/address@domain`
    Address {
        /// Only in the tenant with this ManagementDomain.
        only_in: Option<Domain>,
        /// The trusted address.
        address: MailAddress,
    },
}

impl TrustedTarget {
    /// Returns whether the entry covers an address in the tenant of this domain.
    pub(super) fn covers(&self, address: &str, domain: &Domain, tenant: &Domain) -> bool {
        let here = |only_in: &Option<Domain>| only_in.as_ref().is_none_or(|only_in| only_in == tenant);
        match self {
            Self::Domain { only_in, domain: trusted } => here(only_in) && trusted == domain,
            Self::Address { only_in, address: trusted } => {
                here(only_in) && address.parse::<MailAddress>().is_ok_and(|target| target == *trusted)
            }
        }
    }
}
