//! Lists the operations that are evaluated. Records of all others are skipped before they are parsed.

/// The subject of a record with a watched operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OperationKind {
    /// `New-`, `Set-`, `Enable-InboxRule`
    InboxRuleCmdlet,
    /// `New-`, `Set-`, `Enable-SweepRule`
    SweepRuleCmdlet,
    /// `UpdateInboxRules`: mailbox auditing, written for Outlook, EWS and Graph.
    MailboxRules,
    /// `Set-Mailbox`: forwarding, delegation or auditing.
    Mailbox,
    /// Access given to a mailbox or folder.
    Permission,
    /// A mail flow rule.
    TransportRule,
    /// A journal rule.
    JournalRule,
    /// A connector.
    Connector,
    /// Safe and blocked senders of a mailbox.
    Trust,
    /// The automatic reply of a mailbox.
    AutoReply,
    /// The protocols of a mailbox.
    ClientAccess,
    /// A domain of the organization.
    Domain,
    /// An inbox or sweep rule that is removed or disabled.
    RuleRemoval,
    /// Access that is removed.
    PermissionRemoval,
    /// A mail flow rule, journal rule or connector that is removed or disabled.
    MailFlowRemoval,
    /// A consent that is removed.
    ConsentRemoval,
    /// Auditing or a protection.
    Tampering,
    /// An application was allowed in.
    Consent,
    /// A way to sign in.
    SignInMethod,
    /// The outside address of a contact or mail user.
    Contact,
}

