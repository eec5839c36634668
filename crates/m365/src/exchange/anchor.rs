//! Names the mailbox that a call is about, and routes the call to the server that has it.

use base::ids::TenantId;

use crate::ServiceError;

/// The mailbox that stands for the organization itself in every tenant.
const SYSTEM_MAILBOX: &str = "SystemMailbox{bb558c35-97f1-4cb9-8ff7-d53741dc928c}";

/// The mailbox by which changes of the unified audit log are routed. Source: KelvinTegelaar/CIPP-API `New-ExoRequest.ps1`.
const AUDIT_MAILBOX: &str = "SystemMailbox{8cc370d3-822a-4ab8-a926-bb94bd0641a9}";

/// A mailbox as a call names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailboxId {
    /// A user principal name, an address or an object id.
    pub name: String,
    /// The object id of its owner, if it is known. Exchange knows it as `ExternalDirectoryObjectId`.
    pub object_id: Option<String>,
}

impl MailboxId {
    /// Returns the mailbox with this name.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), object_id: None }
    }

    /// Returns the name that a cmdlet gets: the object id if it is known, because an alias of one account may lead to another mailbox.
    pub fn identity(&self) -> &str {
        self.object_id.as_deref().unwrap_or(&self.name)
    }
}

/// The routing of a call: `X-AnchorMailbox`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Anchor {
    /// The tenant's system mailbox, for cmdlets about the organization.
    Organization,
    /// The system mailbox that holds the configuration of the unified audit log.
    AuditLog,
    /// The mailbox that the cmdlet is about.
    Mailbox {
        /// A user principal name, an address or an object id.
        name: String,
        /// The object id of its owner, if it is known.
        object_id: Option<String>,
    },
}

impl From<&MailboxId> for Anchor {
    fn from(mailbox: &MailboxId) -> Self {
        Self::Mailbox { name: mailbox.name.clone(), object_id: mailbox.object_id.clone() }
    }
}

impl Anchor {
    /// Returns the anchor of the mailbox with this name.
    pub fn mailbox(name: &str) -> Self {
        Self::from(&MailboxId::new(name))
    }

    /// Returns the values of the header, in the order in which they are tried. Exchange answers "Cmdlet needs proxy" to an anchor that
    /// does not lead to the mailbox's server (KelvinTegelaar/CIPP#4877).
    pub(super) fn headers(&self, tenant: &TenantId) -> Vec<String> {
        let organization = format!("APP:{SYSTEM_MAILBOX}@{tenant}");
        match self {
            Self::Organization => vec![organization],
            Self::AuditLog => vec![format!("APP:{AUDIT_MAILBOX}@{tenant}"), organization],
            Self::Mailbox { name, object_id } => {
                // A header accepts no control characters, and an attacker may have chosen the name.
                let name: String = name.chars().filter(|c| !c.is_control() && c.is_ascii()).collect();
                let object_id = object_id.as_ref().or(Some(&name)).filter(|id| uuid::Uuid::try_parse(id).is_ok());
                let by_id = object_id.map(|id| format!("OID:{id}@{tenant}"));
                [Some(format!("UPN:{name}")), by_id, Some(organization)].into_iter().flatten().collect()
            }
        }
    }
}

/// Returns whether the anchor did not lead to the server of the mailbox.
pub(super) fn needs_proxy(error: &ServiceError) -> bool {
    match error {
        ServiceError::Answered { status: 400, code, message, .. } => {
            code == "CmdletProxyNotAvailableException" || message.contains("Cmdlet needs proxy")
        }
        _ => false,
    }
}
