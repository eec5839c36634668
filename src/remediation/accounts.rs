//! Resolves the names of a finding to accounts of the tenant.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::app::App;
use crate::settings::ProtectedUser;
use crate::tables::ProcessedRow;
use base::clock::Deadline;
use base::ids::{MailAddress, TenantId};
use m365::exchange::{Mailbox, MailboxId};
use m365::graph::User;
use m365::{Service, ServiceError};

use super::Refusal;
use super::grants::{EXCHANGE_GRANT, USER_READ_GRANT, explain};
use super::request::AccountChoice;

/// The time limit of one look-up. If one service hangs, the other one can still answer.
const ACCOUNTS_LOOK_UP_TIMEOUT: Duration = Duration::from_secs(12);

/// An account of the tenant.
#[derive(Debug, Clone)]
pub struct Account {
    /// Its name in answers: its user principal name, else as the record named it.
    pub name: String,
    /// Object id, where it could be found.
    pub object_id: Option<String>,
    /// The user in Graph; `None` if there is no such user or Graph could not be asked.
    pub user: Option<User>,
    /// Every name and address that it has, in lower case.
    names: Vec<String>,
}

impl Account {
    /// Returns the key for queries in Graph: the object id, so that a renamed user is still the same.
    pub fn key(&self) -> &str {
        self.object_id.as_deref().unwrap_or(&self.name)
    }

    /// Returns whether the account comes from an on-premises directory.
    pub fn is_synced(&self) -> bool {
        self.user.as_ref().and_then(|user| user.on_premises_sync_enabled) == Some(true)
    }

    /// Returns whether a record that names `name` means this account.
    pub fn has_name(&self, name: &str) -> bool {
        self.names.contains(&comparable_name(name))
    }

    fn is_same_as(&self, other: &Self) -> bool {
        match (&self.object_id, &other.object_id) {
            (Some(one), Some(two)) => one.eq_ignore_ascii_case(two),
            _ => self.name.to_lowercase() == other.name.to_lowercase(),
        }
    }

    /// Returns whether it is one of these protected users.
    pub fn is_among(&self, protected: &[ProtectedUser]) -> bool {
        protected.iter().any(|one| self.is(one))
    }

    fn is(&self, protected: &ProtectedUser) -> bool {
        match protected {
            ProtectedUser::ObjectId(id) => {
                let own = self.object_id.as_deref().and_then(|own| uuid::Uuid::try_parse(own).ok());
                own.is_some_and(|own| own == *id)
            }
            ProtectedUser::Address(address) => self.names.contains(&address.to_string()),
        }
    }

    fn of_user(name: &str, user: User) -> Self {
        let mut names = vec![user.user_principal_name.clone(), name.to_owned()];
        names.extend(user.mail.clone());
        names.extend(user.proxy_addresses.iter().map(|address| without_prefix(address).to_owned()));
        Self {
            name: user.user_principal_name.clone(),
            object_id: Some(user.id.clone()),
            names: comparable(names),
            user: Some(user),
        }
    }

    fn of_mailbox(name: &str, mailbox: Mailbox) -> Self {
        let upn = mailbox.user_principal_name.unwrap_or_else(|| name.to_owned());
        let mut names = vec![upn.clone(), name.to_owned()];
        names.extend(mailbox.primary_smtp_address);
        names.extend(mailbox.addresses);
        Self { name: upn, object_id: mailbox.object_id, user: None, names: comparable(names) }
    }

    fn unknown(name: &str) -> Self {
        Self { name: name.to_owned(), object_id: None, user: None, names: comparable(vec![name.to_owned()]) }
    }
}

/// The names in the form of `PROTECTED_USERS`.
fn comparable(names: Vec<String>) -> Vec<String> {
    names.iter().map(|name| comparable_name(name)).collect()
}

fn comparable_name(name: &str) -> String {
    name.parse::<MailAddress>().map_or_else(|_| name.trim().to_lowercase(), |address| address.to_string())
}

/// `SMTP:a@b` without `SMTP:`.
fn without_prefix(address: &str) -> &str {
    address.split_once(':').map_or(address, |(_, address)| address)
}

