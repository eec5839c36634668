//! The meaning of a token request that Entra rejects.

/// The meaning of a rejected token request: who has to do something.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum TokenFault {
    /// 7000229, 700016, 65001: the customer has not consented to the app.
    #[error("admin consent for the app is missing in this tenant; an administrator there must open the consent link")]
    ConsentMissing,
    /// 7000112, 53003, 90002, 500011, 500014: disabled, blocked, gone or not licensed.
    #[error(
        "Tenantwatch no longer has access to this tenant: app disabled, Conditional Access, tenant gone or no licence"
    )]
    AccessLost,
    /// 7000215, 7000222, 700027 and other faults of our own credential or configuration.
    #[error(
        "Entra rejected Tenantwatch's credential or configuration; check the app registration's secret or certificate"
    )]
    OurFault,
    /// Anything that may pass without any action.
    #[error("Entra ID could not issue a token right now")]
    Transient,
}

impl TokenFault {
    /// Returns the meaning without advice, for a number that has advice of its own.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::ConsentMissing => "admin consent for the app is missing in this tenant",
            Self::AccessLost => "Tenantwatch no longer has access to this tenant",
            Self::OurFault => "Entra rejected Tenantwatch's credential or configuration",
            Self::Transient => "Entra ID could not issue a token right now",
        }
    }

    /// Returns whether trying again may help.
    pub fn is_transient(self) -> bool {
        self == Self::Transient
    }
}
