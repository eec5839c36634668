//! Routes a call by its header `X-AnchorMailbox`.

use serde_json::Value;

use super::call::named;
use super::reply::Failure;
use crate::world::{Mailbox, Tenant};

/// The mailbox by which a call is routed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Anchor<'a> {
    /// A system mailbox of the tenant.
    System,
    /// The object id of a mailbox.
    ObjectId(&'a str),
    /// The user principal name of a mailbox.
    Upn(&'a str),
}

impl<'a> Anchor<'a> {
    /// Parses `UPN:…`, `OID:…@…`, `APP:SystemMailbox{…}@…` and the same without a prefix.
    pub(super) fn read(header: &'a str) -> Self {
        let (kind, rest) = header.split_once(':').unwrap_or(("", header));
        let name = rest.split('@').next().unwrap_or(rest);
        if name.to_ascii_lowercase().starts_with("systemmailbox{") {
            return Self::System;
        }
        if kind.eq_ignore_ascii_case("OID") || name.parse::<uuid::Uuid>().is_ok() {
            return Self::ObjectId(name);
        }
        Self::Upn(rest)
    }

    /// Checks that the anchor leads to the server of the mailbox that the parameters name.
    pub(super) fn check(
        self,
        tenant: &Tenant,
        mailbox: Option<&Value>,
        identity: Option<&Value>,
    ) -> Result<(), Failure> {
        // A mailbox that does not exist is rejected by the cmdlet itself.
        let Some(mailbox) = named(mailbox, identity).and_then(|name| tenant.mailbox(&name)) else { return Ok(()) };
        if self.leads_to(mailbox) { Ok(()) } else { Err(Failure::needs_proxy()) }
    }

    fn leads_to(self, mailbox: &Mailbox) -> bool {
        let Some(forms) = mailbox.anchors else { return true };
        match self {
            Self::System => forms.system_mailbox,
            Self::ObjectId(id) => forms.object_id && mailbox.object_id.to_string().eq_ignore_ascii_case(id),
            Self::Upn(upn) => forms.upn && mailbox.is(upn),
        }
    }
}
