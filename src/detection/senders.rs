//! Recognizes conditions on senders whose messages an attacker wants to keep from the mailbox owner.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold::folded;
use super::knowledge::{Answer, Knowledge};
use super::targets::Target;

/// The kind of a sender.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum SenderKind {
    /// The tenant's own help desk.
    HelpDesk,
    /// Microsoft's notices about the security of an account.
    AccountSecurity,
    /// A payroll or HR service.
    Payroll,
    /// Microsoft's notices that people file away daily.
    Routine,
    /// Bounces and automatic answers, of any domain.
    Bounce,
    /// Proven to be outside, and in none of the lists.
    Outsider,
}

/// The listed senders, by kind as the list writes it.
static LISTED: LazyLock<HashMap<&'static str, Vec<&'static str>>> = LazyLock::new(|| {
    let mut listed: HashMap<&'static str, Vec<&'static str>> = HashMap::new();
    for row in super::data::rows(include_str!("data/senders.txt")) {
        if let [kind, sender] = row.as_slice() {
            listed.entry(*kind).or_default().push(*sender);
        }
    }
    listed
});

fn is_listed(kind: &str, sender: &str) -> bool {
    LISTED.get(kind).is_some_and(|listed| listed.contains(&sender))
}

/// Returns the kind of a value of a sender condition. `None` if nothing is known of it. A directory object counts by its addresses.
pub(super) fn kind_of(value: &str, known: &Knowledge) -> Option<SenderKind> {
    match Target::read(value)? {
        Target::Directory(text) => match known.recipients.get(&text) {
            Some(Answer::Known(facts)) => facts.addresses.iter().find_map(|address| kind_of_address(address, known)),
            _ => kind_of_part(value, known),
        },
        _ => kind_of_address(value, known),
    }
}

/// Returns whether a transient error withheld the addresses of a sender.
pub(super) fn is_withheld(value: &str, known: &Knowledge) -> bool {
    match Target::read(value) {
        Some(Target::Directory(text)) => matches!(known.recipients.get(&text), Some(Answer::Withheld)),
        _ => false,
    }
}

fn kind_of_address(value: &str, known: &Knowledge) -> Option<SenderKind> {
    let Some(Target::Address { text, domain }) = Target::read(value) else { return None };
    let local = text.rsplit_once('@').map_or("", |(local, _)| local);
    let listed = if is_listed("bounce", local) {
        Some(SenderKind::Bounce)
    } else {
        kind_of_whole(&text).or_else(|| kind_of_whole(domain.as_str()))
    };
    match listed {
        None if !known.is_inside(&domain) => Some(SenderKind::Outsider),
        None => is_listed("local", local).then_some(SenderKind::HelpDesk),
        listed => listed,
    }
}

/// The kind of a listed address or domain.
fn kind_of_whole(text: &str) -> Option<SenderKind> {
    if is_listed("account", text) {
        Some(SenderKind::AccountSecurity)
    } else if is_listed("routine", text) {
        Some(SenderKind::Routine)
    } else if is_payroll_domain(text) {
        Some(SenderKind::Payroll)
    } else {
        None
    }
}

fn is_payroll_domain(domain: &str) -> bool {
    let listed = LISTED.get("payroll").into_iter().flatten();
    listed
        .into_iter()
        .any(|payroll| domain.strip_suffix(payroll).is_some_and(|below| below.is_empty() || below.ends_with('.')))
}

/// A part of an address, as `FromAddressContainsWords` takes it: `helpdesk@`, `@adp.com`, `shop.example`, `mailer-daemon`.
fn kind_of_part(value: &str, known: &Knowledge) -> Option<SenderKind> {
    let value = folded(value);
    let domain = value.trim_start_matches('@');
    if let Some(local) = value.strip_suffix('@') {
        return is_listed("local", local).then_some(SenderKind::HelpDesk);
    }
    if is_listed("bounce", &value) {
        return Some(SenderKind::Bounce);
    }
    let listed = domain.contains('.').then(|| kind_of_whole(domain)).flatten();
    let is_outside = || domain.contains('.') && domain.parse().is_ok_and(|domain| !known.is_inside(&domain));
    listed.or_else(|| (is_outside() && !is_part_of_warning_sender(&value)).then_some(SenderKind::Outsider))
}

/// Returns whether a part of an address, such as `microsoft.com`, takes in mail of account security or a payroll service beside other mail.
fn is_part_of_warning_sender(value: &str) -> bool {
    ["account", "payroll"].iter().filter_map(|kind| LISTED.get(kind)).flatten().any(|sender| sender.contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use base::ids::TenantId;

    #[test]
    fn senders_are_told_apart() {
        let tenant = TenantId::new(uuid::Uuid::nil());
        let known = Knowledge::new(tenant, "contoso.com".parse().unwrap());
        for (value, kind) in [
            ("helpdesk@contoso.com", Some(SenderKind::HelpDesk)),
            ("helpdesk@", Some(SenderKind::HelpDesk)),
            ("anna@contoso.com", None),
            ("contoso.com", None),
            ("account-security-noreply@accountprotection.microsoft.com", Some(SenderKind::AccountSecurity)),
            ("@accountprotection.microsoft.com", Some(SenderKind::AccountSecurity)),
            ("noreply@email.teams.microsoft.com", Some(SenderKind::Routine)),
            ("adp@info.adp.com", Some(SenderKind::Payroll)),
            ("\"Workday\" [SMTP:fabrikam@myworkday.com]", Some(SenderKind::Payroll)),
            ("roadp.com", Some(SenderKind::Outsider)),
            ("MAILER-DAEMON@mx.example", Some(SenderKind::Bounce)),
            ("postmaster", Some(SenderKind::Bounce)),
            ("news@shop.example", Some(SenderKind::Outsider)),
            ("newsletter", None),
            ("microsoft.com", None),
            ("@microsoft.com", None),
            ("e-mail.microsoft.com", Some(SenderKind::Outsider)),
        ] {
            assert_eq!(kind_of(value, &known), kind, "{value}");
        }
    }
}
