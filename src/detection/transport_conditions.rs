//! Reads the conditions of a mail flow rule, and which protections it lets senders past.
//!
//! Sources: <https://learn.microsoft.com/exchange/security-and-compliance/mail-flow-rules/conditions-and-exceptions>;
//! the headers that skip Safe Links and Safe Attachments from
//! <https://learn.microsoft.com/defender-office-365/skip-filtering-phishing-simulations-sec-ops-mailboxes> and the pages before it.

use audit_log::AuditRecord;
use base::ids::Domain;

use super::knowledge::Knowledge;
use super::list_values::added_items;
use super::targets::Target;

/// The prefixes of the names of conditions.
const CONDITIONS: &[&str] = &[
    "ADComparison",
    "AnyOf",
    "Attachment",
    "Between",
    "Content",
    "From",
    "Has",
    "Header",
    "ManagerFor",
    "Message",
    "Recipient",
    "SCLOver",
    "Sender",
    "Sent",
    "Subject",
    "WithImportance",
];

/// Settings whose names begin like those of conditions.
const SETTINGS: &[&str] = &["SenderAddressLocation", "SenderNotificationType", "RecipientAddressType"];

/// Conditions on the direction of mail. They narrow other conditions, and are none by themselves.
const SCOPES: &[&str] = &["FromScope", "SentToScope"];

/// The prefixes of the headers in which spam filters write their verdict.
///
/// Source: <https://learn.microsoft.com/defender-office-365/message-headers-eop-mdo>, and the pages of Proofpoint, Mimecast, Barracuda,
/// Sophos and SpamAssassin on their headers.
const SPAM_HEADERS: &[&str] = &[
    "x-forefront-antispam-report",
    "x-microsoft-antispam",
    "x-ms-exchange-organization-scl",
    "x-spam",
    "x-proofpoint-spam",
    "x-mimecast-spam",
    "x-barracuda-spam",
    "x-sophos-spam",
    "x-hmailserver-spam",
    "x-barracuda-bulk",
];

/// The lowest spam confidence level that is a verdict.
const SPAM_LEVEL: i64 = 5;

/// The conditions that a record shows.
#[derive(Debug, Default)]
pub(super) struct Conditions<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Conditions<'a> {
    pub(super) fn of(record: &'a AuditRecord) -> Self {
        let is_set = |value: &&str| !value.trim().is_empty() && !value.trim().eq_ignore_ascii_case("$null");
        let given = record.parameters.iter().filter_map(|(name, value)| Some((name, value.filter(is_set)?)));
        Self(given.filter(|(name, _)| is_condition(name)).collect())
    }

    /// Returns whether there is none, or only the direction of mail.
    pub(super) fn is_empty(&self) -> bool {
        self.telling().next().is_none()
    }

    /// Returns whether every condition, and at least one, is the verdict of a spam filter.
    pub(super) fn are_spam_verdicts(&self) -> bool {
        !self.is_empty() && self.telling().all(|(name, value)| self.is_spam_verdict(name, value))
    }

    /// Returns the values that mail is searched for.
    pub(super) fn words(&self) -> Vec<&'a str> {
        let ends = |name: &str| {
            let name = name.to_ascii_lowercase();
            name.ends_with("words") || name.ends_with("patterns")
        };
        self.0.iter().filter(|(name, _)| ends(name)).map(|(_, value)| *value).collect()
    }

    /// Returns their names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'a str> {
        self.telling().map(|(name, _)| name)
    }

    /// Returns a text that is equal for the same conditions.
    pub(super) fn key(&self) -> String {
        let mut parts: Vec<String> =
            self.0.iter().map(|(name, value)| format!("{name}={value}").to_lowercase()).collect();
        parts.sort();
        parts.join(" ")
    }

    fn telling(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let is_scope = |name: &str| SCOPES.iter().any(|scope| scope.eq_ignore_ascii_case(name));
        self.0.iter().copied().filter(move |(name, _)| !is_scope(name))
    }

    fn is_spam_verdict(&self, name: &str, value: &str) -> bool {
        if name.eq_ignore_ascii_case("SCLOver") {
            return value.trim().parse::<i64>().is_ok_and(|level| level >= SPAM_LEVEL);
        }
        // The header and the text in it are two parameters: `HeaderContainsMessageHeader` and `HeaderContainsWords`.
        let header = ["HeaderContains", "HeaderMatches"].iter().find(|way| begins(name, way)).and_then(|way| {
            let named = format!("{way}MessageHeader");
            self.0
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(&named))
                .map(|(_, header)| header.trim().to_lowercase())
        });
        header.is_some_and(|header| SPAM_HEADERS.iter().any(|spam| header.starts_with(spam)))
    }
}

