//! Which operations are looked at. Everything else is skipped before it is parsed.

/// What a record with a watched operation is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Concern {
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
pub(super) const WATCHED: &[(&str, Concern)] = &[
    ("New-InboxRule", Concern::InboxRuleCmdlet),
    ("Set-InboxRule", Concern::InboxRuleCmdlet),
    ("Enable-InboxRule", Concern::InboxRuleCmdlet),
    ("UpdateInboxRules", Concern::MailboxRules),
    ("New-SweepRule", Concern::SweepRuleCmdlet),
    ("Set-SweepRule", Concern::SweepRuleCmdlet),
    ("Enable-SweepRule", Concern::SweepRuleCmdlet),
    ("Set-Mailbox", Concern::Mailbox),
    ("Add-MailboxPermission", Concern::Permission),
    ("Add-RecipientPermission", Concern::Permission),
    ("Add-MailboxFolderPermission", Concern::Permission),
    ("Set-MailboxFolderPermission", Concern::Permission),
    ("AddFolderPermissions", Concern::Permission),
    ("ModifyFolderPermissions", Concern::Permission),
    ("New-TransportRule", Concern::TransportRule),
    ("Set-TransportRule", Concern::TransportRule),
    ("Enable-TransportRule", Concern::TransportRule),
    ("New-JournalRule", Concern::JournalRule),
    ("Set-JournalRule", Concern::JournalRule),
    ("New-InboundConnector", Concern::Connector),
    ("Set-InboundConnector", Concern::Connector),
    ("New-OutboundConnector", Concern::Connector),
    ("Set-OutboundConnector", Concern::Connector),
    ("Set-MailboxJunkEmailConfiguration", Concern::Trust),
    ("Set-MailboxAutoReplyConfiguration", Concern::AutoReply),
    ("Set-CASMailbox", Concern::ClientAccess),
    ("Add verified domain", Concern::Domain),
    ("Verify domain", Concern::Domain),
    ("Set domain authentication", Concern::Domain),
    ("Set federation settings on domain", Concern::Domain),
    ("New-AcceptedDomain", Concern::Domain),
    ("Set-AcceptedDomain", Concern::Domain),
    ("Remove-InboxRule", Concern::RuleRemoval),
    ("Disable-InboxRule", Concern::RuleRemoval),
    ("Remove-SweepRule", Concern::RuleRemoval),
    ("Disable-SweepRule", Concern::RuleRemoval),
    ("Remove-MailboxPermission", Concern::PermissionRemoval),
    ("Remove-RecipientPermission", Concern::PermissionRemoval),
    ("Remove-MailboxFolderPermission", Concern::PermissionRemoval),
    ("RemoveFolderPermissions", Concern::PermissionRemoval),
    ("Remove-TransportRule", Concern::MailFlowRemoval),
    ("Disable-TransportRule", Concern::MailFlowRemoval),
    ("Remove-JournalRule", Concern::MailFlowRemoval),
    ("Disable-JournalRule", Concern::MailFlowRemoval),
    ("Remove-InboundConnector", Concern::MailFlowRemoval),
    ("Remove-OutboundConnector", Concern::MailFlowRemoval),
    ("Remove delegated permission grant", Concern::ConsentRemoval),
    ("Remove OAuth2PermissionGrant", Concern::ConsentRemoval),
    ("Remove app role assignment from service principal", Concern::ConsentRemoval),
    ("Set-MailboxAuditBypassAssociation", Concern::Tampering),
    ("Set-AdminAuditLogConfig", Concern::Tampering),
    ("Set-OrganizationConfig", Concern::Tampering),
    ("Set-HostedOutboundSpamFilterPolicy", Concern::Tampering),
    ("Set-RemoteDomain", Concern::Tampering),
    ("New-HostedOutboundSpamFilterPolicy", Concern::Tampering),
    ("Update authorization policy", Concern::Tampering),
    ("Remove-AntiPhishPolicy", Concern::Tampering),
    ("Disable-AntiPhishPolicy", Concern::Tampering),
    ("Disable-SafeLinksPolicy", Concern::Tampering),
    ("Disable-SafeAttachmentPolicy", Concern::Tampering),
    ("Disable-ProtectionAlert", Concern::Tampering),
    ("Remove-AntiPhishRule", Concern::Tampering),
    ("Disable-AntiPhishRule", Concern::Tampering),
    ("Remove-SafeLinksPolicy", Concern::Tampering),
    ("Remove-SafeLinksRule", Concern::Tampering),
    ("Disable-SafeLinksRule", Concern::Tampering),
    ("Remove-SafeAttachmentPolicy", Concern::Tampering),
    ("Remove-SafeAttachmentRule", Concern::Tampering),
    ("Disable-SafeAttachmentRule", Concern::Tampering),
    ("Remove-EOPProtectionPolicyRule", Concern::Tampering),
    ("Disable-EOPProtectionPolicyRule", Concern::Tampering),
    ("Remove-ATPProtectionPolicyRule", Concern::Tampering),
    ("Disable-ATPProtectionPolicyRule", Concern::Tampering),
    ("Remove-ProtectionAlert", Concern::Tampering),
    ("Set-ProtectionAlert", Concern::Tampering),
    ("Remove-ActivityAlert", Concern::Tampering),
    ("Set-ActivityAlert", Concern::Tampering),
    ("Set-AntiPhishPolicy", Concern::Tampering),
    ("Set-SafeLinksPolicy", Concern::Tampering),
    ("Set-SafeAttachmentPolicy", Concern::Tampering),
    ("Consent to application", Concern::Consent),
    ("Add delegated permission grant", Concern::Consent),
    ("Add app role assignment to service principal", Concern::Consent),
    ("Update user", Concern::SignInMethod),
    ("User registered security info", Concern::SignInMethod),
    ("User deleted security info", Concern::SignInMethod),
    ("Admin registered security info", Concern::SignInMethod),
    ("Disable Strong Authentication", Concern::SignInMethod),
    ("User changed default security info", Concern::SignInMethod),
    ("Admin deleted security info", Concern::SignInMethod),
    ("Admin updated security info", Concern::SignInMethod),
    ("Create temporary access pass", Concern::SignInMethod),
    ("Add device", Concern::SignInMethod),
    ("Register device", Concern::SignInMethod),
    ("Add registered owner to device", Concern::SignInMethod),
    ("Add registered users to device", Concern::SignInMethod),
    ("New-MailContact", Concern::Contact),
    ("New-MailUser", Concern::Contact),
    ("Set-MailContact", Concern::Contact),
    ("Set-MailUser", Concern::Contact),
];

/// What records with this operation are about; `None` when nobody looks at them.
pub(super) fn concern(operation: &str) -> Option<Concern> {
    let operation = operation.trim().trim_end_matches('.');
    if !may_be_watched(operation) {
        return None;
    }
    WATCHED.iter().find(|(watched, _)| watched.eq_ignore_ascii_case(operation)).map(|(_, concern)| *concern)
}

/// Tells most operations that nobody looks at by their length and first letter: it is asked of every record there is.
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

/// Whether records with this operation are looked at. Directory operations are found with and without their full stop.
pub fn is_selected(operation: &str) -> bool {
    concern(operation).is_some()
}
