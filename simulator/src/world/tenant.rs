//! Models customers: state, people, recipients, audit content, and the oddities of one tenant.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::account::SignInMethod;
use super::applications::MANAGEMENT;
use super::{AcceptedDomain, Blob, Contact, Directory, Group, Mailbox, RESOURCES, TechnicianAccess, User};

/// The state of a customer's consent to the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Consent was granted.
    Granted,
    /// Consent was never granted: AADSTS7000229.
    Missing,
    /// The app was disabled: AADSTS7000112.
    AppDisabled,
    /// Conditional Access blocks the app: AADSTS53003.
    Blocked,
    /// The tenant no longer exists: AADSTS90002.
    Gone,
    /// The tenant has no licence for the service: AADSTS500014.
    NoLicence,
    /// Consent was granted without `ActivityFeed.Read`: AF10001.
    WithoutActivityFeed,
    /// Entra answers every token request for the tenant with this AADSTS number.
    Aadsts(u32),
}

/// A customer.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// The tenant id.
    pub id: Uuid,
    /// The default domain.
    pub default_domain: String,
    /// The display name.
    pub display_name: String,
    /// `true` if `/contracts` lists the tenant.
    pub contract: bool,
    /// `true` if the delegated admin relationships list the tenant.
    pub gdap: bool,
    /// The state of its consent to the app.
    pub consent: Consent,
    /// `true` if unified auditing is enabled.
    pub auditing: bool,
    /// Content types and whether their subscription is enabled; absent if it was never started.
    pub subscriptions: BTreeMap<String, bool>,
    /// `true` if the directory roles for Exchange that the app has are in effect.
    pub exchange_role: bool,
    /// `true` if the app's permissions and roles that change users are in effect.
    pub user_rights: bool,
    /// The applications in the tenant's directory.
    pub directory: Directory,
    /// The rights of the provider's technician in the tenant.
    pub technician: TechnicianAccess,
    /// The accounts.
    pub users: Vec<User>,
    /// The mailboxes.
    pub mailboxes: Vec<Mailbox>,
    /// Mail contacts and mail users.
    pub contacts: Vec<Contact>,
    /// Groups that receive mail.
    pub groups: Vec<Group>,
    /// The accepted domains.
    pub accepted_domains: Vec<AcceptedDomain>,
    /// Audit content, in the order of publication.
    pub content: Vec<Blob>,
    /// The ways in which this tenant differs from others.
    pub oddities: Oddities,
    /// The audit search.
    pub audit_search: AuditSearch,
    /// The last accepted start of each subscription.
    pub(crate) starts: BTreeMap<String, Start>,
}

/// The audit search of a tenant.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditSearch {
    /// `true` if the app may search.
    pub is_allowed: bool,
    /// `true` if `v1.0` answers 404, as it was seen in one tenant.
    pub only_in_beta: bool,
    /// Records that are older than all content.
    pub archive: Vec<serde_json::Value>,
    /// The queries that were accepted.
    pub queries: Vec<AuditQuery>,
}

impl Default for AuditSearch {
    fn default() -> Self {
        Self { is_allowed: true, only_in_beta: false, archive: Vec::new(), queries: Vec::new() }
    }
}

/// A query of the audit search.
#[derive(Debug, Clone, PartialEq)]
pub struct AuditQuery {
    /// Its id.
    pub id: Uuid,
    /// Its filters.
    pub body: serde_json::Value,
    /// The number of requests for its state.
    pub asked: u32,
}

/// The ways in which one tenant differs from others. Each was reported for some tenants and does not hold for others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Oddities {
    /// `true` if Exchange rejects every change of an inbox or sweep rule, in every form.
    pub rejects_rule_changes: bool,
    /// Parameters that `Set-CASMailbox` rejects; `OneWinNativeOutlookEnabled` and `EwsEnabled` were reported.
    /// Source: MicrosoftDocs/office-docs-powershell#11445 and microsoft-365-docs#9636.
    pub rejected_client_access: BTreeSet<String>,
    /// The switches of client access that the tenant does not have: `Get-CASMailbox` does not show them, and `Set-CASMailbox` rejects
    /// them.
    pub absent_client_access: BTreeSet<String>,
    /// The answer to a change of a synchronized account.
    pub synced_accounts: SyncedAccounts,
    /// The answer of Exchange to an app without a directory role.
    pub denial: ExchangeDenial,
    /// `true` if the tenant was never customized, so that its audit log cannot be enabled.
    pub dehydrated: bool,
    /// The time at which `Enable-OrganizationCustomization` was run.
    pub customized_at: Option<DateTime<Utc>>,
    /// `true` if mailbox auditing is disabled for the whole organization.
    pub audit_disabled: bool,
    /// `true` if `Get-AdminAuditLogConfig` shows `False` although auditing is enabled.
    /// Source: MicrosoftDocs/microsoft-365-docs#12126.
    pub audit_log_reads_false: bool,
}

