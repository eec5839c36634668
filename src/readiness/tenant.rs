//! Queries one tenant for what monitoring and remediation need: three tokens and at most five other requests. Changes nothing.

use crate::app::App;
use crate::notify::ConsentPage;
use crate::notify::notices::stamp;
use crate::tables::CoverageRow;
use base::ids::{Domain, TenantId};
use m365::exchange::{OrganizationConfig, UNAUDITED_MAILBOXES, is_refused};
use m365::tokens::Claims;
use m365::{Service, ServiceError, TokenError};

use super::items::{CONTENT_TYPES, DIRECTORY_ROLES, DirectoryRole, Item, OPTIONAL_PERMISSION, PERMISSIONS};

/// The tenant that is checked.
#[derive(Debug, Clone)]
pub struct Asked<'a> {
    /// The tenant id.
    pub tenant_id: TenantId,
    /// The domain.
    pub domain: &'a Domain,
    /// The coverage row that ordinary runs have stored, if the tenant was ever read.
    pub row: Option<&'a CoverageRow>,
}

/// The claims of the tokens of one tenant.
struct Tokens(Vec<(Service, Result<Option<Claims>, TokenError>)>);

impl Tokens {
    async fn of(app: &App, tenant: &TenantId) -> Self {
        let mut tokens = Vec::new();
        for service in [Service::Graph, Service::ManagementActivity, Service::Exchange] {
            let token = app.tokens.token(tenant, service).await;
            tokens.push((service, token.map(|token| Claims::of(&token))));
        }
        Self(tokens)
    }

    /// Returns the claims for a service; `None` if there is no token or it cannot be read.
    fn claims(&self, service: Service) -> Option<&Claims> {
        self.0.iter().find(|(of, _)| *of == service)?.1.as_ref().ok()?.as_ref()
    }

    fn failure(&self) -> Option<(Service, &TokenError)> {
        self.0.iter().find_map(|(service, token)| Some((*service, token.as_ref().err()?)))
    }
}

/// Returns every item of a tenant, in the order of the documentation.
pub async fn look(app: &App, asked: &Asked<'_>) -> Vec<Item> {
    let consent = ConsentPage::new(&app.settings.hosts, &app.settings.partner).of(&asked.tenant_id);
    let tokens = Tokens::of(app, &asked.tenant_id).await;
    let mut items = vec![token_item(&tokens, &consent)];
    items.extend(permission_items(&tokens, &consent));
    items.extend(DIRECTORY_ROLES.iter().map(|role| role_item(&tokens, role, asked)));
    items.extend(subscription_items(app, asked).await);
    items.extend(exchange_items(app, asked).await);
    items.push(content_item(asked));
    items
}

fn token_item(tokens: &Tokens, consent: &str) -> Item {
    match tokens.failure() {
        None => Item::ok("Token", "Entra issues a token for each of the three services"),
        Some((_, error)) if error.fault.is_transient() => Item::unknown("Token", error.to_string(), ""),
        Some((service, error)) => Item::missing("Token", format!("{error} (token for {service})"), consent),
    }
}

fn permission_items(tokens: &Tokens, consent: &str) -> Vec<Item> {
    let mut items = Vec::new();
    for permission in PERMISSIONS.iter().chain([&OPTIONAL_PERMISSION]) {
        let (value, is_optional) = (permission.value, *permission == OPTIONAL_PERMISSION);
        let held = tokens.claims(permission.service).map(|claims| claims.roles.iter().any(|role| role == value));
        items.push(match held {
            Some(true) => Item::ok(value, "granted"),
            Some(false) if is_optional => {
                Item::unknown(value, "not granted; only a search of the audit log by Microsoft needs it", "")
            }
            Some(false) => Item::missing(value, "the app does not have this permission in the tenant", consent),
            None => Item::unknown(value, "there is no token that names the permissions", ""),
        });
    }
    items
}

fn role_item(tokens: &Tokens, role: &DirectoryRole, asked: &Asked<'_>) -> Item {
    let held = tokens.claims(Service::Graph).and_then(|claims| claims.wids.as_ref());
    let page = format!(
        "https://entra.microsoft.com/{}/#view/Microsoft_AAD_IAM/RolesManagementMenuBlade/~/AllRoles",
        asked.tenant_id
    );
    let is_held = |wids: &Vec<String>| {
        role.templates.iter().any(|template| wids.iter().any(|wid| wid.eq_ignore_ascii_case(template)))
    };
    match held.map(is_held) {
        Some(true) => Item::ok(role.name, "assigned"),
        Some(false) => Item::missing(role.name, "the directory role is not assigned to the app", page),
        None => Item::unknown(role.name, "the token does not name the directory roles", page),
    }
}

