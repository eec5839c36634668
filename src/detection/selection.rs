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
    ("Set-MailboxAuditBypassAssociation", Concern::Tampering),
    ("Set-AdminAuditLogConfig", Concern::Tampering),
    ("Set-OrganizationConfig", Concern::Tampering),
    ("Set-HostedOutboundSpamFilterPolicy", Concern::Tampering),
    ("Set-RemoteDomain", Concern::Tampering),
    ("Remove-AntiPhishPolicy", Concern::Tampering),
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
