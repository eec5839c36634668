//! What is never external or suspicious, by the provider's own word.

use std::collections::BTreeSet;

use crate::names::{Domain, MailAddress};

/// `TRUSTED_DOMAINS`, `TRUSTED_APPS` and `DETECTIONS_OFF`.
#[derive(Debug, Clone, Default)]
pub struct TrustSettings {
    /// `TRUSTED_DOMAINS`, each for all tenants or for one.
    pub targets: Vec<TrustedTarget>,
    /// `TRUSTED_APPS`: application ids whose consent is ordinary.
    pub apps: BTreeSet<uuid::Uuid>,
    /// `DETECTIONS_OFF`: values of the column `Type`.
    pub detections_off: BTreeSet<String>,
}

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