/// The answer of Graph to a change of an account that comes from an on-premises directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SyncedAccounts {
    /// `true` if Graph accepts `accountEnabled`. The next synchronization may undo it.
    pub accept_block: bool,
    /// `true` if Graph accepts `passwordProfile` with 204. It changes the cloud password only; nothing is written back.
    /// Source: Azure/Azure-Sentinel#10920.
    pub accept_password: bool,
}

impl Default for SyncedAccounts {
    fn default() -> Self {
        Self { accept_block: false, accept_password: true }
    }
}

/// The form in which Exchange denies access to an app without a directory role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ExchangeDenial {
    /// 403 with NUL bytes, the reason in a header.
    #[default]
    Forbidden,
    /// 401 with `Unauthorized`, which was reported right after a role was assigned.
    Unauthorized,
}

/// A start of a subscription.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Start {
    pub(crate) at: DateTime<Utc>,
    /// `true` if the subscription had been stopped before.
    pub(crate) is_restart: bool,
}

impl Tenant {
    /// Gives every user, and their mailbox, the user principal name of the next one. Ids stay.
    pub(crate) fn rename_everybody(&mut self) {
        let mut names: Vec<String> = self.users.iter().map(|user| user.upn.clone()).collect();
        let Some(last) = names.len().checked_sub(1) else { return };
        names.rotate_right(last);
        for (user, name) in self.users.iter_mut().zip(names) {
            user.upn.clone_from(&name);
            for mailbox in self.mailboxes.iter_mut().filter(|mailbox| mailbox.object_id == user.id) {
                mailbox.upn.clone_from(&name);
            }
        }
    }

    /// Creates a customer that has consented, with auditing on, an Exchange role, its domain accepted and no people.
    pub fn new(id: Uuid, default_domain: &str, display_name: &str) -> Self {
        let mut directory = Directory::consented();
        for (app_id, name) in RESOURCES {
            directory.add(id, app_id, name, 0);
        }
        Self {
            id,
            default_domain: default_domain.to_owned(),
            display_name: display_name.to_owned(),
            contract: true,
            gdap: true,
            consent: Consent::Granted,
            auditing: true,
            subscriptions: BTreeMap::new(),
            exchange_role: true,
            user_rights: true,
            directory,
            technician: TechnicianAccess::default(),
            users: Vec::new(),
            mailboxes: Vec::new(),
            contacts: Vec::new(),
            groups: Vec::new(),
            accepted_domains: vec![AcceptedDomain::new(default_domain)],
            content: Vec::new(),
            oddities: Oddities::default(),
            audit_search: AuditSearch::default(),
            starts: BTreeMap::new(),
        }
    }

    /// Makes it a tenant that has never heard of the app: no service principal of the app and none of the Management APIs, no
    /// permission, no role, no subscription.
    #[must_use]
    pub fn unknown_to_app(mut self) -> Self {
        self.directory = Directory::default();
        for (app_id, name) in RESOURCES.into_iter().filter(|(app_id, _)| *app_id != MANAGEMENT) {
            self.directory.add(self.id, app_id, name, 0);
        }
        self.subscriptions.clear();
        self
    }

    /// Makes it a tenant that was created recently: the unified audit log is off and cannot be enabled until
    /// `Enable-OrganizationCustomization` has had its effect.
    #[must_use]
    pub fn brand_new(mut self) -> Self {
        self.auditing = false;
        self.oddities.dehydrated = true;
        self
    }

    /// Adds a person with a mailbox, `alias@<default domain>`.
    pub fn add_person(&mut self, alias: &str, display_name: &str) -> &mut Mailbox {
        let upn = format!("{alias}@{}", self.default_domain);
        let object_id = Uuid::new_v5(&self.id, upn.as_bytes());
        let guid = Uuid::new_v5(&object_id, b"mailbox");
        self.users.push(User {
            id: object_id,
            upn: upn.clone(),
            display_name: display_name.to_owned(),
            account_enabled: true,
            synced: false,
            administrator: false,
            guest: false,
            groups: Vec::new(),
            password_resets: 0,
            session_revocations: 0,
            methods: vec![SignInMethod::password()],
            grants: Vec::new(),
        });
        self.mailboxes.push(Mailbox::new(&self.default_domain, alias, upn, object_id, guid));
        let last = self.mailboxes.len() - 1;
        &mut self.mailboxes[last]
    }

    /// Returns a person's account, by object id or any case of the name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.is(name))
    }

    /// Returns the same as [`Tenant::user`], to change it.
    pub fn user_mut(&mut self, name: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.is(name))
    }

    /// Returns a mailbox by any of its names.
    pub fn mailbox(&self, name: &str) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.is(name))
    }

    /// Returns the same as [`Tenant::mailbox`], to change it.
    pub fn mailbox_mut(&mut self, name: &str) -> Option<&mut Mailbox> {
        self.mailboxes.iter_mut().find(|mailbox| mailbox.is(name))
    }
}
