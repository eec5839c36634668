//! What the simulated Microsoft 365 consists of. Plain data: tests and the demo read and change it at any time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;

/// Everything there is.
#[derive(Debug, Clone)]
pub struct World {
    /// The provider's own tenant.
    pub partner_tenant: Uuid,
    /// The provider's app registration.
    pub client_id: Uuid,
    /// Its secret.
    pub client_secret: String,
    /// Certificates that the app registration knows, as DER.
    pub certificates: Vec<Vec<u8>>,
    /// Client ids of managed identities that the app registration trusts.
    pub federated_identities: BTreeSet<String>,
    /// The customers, by tenant id.
    pub tenants: BTreeMap<Uuid, Tenant>,
    /// How many blobs one page of a content listing holds.
    pub content_page: usize,
    /// How many rows one page of a Graph or Exchange listing holds.
    pub rows_page: usize,
    /// How long a token lives, in seconds.
    pub token_seconds: i64,
}

/// Whether a customer has let the app in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Consent {
    /// Consented.
    Granted,
    /// Never consented: AADSTS7000229.
    Missing,
    /// The app was disabled: AADSTS7000112.
    AppDisabled,
    /// Blocked by conditional access: AADSTS53003.
    Blocked,
    /// The tenant is gone: AADSTS90002.
    Gone,
    /// No licence for the service: AADSTS500014.
    NoLicence,
    /// Consented, but without `ActivityFeed.Read`: AF10001.
    WithoutActivityFeed,
}

/// A customer.
#[derive(Debug, Clone)]
pub struct Tenant {
    /// Its GUID.
    pub id: Uuid,
    /// Its default domain.
    pub default_domain: String,
    /// Its name.
    pub display_name: String,
    /// Listed by `/contracts`.
    pub contract: bool,
    /// Listed by the delegated admin relationships.
    pub gdap: bool,
    /// Whether it has let the app in.
    pub consent: Consent,
    /// Whether unified auditing is on.
    pub auditing: bool,
    /// Content types and whether their subscription is enabled; absent: never started.
    pub subscriptions: BTreeMap<String, bool>,
    /// Whether the app holds an Exchange role here.
    pub exchange_role: bool,
    /// Whether the app may change users here.
    pub user_rights: bool,
    /// Its people.
    pub users: Vec<User>,
    /// Their mailboxes.
    pub mailboxes: Vec<Mailbox>,
    /// Mail contacts and mail users.
    pub contacts: Vec<Contact>,
    /// Its accepted domains.
    pub accepted_domains: Vec<AcceptedDomain>,
    /// Audit content, in the order in which it was published.
    pub content: Vec<Blob>,
}

/// An accepted domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedDomain {
    /// Its name.
    pub name: String,
    /// Whether sub-domains belong to it.
    pub match_sub_domains: bool,
}

/// A person's account.
#[derive(Debug, Clone)]
pub struct User {
    /// Object id.
    pub id: Uuid,
    /// The name to sign in with.
    pub upn: String,
    /// The name shown.
    pub display_name: String,
    /// Whether sign-in is allowed.
    pub account_enabled: bool,
    /// Comes from an on-premises directory.
    pub synced: bool,
    /// Holds an administrator's role, so that the app may not touch it.
    pub administrator: bool,
    /// How often the password was set. The password itself is never kept.
    pub password_resets: u32,
    /// How often sessions were revoked.
    pub session_revocations: u32,
    /// Ways to sign in.
    pub methods: Vec<SignInMethod>,
    /// Consents given.
    pub grants: Vec<Grant>,
}

/// A way to sign in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInMethod {
    /// Its id.
    pub id: String,
    /// `phoneAuthenticationMethod`, …
    pub kind: String,
    /// What it is called.
    pub label: String,
    /// When it was added.
    pub created: Option<DateTime<Utc>>,
}

/// A consent of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Its id.
    pub id: String,
    /// The service principal it is for.
    pub client_id: Uuid,
    /// Scopes, space separated.
    pub scope: String,
}

