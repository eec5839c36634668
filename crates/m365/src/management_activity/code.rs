//! The error codes of the Management Activity API, documented or not, and the remedy for each.
//! <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-reference#errors>

/// The remedy for a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// None: it is a success.
    Success,
    /// Start the subscription, then continue.
    Subscribe,
    /// The customer must grant consent.
    Consent,
    /// None: the tenant is gone or not set up for auditing.
    TenantLost,
    /// None: the blob is permanently lost, which is a gap.
    ContentLost,
    /// Let the next run list again: the window is out of reach, or its next page is no longer known.
    AskAnew,
    /// Wait and try again.
    Wait,
    /// Correct this program, or its configuration.
    Ours,
}

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $code:literal => $remedy:ident),+ $(,)?) => {
        /// A known code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum ActivityCode { $($(#[$doc])* $name),+ }

        impl ActivityCode {
            /// All known codes.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// Returns the code as the service writes it, `AF…`.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $code),+ }
            }

            /// Returns the remedy.
            pub fn remedy(self) -> Remedy {
                match self { $(Self::$name => Remedy::$remedy),+ }
            }
        }
    };
}

codes! {
    /// The token lacks `ActivityFeed.Read`.
    PermissionMissing = "AF10001" => Consent,
    /// A parameter is missing.
    ParameterMissing = "AF20001" => Ours,
    /// A parameter has another type.
    ParameterType = "AF20002" => Ours,
    /// An expiration lies in the past.
    ExpirationPast = "AF20003" => Ours,
    /// The tenant of the URL is not that of the token.
    TenantMismatch = "AF20010" => Ours,
    /// The tenant does not exist or was deleted; also seen while auditing is off.
    TenantUnknown = "AF20011" => TenantLost,
    /// The tenant is set up wrongly.
    TenantMisconfigured = "AF20012" => TenantLost,
    /// The tenant id is not a GUID.
    TenantMalformed = "AF20013" => Ours,
    /// The content type does not exist.
    ContentType = "AF20020" => Ours,
    /// A webhook could not be validated.
    Webhook = "AF20021" => Ours,
    /// There is no subscription.
    NotSubscribed = "AF20022" => Subscribe,
    /// The subscription was disabled.
    SubscriptionDisabled = "AF20023" => Subscribe,
    /// The subscription is already enabled. Microsoft does not list this code; it comes with 400.
    AlreadyEnabled = "AF20024" => Success,
    /// Start and end do not fit.
    Window = "AF20030" => AskAnew,
    /// The next page is not known.
    NextPage = "AF20031" => AskAnew,
    /// The content does not exist.
    ContentUnknown = "AF20050" => ContentLost,
    /// The content has expired.
    ContentExpired = "AF20051" => ContentLost,
    /// The content id is invalid.
    ContentId = "AF20052" => ContentLost,
    /// A language is not understood.
    Language = "AF20053" => Ours,
    /// A language is not understood.
    LanguageFormat = "AF20054" => Ours,
    /// Start lies too far back, or after the end.
    WindowTooOld = "AF20055" => AskAnew,
    /// Too many requests; comes with 403 as well as 429.
    TooMany = "AF429" => Wait,
    /// The service failed.
    Internal = "AF50000" => Wait,
    /// The service failed; in no list of Microsoft's.
    InternalStore = "AF50005" => Wait,
    /// The service failed; in no list of Microsoft's.
    InternalOther = "AF50006" => Wait,
}

impl ActivityCode {
    /// Returns the known code that the service writes like this.
    pub fn named(code: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|known| known.as_str() == code)
    }
}
