//! Settings of what the provider declares as trusted or does not want to detect.

use std::collections::BTreeSet;

use base::ids::Domain;
pub use base::trust::TrustedTarget;

use super::source::Source;

/// Trusted targets and applications, and disabled detections.
#[derive(Debug, Clone, Default)]
pub struct TrustSettings {
    /// `TRUSTED_DOMAINS`: targets that are never external, each for all tenants or for one.
    pub targets: Vec<TrustedTarget>,
    /// `TRUSTED_APPS`: application ids whose consent is ordinary.
    pub apps: BTreeSet<uuid::Uuid>,
    /// `DETECTIONS_OFF`: values of the column `Type` that are not detected.
    pub detections_off: BTreeSet<String>,
}

/// Values of the column `Type` that `DETECTIONS_OFF` accepts.
///
/// Written out because settings know nothing about detection; a test compares the list with the finding types.
pub const DETECTION_TYPES: [&str; 15] = [
    "InboxRule",
    "InboxForward",
    "MailboxPermission",
    "TransportRule",
    "JournalRule",
    "Connector",
    "MailboxTrust",
    "AutoReply",
    "ClientAccess",
    "AuditTampering",
    "Consent",
    "SignInMethod",
    "Domain",
    "ContactRetargeted",
    "KnownAttackerAddress",
];

/// Domains where anyone can have a mailbox. Trusting such a domain would trust every attacker.
const PUBLIC_PROVIDERS: &str = include_str!("public_mail_providers.txt");

impl TrustSettings {
    pub(super) fn from_source(source: &mut Source) -> Self {
        let form = "domain, address@domain or <tenant domain>/<either>; a public mail provider only as a full address";
        Self {
            targets: source.list("TRUSTED_DOMAINS", form, trusted_target),
            apps: source.list("TRUSTED_APPS", "a GUID", |text| text.parse().ok()).into_iter().collect(),
            detections_off: source
                .list("DETECTIONS_OFF", "the name of a detection type", detection_type)
                .into_iter()
                .collect(),
        }
    }
}

fn trusted_target(text: &str) -> Option<TrustedTarget> {
    let (only_in, target) = match text.split_once('/') {
        Some((tenant, target)) => (Some(tenant.parse().ok()?), target),
        None => (None, text),
    };
    if target.contains('@') {
        return Some(TrustedTarget::Address { only_in, address: target.parse().ok()? });
    }
    let domain: Domain = target.parse().ok()?;
    let is_public = PUBLIC_PROVIDERS.lines().any(|provider| provider == domain.as_str());
    (!is_public && domain.as_str().contains('.')).then_some(TrustedTarget::Domain { only_in, domain })
}

/// Returns the exact name of a detection type that can be disabled; the case of `text` does not matter.
fn detection_type(text: &str) -> Option<String> {
    DETECTION_TYPES.into_iter().find(|name| name.eq_ignore_ascii_case(text)).map(str::to_owned)
}
