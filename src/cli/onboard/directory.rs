//! Steps 1 to 3: service principals, permissions and directory roles.

use std::collections::BTreeSet;

use m365::graph::{Change, ServicePrincipal};
use m365::{Service, ServiceError};

use super::meaning::Asked;
use super::steps::StepState;
use super::tenant::Onboarding;
use crate::readiness::items::{DIRECTORY_ROLES, DirectoryRole, OPTIONAL_PERMISSION, PERMISSIONS, Permission};

/// The applications whose permissions the app needs.
const RESOURCES: [(Service, &str, &str); 3] = [
    (Service::Graph, "00000003-0000-0000-c000-000000000000", "Microsoft Graph"),
    (Service::Exchange, "00000002-0000-0ff1-ce00-000000000000", "Office 365 Exchange Online"),
    (Service::ManagementActivity, "c5393580-f805-4401-95e8-94b7a6ef2fc2", "Office 365 Management APIs"),
];

/// The display name of the app in a customer's tenant, if it is created there.
const APP_NAME: &str = "Tenantwatch";

/// The name of the step about the app's own service principal.
const OWN: &str = "Service principal";

/// The rights of the app in the tenant after the steps, as far as the directory shows them.
#[derive(Debug, Default)]
pub(super) struct Held {
    permissions: BTreeSet<&'static str>,
    roles: BTreeSet<&'static str>,
}

impl Held {
    pub(super) fn holds(&self, permission: &str) -> bool {
        self.permissions.contains(permission)
    }

    pub(super) fn permissions(&self) -> impl Iterator<Item = &'static str> {
        self.permissions.iter().copied()
    }

    pub(super) fn roles(&self) -> &BTreeSet<&'static str> {
        &self.roles
    }
}

/// The service principals of a tenant.
struct Principals {
    /// The object id of the app; `None` in a dry run of a tenant that has not got it.
    own: Option<String>,
    /// Returns whether the app existed before, so that it can hold rights.
    was_there: bool,
    resources: Vec<(Service, Option<ServicePrincipal>)>,
}

