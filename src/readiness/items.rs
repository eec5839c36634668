//! The items of readiness. Each has one name, which every part of the program uses.

use m365::Service;
use serde::Serialize;

/// The state of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ItemState {
    /// Everything is there.
    Ok,
    /// Something is missing.
    Missing,
    /// It could not be found out, or it is optional and absent.
    Unknown,
}

impl ItemState {
    /// Returns the word in documents and tables.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Missing => "missing",
            Self::Unknown => "unknown",
        }
    }
}

/// One item of a tenant or of the installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Item {
    /// The name.
    pub item: String,
    /// The state.
    pub state: ItemState,
    /// One sentence about what was found.
    pub detail: String,
    /// The one command or page that corrects it; empty if there is nothing to correct.
    pub mend: String,
}

impl Item {
    /// Creates an item that is fine.
    pub fn ok(item: &str, detail: impl Into<String>) -> Self {
        Self { item: item.to_owned(), state: ItemState::Ok, detail: detail.into(), mend: String::new() }
    }

    /// Creates an item that is missing.
    pub fn missing(item: &str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { item: item.to_owned(), state: ItemState::Missing, detail: detail.into(), mend: mend.into() }
    }

    /// Creates an item about which nothing is known.
    pub fn unknown(item: &str, detail: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { item: item.to_owned(), state: ItemState::Unknown, detail: detail.into(), mend: mend.into() }
    }
}

/// An application permission and the service that grants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permission {
    /// The service whose token names it.
    pub service: Service,
    /// Its value, which is the name of its item.
    pub value: &'static str,
    /// Its id, for a service that does not list its permissions; empty if it is not confirmed.
    /// Source: KelvinTegelaar/CIPP-API `Config/PermissionsTranslator.json`.
    pub id: &'static str,
}

const fn permission(service: Service, value: &'static str, id: &'static str) -> Permission {
    Permission { service, value, id }
}

/// The permissions that every tenant must have granted.
pub const PERMISSIONS: &[Permission] = &[
    permission(Service::ManagementActivity, "ActivityFeed.Read", "594c1fb6-4f81-4475-ae41-0c394909246c"),
    permission(Service::Exchange, "Exchange.ManageAsApp", "dc50a0fb-09a3-484d-be87-e023b12c6440"),
    permission(Service::Graph, "Directory.Read.All", "7ab1d382-f21e-4acd-a863-ba3e13f7da61"),
    permission(Service::Graph, "User.Read.All", "df021288-bdef-4463-88db-98f22de89214"),
    permission(Service::Graph, "MailboxSettings.ReadWrite", "6931bccd-447a-43d1-b442-00a195474933"),
    permission(Service::Graph, "User.EnableDisableAccount.All", "3011c876-62b7-4ada-afa2-506cbbecc68c"),
    permission(Service::Graph, "User.RevokeSessions.All", "77f3a031-c388-4f99-b373-dc68676a979e"),
    permission(Service::Graph, "User-PasswordProfile.ReadWrite.All", "cc117bb9-00cf-4eb8-b580-ea2a878fe8f7"),
    permission(Service::Graph, "UserAuthenticationMethod.ReadWrite.All", "50483e42-d915-4231-9639-7fdb7fd190e5"),
    permission(Service::Graph, "DelegatedPermissionGrant.ReadWrite.All", "8e8e4742-1d95-4f68-9d56-6ee75648c72a"),
];

/// The permission that only searches of the audit log need.
pub const OPTIONAL_PERMISSION: Permission = permission(Service::Graph, "AuditLogsQuery.Read.All", "");

/// A directory role and the template ids of the roles that count as it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DirectoryRole {
    /// Its name, which is the name of its item.
    pub name: &'static str,
    /// Its own template id first.
    pub templates: &'static [&'static str],
}

/// Global Administrator: <https://learn.microsoft.com/entra/identity/role-based-access-control/permissions-reference>.
const GLOBAL_ADMINISTRATOR: &str = "62e90394-69f5-4237-9190-012177145e10";

impl DirectoryRole {
    /// Returns whether one of these template ids is that of the role, or of one that counts as it.
    pub fn is_among(&self, held: &[String]) -> bool {
        self.templates.iter().any(|template| held.iter().any(|own| own.eq_ignore_ascii_case(template)))
    }
}

/// The directory roles that the app needs in every tenant. Privileged Authentication Administrator and Entra SOC Identity Responder
/// count as User Administrator.
pub const DIRECTORY_ROLES: &[DirectoryRole] = &[
    DirectoryRole {
        name: "Exchange Administrator",
        templates: &["29232cdf-9323-42fd-ade2-1d097af3e4de", GLOBAL_ADMINISTRATOR],
    },
    DirectoryRole {
        name: "User Administrator",
        templates: &[
            "fe930be7-5e62-47db-91af-98c3a49a38b1",
            "7be44c8a-adaf-4e2a-84d6-ab2649e08a13",
            "58f930cc-fcf4-4152-852c-1d7dbf502139",
            GLOBAL_ADMINISTRATOR,
        ],
    },
];

/// The content types that `ActivityFeed.Read` opens.
pub const CONTENT_TYPES: &[&str] =
    &["Audit.Exchange", "Audit.AzureActiveDirectory", "Audit.SharePoint", "Audit.General"];

/// The other items of a tenant.
pub const OTHER_ITEMS: &[&str] =
    &["Token", "Exchange", "UnifiedAuditLog", "OrganizationAuditing", "MailboxAuditing", "AcceptedDomains", "Content"];
