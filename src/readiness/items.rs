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
}

const fn permission(service: Service, value: &'static str) -> Permission {
    Permission { service, value }
}

/// The permissions that every tenant must have granted.
pub const PERMISSIONS: &[Permission] = &[
    permission(Service::ManagementActivity, "ActivityFeed.Read"),
    permission(Service::Exchange, "Exchange.ManageAsApp"),
    permission(Service::Graph, "Directory.Read.All"),
    permission(Service::Graph, "User.Read.All"),
    permission(Service::Graph, "MailboxSettings.ReadWrite"),
    permission(Service::Graph, "User.EnableDisableAccount.All"),
    permission(Service::Graph, "User.RevokeSessions.All"),
    permission(Service::Graph, "User-PasswordProfile.ReadWrite.All"),
    permission(Service::Graph, "UserAuthenticationMethod.ReadWrite.All"),
    permission(Service::Graph, "DelegatedPermissionGrant.ReadWrite.All"),
];

/// The permission that only searches of the audit log need.
pub const OPTIONAL_PERMISSION: Permission = permission(Service::Graph, "AuditLogsQuery.Read.All");

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
