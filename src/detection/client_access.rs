//! Evaluates protocols that are enabled for a mailbox: IMAP, POP and SMTP AUTH, with which attackers' mail programs synchronize
//! and send.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/set-casmailbox>.

use audit_log::AuditRecord;

use super::evidence::Evidence;
use super::finding::FindingKind;
use super::principals::Principals;
use super::reason::ReasonName::ClientAccessOpened;
use super::sentence::shown;

/// A parameter, the value that opens the protocol, and the name of the protocol.
const OPENING: [(&str, bool, &str); 3] = [
    ("ImapEnabled", true, "IMAP"),
    ("PopEnabled", true, "POP"),
    ("SmtpClientAuthenticationDisabled", false, "SMTP AUTH"),
];

/// Evaluates protocols that are enabled. `None` if the record enables none of them.
pub(super) fn evidence(record: &AuditRecord, principals: &Principals) -> Option<Evidence> {
    let is_opened = |(name, value, _): &&(&str, bool, &str)| record.parameters.flag(name) == Some(*value);
    let opened: Vec<&str> = OPENING.iter().filter(is_opened).map(|(_, _, protocol)| *protocol).collect();
    if opened.is_empty() {
        return None;
    }
    let mut evidence = Evidence::new(FindingKind::ClientAccess);
    let sentence = format!("{} was enabled for the mailbox {}.", opened.join(" and "), shown(&principals.mailbox));
    evidence.note(&sentence);
    evidence.because(ClientAccessOpened, sentence);
    evidence.identity.extend(opened.iter().map(|protocol| protocol.to_lowercase()));
    evidence.settle_if_failed(record);
    Some(evidence)
}