impl Onboarding<'_> {
    /// Does steps 1 to 3. `None` if the technician cannot work in the tenant at all.
    pub(super) async fn directory(&mut self) -> Option<Held> {
        let principals = self.principals().await?;
        let mut held = Held::default();
        self.permissions(&principals, &mut held).await;
        self.roles(&principals, &mut held).await;
        Some(held)
    }

    async fn list(&self) -> Result<Vec<ServicePrincipal>, ServiceError> {
        let own = self.app.settings.partner.client_id.to_string();
        let ids: Vec<&str> = [own.as_str()].into_iter().chain(RESOURCES.map(|(_, id, _)| id)).collect();
        self.technician.graph.service_principals(&self.customer.tenant_id, &ids).await
    }

    /// Lists the service principals, creates those that are missing, and reads them again.
    async fn principals(&mut self) -> Option<Principals> {
        let mut found = match self.list().await {
            Ok(found) => found,
            Err(error) => {
                let step = if matches!(error, ServiceError::Token(_)) { "Sign-in" } else { OWN };
                self.failed(step, &error, Asked::Directory);
                return None;
            }
        };
        let own = self.app.settings.partner.client_id.to_string();
        let was_there = find(&found, &own).is_some();
        let mut created = Vec::new();
        if self.create(OWN, &own, Some(APP_NAME), was_there).await? {
            created.push(own.clone());
        }
        for (_, id, name) in RESOURCES {
            let is_there = find(&found, id).is_some();
            let step = format!("{OWN} of {name}");
            if self.create(&step, id, None, is_there).await.unwrap_or_default() {
                created.push(id.to_owned());
            }
        }
        if !created.is_empty() {
            found = self.list_with(&created).await?;
        }
        let resources = RESOURCES.map(|(service, id, _)| (service, find(&found, id).cloned())).into();
        Some(Principals { own: find(&found, &own).map(|own| own.id.clone()), was_there, resources })
    }

    /// Creates a service principal, unless it is there. Returns whether it was created; `None` if that failed.
    async fn create(&mut self, step: &str, id: &str, name: Option<&str>, is_there: bool) -> Option<bool> {
        if is_there {
            self.note(step, StepState::AlreadyThere, "");
            return Some(false);
        }
        if self.options.dry_run {
            self.note(step, StepState::WouldDo, "create it");
            return Some(false);
        }
        match self.technician.graph.create_service_principal(&self.customer.tenant_id, id, name).await {
            Ok(()) => {
                self.note(step, StepState::Done, "created");
                Some(true)
            }
            Err(error) => {
                self.failed(step, &error, Asked::Principal(step.trim_start_matches("Service principal of ")));
                None
            }
        }
    }

    /// Lists the service principals until all that were created are among them.
    async fn list_with(&mut self, created: &[String]) -> Option<Vec<ServicePrincipal>> {
        let missing = || ServiceError::Answered {
            service: Service::Graph,
            status: 404,
            code: "Request_ResourceNotFound".to_owned(),
            message: "the new service principal is not replicated yet".to_owned(),
            retry_after: None,
        };
        let listed = self
            .until_replicated(|| async {
                let found = self.list().await?;
                if created.iter().all(|id| find(&found, id).is_some()) { Ok(found) } else { Err(missing()) }
            })
            .await;
        match listed {
            Ok(found) => Some(found),
            Err(error) => {
                self.failed(OWN, &error, Asked::Directory);
                None
            }
        }
    }

    /// Grants the permissions that are missing. Those of a resource that the tenant has not got are left out.
    async fn permissions(&mut self, principals: &Principals, held: &mut Held) {
        let assigned = match &principals.own {
            Some(own) if principals.was_there => {
                let graph = &self.technician.graph;
                self.until_replicated(|| graph.app_role_assignments(&self.customer.tenant_id, own)).await
            }
            _ => Ok(Vec::new()),
        };
        let assigned = match assigned {
            Ok(assigned) => assigned,
            Err(error) => return self.failed("Permissions", &error, Asked::Directory),
        };
        for permission in PERMISSIONS.iter().chain([&OPTIONAL_PERMISSION]) {
            let resource = principals.resources.iter().find(|(service, _)| *service == permission.service);
            let resource = resource.and_then(|(_, principal)| principal.as_ref());
            if resource.is_none() && self.options.dry_run {
                self.note(permission.value, StepState::WouldDo, "grant it");
                held.permissions.insert(permission.value);
            }
            if let Some(resource) = resource
                && self.permission(permission, principals.own.as_deref(), resource, &assigned).await
            {
                held.permissions.insert(permission.value);
            }
        }
    }

    /// Grants one permission. Returns whether the app holds it now, or in a dry run would.
    async fn permission(
        &mut self,
        permission: &Permission,
        own: Option<&str>,
        resource: &ServicePrincipal,
        assigned: &[(String, String)],
    ) -> bool {
        let step = permission.value;
        let role = resource.role_id(step).unwrap_or(permission.id);
        if role.is_empty() {
            self.note(
                step,
                StepState::Failed,
                "the service does not offer this permission – nothing has to be done now",
            );
            return false;
        }
        let is = |one: &str, other: &str| one.eq_ignore_ascii_case(other);
        if assigned.iter().any(|(of, id)| is(of, &resource.id) && is(id, role)) {
            self.note(step, StepState::AlreadyThere, "");
            return true;
        }
        let Some(own) = own.filter(|_| !self.options.dry_run) else {
            self.note(step, StepState::WouldDo, "grant it");
            return true;
        };
        let (graph, tenant) = (&self.technician.graph, &self.customer.tenant_id);
        match self.until_replicated(|| graph.assign_app_role(tenant, own, &resource.id, role)).await {
            Ok(change) => {
                self.note(step, state_of(change), "");
                true
            }
            Err(error) => {
                let is_graph = permission.service == Service::Graph;
                self.failed(step, &error, if is_graph { Asked::GraphPermission } else { Asked::OtherPermission });
                false
            }
        }
    }

    /// Assigns the directory roles that are missing.
    async fn roles(&mut self, principals: &Principals, held: &mut Held) {
        let assigned = match &principals.own {
            Some(own) if principals.was_there => self.assigned_roles(own).await,
            _ => Ok(Vec::new()),
        };
        let assigned = match assigned {
            Ok(assigned) => assigned,
            Err(error) => return self.failed("Directory roles", &error, Asked::Role),
        };
        for role in DIRECTORY_ROLES {
            if self.role(role, principals.own.as_deref(), &assigned).await {
                held.roles.insert(role.name);
            }
        }
    }

    /// Lists the roles of the app: from the role assignments, or from its memberships if the token does not reach those.
    async fn assigned_roles(&self, own: &str) -> Result<Vec<String>, ServiceError> {
        let (graph, tenant) = (&self.technician.graph, &self.customer.tenant_id);
        match self.until_replicated(|| graph.role_assignments(tenant, own)).await {
            Err(error) if error.status() == Some(403) => {
                let app = self.app.settings.partner.client_id.to_string();
                self.until_replicated(|| graph.directory_roles_of(tenant, &app)).await
            }
            outcome => outcome,
        }
    }

    /// Assigns one role. Returns whether the app holds it now, or in a dry run would.
    async fn role(&mut self, role: &DirectoryRole, own: Option<&str>, assigned: &[String]) -> bool {
        if role.is_among(assigned) {
            self.note(role.name, StepState::AlreadyThere, "");
            return true;
        }
        let Some(own) = own.filter(|_| !self.options.dry_run) else {
            self.note(role.name, StepState::WouldDo, "assign it");
            return true;
        };
        let Some(template) = role.templates.first() else { return false };
        let (graph, tenant) = (&self.technician.graph, &self.customer.tenant_id);
        let outcome = match self.until_replicated(|| graph.assign_directory_role(tenant, own, template)).await {
            // A token without the scope for role assignments may still reach the members of a role.
            Err(error) if error.status() == Some(403) => {
                let member = self.until_replicated(|| graph.add_role_member(tenant, own, template)).await;
                member.map_err(|_| error)
            }
            outcome => outcome,
        };
        match outcome {
            Ok(change) => {
                self.note(role.name, state_of(change), "");
                true
            }
            Err(error) => {
                self.failed(role.name, &error, Asked::Role);
                false
            }
        }
    }
}

fn find<'a>(found: &'a [ServicePrincipal], app_id: &str) -> Option<&'a ServicePrincipal> {
    found.iter().find(|principal| principal.app_id.eq_ignore_ascii_case(app_id))
}

fn state_of(change: Change) -> StepState {
    match change {
        Change::Done => StepState::Done,
        Change::AlreadyThere => StepState::AlreadyThere,
    }
}
