//! Removes access to the mailbox that was granted since the incident began, as stored findings show. Earlier access is left, because
//! people may need it.

use crate::detection::FindingKind;
use crate::tables::ProcessedRow;
use audit_log::AuditRecord;
use m365::exchange::{MailboxGrant, is_grant_gone};

use crate::remediation::context::RemediationContext;
use crate::remediation::findings;
use crate::remediation::grants::{EXCHANGE_GRANT, explain};
use crate::remediation::step::{StepReport, quoted};

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let findings = match context.findings().await {
        Ok(findings) => findings,
        Err(error) => return StepReport::failed(format!("Findings cannot be read: {error}")),
    };
    let since = findings::began(context.finding, &findings.rows);
    let given =
        findings.rows.iter().filter(|row| row.kind == FindingKind::MailboxPermission && row.event_time >= since);
    let of_mailbox = given.filter(|row| context.accounts.owner.has_name(&row.source_mailbox));
    let mut reports = Vec::new();
    for finding in of_mailbox {
        let finding = match findings::whole(context.app, finding).await {
            Ok(finding) => finding,
            Err(error) => {
                reports.push(StepReport::failed(format!("Record {}: {error}", finding.record_id)));
                continue;
            }
        };
        for grant in grants(&finding) {
            match grant {
                _ if !context.may_go_on().await => {
                    reports.push(StepReport::planned("Time ran out. Run the remediation again to continue."))
                }
                Ok(grant) => reports.push(remove(context, &grant).await),
                Err(why) => reports.push(StepReport::failed(format!("Record {}: {why}", finding.record_id))),
            }
        }
    }
    if !findings.is_complete {
        reports.push(StepReport::failed(
            "More findings are stored than one request reads, so access that was granted may be missing here: review the \
             permissions of the mailbox manually.",
        ));
    }
    match reports.is_empty() {
        true => StepReport::skipped("No finding shows that access was granted since the incident began."),
        false => StepReport::all(reports),
    }
}

async fn remove(context: &RemediationContext<'_>, grant: &MailboxGrant) -> StepReport {
    let grantee = quoted(grant.grantee());
    if context.preview {
        return StepReport::planned(format!("The access of {grantee} would be removed."));
    }
    let mailbox = context.mailbox();
    let call = context.app.exchange.remove_grant(context.tenant(), &mailbox, grant);
    match context.ask_exchange("removal of access", call).await {
        Ok(()) => StepReport::done(format!("The access of {grantee} is removed.")),
        Err(error) if is_grant_gone(&error) => StepReport::already(format!("The access of {grantee} was gone.")),
        Err(error) => StepReport::failed(format!("{grantee}: {}", explain(&error, EXCHANGE_GRANT))),
    }
}

/// Returns the access that a record gave.
fn grants(finding: &ProcessedRow) -> Vec<Result<MailboxGrant, String>> {
    let operation = finding.operation.trim().to_ascii_lowercase();
    if operation.starts_with("remove") {
        return Vec::new();
    }
    let Ok(record) = AuditRecord::parse(finding.record.as_bytes()) else {
        return vec![Err(
            "it was truncated when it was stored; review the permissions of the mailbox manually".to_owned()
        )];
    };
    let parameter = |name: &str| parameter(&record, name);
    let missing = |what: &str| Err(format!("it does not say {what}; review the permissions of the mailbox manually"));
    let grantee = match operation.as_str() {
        "add-recipientpermission" => parameter("Trustee"),
        "set-mailbox" => parameter("GrantSendOnBehalfTo"),
        _ if record.item.is_some() => of_folder(&record, "MemberUpn"),
        _ => parameter("User"),
    };
    let Some(grantee) = grantee else {
        return vec![missing("to whom")];
    };
    match operation.as_str() {
        "add-mailboxpermission" => {
            let rights = parameter("AccessRights").unwrap_or("FullAccess");
            let access_rights = parts(rights, &[',', ';']).map(str::to_owned).collect();
            vec![Ok(MailboxGrant::Mailbox { user: grantee.to_owned(), access_rights })]
        }
        "add-recipientpermission" => vec![Ok(MailboxGrant::SendAs { trustee: grantee.to_owned() })],
        // Names hold commas, as in "Bell, Otto".
        "set-mailbox" => {
            parts(grantee, &[';']).map(|one| Ok(MailboxGrant::SendOnBehalf { grantee: one.to_owned() })).collect()
        }
        _ if operation.contains("folder") => match folder(&record) {
            Some(path) => vec![Ok(MailboxGrant::Folder { path: path.to_owned(), user: grantee.to_owned() })],
            None => vec![missing("on which folder")],
        },
        _ => vec![Err(format!(
            "{} is not known to grant access; review the permissions of the mailbox manually",
            quoted(&finding.operation)
        ))],
    }
}

/// Returns the path of the folder, from a cmdlet's `Identity` or a mailbox record's folder.
fn folder(record: &AuditRecord) -> Option<&str> {
    of_folder(record, "Path").or_else(|| Some(parameter(record, "Identity")?.rsplit_once(':')?.1))
}

/// Returns a member of the folder that a mailbox record names.
fn of_folder<'r>(record: &'r AuditRecord, member: &str) -> Option<&'r str> {
    let text = record.item.as_ref()?.get("ParentFolder")?.get(member)?.as_str()?;
    Some(text).filter(|text| !text.is_empty())
}

fn parameter<'r>(record: &'r AuditRecord, name: &str) -> Option<&'r str> {
    record.parameters.get(name).map(str::trim).filter(|value| !value.is_empty())
}

fn parts<'t>(text: &'t str, separators: &'t [char]) -> impl Iterator<Item = &'t str> {
    text.split(separators).map(str::trim).filter(|part| !part.is_empty())
}
