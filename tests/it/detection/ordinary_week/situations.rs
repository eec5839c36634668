//! Ordinary actions of users and administrators. None of them justifies an alert.

use serde_json::{Value, json};
use tenantwatch::detection::FindingKind::{self, *};
use tenantwatch_simulator::records;

use super::counterparts::COUNTERPARTS;
use super::families::FAMILIES;
use super::place::{Place, There, outlook};

pub const ADMIN: &str = "admin@contoso.com";
const THUNDERBIRD: &str = "9e5f94bc-e8a4-4e73-b8be-63364c29d753";
const APPLE_MAIL: &str = "f8d98a96-0999-43f5-8af3-69971c7bb423";
const PROJECT_TOOL: &str = "5d1d2c33-0e8b-4e7f-9a35-0c9f5b6f7a01";

/// Something that happens, and what is kept of it.
pub struct Situation {
    pub name: &'static str,
    /// The type of the quiet row; `None`: it is of no interest and leaves none.
    pub kept: Option<FindingKind>,
    pub happens: fn(&mut Place<'_>) -> Vec<Value>,
}

pub const fn kept(kind: FindingKind, name: &'static str, happens: fn(&mut Place<'_>) -> Vec<Value>) -> Situation {
    Situation { name, kept: Some(kind), happens }
}

pub const fn skipped(name: &'static str, happens: fn(&mut Place<'_>) -> Vec<Value>) -> Situation {
    Situation { name, kept: None, happens }
}

pub fn all() -> impl Iterator<Item = &'static Situation> {
    [WEB_RULES, COUNTERPARTS, OTHER_RULES, FORWARDING, ACCESS, ORGANIZATION, FAMILIES, DIRECTORY].into_iter().flatten()
}

