//! Ordinary changes of the organization, its domains and its mailboxes that resemble those of attackers.

use tenantwatch::detection::FindingKind::*;

use super::situations::{ADMIN, Situation, kept, skipped};

/// A cmdlet of an administrator on an object of the organization.
macro_rules! by_admin {
    ($kind:ident, $about:literal, $operation:literal, $object:literal, $($parameter:literal => $value:literal),+) => {
        kept($kind, $about, |place| place.cmdlet(ADMIN, $operation, $object, &[$(($parameter, $value)),+]))
    };
}

/// A cmdlet of the owner on his mailbox.
macro_rules! by_owner {
    ($kind:ident, $about:literal, $operation:literal, $($parameter:literal => $value:literal),+) => {
        kept($kind, $about, |place| {
            let owner = place.owner.clone();
            place.cmdlet(&owner, $operation, &owner, &[("Identity", &owner), $(($parameter, $value)),+])
        })
    };
}

pub const FAMILIES: &[Situation] = &[
    by_owner!(MailboxTrust, "a shop becomes a safe sender", "Set-MailboxJunkEmailConfiguration", "TrustedSendersAndDomains" => "shop.example;news@shop.example"),
    by_owner!(MailboxTrust, "a colleague becomes a safe sender", "Set-MailboxJunkEmailConfiguration", "TrustedSendersAndDomains" => "anna@contoso.com"),
    by_owner!(MailboxTrust, "a spam domain is blocked", "Set-MailboxJunkEmailConfiguration", "BlockedSendersAndDomains" => "casino@spam.example;spam.example"),
    by_owner!(MailboxTrust, "missed activity of Teams is blocked", "Set-MailboxJunkEmailConfiguration", "BlockedSendersAndDomains" => "noreply@email.teams.microsoft.com"),
    by_owner!(AutoReply, "a holiday is planned", "Set-MailboxAutoReplyConfiguration", "AutoReplyState" => "Scheduled", "ExternalMessage" => "Zurück am Montag"),
    by_owner!(AutoReply, "a holiday is over", "Set-MailboxAutoReplyConfiguration", "AutoReplyState" => "Disabled"),
    kept(ClientAccess, "IMAP is enabled for a printer", |place| {
        let owner = place.owner.clone();
        place.cmdlet(ADMIN, "Set-CASMailbox", &owner, &[("Identity", &owner), ("ImapEnabled", "True")])
    }),
    skipped("IMAP is disabled", |place| {
        let owner = place.owner.clone();
        place.cmdlet(ADMIN, "Set-CASMailbox", &owner, &[("Identity", &owner), ("ImapEnabled", "False")])
    }),
    by_admin!(TransportRule, "spam is deleted", "New-TransportRule", "Delete spam", "Name" => "Delete spam", "SCLOver" => "8", "DeleteMessage" => "True"),
    by_admin!(TransportRule, "spam from outside is deleted", "New-TransportRule", "Delete spam 2", "Name" => "Delete spam 2", "SCLOver" => "6", "FromScope" => "NotInOrganization", "DeleteMessage" => "True"),
    by_admin!(TransportRule, "spam is deleted by the mark of a filter", "New-TransportRule", "Filter", "Name" => "Filter", "HeaderContainsMessageHeader" => "X-Spam-Flag", "HeaderContainsWords" => "YES", "DeleteMessage" => "True"),
    by_admin!(TransportRule, "programs are quarantined", "New-TransportRule", "Programs", "Name" => "Programs", "AttachmentExtensionMatchesWords" => "exe;js", "Quarantine" => "True"),
    by_admin!(TransportRule, "a partner is let past the spam filter", "New-TransportRule", "Partner", "Name" => "Partner", "SenderDomainIs" => "partner.example", "SetSCL" => "-1"),
    by_admin!(TransportRule, "a phishing simulation is let past", "New-TransportRule", "Simulation", "Name" => "Simulation", "SenderIpRanges" => "192.0.2.1", "SetSCL" => "-1", "SetHeaderName" => "X-MS-Exchange-Organization-SkipSafeLinksProcessing", "SetHeaderValue" => "1"),
    by_admin!(TransportRule, "a manager approves mail to all", "New-TransportRule", "Approval", "Name" => "Approval", "SentTo" => "all@contoso.com", "ModerateMessageByUser" => "admin@contoso.com"),
    by_admin!(TransportRule, "a rule is disabled", "Disable-TransportRule", "Old", "Identity" => "Old"),
    by_admin!(JournalRule, "mail is journaled to the own archive", "New-JournalRule", "Journal", "Name" => "Journal", "JournalEmailAddress" => "admin@contoso.com"),
    by_admin!(Connector, "a connector is disabled", "Set-InboundConnector", "Old printer", "Identity" => "Old printer", "Enabled" => "False"),
    by_admin!(Connector, "a connector is removed", "Remove-InboundConnector", "Old printer", "Identity" => "Old printer"),
    by_admin!(Domain, "a domain becomes authoritative", "Set-AcceptedDomain", "contoso.com", "Identity" => "contoso.com", "DomainType" => "Authoritative"),
    by_admin!(ContactRetargeted, "a contact is created", "New-MailContact", "Supplier 2", "Name" => "Supplier 2", "ExternalEmailAddress" => "SMTP:post@supplier.example"),
    kept(MailboxPermission, "access to a shared mailbox is removed", |place| {
        let (owner, colleague) = (place.owner.clone(), place.colleague.clone());
        let parameters = [("Identity", owner.as_str()), ("User", &colleague), ("AccessRights", "FullAccess")];
        place.cmdlet(ADMIN, "Remove-MailboxPermission", &owner, &parameters)
    }),
    kept(InboxForward, "audit records of a mailbox are kept longer", |place| {
        place.set_mailbox(ADMIN, &[("AuditLogAgeLimit", "365.00:00:00")])
    }),
    kept(SignInMethod, "a user registers his new computer", |place| {
        place.directory("Add registered owner to device.", &[])
    }),
    kept(Consent, "a user connects a backup for Microsoft 365 that signs him in", |place| {
        place.consent("5d1d2c33-0e8b-4e7f-9a35-0c9f5b6f7a02", "Backup for Microsoft 365", "User.Read openid")
    }),
    skipped("users may consent to less", |place| {
        let policy = "PermissionGrantPolicyIdsAssignedToDefaultUserRole";
        let (before, after) = ("[\"ManagePermissionGrantsForSelf.microsoft-user-default-legacy\"]", "[]");
        place.directory("Update authorization policy.", &[(policy, after, before)])
    }),
];