/// Every watched operation, without the full stop that directory operations end in.
pub(super) const WATCHED: &[(&str, OperationKind)] = &[
    ("New-InboxRule", OperationKind::InboxRuleCmdlet),
    ("Set-InboxRule", OperationKind::InboxRuleCmdlet),
    ("Enable-InboxRule", OperationKind::InboxRuleCmdlet),
    ("UpdateInboxRules", OperationKind::MailboxRules),
    ("New-SweepRule", OperationKind::SweepRuleCmdlet),
    ("Set-SweepRule", OperationKind::SweepRuleCmdlet),
    ("Enable-SweepRule", OperationKind::SweepRuleCmdlet),
    ("Set-Mailbox", OperationKind::Mailbox),
    ("Add-MailboxPermission", OperationKind::Permission),
    ("Add-RecipientPermission", OperationKind::Permission),
    ("Add-MailboxFolderPermission", OperationKind::Permission),
    ("Set-MailboxFolderPermission", OperationKind::Permission),
    ("AddFolderPermissions", OperationKind::Permission),
    ("ModifyFolderPermissions", OperationKind::Permission),
    ("New-TransportRule", OperationKind::TransportRule),
    ("Set-TransportRule", OperationKind::TransportRule),
    ("Enable-TransportRule", OperationKind::TransportRule),
    ("New-JournalRule", OperationKind::JournalRule),
    ("Set-JournalRule", OperationKind::JournalRule),
    ("New-InboundConnector", OperationKind::Connector),
    ("Set-InboundConnector", OperationKind::Connector),
    ("New-OutboundConnector", OperationKind::Connector),
    ("Set-OutboundConnector", OperationKind::Connector),
    ("Set-MailboxJunkEmailConfiguration", OperationKind::Trust),
    ("Set-MailboxAutoReplyConfiguration", OperationKind::AutoReply),
    ("Set-CASMailbox", OperationKind::ClientAccess),
    ("Add verified domain", OperationKind::Domain),
    ("Verify domain", OperationKind::Domain),
    ("Set domain authentication", OperationKind::Domain),
    ("Set federation settings on domain", OperationKind::Domain),
    ("New-AcceptedDomain", OperationKind::Domain),
    ("Set-AcceptedDomain", OperationKind::Domain),
    ("Remove-InboxRule", OperationKind::RuleRemoval),
    ("Disable-InboxRule", OperationKind::RuleRemoval),
    ("Remove-SweepRule", OperationKind::RuleRemoval),
    ("Disable-SweepRule", OperationKind::RuleRemoval),
    ("Remove-MailboxPermission", OperationKind::PermissionRemoval),
    ("Remove-RecipientPermission", OperationKind::PermissionRemoval),
    ("Remove-MailboxFolderPermission", OperationKind::PermissionRemoval),
    ("RemoveFolderPermissions", OperationKind::PermissionRemoval),
    ("Remove-TransportRule", OperationKind::MailFlowRemoval),
    ("Disable-TransportRule", OperationKind::MailFlowRemoval),
    ("Remove-JournalRule", OperationKind::MailFlowRemoval),
    ("Disable-JournalRule", OperationKind::MailFlowRemoval),
    ("Remove-InboundConnector", OperationKind::MailFlowRemoval),
    ("Remove-OutboundConnector", OperationKind::MailFlowRemoval),
    ("Remove delegated permission grant", OperationKind::ConsentRemoval),
    ("Remove OAuth2PermissionGrant", OperationKind::ConsentRemoval),
    ("Remove app role assignment from service principal", OperationKind::ConsentRemoval),
    ("Set-MailboxAuditBypassAssociation", OperationKind::Tampering),
    ("Set-AdminAuditLogConfig", OperationKind::Tampering),
    ("Set-OrganizationConfig", OperationKind::Tampering),
    ("Set-HostedOutboundSpamFilterPolicy", OperationKind::Tampering),
    ("Set-RemoteDomain", OperationKind::Tampering),
    ("New-HostedOutboundSpamFilterPolicy", OperationKind::Tampering),
    ("Update authorization policy", OperationKind::Tampering),
    ("Remove-AntiPhishPolicy", OperationKind::Tampering),
    ("Disable-AntiPhishPolicy", OperationKind::Tampering),
    ("Disable-SafeLinksPolicy", OperationKind::Tampering),
    ("Disable-SafeAttachmentPolicy", OperationKind::Tampering),
    ("Disable-ProtectionAlert", OperationKind::Tampering),
    ("Remove-AntiPhishRule", OperationKind::Tampering),
    ("Disable-AntiPhishRule", OperationKind::Tampering),
    ("Remove-SafeLinksPolicy", OperationKind::Tampering),
    ("Remove-SafeLinksRule", OperationKind::Tampering),
    ("Disable-SafeLinksRule", OperationKind::Tampering),
    ("Remove-SafeAttachmentPolicy", OperationKind::Tampering),
    ("Remove-SafeAttachmentRule", OperationKind::Tampering),
    ("Disable-SafeAttachmentRule", OperationKind::Tampering),
    ("Remove-EOPProtectionPolicyRule", OperationKind::Tampering),
    ("Disable-EOPProtectionPolicyRule", OperationKind::Tampering),
    ("Remove-ATPProtectionPolicyRule", OperationKind::Tampering),
    ("Disable-ATPProtectionPolicyRule", OperationKind::Tampering),
    ("Remove-ProtectionAlert", OperationKind::Tampering),
    ("Set-ProtectionAlert", OperationKind::Tampering),
    ("Remove-ActivityAlert", OperationKind::Tampering),
    ("Set-ActivityAlert", OperationKind::Tampering),
    ("Set-AntiPhishPolicy", OperationKind::Tampering),
    ("Set-SafeLinksPolicy", OperationKind::Tampering),
    ("Set-SafeAttachmentPolicy", OperationKind::Tampering),
    ("Consent to application", OperationKind::Consent),
    ("Add delegated permission grant", OperationKind::Consent),
    ("Add app role assignment to service principal", OperationKind::Consent),
    ("Update user", OperationKind::SignInMethod),
    ("User registered security info", OperationKind::SignInMethod),
    ("User deleted security info", OperationKind::SignInMethod),
    ("Admin registered security info", OperationKind::SignInMethod),
    ("Disable Strong Authentication", OperationKind::SignInMethod),
    ("User changed default security info", OperationKind::SignInMethod),
    ("Admin deleted security info", OperationKind::SignInMethod),
    ("Admin updated security info", OperationKind::SignInMethod),
    ("Create temporary access pass", OperationKind::SignInMethod),
    ("Add device", OperationKind::SignInMethod),
    ("Register device", OperationKind::SignInMethod),
    ("Add registered owner to device", OperationKind::SignInMethod),
    ("Add registered users to device", OperationKind::SignInMethod),
    ("New-MailContact", OperationKind::Contact),
    ("New-MailUser", OperationKind::Contact),
    ("Set-MailContact", OperationKind::Contact),
    ("Set-MailUser", OperationKind::Contact),
];

/// Returns the subject of records with this operation, or `None` if the operation is not watched.
pub(super) fn operation_kind(operation: &str) -> Option<OperationKind> {
    let operation = operation.trim().trim_end_matches('.');
    if !may_be_watched(operation) {
        return None;
    }
    WATCHED
        .iter()
        .find(|(watched, _)| watched.eq_ignore_ascii_case(operation))
        .map(|(_, operation_kind)| *operation_kind)
}

/// Returns whether an operation may be watched, by its length and first letter. This cheap test comes first because every record
/// needs it.
fn may_be_watched(operation: &str) -> bool {
    let Some(first) = operation.bytes().next() else { return false };
    INITIALS.get(operation.len()).is_some_and(|initials| initials & initial(first) != 0)
}

/// For each length the letters with which a watched operation of that length begins.
static INITIALS: [u32; 64] = {
    let mut initials = [0; 64];
    let mut at = 0;
    while at < WATCHED.len() {
        let name = WATCHED[at].0.as_bytes();
        initials[name.len()] |= initial(name[0]);
        at += 1;
    }
    initials
};

/// One bit per letter, without case. Other characters share the bits of letters, which costs a comparison.
const fn initial(first: u8) -> u32 {
    1 << (first & 0x1F)
}

/// Returns whether records with this operation are evaluated. Directory operations are recognized with and without their full
/// stop.
pub fn is_selected(operation: &str) -> bool {
    operation_kind(operation).is_some()
}
