//! Queries one tenant for what monitoring and remediation need: three tokens and at most six other requests. Changes nothing.

use crate::app::App;
use crate::notify::ConsentPage;
use crate::notify::notices::stamp;
use base::ids::TenantId;
use m365::exchange::{OrganizationConfig, is_refused};
use m365::tokens::Claims;
use m365::{Service, ServiceError, TokenError, TokenFault};

use super::items::{CONTENT_TYPES, DIRECTORY_ROLES, DirectoryRole, Item, OPTIONAL_PERMISSION, PERMISSIONS};
use super::{Asked, mailboxes};

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
    let mut items = vec![token_item(&tokens, &consent, asked)];
    items.extend(permission_items(&tokens, asked));
    let (roles, has_asked) = roles(app, &tokens, asked).await;
    items.extend(DIRECTORY_ROLES.iter().map(|role| role_item(&roles, role, asked)));
    items.extend(subscription_items(app, asked).await);
    items.extend(exchange_items(app, asked, !has_asked).await);
    items.push(content_item(asked));
    items
}

/// Returns the command that mends most of what is missing in a tenant.
fn onboard(asked: &Asked<'_>) -> String {
    format!("tenantwatch onboard --tenant {}", asked.domain)
}

/// Returns the template ids of the app's directory roles, and whether Graph was asked for them: Microsoft promises no form of a token,
/// so one without `wids` proves nothing.
async fn roles(app: &App, tokens: &Tokens, asked: &Asked<'_>) -> (Result<Vec<String>, String>, bool) {
    if let Some(wids) = tokens.claims(Service::Graph).and_then(|claims| claims.wids.clone()) {
        return (Ok(wids), false);
    }
    if tokens.failure().is_some_and(|(service, _)| service == Service::Graph) {
        return (Err("there is no token that names the directory roles".to_owned()), false);
    }
    let client_id = app.settings.partner.client_id.to_string();
    let roles = app.graph.directory_roles_of(&asked.tenant_id, &client_id).await;
    (roles.map_err(|error| format!("the token does not name the directory roles, and {error}")), true)
}

fn token_item(tokens: &Tokens, consent: &str, asked: &Asked<'_>) -> Item {
    match tokens.failure() {
        None => Item::ok("Token", "Entra issues a token for each of the three services"),
        // A rejected credential of the app is the item PartnerToken, and no fault of the tenant.
        Some((_, error)) if error.fault.is_transient() || error.fault == TokenFault::OurFault => {
            Item::unknown("Token", error.to_string(), "")
        }
        Some((service, error)) => {
            Item::missing("Token", format!("{error} (token for {service})"), token_mend(error, consent, asked))
        }
    }
}

/// Returns what mends a rejected token. Consent brings back neither a licence nor a tenant.
fn token_mend(error: &TokenError, consent: &str, asked: &Asked<'_>) -> String {
    match error.aadsts {
        Some(90_002 | 900_023 | 5_000_224 | 5_001_211) => "TENANTS_EXCLUDE".to_owned(),
        Some(500_011 | 500_014 | 650_052) => format!("the licences of the tenant, then {}", onboard(asked)),
        Some(53_003 | 7_000_112) => "the tenant's Entra admin center".to_owned(),
        _ => consent.to_owned(),
    }
}

fn permission_items(tokens: &Tokens, asked: &Asked<'_>) -> Vec<Item> {
    let mut items = Vec::new();
    for permission in PERMISSIONS.iter().chain([&OPTIONAL_PERMISSION]) {
        let (value, is_optional) = (permission.value, *permission == OPTIONAL_PERMISSION);
        let held = tokens.claims(permission.service).map(|claims| claims.roles.iter().any(|role| role == value));
        items.push(match held {
            Some(true) => Item::ok(value, "granted"),
            Some(false) if is_optional => {
                Item::unknown(value, "not granted; only a search of the audit log by Microsoft needs it", "")
            }
            Some(false) => Item::missing(value, "the app does not have this permission in the tenant", onboard(asked)),
            None => Item::unknown(value, "there is no token that names the permissions", ""),
        });
    }
    items
}