const WEB_RULES: &[Situation] = &[
    kept(InboxRule, "a newsletter is moved to a folder", |place| {
        place.web_rule("News", &[("From", "news@shop.example"), ("MoveToFolder", "Newsletters")])
    }),
    kept(InboxRule, "several newsletters are moved and marked as read", |place| {
        let senders = "a@shop.example;b@shop.example";
        place.web_rule("Shops", &[("From", senders), ("MoveToFolder", "Newsletters"), ("MarkAsRead", "True")])
    }),
    kept(InboxRule, "a spam sender is deleted", |place| {
        place.web_rule("Casino", &[("From", "casino@spam.example"), ("DeleteMessage", "True")])
    }),
    kept(InboxRule, "spam is deleted by a mark in its subject", |place| {
        place.web_rule("Spam", &[("SubjectContainsWords", "[SPAM]"), ("DeleteMessage", "True")])
    }),
    kept(InboxRule, "a whole spam domain is deleted", |place| {
        place.web_rule("Domain", &[("FromAddressContainsWords", "spam.example"), ("DeleteMessage", "True")])
    }),
    kept(InboxRule, "an advertiser is moved to Deleted Items", |place| {
        place.web_rule("Ads", &[("From", "offers@advert.example"), ("MoveToFolder", "Deleted Items")])
    }),
    kept(InboxRule, "a sender is moved to Junk", |place| {
        place.web_rule("Junk", &[("From", "lottery@spam.example"), ("MoveToFolder", "Junk Email")])
    }),
    kept(InboxRule, "a mailing list goes to the archive", |place| {
        place.web_rule("List", &[("HeaderContainsWords", "list.example"), ("MoveToFolder", "Archive")])
    }),
    kept(InboxRule, "a mailing list goes to the archive as read", |place| {
        let parameters = [("SentTo", "dev@list.example"), ("MoveToFolder", "Archive"), ("MarkAsRead", "True")];
        place.web_rule("Developers", &parameters)
    }),
    kept(InboxRule, "invoices are moved to a folder", |place| {
        place.web_rule("Invoices", &[("SubjectContainsWords", "invoice"), ("MoveToFolder", "Invoices")])
    }),
    kept(InboxRule, "German invoices are moved below the inbox", |place| {
        place.web_rule(
            "Rechnungen",
            &[("SubjectContainsWords", "Rechnung"), ("MoveToFolder", "Posteingang\\Rechnungen")],
        )
    }),
    kept(InboxRule, "payment reminders are copied to a folder", |place| {
        place.web_rule("Mahnungen", &[("SubjectContainsWords", "Mahnung;Zahlung"), ("CopyToFolder", "Mahnungen")])
    }),
    kept(InboxRule, "order confirmations get a category", |place| {
        place.web_rule("Orders", &[("SubjectContainsWords", "order"), ("ApplyCategory", "Orders")])
    }),
    kept(InboxRule, "mail of the boss is marked important", |place| {
        place.web_rule("Boss", &[("From", "boss@contoso.com"), ("MarkImportance", "High")])
    }),
    kept(InboxRule, "everything gets a category", |place| place.web_rule("Everything", &[("ApplyCategory", "Seen")])),
    kept(InboxRule, "mail to a group is moved", |place| {
        place.web_rule("Sales", &[("SentTo", "sales@contoso.com"), ("MoveToFolder", "Sales")])
    }),
    kept(InboxRule, "mail in copy only is moved", |place| {
        place.web_rule("Copy", &[("MyNameInCcBox", "True"), ("MoveToFolder", "In copy")])
    }),
    kept(InboxRule, "answers to invitations are deleted", |place| {
        place.web_rule("Answers", &[("MessageTypeMatches", "CalendaringResponse"), ("DeleteMessage", "True")])
    }),
    kept(InboxRule, "automatic replies are moved to a folder", |place| {
        place.web_rule("Automatic", &[("MessageTypeMatches", "AutomaticReply"), ("MoveToFolder", "Automatic")])
    }),
    kept(InboxRule, "project mail is forwarded to a colleague", |place| {
        let colleague = place.colleague.clone();
        place.web_rule("Project", &[("SubjectContainsWords", "Beta"), ("ForwardTo", &colleague)])
    }),
    kept(InboxRule, "everything is redirected to a colleague during a holiday", |place| {
        let colleague = place.colleague.clone();
        place.web_rule("Holiday", &[("RedirectTo", &colleague)])
    }),
    kept(InboxRule, "a colleague is picked from the address book", |place| {
        let legacy_dn = place.tenant.mailbox(&place.colleague).unwrap().legacy_dn.clone();
        let target = format!("\"A colleague\" [EX:{legacy_dn}]");
        place.web_rule("Assistant", &[("MessageTypeMatches", "CalendaringRequest"), ("ForwardTo", &target)])
    }),
    kept(InboxRule, "tickets are forwarded to the trusted ticket system", |place| {
        place.web_rule("Tickets", &[("SentTo", "desk@contoso.com"), ("ForwardTo", "desk@tickets.example")])
    }),
    kept(InboxRule, "mail is copied to a project folder", |place| {
        place.web_rule("Copies", &[("SubjectContainsWords", "Alpha"), ("CopyToFolder", "Projects\\Alpha")])
    }),
    kept(InboxRule, "notices of a build server are marked as read", |place| {
        place.web_rule("Builds", &[("From", "builds@ci.example"), ("MarkAsRead", "True")])
    }),
    kept(InboxRule, "notes of a customer go below his folder", |place| {
        place.web_rule("Kunde", &[("From", "x@kunde.example"), ("MoveToFolder", "Kunden\\Notizen")])
    }),
    kept(InboxRule, "a rule has a short but real name", |place| {
        place.web_rule("IT", &[("From", "x@it.example"), ("MoveToFolder", "IT")])
    }),
    kept(InboxRule, "a rule has a name in another script", |place| {
        place.web_rule("会議", &[("SubjectContainsWords", "会議"), ("MoveToFolder", "会議")])
    }),
    kept(InboxRule, "large mail is moved", |place| {
        place.web_rule("Large", &[("WithinSizeRangeMinimum", "10 MB (10,485,760 bytes)"), ("MoveToFolder", "Large")])
    }),
    kept(InboxRule, "the support of a supplier is moved and marked as read", |place| {
        let parameters = [("From", "support@supplier.example"), ("MoveToFolder", "Supplier"), ("MarkAsRead", "True")];
        place.web_rule("Supplier", &parameters)
    }),
    kept(InboxRule, "feeds that Outlook reads go to their own folder", |place| {
        place.web_rule("Feeds", &[("FromAddressContainsWords", "feed.example"), ("MoveToFolder", "RSS Feeds\\Feed")])
    }),
];