async fn subscription_items(app: &App, asked: &Asked<'_>) -> Vec<Item> {
    let enabled = app.activity.subscriptions(&asked.tenant_id).await;
    let start = |name: &str| {
        let (host, publisher) = (&app.settings.hosts.management, app.settings.partner.tenant_id);
        format!(
            "POST {host}api/v1.0/{}/activity/feed/subscriptions/start?contentType={name}&PublisherIdentifier={publisher}",
            asked.tenant_id
        )
    };
    let item = |name: &&str| match &enabled {
        Ok(enabled) if enabled.iter().any(|one| one == name) => Item::ok(name, "the subscription is enabled"),
        Ok(_) if matches!(*name, "Audit.Exchange" | "Audit.AzureActiveDirectory") => {
            Item::missing(name, "the subscription was never started, or is disabled", "tenantwatch run --once")
        }
        Ok(_) => Item::missing(name, "the subscription was never started, or is disabled", start(name)),
        Err(error) => Item::unknown(name, error.to_string(), ""),
    };
    CONTENT_TYPES.iter().map(item).collect()
}

/// Asks Exchange one question after the other. If it refuses the first one, it would refuse all of them.
async fn exchange_items(app: &App, asked: &Asked<'_>) -> Vec<Item> {
    let tenant = &asked.tenant_id;
    let config = match app.exchange.organization_config(tenant).await {
        Ok(config) => config,
        Err(error) => return without_exchange(&error),
    };
    vec![
        Item::ok("Exchange", "cmdlets are answered"),
        audit_log_item(app, tenant, &config).await,
        organization_item(&config),
        mailbox_item(app, tenant).await,
        domains_item(app, tenant).await,
    ]
}

fn without_exchange(error: &ServiceError) -> Vec<Item> {
    let why = error.to_string();
    let mend =
        "assign Exchange Administrator and grant Exchange.ManageAsApp; a new role takes effect within half an hour";
    let first = match error {
        error if is_refused(error) => Item::missing("Exchange", why.as_str(), mend),
        ServiceError::Token(error) if !error.fault.is_transient() => Item::missing("Exchange", why.as_str(), ""),
        _ => Item::unknown("Exchange", why.as_str(), ""),
    };
    let names = ["UnifiedAuditLog", "OrganizationAuditing", "MailboxAuditing", "AcceptedDomains"];
    let rest = names.map(|name| Item::unknown(name, "Exchange could not be queried", ""));
    [first].into_iter().chain(rest).collect()
}

async fn audit_log_item(app: &App, tenant: &TenantId, config: &OrganizationConfig) -> Item {
    const NAME: &str = "UnifiedAuditLog";
    let enable = "Set-AdminAuditLogConfig -UnifiedAuditLogIngestionEnabled $true";
    match app.exchange.admin_audit_log_config(tenant).await.map(|config| config.unified_audit_log_ingestion_enabled) {
        Ok(Some(true)) => Item::ok(NAME, "records enter the unified audit log"),
        Ok(Some(false)) if config.is_dehydrated == Some(true) => Item::missing(
            NAME,
            "auditing is off, and the organization was never customized",
            format!("Enable-OrganizationCustomization, two hours later {enable}"),
        ),
        Ok(Some(false)) => Item::missing(NAME, "auditing is disabled", enable),
        Ok(None) => Item::unknown(NAME, "Exchange does not say it", ""),
        Err(error) => Item::unknown(NAME, error.to_string(), ""),
    }
}

fn organization_item(config: &OrganizationConfig) -> Item {
    const NAME: &str = "OrganizationAuditing";
    match config.audit_disabled {
        Some(false) => Item::ok(NAME, "mailbox auditing is not disabled for the organization"),
        Some(true) => Item::missing(
            NAME,
            "mailbox auditing is disabled for the organization",
            "Set-OrganizationConfig -AuditDisabled $false",
        ),
        None => Item::unknown(NAME, "Exchange does not say it", ""),
    }
}

async fn mailbox_item(app: &App, tenant: &TenantId) -> Item {
    const NAME: &str = "MailboxAuditing";
    match app.exchange.count_unaudited_mailboxes(tenant).await {
        Ok(0) => Item::ok(NAME, "every user and shared mailbox has auditing that reaches the feed"),
        Ok(count) => Item::unknown(
            NAME,
            format!(
                "{count} mailboxes have only the default auditing, which may not reach the feed without Audit Premium"
            ),
            format!(
                "Get-Mailbox -ResultSize Unlimited -Filter \"{UNAUDITED_MAILBOXES}\" | Set-Mailbox -AuditEnabled $true"
            ),
        ),
        Err(error) => Item::unknown(NAME, error.to_string(), ""),
    }
}

async fn domains_item(app: &App, tenant: &TenantId) -> Item {
    const NAME: &str = "AcceptedDomains";
    match app.exchange.accepted_domains(tenant).await {
        Ok(domains) if domains.is_empty() => Item::missing(NAME, "Exchange lists no accepted domain", ""),
        Ok(domains) => Item::ok(NAME, format!("{} readable", domains.len())),
        Err(error) => Item::unknown(NAME, error.to_string(), ""),
    }
}

fn content_item(asked: &Asked<'_>) -> Item {
    match asked.row.and_then(|row| row.last_content) {
        Some(last) => Item::ok("Content", format!("content was last seen at {}", stamp(last))),
        None => Item::unknown("Content", format!("no content was ever seen of {}", asked.domain), ""),
    }
}