/// The accounts of a finding.
#[derive(Debug, Clone)]
pub struct Accounts {
    /// The mailbox owner.
    pub owner: Account,
    /// The actor, when that is another user of the tenant.
    pub actor: Option<Account>,
    /// True if the finding is about a mailbox.
    pub has_mailbox: bool,
}

impl Accounts {
    /// Looks the accounts up.
    ///
    /// # Errors
    /// [`Refusal::OwnerUnknown`] if the finding is about a mailbox and names no owner who exists, because the actor alone is then the
    /// wrong account;
    /// [`Refusal::Unreachable`] when neither Graph nor Exchange of the tenant answers.
    pub async fn resolve(app: &App, finding: &ProcessedRow) -> Result<Self, Refusal> {
        let tenant = &finding.tenant_id;
        let has_mailbox = finding.kind.is_about_mailbox();
        if has_mailbox && finding.source_mailbox.trim().is_empty() {
            return Err(Refusal::OwnerUnknown);
        }
        let (owner, actor) = match finding.source_mailbox.as_str() {
            "" => (finding.actor.as_str(), ""),
            mailbox => (mailbox, finding.actor.as_str()),
        };
        let owner = match find(app, tenant, owner).await? {
            Some(owner) => owner,
            None if has_mailbox => return Err(Refusal::OwnerUnknown),
            None => Account::unknown(owner),
        };
        let actor = match actor {
            actor if !is_user_name(actor) => None,
            // An address of the owner's mailbox may be the name with which somebody else signs in.
            actor if owner.has_name(actor) => user_named(app, tenant, &owner, actor).await,
            actor => Some(find(app, tenant, actor).await?.unwrap_or_else(|| Account::unknown(actor))),
        };
        let actor = actor.filter(|actor| !actor.is_same_as(&owner));
        Ok(Self { owner, actor, has_mailbox })
    }

    /// The accounts that the account steps act on. `was_enabled` tells whether an earlier run found an account enabled, for
    /// by now it may be this product that has blocked it.
    pub fn compromised(&self, choice: AccountChoice, was_enabled: impl Fn(&str) -> bool) -> Vec<Account> {
        // An account of the tenant that is not known to be disabled: where Graph did not show it, nobody knows.
        let suspect = |actor: &&Account| {
            let is_disabled = actor.user.as_ref().is_some_and(|user| user.account_enabled == Some(false));
            actor.object_id.as_deref().is_some_and(|id| !is_disabled || was_enabled(id))
        };
        let (owner, actor) = match choice {
            AccountChoice::Auto => (true, self.actor.as_ref().filter(suspect)),
            AccountChoice::Owner => (true, None),
            // Without another actor the owner is the actor.
            AccountChoice::Actor => (self.actor.is_none(), self.actor.as_ref()),
            AccountChoice::Both => (true, self.actor.as_ref()),
        };
        owner.then_some(&self.owner).into_iter().chain(actor).cloned().collect()
    }

    /// Returns the key of the lock and the snapshot: the object id of the mailbox owner, in lower case.
    pub fn mailbox_id(&self) -> String {
        self.owner.key().to_lowercase()
    }

    /// The object ids of everyone that a request for this finding may change, lower case and sorted: what its locks are for.
    pub fn object_ids(&self) -> BTreeSet<String> {
        std::iter::once(&self.owner).chain(&self.actor).map(|account| account.key().to_lowercase()).collect()
    }

    /// The same accounts as they are now: another run may have blocked or unblocked one since they were resolved.
    pub async fn read_again(&self, app: &App, tenant: &TenantId) -> Self {
        let owner = state_now(app, tenant, &self.owner).await;
        let actor = match &self.actor {
            Some(actor) => Some(state_now(app, tenant, actor).await),
            None => None,
        };
        Self { owner, actor, has_mailbox: self.has_mailbox }
    }

    /// Refuses when an account that would be touched is protected. Compared is the object that a name leads to, with every
    /// name it has, so that an alias does not evade it.
    ///
    /// # Errors
    /// [`Refusal::Protected`]
    pub fn refuse_protected(&self, compromised: &[Account], protected: &[ProtectedUser]) -> Result<(), Refusal> {
        let mailbox = self.has_mailbox.then_some(&self.owner);
        for account in mailbox.into_iter().chain(compromised) {
            if account.is_among(protected) {
                return Err(Refusal::Protected(account.name.clone()));
            }
        }
        Ok(())
    }
}