const OTHER_RULES: &[Situation] = &[
    kept(InboxRule, "a rule gets another folder", |place| {
        place.changed_rule("Alte Post", &[("From", "post@shop.example")], &[("MoveToFolder", "Alte Post")])
    }),
    kept(InboxRule, "a rule gets another sender", |place| {
        place.changed_rule("Werbung", &[("DeleteMessage", "True")], &[("From", "neu@advert.example")])
    }),
    kept(InboxRule, "a rule is switched off", |place| {
        place.changed_rule("Pause", &[("From", "x@shop.example"), ("MoveToFolder", "Pause")], &[("Enabled", "False")])
    }),
    kept(InboxRule, "a rule is switched on again", |place| {
        let mut made = place.web_rule("Wieder", &[("From", "y@shop.example"), ("MoveToFolder", "Wieder")]);
        made[0]["Operation"] = json!("Enable-InboxRule");
        made[0]["Parameters"] = json!([{"Name": "Identity", "Value": made[0]["ObjectId"].clone()}]);
        made
    }),
    kept(InboxRule, "a rule cannot be made", |place| {
        let mut failed = place.web_rule("Versuch", &[("ForwardTo", "me@gmail.example")]);
        place.mailbox().rules.retain(|rule| rule.name != "Versuch");
        failed[0]["ResultStatus"] = json!("False");
        failed
    }),
    kept(InboxRule, "Outlook writes a rule again, blank", |place| {
        let there: &[_] = &[("From", "n@shop.example"), ("MoveToFolder", "News"), ("MarkAsRead", "True")];
        let blank = outlook("ModifyMailboxRule", None, "Enabled");
        place.outlook_rule(
            &records::RuleChange { condition: "{}", ..blank },
            &json!([]),
            Some(There { name: "Blank", hidden: false, parameters: there }),
        )
    }),
    kept(InboxRule, "Outlook writes a rule again that is gone", |place| {
        let blank = outlook("ModifyMailboxRule", None, "Enabled");
        place.outlook_rule(&records::RuleChange { condition: "{}", ..blank }, &json!([]), None)
    }),
    kept(InboxRule, "Outlook writes the rule of the junk filter", |place| {
        let there: &[_] = &[("MoveToFolder", "Junk Email")];
        let change = outlook("ModifyMailboxRule", Some("Junk E-mail Rule"), "Enabled");
        let change = records::RuleChange { condition: "{}", ..change };
        place.outlook_rule(
            &change,
            &json!([]),
            Some(There { name: "Junk E-mail Rule", hidden: true, parameters: there }),
        )
    }),
    kept(InboxRule, "out of office is switched on", |place| {
        const NAME: &str = "Microsoft.Exchange.OOF.KindExternalSenders.Global";
        let change = outlook("AddMailboxRule", Some(NAME), "Enabled");
        place.outlook_rule(
            &change,
            &json!([{"ActionType": "OofReply"}]),
            Some(There { name: NAME, hidden: true, parameters: &[] }),
        )
    }),
    kept(InboxRule, "a delegate gets the invitations", |place| {
        let legacy_dn = place.tenant.mailbox(&place.colleague).unwrap().legacy_dn.clone();
        let target = format!("\"A delegate\" [EX:{legacy_dn}]");
        let actions = json!([{"ActionType": "Delegate", "Recipients": [legacy_dn]}]);
        let change = outlook("AddMailboxRule", Some("Delegate Rule 2"), "Enabled");
        place.outlook_rule(
            &change,
            &actions,
            Some(There {
                name: "Delegate Rule 2",
                hidden: true,
                parameters: &[("MessageTypeMatches", "CalendaringRequest"), ("ForwardTo", &target)],
            }),
        )
    }),
    kept(InboxRule, "a rule plays a sound in Outlook", |place| {
        let actions = json!([{"ActionType": "DeferAction"}]);
        let change = outlook("AddMailboxRule", Some("Sound"), "Enabled");
        place.outlook_rule(
            &change,
            &actions,
            Some(There { name: "Sound", hidden: false, parameters: &[("SubjectContainsWords", "Alpha")] }),
        )
    }),
    kept(InboxRule, "Outlook moves project mail to a folder", |place| {
        let actions = json!([{"ActionType": "Move", "FolderEntryId": "0000000038A1BB1005E5101AA1BB08002B2A56C20000"}]);
        let there: &[_] = &[("SubjectContainsWords", "Alpha"), ("MoveToFolder", "Alpha")];
        place.outlook_rule(
            &outlook("AddMailboxRule", Some("Alpha"), "Enabled"),
            &actions,
            Some(There { name: "Alpha", hidden: false, parameters: there }),
        )
    }),
    kept(InboxRule, "a rule is removed", |place| {
        let actions = json!([{"ActionType": "Forward", "Recipients": ["me@gmail.example"]}]);
        place.outlook_rule(&outlook("RemoveMailboxRule", Some("Privat"), "Enabled"), &actions, None)
    }),
    kept(InboxRule, "a rule is switched off in Outlook", |place| {
        let actions = json!([{"ActionType": "Forward", "Recipients": ["old@elsewhere.example"]}]);
        place.outlook_rule(&outlook("ModifyMailboxRule", Some("Alt"), "ExitAfterExecution"), &actions, None)
    }),
    kept(InboxRule, "a sweep rule keeps the newest newsletter", |place| {
        let owner = place.owner.clone();
        let object = format!("{}\\Sweep", place.mailbox().identity);
        let parameters = [
            ("Name", "Sweep"),
            ("Sender", "news@shop.example"),
            ("KeepLatest", "1"),
            ("DestinationFolder", "Deleted Items"),
        ];
        place.cmdlet(&owner, "New-SweepRule", &object, &parameters)
    }),
    kept(InboxRule, "a rule is removed with a cmdlet", |place| {
        let owner = place.owner.clone();
        let object = format!("{}\\News", place.mailbox().identity);
        place.cmdlet(&owner, "Remove-InboxRule", &object, &[("Identity", &object)])
    }),
];

