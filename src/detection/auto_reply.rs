//! Evaluates automatic replies. Alone they are only recorded; soon after a threat one may answer the victims of a fraud.
//!
//! Source: <https://learn.microsoft.com/powershell/module/exchange/set-mailboxautoreplyconfiguration>.

use audit_log::AuditRecord;

use super::evidence::Evidence;
use super::finding::FindingKind;
use super::principals::Principals;
use super::reason::ReasonName::AutoReplySet;
use super::sentence::shown;

/// Evaluates a change of the automatic reply. One that is disabled is no sign of anything: a remediation does that too.
pub(super) fn evidence(record: &AuditRecord, principals: &Principals) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::AutoReply);
    let mailbox = shown(&principals.mailbox);
    let state = record.parameters.get("AutoReplyState").unwrap_or_default().trim().to_ascii_lowercase();
    evidence.identity.push(state.clone());
    if state == "disabled" {
        evidence.is_settled = true;
        evidence.note(&format!("The automatic reply of {mailbox} was disabled."));
    } else {
        evidence.because(AutoReplySet, format!("An automatic reply was set for the mailbox {mailbox}."));
        evidence.describe(record);
    }
    evidence.settle_if_failed(record);
    evidence
}