/// A mailbox.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// The owner's name to sign in with.
    pub upn: String,
    /// The owner's object id.
    pub object_id: Uuid,
    /// `ExchangeGuid`
    pub guid: Uuid,
    /// Alias.
    pub alias: String,
    /// The distinguished name that audit records carry before the backslash.
    pub identity: String,
    /// The legacy distinguished name.
    pub legacy_dn: String,
    /// Further addresses, without the primary one.
    pub other_addresses: Vec<String>,
    /// `ForwardingSmtpAddress`, `smtp:` before it.
    pub forwarding_smtp_address: Option<String>,
    /// `ForwardingAddress`: the identity of a recipient.
    pub forwarding_address: Option<String>,
    /// `DeliverToMailboxAndForward`
    pub deliver_and_forward: bool,
    /// Inbox rules, hidden ones included.
    pub rules: Vec<Rule>,
    /// Sweep rules.
    pub sweep_rules: Vec<Rule>,
    /// The switches of `Set-CASMailbox`.
    pub client_access: BTreeMap<String, bool>,
    /// `AutoReplyState`: `Disabled`, `Enabled`, `Scheduled`.
    pub auto_reply_state: String,
    /// `ExternalAudience`: `None`, `Known`, `All`.
    pub auto_reply_audience: String,
    /// Who has access, and with which rights.
    pub permissions: Vec<Permission>,
    /// Who may send as.
    pub send_as: Vec<String>,
    /// Who may send on behalf.
    pub send_on_behalf: Vec<String>,
    /// How often a change of rules dropped the owner's client-side rules.
    pub client_rules_dropped: u32,
}

/// Access to a mailbox, or with a folder to a part of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// Who.
    pub user: String,
    /// `FullAccess`, or `Reviewer` and so on for a folder.
    pub rights: String,
    /// The folder, `None` for the whole mailbox.
    pub folder: Option<String>,
}

/// An inbox or sweep rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// `RuleIdentity`, unsigned.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// Whether it runs.
    pub enabled: bool,
    /// Seen with `IncludeHidden` only.
    pub hidden: bool,
    /// Conditions, exceptions and actions as `Get-InboxRule` writes them.
    pub properties: Map<String, Value>,
    /// `Description`
    pub description: String,
}

/// A mail contact or mail user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Its name and alias.
    pub alias: String,
    /// The legacy distinguished name.
    pub legacy_dn: String,
    /// The identity that `ForwardingAddress` names.
    pub identity: String,
    /// Where its mail goes.
    pub external_address: String,
}

/// Audit content that can be fetched.
#[derive(Debug, Clone)]
pub struct Blob {
    /// `contentId`
    pub id: String,
    /// `Audit.Exchange` and so on.
    pub content_type: String,
    /// `contentCreated`
    pub created: DateTime<Utc>,
    /// From when it is listed. Content can appear later than its `contentCreated` says.
    pub appears: DateTime<Utc>,
    /// `contentExpiration`
    pub expires: DateTime<Utc>,
    /// What it holds.
    pub body: BlobBody,
}

/// What a blob holds.
#[derive(Debug, Clone)]
pub enum BlobBody {
    /// A JSON array as it goes over the wire.
    Whole(Arc<[u8]>),
    /// The same piece again and again, for blobs that need not be in memory: `[piece,piece,…,last]`.
    Repeated {
        /// One record.
        piece: Arc<[u8]>,
        /// How often.
        times: u64,
        /// The records at the end.
        last: Arc<[u8]>,
    },
    /// How a blob begins of which then only blanks come, one after the other, for ever.
    Dripping(Arc<[u8]>),
}

impl World {
    /// A provider without customers.
    pub fn new(partner_tenant: Uuid, client_id: Uuid) -> Self {
        Self {
            partner_tenant,
            client_id,
            client_secret: format!("simulated-secret-{client_id}"),
            certificates: Vec::new(),
            federated_identities: BTreeSet::new(),
            tenants: BTreeMap::new(),
            content_page: 20,
            rows_page: 100,
            token_seconds: 3_599,
        }
    }

    /// Adds a customer.
    pub fn add(&mut self, tenant: Tenant) -> &mut Tenant {
        let id = tenant.id;
        self.tenants.insert(id, tenant);
        self.tenants.entry(id).or_insert_with(|| Tenant::new(id, "", ""))
    }
}