/// An account as Graph shows it now. If Graph does not respond, whether sign-in is allowed is unknown.
async fn state_now(app: &App, tenant: &TenantId, account: &Account) -> Account {
    let Some(before) = &account.user else { return account.clone() };
    let user = match in_time(app, Service::Graph, app.graph.user(tenant, &before.id)).await {
        Ok(Some(user)) => user,
        Ok(None) | Err(_) => User { account_enabled: None, ..before.clone() },
    };
    Account { user: Some(user), ..account.clone() }
}

/// Returns whether a text can name a user: an address or an object id. Service accounts of Exchange are neither.
fn is_user_name(text: &str) -> bool {
    text.parse::<MailAddress>().is_ok() || uuid::Uuid::try_parse(text).is_ok()
}

/// A user by principal name or object id; if Graph knows none, by any address of a mailbox. `None` if there is no such user or mailbox.
async fn find(app: &App, tenant: &TenantId, name: &str) -> Result<Option<Account>, Refusal> {
    let asked = match in_time(app, Service::Graph, app.graph.user(tenant, name)).await {
        Ok(Some(user)) => return Ok(Some(Account::of_user(name, user))),
        // A text that cannot be the name of a user names none, so Graph is not queried.
        Ok(None) | Err(ServiceError::NotAUser { .. }) => Ok(()),
        Err(error) => Err(error),
    };
    let mailbox = match (&asked, in_time(app, Service::Exchange, mailbox(app, tenant, name)).await) {
        (Ok(()), Ok(Some(mailbox))) => mailbox,
        // An alias leads to the mailbox of somebody whom the record may not mean: only Graph tells whether it does.
        (Err(_), Ok(Some(mailbox))) if mailbox.is_owned_by(name) => mailbox,
        // Only the other service could tell about an account that this one does not know. Without its answer a protected account could
        // be changed as soon as the service is back.
        (Err(graph), Ok(_)) => return Err(Refusal::Unreachable(explain(graph, USER_READ_GRANT))),
        (Ok(()), Err(exchange)) if exchange.is_transient() => return Err(Refusal::Unreachable(exchange.to_string())),
        (Ok(()), _) => return Ok(None),
        (Err(graph), Err(exchange)) => {
            let graph = explain(graph, USER_READ_GRANT);
            return Err(Refusal::Unreachable(format!("{graph}; {}", explain(&exchange, EXCHANGE_GRANT))));
        }
    };
    match mailbox.object_id.as_deref().filter(|_| asked.is_ok()) {
        Some(id) => match in_time(app, Service::Graph, app.graph.user(tenant, id)).await {
            Ok(Some(user)) => Ok(Some(Account::of_user(name, user))),
            _ => Ok(Some(Account::of_mailbox(name, mailbox))),
        },
        None => Ok(Some(Account::of_mailbox(name, mailbox))),
    }
}

/// Returns the user whose principal name or object id is a name of the owner. Without an answer it is the owner.
async fn user_named(app: &App, tenant: &TenantId, owner: &Account, name: &str) -> Option<Account> {
    let upn = owner.user.as_ref().map_or(owner.name.as_str(), |user| user.user_principal_name.as_str());
    if comparable_name(upn) == comparable_name(name) {
        return None;
    }
    let user = in_time(app, Service::Graph, app.graph.user(tenant, name)).await.ok()??;
    Some(Account::of_user(name, user))
}

async fn in_time<T>(
    app: &App,
    service: Service,
    look_up: impl Future<Output = Result<T, ServiceError>>,
) -> Result<T, ServiceError> {
    let answer = Deadline::after(Arc::clone(&app.clock), ACCOUNTS_LOOK_UP_TIMEOUT).limit(Box::pin(look_up)).await;
    let detail = format!("no answer within {} s", ACCOUNTS_LOOK_UP_TIMEOUT.as_secs());
    answer.unwrap_or(Err(ServiceError::Unreachable { service, detail }))
}

/// The mailbox of a name. Exchange also answers to a part of a name: a mailbox that does not bear it is none.
async fn mailbox(app: &App, tenant: &TenantId, name: &str) -> Result<Option<Mailbox>, ServiceError> {
    app.exchange.mailbox(tenant, &MailboxId { name: name.to_owned(), object_id: None }).await
}
