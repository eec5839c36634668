//! The organization: its accepted domains and its auditing.
//! <https://learn.microsoft.com/powershell/module/exchange/get-accepteddomain>

use serde_json::json;

use base::ids::{Domain, TenantId};

use super::row::{Row, boolean, is_true, text};
use super::{Anchor, Exchange, Mailbox, MailboxId};
use crate::ServiceError;

/// A domain that the organization accepts mail for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedDomain {
    /// The domain. One of all sub-domains may be written `*.contoso.com`; it is `contoso.com` here.
    pub name: Domain,
    /// `true` if all sub-domains are accepted too.
    pub match_sub_domains: bool,
    /// The handling of mail to the domain.
    pub kind: DomainType,
}

/// The handling of mail to an accepted domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainType {
    /// Every recipient is in the organization.
    Authoritative,
    /// Some recipients are in the organization; mail to others is passed on to a server of its own.
    InternalRelay,
    /// All mail is passed on to a server outside the organization.
    ExternalRelay,
    /// A type that this program does not know, or none.
    Unknown,
}

impl AcceptedDomain {
    /// Reads a row; `None` if it contains no domain name.
    pub fn from_row(row: &Row) -> Option<Self> {
        Some(Self {
            name: text(row, "DomainName")?.trim_start_matches("*.").parse().ok()?,
            match_sub_domains: is_true(row, "MatchSubDomains"),
            kind: DomainType::of(text(row, "DomainType").unwrap_or_default()),
        })
    }
}

impl DomainType {
    fn of(name: &str) -> Self {
        match name {
            "Authoritative" => Self::Authoritative,
            "InternalRelay" => Self::InternalRelay,
            "ExternalRelay" => Self::ExternalRelay,
            _ => Self::Unknown,
        }
    }
}

/// The filter that finds the mailboxes whose auditing was never enabled explicitly, which only the server can tell: `Get-Mailbox`
/// itself reads `AuditEnabled: True` for them. Those with Audit Premium are left out, because their records reach the feed anyway.
/// Source: o365soa/Scripts `Configure-MailboxAuditLogging.ps1`.
pub const UNAUDITED_MAILBOXES: &str = "AuditEnabled -ne $true -and ((RecipientTypeDetails -eq 'UserMailbox' -and \
     PersistedCapabilities -ne 'M365Auditing') -or RecipientTypeDetails -eq 'SharedMailbox')";

/// The auditing of the organization.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AdminAuditLogConfig {
    /// `Some(true)` if records enter the unified audit log; `None` if Exchange does not report it.
    pub unified_audit_log_ingestion_enabled: Option<bool>,
}

/// Settings of the organization, each `None` if Exchange does not say it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OrganizationConfig {
    /// `Some(true)` if mailbox auditing is disabled for the whole organization.
    pub audit_disabled: Option<bool>,
    /// `Some(true)` if settings can be changed only after `Enable-OrganizationCustomization`.
    pub is_dehydrated: Option<bool>,
    /// `Some(true)` if Exchange Web Services are allowed.
    pub ews_enabled: Option<bool>,
}