const FORWARDING: &[Situation] = &[
    kept(InboxForward, "a shared mailbox forwards inside and keeps a copy", |place| {
        let target = format!("smtp:{}", place.colleague);
        place.set_mailbox(ADMIN, &[("ForwardingSmtpAddress", &target), ("DeliverToMailboxAndForward", "True")])
    }),
    kept(InboxForward, "a leaver's mailbox forwards to the successor", |place| {
        let alias = place.tenant.mailbox(&place.colleague).unwrap().alias.clone();
        place.set_mailbox(ADMIN, &[("ForwardingAddress", &alias), ("DeliverToMailboxAndForward", "False")])
    }),
    kept(InboxForward, "a mailbox forwards to the trusted ticket system", |place| {
        place.set_mailbox(ADMIN, &[("ForwardingSmtpAddress", "smtp:desk@tickets.example")])
    }),
    kept(InboxForward, "forwarding is taken away", |place| {
        place.set_mailbox(ADMIN, &[("ForwardingSmtpAddress", ""), ("DeliverToMailboxAndForward", "False")])
    }),
    kept(InboxForward, "an administrator sets a quota", |place| {
        place.set_mailbox(ADMIN, &[("ProhibitSendQuota", "50 GB")])
    }),
    skipped("the service host sets quotas", |place| {
        let envelope = place.own();
        vec![records::system_set_mailbox(&envelope, place.mailbox())]
    }),
    skipped("the service synchronises addresses", |place| {
        let mut record =
            place.set_mailbox("NT SERVICE\\MSExchangeAdminApiNetCore", &[("EmailAddresses", "SMTP:a@contoso.com")]);
        record[0]["UserType"] = json!(4);
        record
    }),
    skipped("the service provisions a mailbox", |place| {
        place.set_mailbox(
            "SpoolsProvisioning-ApplicationAccount@EURPR04A009.PROD.OUTLOOK.COM",
            &[("Languages", "de-DE")],
        )
    }),
    kept(AutoReply, "automatic replies are set", |place| {
        let envelope = place.own();
        vec![records::auto_reply(&envelope, place.mailbox(), "Ab Montag wieder im Haus.")]
    }),
];

