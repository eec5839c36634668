//! Targets outside a tenant that the provider trusts.

use crate::ids::{Domain, MailAddress};

/// One entry of `TRUSTED_DOMAINS`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TrustedTarget {
    /// A domain: `domain` or `<tenant domain>/domain`.
    Domain {
        /// Only in the tenant with this ManagementDomain.
        only_in: Option<Domain>,
        /// The trusted domain.
        domain: Domain,
    },
    /// An address: `address@domain` or `<tenant domain>/address@domain`.
    Address {
        /// Only in the tenant with this ManagementDomain.
        only_in: Option<Domain>,
        /// The trusted address.
        address: MailAddress,
    },
}

impl TrustedTarget {
    /// Returns whether the entry covers mail to this domain in the tenant of this ManagementDomain, and to this address, if the whole
    /// address is known.
    pub fn covers(&self, domain: &Domain, address: Option<&MailAddress>, tenant: &Domain) -> bool {
        let here = |only_in: &Option<Domain>| only_in.as_ref().is_none_or(|only_in| only_in == tenant);
        match self {
            Self::Domain { only_in, domain: trusted } => here(only_in) && trusted == domain,
            Self::Address { only_in, address: trusted } => here(only_in) && address == Some(trusted),
        }
    }
}
