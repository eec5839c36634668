//! Carries out `Get-Mailbox` and the cmdlets of automatic replies.

use serde_json::{Value, json};

use super::params::Params;
use super::recipients::{addresses, display_name, distinguished, mailbox_mut, mailboxes};
use super::reply::{Failure, Outcome};
use crate::world::{Mailbox, Tenant};

/// Parameters of `Set-MailboxAutoReplyConfiguration`. The messages are accepted and not stored.
pub(super) const SET_AUTO_REPLY: &[&str] = &[
    "Identity",
    "AutoReplyState",
    "ExternalAudience",
    "InternalMessage",
    "ExternalMessage",
    "StartTime",
    "EndTime",
    "Confirm",
];

/// Carries out `Get-Mailbox`.
pub(super) fn get(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let mut found = mailboxes(tenant, params)?;
    if let Some(filter) = params.text("Filter") {
        let wanted = Filter::read(&filter)?;
        found.retain(|mailbox| wanted.fits(mailbox));
    }
    let rows = found.into_iter().map(|mailbox| row(tenant, mailbox));
    Outcome::rows(rows).limited_by(params)
}

/// The filters of `Get-Mailbox` that are simulated.
enum Filter {
    /// `ForwardingAddress -ne $null`
    Forwards,
    /// `AuditEnabled -ne $true`, and what leaves out mailboxes with Audit Premium.
    Unaudited,
    /// `ExternalDirectoryObjectId -eq '…'`, and the same for `Guid` and `ExchangeGuid`.
    Id(String),
}

impl Filter {
    fn read(text: &str) -> Result<Self, Failure> {
        if text == "ForwardingAddress -ne $null" {
            return Ok(Self::Forwards);
        }
        if text.starts_with("AuditEnabled -ne $true -and ") && text.contains("PersistedCapabilities -ne 'M365Auditing'")
        {
            return Ok(Self::Unaudited);
        }
        let (name, value) = text.split_once(" -eq ").unwrap_or((text, ""));
        match name.trim() {
            "ExternalDirectoryObjectId" | "Guid" | "ExchangeGuid" => {
                Ok(Self::Id(value.trim().trim_matches(['\'', '"']).to_owned()))
            }
            _ => Err(Failure::bad_request(&format!("Cannot bind parameter 'Filter': \"{text}\"."))),
        }
    }

    fn fits(&self, mailbox: &Mailbox) -> bool {
        match self {
            Self::Forwards => mailbox.forwarding_address.is_some(),
            Self::Unaudited => {
                let is_shared = mailbox.recipient_type == "SharedMailbox";
                !mailbox.audit.is_explicit()
                    && (is_shared || mailbox.recipient_type == "UserMailbox" && !mailbox.audit.premium)
            }
            Self::Id(id) => {
                [mailbox.object_id, mailbox.guid].iter().any(|own| own.to_string().eq_ignore_ascii_case(id))
            }
        }
    }
}

fn row(tenant: &Tenant, mailbox: &Mailbox) -> Value {
    let user = tenant.users.iter().find(|user| user.id == mailbox.object_id);
    json!({
        "Name": mailbox.object_id,
        "Alias": mailbox.alias,
        "DisplayName": display_name(tenant, mailbox),
        "UserPrincipalName": mailbox.upn,
        "PrimarySmtpAddress": mailbox.upn,
        "RecipientTypeDetails": mailbox.recipient_type,
        "ExchangeGuid": mailbox.guid,
        "Guid": mailbox.guid,
        "ExternalDirectoryObjectId": mailbox.object_id,
        "LegacyExchangeDN": mailbox.legacy_dn,
        "DistinguishedName": distinguished(tenant, &mailbox.object_id.to_string()),
        "ForwardingAddress": mailbox.forwarding_address,
        "ForwardingSmtpAddress": mailbox.forwarding_smtp_address,
        "DeliverToMailboxAndForward": mailbox.deliver_and_forward,
        "GrantSendOnBehalfTo": mailbox.send_on_behalf,
        "RetainDeletedItemsFor": "14.00:00:00",
        "WhenMailboxCreated": "2025-11-11T09:47:38.0000000+00:00",
        "ProhibitSendQuota": "99 GB (106,300,440,576 bytes)",
        "AuditEnabled": mailbox.audit.enabled.unwrap_or(true),
        "IsDirSynced": user.is_some_and(|user| user.synced),
        "EmailAddresses": addresses(mailbox),
        "Identity": mailbox.object_id,
        "IsValid": true,
        "ObjectState": "Unchanged",
    })
}

/// Carries out `Get-MailboxAutoReplyConfiguration`.
pub(super) fn auto_reply(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    params.required("Identity")?;
    let rows = mailboxes(tenant, params)?.into_iter().map(|mailbox| {
        json!({
            "Identity": mailbox.object_id,
            "MailboxOwnerId": mailbox.object_id,
            "AutoReplyState": mailbox.auto_reply_state,
            "ExternalAudience": mailbox.auto_reply_audience,
            "InternalMessage": "",
            "ExternalMessage": "",
            "IsValid": true,
            "ObjectState": "Unchanged",
        })
    });
    Ok(Outcome::rows(rows))
}

/// Carries out `Set-MailboxAutoReplyConfiguration`.
pub(super) fn set_auto_reply(tenant: &mut Tenant, params: &Params) -> Result<Outcome, Failure> {
    let mailbox = mailbox_mut(tenant, &params.required("Identity")?)?;
    let state = choice(params, "AutoReplyState", &["Disabled", "Enabled", "Scheduled"])?;
    let audience = choice(params, "ExternalAudience", &["None", "Known", "All"])?;
    if let Some(state) = state {
        mailbox.auto_reply_state = state;
    }
    if let Some(audience) = audience {
        mailbox.auto_reply_audience = audience;
    }
    Ok(Outcome::done())
}

/// Returns the one of a few words that a parameter holds.
fn choice(params: &Params, name: &str, words: &[&str]) -> Result<Option<String>, Failure> {
    if params.get(name).is_none() {
        return Ok(None);
    }
    let given = params.text(name).unwrap_or_default();
    match words.iter().find(|word| word.eq_ignore_ascii_case(&given)) {
        Some(word) => Ok(Some((*word).to_owned())),
        None => Err(Failure::bad_request(&format!("Cannot bind parameter '{name}': unable to match \"{given}\"."))),
    }
}