const ACCESS: &[Situation] = &[
    kept(MailboxPermission, "the helpdesk grants a shared mailbox", |place| {
        let (envelope, colleague) = (place.by(ADMIN), place.colleague.clone());
        vec![records::add_mailbox_permission(&envelope, place.mailbox(), &colleague, "FullAccess")]
    }),
    kept(MailboxPermission, "the helpdesk lets somebody send as a shared mailbox", |place| {
        let (identity, colleague) = (place.mailbox().identity.clone(), place.colleague.clone());
        let parameters = [("Identity", identity.as_str()), ("Trustee", &colleague), ("AccessRights", "SendAs")];
        place.cmdlet(ADMIN, "Add-RecipientPermission", &identity, &parameters)
    }),
    kept(MailboxPermission, "an assistant may send on behalf", |place| {
        let (owner, colleague) = (place.owner.clone(), place.colleague.clone());
        place.set_mailbox(&owner, &[("GrantSendOnBehalfTo", &colleague)])
    }),
    kept(MailboxPermission, "everybody may see the calendar", |place| {
        place.folder_permission("ModifyFolderPermissions", "Default", "ReadAny, Visible", "Calendar")
    }),
    kept(MailboxPermission, "everybody sees whether somebody is free", |place| {
        place.folder_permission("ModifyFolderPermissions", "Default", "FreeBusySimple", "Calendar")
    }),
    kept(MailboxPermission, "a colleague may read a folder", |place| {
        let colleague = place.colleague.clone();
        place.folder_permission("AddFolderPermissions", &colleague, "ReadAny, Visible", "Projects")
    }),
    kept(MailboxPermission, "a calendar is shared with a cmdlet", |place| {
        let (owner, colleague) = (place.owner.clone(), place.colleague.clone());
        let calendar = format!("{owner}:\\Calendar");
        let parameters = [("Identity", calendar.as_str()), ("User", &colleague), ("AccessRights", "Editor")];
        place.cmdlet(&owner, "Add-MailboxFolderPermission", &calendar, &parameters)
    }),
];

const ORGANIZATION: &[Situation] = &[
    kept(TransportRule, "a disclaimer is added to outgoing mail", |place| {
        let parameters = [("SentToScope", "NotInOrganization"), ("ApplyHtmlDisclaimerText", "Registered in Berlin")];
        vec![records::new_transport_rule(&place.by(ADMIN), "Disclaimer", &parameters)]
    }),
    kept(TransportRule, "a bad sender is blocked for all", |place| {
        let parameters = [("From", "x@spam.example"), ("RejectMessageReasonText", "Blocked")];
        vec![records::new_transport_rule(&place.by(ADMIN), "Block", &parameters)]
    }),
    kept(TransportRule, "mail from outside is marked", |place| {
        let parameters = [("FromScope", "NotInOrganization"), ("PrependSubject", "[External] ")];
        vec![records::new_transport_rule(&place.by(ADMIN), "External", &parameters)]
    }),
    skipped("a setting of the organization changes", |place| {
        place.cmdlet(ADMIN, "Set-OrganizationConfig", "contoso", &[("MailTipsAllTipsEnabled", "True")])
    }),
    skipped("auditing is switched on", |place| {
        place.cmdlet(ADMIN, "Set-AdminAuditLogConfig", "", &[("UnifiedAuditLogIngestionEnabled", "True")])
    }),
    kept(ContactRetargeted, "a contact gets a new address", |place| {
        let parameters = [("Identity", "Supplier"), ("ExternalEmailAddress", "SMTP:new@supplier.example")];
        place.cmdlet(ADMIN, "Set-MailContact", "Supplier", &parameters)
    }),
];

const DIRECTORY: &[Situation] = &[
    kept(Consent, "a user connects Thunderbird", |place| {
        place.consent(THUNDERBIRD, "Mozilla Thunderbird", "IMAP.AccessAsUser.All SMTP.Send offline_access")
    }),
    kept(Consent, "a user connects the mail program of his telephone", |place| {
        place.consent(APPLE_MAIL, "Apple Internet Accounts", "EAS.AccessAsUser.All EWS.AccessAsUser.All")
    }),
    kept(Consent, "a user signs in to a project tool", |place| {
        place.consent(PROJECT_TOOL, "Project tool", "User.Read openid profile email")
    }),
    kept(SignInMethod, "a user registers an authenticator", |place| {
        place.directory("User registered security info.", &[])
    }),
    kept(SignInMethod, "a user removes an old telephone", |place| place.directory("User deleted security info.", &[])),
    kept(SignInMethod, "a user gets another telephone number", |place| {
        let envelope = place.own();
        let user = place.tenant.user(&place.owner).unwrap().clone();
        vec![records::update_user_strong_auth(&envelope, &user, "+49 30 5550 0147")]
    }),
    skipped("a user moves to another department", |place| {
        place.directory("Update user.", &[("Department", "[\"Sales\"]", "[]")])
    }),
];
