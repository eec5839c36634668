//! Models what the directory of a tenant knows of applications: service principals, application permissions and directory roles.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::applications::{
    APP_ROLES, AppRole, EXCHANGE, EXCHANGE_ADMINISTRATOR, GLOBAL_ADMINISTRATOR, GRAPH, MANAGEMENT,
    PRIVILEGED_AUTHENTICATION_ADMINISTRATOR, USER_ADMINISTRATOR,
};

/// The applications of one tenant.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// The service principals.
    pub service_principals: Vec<ServicePrincipal>,
    /// The application permissions that the app holds in the tenant.
    pub app_roles: BTreeSet<Uuid>,
    /// The directory roles that the app holds in the tenant, with the time at which each was assigned.
    pub roles: Vec<(Uuid, DateTime<Utc>)>,
    /// The directory roles that were ever activated. A role that was not has no member list.
    pub activated: BTreeSet<Uuid>,
    /// Applications whose service principal the tenant cannot have, for lack of a licence.
    pub unlicensed: BTreeSet<Uuid>,
    /// The users and groups with a role that no membership shows: one for an administrative unit, or a custom one.
    pub role_assignments: Vec<RoleAssignment>,
}

/// The assignment of a role to a user or group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleAssignment {
    /// The user or group.
    pub principal: Uuid,
    /// The role.
    pub definition: Uuid,
    /// `/` for the whole tenant, or `/administrativeUnits/<id>`.
    pub scope: String,
}

/// A service principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePrincipal {
    /// The object id.
    pub id: Uuid,
    /// The application.
    pub app_id: Uuid,
    /// The display name.
    pub display_name: String,
    /// `true` if the application may get tokens.
    pub enabled: bool,
    /// The number of requests that will still be answered as if it did not exist, because it is not replicated yet.
    pub misses: u32,
}

impl Directory {
    /// Returns the directory of a tenant that has consented: all permissions and both directory roles.
    pub(super) fn consented() -> Self {
        let long_ago = DateTime::UNIX_EPOCH - TimeDelta::days(365);
        Self {
            app_roles: APP_ROLES.iter().filter(|role| role.is_granted_by_consent()).map(|role| role.id).collect(),
            roles: vec![(EXCHANGE_ADMINISTRATOR, long_ago), (USER_ADMINISTRATOR, long_ago)],
            ..Self::default()
        }
    }

    /// Returns the service principal of an application.
    pub fn service_principal(&self, app_id: Uuid) -> Option<&ServicePrincipal> {
        self.service_principals.iter().find(|principal| principal.app_id == app_id)
    }

    /// Returns the service principal with that object id.
    pub fn by_id(&self, id: Uuid) -> Option<&ServicePrincipal> {
        self.service_principals.iter().find(|principal| principal.id == id)
    }

    /// Adds the service principal of an application, unless it is there.
    pub fn add(&mut self, tenant: Uuid, app_id: Uuid, display_name: &str, misses: u32) {
        if self.service_principal(app_id).is_none() {
            let id = Uuid::new_v5(&tenant, app_id.as_bytes());
            let display_name = display_name.to_owned();
            self.service_principals.push(ServicePrincipal { id, app_id, display_name, enabled: true, misses });
        }
    }

    /// Returns the values of the permissions that the app holds on a resource.
    pub fn values_on(&self, resource: Uuid) -> Vec<&'static str> {
        let held = APP_ROLES.iter().filter(|role| role.resource == resource && self.app_roles.contains(&role.id));
        held.map(|role| role.value).collect()
    }

    /// Returns whether the app holds a permission.
    pub fn holds(&self, value: &str) -> bool {
        APP_ROLES.iter().any(|role| role.value == value && self.app_roles.contains(&role.id))
    }

    /// Gives the app a permission, or takes it away.
    pub fn set(&mut self, value: &str, granted: bool) {
        for role in APP_ROLES.iter().filter(|role| role.value == value) {
            if granted {
                self.app_roles.insert(role.id)
            } else {
                self.app_roles.remove(&role.id)
            };
        }
    }

    /// Returns whether the app holds one of the directory roles with which Exchange accepts it.
    pub fn administers_exchange(&self) -> bool {
        self.has_role(EXCHANGE_ADMINISTRATOR) || self.has_role(GLOBAL_ADMINISTRATOR)
    }

    /// Returns whether the app holds a directory role.
    pub fn has_role(&self, template: Uuid) -> bool {
        self.roles.iter().any(|(role, _)| *role == template)
    }

    /// Returns whether the app may change the passwords of ordinary users.
    pub fn administers_users(&self) -> bool {
        [USER_ADMINISTRATOR, PRIVILEGED_AUTHENTICATION_ADMINISTRATOR, GLOBAL_ADMINISTRATOR]
            .iter()
            .any(|role| self.has_role(*role))
    }
}

impl AppRole {
    /// Returns whether an administrator's consent grants it: everything that the registration asks for.
    fn is_granted_by_consent(&self) -> bool {
        !matches!(self.value, "Mail.Send" | "AuditLogsQuery.Read.All")
    }
}

/// The applications whose permissions the app needs, with their names.
pub const RESOURCES: [(Uuid, &str); 3] =
    [(GRAPH, "Microsoft Graph"), (EXCHANGE, "Office 365 Exchange Online"), (MANAGEMENT, "Office 365 Management APIs")];