fn is_condition(name: &str) -> bool {
    CONDITIONS.iter().any(|begin| begins(name, begin))
        && !SETTINGS.iter().any(|setting| setting.eq_ignore_ascii_case(name))
}

fn begins(name: &str, begin: &str) -> bool {
    name.get(..begin.len()).is_some_and(|head| head.eq_ignore_ascii_case(begin))
}

/// A rule that lets senders past protections.
#[derive(Debug)]
pub(super) struct Bypass {
    pub(super) protections: Vec<&'static str>,
    /// The external domains of the senders; none: all senders.
    pub(super) domains: Vec<String>,
}

/// Returns the bypass of a rule that lets external domains, or everyone, past two protections or more. A rule for the addresses of a
/// scanner or a phishing simulation names IP addresses, and is none.
pub(super) fn letting_past(record: &AuditRecord, known: &Knowledge, is_whole: bool) -> Option<Bypass> {
    let protections = protections(record);
    let conditions = Conditions::of(record);
    let mut domains: Vec<String> =
        sender_domains(record).into_iter().filter(|domain| !known.is_inside(domain)).map(|d| d.to_string()).collect();
    domains.sort();
    domains.dedup();
    let is_for_all = is_whole && conditions.is_empty();
    (protections.len() >= 2 && (is_for_all || !domains.is_empty())).then_some(Bypass { protections, domains })
}

fn protections(record: &AuditRecord) -> Vec<&'static str> {
    let given = |name: &str| record.parameters.get(name).unwrap_or_default().trim().to_ascii_lowercase();
    let header = given("SetHeaderName");
    let is_set = !matches!(given("SetHeaderValue").as_str(), "0" | "false");
    let mut skipped = Vec::new();
    if given("SetSCL") == "-1" {
        skipped.push("the spam filter");
    }
    for (name, protection) in [
        ("x-ms-exchange-organization-skipsafelinksprocessing", "Safe Links"),
        ("x-ms-exchange-organization-skipsafeattachmentprocessing", "Safe Attachments"),
    ] {
        if is_set && header.contains(name) {
            skipped.push(protection);
        }
    }
    skipped
}

/// The domains of the senders that the rule is about.
fn sender_domains(record: &AuditRecord) -> Vec<Domain> {
    const BY_NAME: [&str; 4] = ["SenderDomainIs", "From", "FromAddressContainsWords", "FromAddressMatchesPatterns"];
    const BY_HEADER: [(&str, &str); 2] = [
        ("HeaderContainsMessageHeader", "HeaderContainsWords"),
        ("HeaderMatchesMessageHeader", "HeaderMatchesPatterns"),
    ];
    let names_sender = |header: &&str| {
        ["from", "sender", "reply-to", "return-path"].iter().any(|sender| header.trim().eq_ignore_ascii_case(sender))
    };
    let by_header = BY_HEADER
        .iter()
        .filter(|(header, _)| record.parameters.get(header).as_ref().is_some_and(names_sender))
        .map(|(_, values)| *values);
    BY_NAME
        .into_iter()
        .chain(by_header)
        .filter_map(|name| record.parameters.get(name))
        .flat_map(added_items)
        .filter_map(|item| domain_of(&item))
        .collect()
}

/// `x@fabrikam.com`, `@fabrikam.com`, `fabrikam.com`, `.*@fabrikam\.com$`.
fn domain_of(item: &str) -> Option<Domain> {
    if let Some(Target::Address { domain, .. }) = Target::read(item) {
        return Some(domain);
    }
    let plain = item.replace(['\\', '^', '$', '*', '(', ')'], "");
    let domain = plain.rsplit('@').next().unwrap_or_default().trim_matches(['.', ' ']);
    domain.contains('.').then(|| domain.parse().ok()).flatten()
}