fn role_item(held: &Result<Vec<String>, String>, role: &DirectoryRole, asked: &Asked<'_>) -> Item {
    match held {
        Ok(held) if role.is_among(held) => Item::ok(role.name, "assigned"),
        Ok(_) => Item::missing(role.name, "the directory role is not assigned to the app", onboard(asked)),
        Err(why) => Item::unknown(role.name, why.as_str(), ""),
    }
}

async fn subscription_items(app: &App, asked: &Asked<'_>) -> Vec<Item> {
    let enabled = app.activity.subscriptions(&asked.tenant_id).await;
    let item = |name: &&str| match &enabled {
        Ok(enabled) if enabled.iter().any(|one| one == name) => Item::ok(name, "the subscription is enabled"),
        Ok(_) => Item::missing(name, "the subscription was never started, or is disabled", onboard(asked)),
        Err(ServiceError::Token(_)) => Item::unknown(name, "there is no token that shows the subscriptions", ""),
        Err(error) => Item::unknown(name, error.to_string(), ""),
    };
    CONTENT_TYPES.iter().map(item).collect()
}

/// Asks Exchange one question after the other. If it refuses the first one, it would refuse all of them.
async fn exchange_items(app: &App, asked: &Asked<'_>, may_ask_twice: bool) -> Vec<Item> {
    let tenant = &asked.tenant_id;
    let config = match app.exchange.organization_config(tenant).await {
        Ok(config) => config,
        Err(error) => return without_exchange(&error, asked),
    };
    vec![
        Item::ok("Exchange", "cmdlets are answered"),
        audit_log_item(app, asked, &config).await,
        organization_item(&config, asked),
        mailboxes::item(app, asked, may_ask_twice).await,
        domains_item(app, tenant).await,
    ]
}

fn without_exchange(error: &ServiceError, asked: &Asked<'_>) -> Vec<Item> {
    let why = error.to_string();
    let mend = format!("{}; a new role takes effect within half an hour", onboard(asked));
    let first = match error {
        error if is_refused(error) => Item::missing("Exchange", why.as_str(), mend),
        // The item Token says why.
        ServiceError::Token(_) => Item::unknown("Exchange", "there is no token for Exchange", ""),
        _ => Item::unknown("Exchange", why.as_str(), ""),
    };
    let names = ["UnifiedAuditLog", "OrganizationAuditing", "MailboxAuditing", "AcceptedDomains"];
    let rest = names.map(|name| Item::unknown(name, "Exchange could not be queried", ""));
    [first].into_iter().chain(rest).collect()
}

async fn audit_log_item(app: &App, asked: &Asked<'_>, config: &OrganizationConfig) -> Item {
    const NAME: &str = "UnifiedAuditLog";
    let mend = format!("{} --enable-auditing", onboard(asked));
    let answer = app.exchange.admin_audit_log_config(&asked.tenant_id).await;
    match answer.map(|config| config.unified_audit_log_ingestion_enabled) {
        Ok(Some(true)) => Item::ok(NAME, "records enter the unified audit log"),
        Ok(Some(false)) if config.is_dehydrated == Some(true) => Item::missing(
            NAME,
            "auditing is off, and the organization was never customized, which takes an hour or two",
            format!("{mend}, and the same command again two hours later"),
        ),
        Ok(Some(false)) => Item::missing(NAME, "auditing is disabled", mend),
        Ok(None) => Item::unknown(NAME, "Exchange does not say it", ""),
        Err(error) => Item::unknown(NAME, error.to_string(), ""),
    }
}

fn organization_item(config: &OrganizationConfig, asked: &Asked<'_>) -> Item {
    const NAME: &str = "OrganizationAuditing";
    match config.audit_disabled {
        Some(false) => Item::ok(NAME, "mailbox auditing is not disabled for the organization"),
        Some(true) => Item::missing(
            NAME,
            "mailbox auditing is disabled for the organization",
            format!("{} --enable-auditing", onboard(asked)),
        ),
        None => Item::unknown(NAME, "Exchange does not say it", ""),
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
