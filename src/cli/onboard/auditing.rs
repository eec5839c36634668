//! Steps 4 and 5: the unified audit log of the organization, and the auditing of mailboxes.

use m365::ServiceError;
use m365::exchange::{Mailbox, MailboxId, OrganizationConfig, is_customized_already};

use super::meaning::Asked;
use super::steps::StepState;
use super::tenant::Onboarding;

const CUSTOMIZATION: &str = "OrganizationCustomization";
const UNIFIED: &str = "UnifiedAuditLog";
const ORGANIZATION: &str = "OrganizationAuditing";
const MAILBOXES: &str = "MailboxAuditing";

impl Onboarding<'_> {
    /// Enables the unified audit log, and the auditing of mailboxes for the organization as a whole.
    pub(super) async fn auditing(&mut self) {
        let (exchange, tenant) = (&self.technician.exchange, &self.customer.tenant_id);
        let config = match exchange.organization_config(tenant).await {
            Ok(config) => config,
            Err(error) => return self.failed(UNIFIED, &error, Asked::Exchange),
        };
        self.organization_auditing(&config).await;
        match exchange.admin_audit_log_config(tenant).await.map(|config| config.unified_audit_log_ingestion_enabled) {
            Ok(Some(true)) => self.note(UNIFIED, StepState::AlreadyThere, ""),
            Ok(_) if self.options.dry_run => self.note(UNIFIED, StepState::WouldDo, "enable it"),
            Ok(_) if config.is_dehydrated == Some(true) => self.customize().await,
            Ok(_) => match exchange.enable_unified_audit_log(tenant).await {
                Ok(()) => self.note(UNIFIED, StepState::Done, "enabled; the first records can take an hour"),
                Err(error) => self.failed(UNIFIED, &error, Asked::Exchange),
            },
            Err(error) => self.failed(UNIFIED, &error, Asked::Exchange),
        }
    }

    /// Begins to customize the organization. That takes an hour or two, which nobody waits for.
    async fn customize(&mut self) {
        let outcome = self.technician.exchange.enable_organization_customization(&self.customer.tenant_id).await;
        match outcome {
            Ok(()) => self.note(CUSTOMIZATION, StepState::Done, "begun"),
            Err(error) if is_customized_already(&error) => self.note(CUSTOMIZATION, StepState::AlreadyThere, ""),
            Err(error) => return self.failed(CUSTOMIZATION, &error, Asked::Exchange),
        }
        let detail =
            "the organization is being customized, which takes an hour or two – run the same command again later";
        self.note(UNIFIED, StepState::Failed, detail);
    }

    async fn organization_auditing(&mut self, config: &OrganizationConfig) {
        if config.audit_disabled != Some(true) {
            return self.note(ORGANIZATION, StepState::AlreadyThere, "");
        }
        if self.options.dry_run {
            return self.note(ORGANIZATION, StepState::WouldDo, "enable it");
        }
        match self.technician.exchange.enable_organization_auditing(&self.customer.tenant_id).await {
            Ok(()) => self.note(ORGANIZATION, StepState::Done, ""),
            Err(error) => self.failed(ORGANIZATION, &error, Asked::Exchange),
        }
    }

    /// Enables the auditing of each mailbox that the filter finds. A run that was interrupted is continued by the next one.
    pub(super) async fn mailbox_auditing(&mut self) {
        let found = match self.unaudited().await {
            Ok(found) => found,
            Err(error) => return self.failed(MAILBOXES, &error, Asked::Exchange),
        };
        let all = mailboxes(found.len());
        if found.is_empty() {
            return self.note(MAILBOXES, StepState::AlreadyThere, "");
        }
        if self.options.dry_run {
            return self.note(MAILBOXES, StepState::WouldDo, &format!("enable the auditing of {all}"));
        }
        match self.audit(found).await {
            Ok(0) => self.note(MAILBOXES, StepState::Done, &format!("enabled for {all}")),
            Ok(left) => {
                let detail = format!("still found without it: {} – run the same command again later", mailboxes(left));
                self.note(MAILBOXES, StepState::Failed, &detail);
            }
            Err(error) => self.failed(MAILBOXES, &error, Asked::Exchange),
        }
    }

    async fn unaudited(&self) -> Result<Vec<Mailbox>, ServiceError> {
        self.technician.exchange.unaudited_mailboxes(&self.customer.tenant_id, None).await
    }

    /// Enables the auditing of mailboxes; disables and enables it again for those that the filter still finds. Returns the number that
    /// is left.
    async fn audit(&self, mut found: Vec<Mailbox>) -> Result<usize, ServiceError> {
        // A mailbox that an interrupted run has left disabled has none at all until it is enabled again.
        found.sort_by_key(|mailbox| mailbox.audit_enabled != Some(false));
        for mailbox in &found {
            self.set(mailbox, true).await?;
        }
        let still = self.unaudited().await?;
        for mailbox in &still {
            self.set(mailbox, false).await?;
            self.set(mailbox, true).await?;
        }
        if still.is_empty() { Ok(0) } else { Ok(self.unaudited().await?.len()) }
    }

    async fn set(&self, mailbox: &Mailbox, audited: bool) -> Result<(), ServiceError> {
        let name = mailbox.user_principal_name.as_ref().or(mailbox.primary_smtp_address.as_ref());
        let Some(name) = name.or(mailbox.object_id.as_ref()) else { return Ok(()) };
        let id = MailboxId { name: name.clone(), object_id: mailbox.object_id.clone() };
        self.technician.exchange.set_mailbox_audited(&self.customer.tenant_id, &id, audited).await
    }
}

fn mailboxes(count: usize) -> String {
    if count == 1 { "1 mailbox".to_owned() } else { format!("{count} mailboxes") }
}