impl Tenant {
    /// A customer that has consented, with auditing on, an Exchange role, its domain accepted and nobody in it.
    pub fn new(id: Uuid, default_domain: &str, display_name: &str) -> Self {
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
            users: Vec::new(),
            mailboxes: Vec::new(),
            contacts: Vec::new(),
            accepted_domains: vec![AcceptedDomain { name: default_domain.to_owned(), match_sub_domains: false }],
            content: Vec::new(),
        }
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
            password_resets: 0,
            session_revocations: 0,
            methods: vec![SignInMethod {
                id: "28c10230-6103-485e-b985-444c60001490".to_owned(),
                kind: "passwordAuthenticationMethod".to_owned(),
                label: String::new(),
                created: None,
            }],
            grants: Vec::new(),
        });
        self.mailboxes.push(Mailbox::new(&self.default_domain, alias, upn, object_id, guid));
        let last = self.mailboxes.len() - 1;
        &mut self.mailboxes[last]
    }

    /// A person's account, by object id or any case of the name.
    pub fn user(&self, name: &str) -> Option<&User> {
        self.users.iter().find(|user| user.is(name))
    }

    /// As [`Tenant::user`], to change it.
    pub fn user_mut(&mut self, name: &str) -> Option<&mut User> {
        self.users.iter_mut().find(|user| user.is(name))
    }

    /// A mailbox by any of its names.
    pub fn mailbox(&self, name: &str) -> Option<&Mailbox> {
        self.mailboxes.iter().find(|mailbox| mailbox.is(name))
    }

    /// As [`Tenant::mailbox`], to change it.
    pub fn mailbox_mut(&mut self, name: &str) -> Option<&mut Mailbox> {
        self.mailboxes.iter_mut().find(|mailbox| mailbox.is(name))
    }

    /// Makes records available as one blob, created at `created` and kept for 7 days. Returns the content id.
    pub fn publish_at(&mut self, content_type: &str, created: DateTime<Utc>, records: &[Value]) -> String {
        // The wire escapes slashes; a reader that searches bytes must know.
        let text = Value::from(records.to_vec()).to_string().replace('/', "\\/");
        self.publish_body(
            content_type,
            created,
            created + TimeDelta::days(7),
            BlobBody::Whole(text.into_bytes().into()),
        )
    }

    /// Makes any body available.
    pub fn publish_body(
        &mut self,
        content_type: &str,
        created: DateTime<Utc>,
        expires: DateTime<Utc>,
        body: BlobBody,
    ) -> String {
        let number = created.format("%Y%m%d%H%M%S%3f");
        let kind = content_type.to_ascii_lowercase().replace('.', "_");
        let id = format!(
            "{number}{:06}${number}{:06}${kind}${}",
            self.content.len(),
            self.content.len(),
            content_type.replace('.', "_")
        );
        let appears = created;
        self.content.push(Blob {
            id: id.clone(),
            content_type: content_type.to_owned(),
            created,
            appears,
            expires,
            body,
        });
        id
    }
}

impl User {
    fn is(&self, name: &str) -> bool {
        self.upn.eq_ignore_ascii_case(name) || self.id.to_string().eq_ignore_ascii_case(name)
    }
}

impl Mailbox {
    fn new(domain: &str, alias: &str, upn: String, object_id: Uuid, guid: Uuid) -> Self {
        let switches = [
            "OWAEnabled",
            "OWAforDevicesEnabled",
            "OutlookMobileEnabled",
            "OneWinNativeOutlookEnabled",
            "UniversalOutlookEnabled",
            "MacOutlookEnabled",
            "MAPIEnabled",
            "EwsEnabled",
            "ActiveSyncEnabled",
            "ImapEnabled",
            "PopEnabled",
        ];
        let mut client_access: BTreeMap<String, bool> =
            switches.iter().map(|name| ((*name).to_owned(), true)).collect();
        client_access.insert("SmtpClientAuthenticationDisabled".to_owned(), false);
        Self {
            upn,
            object_id,
            guid,
            alias: alias.to_owned(),
            identity: format!(
                "EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/{domain}/{object_id}"
            ),
            legacy_dn: format!(
                "/o=ExchangeLabs/ou=Exchange Administrative Group (FYDIBOHF23SPDLT)/cn=Recipients/cn={}-{alias}",
                guid.simple()
            ),
            other_addresses: Vec::new(),
            forwarding_smtp_address: None,
            forwarding_address: None,
            deliver_and_forward: false,
            rules: Vec::new(),
            sweep_rules: Vec::new(),
            client_access,
            auto_reply_state: "Disabled".to_owned(),
            auto_reply_audience: "All".to_owned(),
            permissions: Vec::new(),
            send_as: Vec::new(),
            send_on_behalf: Vec::new(),
            client_rules_dropped: 0,
        }
    }

    /// Whether `name` is this mailbox: sign-in name, object id, mailbox GUID, alias, address, DN or legacy DN, in any case.
    pub fn is(&self, name: &str) -> bool {
        let name = name.trim().trim_start_matches("smtp:").trim_start_matches("SMTP:");
        let own = [&self.upn, &self.alias, &self.identity, &self.legacy_dn];
        own.iter().any(|own| own.eq_ignore_ascii_case(name))
            || self.other_addresses.iter().any(|own| own.eq_ignore_ascii_case(name))
            || self.object_id.to_string().eq_ignore_ascii_case(name)
            || self.guid.to_string().eq_ignore_ascii_case(name)
    }

    /// Adds an enabled, visible rule and returns it.
    pub fn add_rule(&mut self, id: u64, name: &str, properties: Value) -> &mut Rule {
        self.rules.push(Rule {
            id,
            name: name.to_owned(),
            enabled: true,
            hidden: false,
            properties: properties.as_object().cloned().unwrap_or_default(),
            description: String::new(),
        });
        let last = self.rules.len() - 1;
        &mut self.rules[last]
    }
}
