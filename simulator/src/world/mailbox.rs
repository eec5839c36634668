//! Models mailboxes: forwarding, rules, client access, permissions and automatic replies.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use uuid::Uuid;

/// The switches of `Set-CASMailbox` that open a mailbox to a client. All are on in a new mailbox.
const CLIENT_SWITCHES: [&str; 11] = [
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

/// A mailbox.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// The owner's user principal name.
    pub upn: String,
    /// The owner's object id.
    pub object_id: Uuid,
    /// `ExchangeGuid`
    pub guid: Uuid,
    /// The alias.
    pub alias: String,
    /// The distinguished name that audit records carry before the backslash.
    pub identity: String,
    /// The legacy distinguished name.
    pub legacy_dn: String,
    /// Further addresses, without the primary one.
    pub other_addresses: Vec<String>,
    /// `ForwardingSmtpAddress`, with `smtp:` before it.
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
    /// Permissions on the mailbox and on its folders.
    pub permissions: Vec<Permission>,
    /// The trustees of `SendAs`.
    pub send_as: Vec<String>,
    /// The delegates of `GrantSendOnBehalfTo`.
    pub send_on_behalf: Vec<String>,
    /// The number of rule changes that dropped the owner's client-side rules.
    pub client_rules_dropped: u32,
    /// `RecipientTypeDetails`: `UserMailbox`, `SharedMailbox`, …
    pub recipient_type: String,
    /// The auditing of the mailbox.
    pub audit: MailboxAudit,
    /// The anchors by which requests about the contents of this mailbox reach it. `None`: every anchor works.
    pub anchors: Option<Anchors>,
}

/// The auditing of a mailbox.
///
/// `Get-Mailbox` reads `AuditEnabled: True` for a mailbox that was never set. Only a filter that runs on the server tells the two apart.
/// Source: o365soa/Scripts `Configure-MailboxAuditLogging.ps1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MailboxAudit {
    /// `AuditEnabled` as it was set; `None` if it never was.
    pub enabled: Option<bool>,
    /// `true` if the licence of the owner (Audit Premium) lets records reach the feed anyway.
    pub premium: bool,
    /// `true` if `AuditEnabled` has to be set to false and to true again before the filter counts the mailbox.
    pub needs_toggle: bool,
}

impl MailboxAudit {
    /// Returns whether a filter on the server counts the mailbox as audited.
    pub fn is_explicit(&self) -> bool {
        self.enabled == Some(true) && !self.needs_toggle
    }
}

/// The forms of `X-AnchorMailbox` that lead to the server of a mailbox. Any other is answered with "Cmdlet needs proxy".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Anchors {
    /// `true` if `UPN:<address of the mailbox>`, or the address alone, works.
    pub upn: bool,
    /// `true` if `OID:<object id>@<tenant id>`, or the object id alone, works.
    pub object_id: bool,
    /// `true` if the system mailbox of the tenant works.
    pub system_mailbox: bool,
}

/// A permission on a mailbox, or on one of its folders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permission {
    /// The delegate.
    pub user: String,
    /// `FullAccess`, or `Reviewer` and so on for a folder.
    pub rights: String,
    /// The folder; `None` for the whole mailbox.
    pub folder: Option<String>,
}

/// An inbox or sweep rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// `RuleIdentity`, unsigned.
    pub id: u64,
    /// Its name.
    pub name: String,
    /// `true` if the rule is enabled.
    pub enabled: bool,
    /// `true` if only `IncludeHidden` shows the rule.
    pub hidden: bool,
    /// Conditions, exceptions and actions as `Get-InboxRule` writes them.
    pub properties: Map<String, Value>,
    /// `Description`
    pub description: String,
}

impl Mailbox {
    pub(super) fn new(domain: &str, alias: &str, upn: String, object_id: Uuid, guid: Uuid) -> Self {
        let open = CLIENT_SWITCHES.iter().map(|name| ((*name).to_owned(), true));
        let closed = [("SmtpClientAuthenticationDisabled".to_owned(), false)];
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
            client_access: open.chain(closed).collect(),
            auto_reply_state: "Disabled".to_owned(),
            auto_reply_audience: "All".to_owned(),
            permissions: Vec::new(),
            send_as: Vec::new(),
            send_on_behalf: Vec::new(),
            client_rules_dropped: 0,
            recipient_type: "UserMailbox".to_owned(),
            audit: MailboxAudit::default(),
            anchors: None,
        }
    }

    /// Returns whether `name` is this mailbox, in any case: user principal name, object id, mailbox GUID, alias, address,
    /// distinguished name or legacy distinguished name.
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