impl Exchange {
    /// Lists the accepted domains. Rows without a domain name are skipped.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn accepted_domains(&self, tenant: &TenantId) -> Result<Vec<AcceptedDomain>, ServiceError> {
        let rows = self.invoke(tenant, &Anchor::Organization, "Get-AcceptedDomain", json!({})).await?;
        Ok(rows.iter().filter_map(AcceptedDomain::from_row).collect())
    }

    /// Reads whether records enter the unified audit log.
    ///
    /// # Errors
    /// Returns what Exchange answered; an answer without a row is a transient error.
    pub async fn admin_audit_log_config(&self, tenant: &TenantId) -> Result<AdminAuditLogConfig, ServiceError> {
        let row = self.organization_row(tenant, "Get-AdminAuditLogConfig").await?;
        let unified_audit_log_ingestion_enabled = boolean(&row, "UnifiedAuditLogIngestionEnabled");
        Ok(AdminAuditLogConfig { unified_audit_log_ingestion_enabled })
    }

    /// Reads the settings of the organization.
    ///
    /// # Errors
    /// As [`Exchange::admin_audit_log_config`].
    pub async fn organization_config(&self, tenant: &TenantId) -> Result<OrganizationConfig, ServiceError> {
        let row = self.organization_row(tenant, "Get-OrganizationConfig").await?;
        Ok(OrganizationConfig {
            audit_disabled: boolean(&row, "AuditDisabled"),
            is_dehydrated: boolean(&row, "IsDehydrated"),
            ews_enabled: boolean(&row, "EwsEnabled"),
        })
    }

    /// Lists the user and shared mailboxes whose audit records may not reach the feed: those that [`UNAUDITED_MAILBOXES`] finds, at
    /// most `limit` of them.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn unaudited_mailboxes(
        &self,
        tenant: &TenantId,
        limit: Option<u32>,
    ) -> Result<Vec<Mailbox>, ServiceError> {
        let parameters = json!({"Filter": UNAUDITED_MAILBOXES, "ResultSize": size(limit)});
        let rows = self.invoke(tenant, &Anchor::Organization, "Get-Mailbox", parameters).await?;
        Ok(rows.into_iter().map(Mailbox::from).collect())
    }

    /// Returns whether the tenant has at least so many mailboxes.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn has_mailboxes(&self, tenant: &TenantId, count: u32) -> Result<bool, ServiceError> {
        let parameters = json!({ "ResultSize": size(Some(count)) });
        let rows = self.invoke(tenant, &Anchor::Organization, "Get-Mailbox", parameters).await?;
        Ok(rows.len() >= usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// Enables or disables the auditing of a mailbox. Only the server that holds the mailbox accepts it.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn set_mailbox_audited(
        &self,
        tenant: &TenantId,
        mailbox: &MailboxId,
        audited: bool,
    ) -> Result<(), ServiceError> {
        let parameters = json!({"Identity": mailbox.name, "AuditEnabled": audited});
        self.invoke(tenant, &mailbox.into(), "Set-Mailbox", parameters).await.map(drop)
    }

    /// Lets the organization be customized, which takes an hour or two to have its effect.
    ///
    /// # Errors
    /// Returns what Exchange answered; see [`is_customized_already`].
    pub async fn enable_organization_customization(&self, tenant: &TenantId) -> Result<(), ServiceError> {
        let parameters = json!({ "Confirm": false });
        let cmdlet = "Enable-OrganizationCustomization";
        self.invoke(tenant, &Anchor::Organization, cmdlet, parameters).await.map(drop)
    }

    /// Lets records enter the unified audit log.
    ///
    /// # Errors
    /// Returns what Exchange answered; see [`needs_customization`].
    pub async fn enable_unified_audit_log(&self, tenant: &TenantId) -> Result<(), ServiceError> {
        let parameters = json!({"UnifiedAuditLogIngestionEnabled": true, "Confirm": false});
        self.invoke(tenant, &Anchor::AuditLog, "Set-AdminAuditLogConfig", parameters).await.map(drop)
    }

    /// Ends that mailbox auditing is disabled for the whole organization.
    ///
    /// # Errors
    /// Returns what Exchange answered.
    pub async fn enable_organization_auditing(&self, tenant: &TenantId) -> Result<(), ServiceError> {
        let parameters = json!({"AuditDisabled": false, "Confirm": false});
        self.invoke(tenant, &Anchor::Organization, "Set-OrganizationConfig", parameters).await.map(drop)
    }

    async fn organization_row(&self, tenant: &TenantId, cmdlet: &str) -> Result<Row, ServiceError> {
        let rows = self.invoke(tenant, &Anchor::Organization, cmdlet, json!({})).await?;
        rows.into_iter().next().ok_or_else(|| self.caller.no_rows(cmdlet))
    }
}

fn size(limit: Option<u32>) -> String {
    limit.map_or_else(|| "Unlimited".to_owned(), |limit| limit.to_string())
}

/// Returns whether Exchange says that the organization must be customized first.
pub fn needs_customization(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Answered { message, .. } if message.contains("Enable-OrganizationCustomization"))
}

/// Returns whether Exchange says that the organization was customized before.
pub fn is_customized_already(error: &ServiceError) -> bool {
    matches!(error, ServiceError::Answered { message, .. } if message.contains("already enabled for customization"))
}
