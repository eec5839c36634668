//! What a change left behind: the object by which it can be seen whether the change is still there.

use audit_log::AnyRecord;
use serde::Serialize;
use serde_json::Value;

use super::activity::Activity;
use super::report::Noted;

/// The kind of object that a change made or changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum ChangeKind {
    /// An inbox rule.
    Rule,
    /// A sweep rule.
    SweepRule,
    /// The forwarding of a mailbox.
    Forwarding,
    /// A permission on a mailbox.
    MailboxPermission,
    /// The right to send as a mailbox.
    SendAs,
    /// An automatic reply.
    AutoReply,
    /// The consent of a user to an application.
    Consent {
        /// `true` if the record has the id of the application's object in the tenant, by which grants name it.
        has_principal: bool,
    },
    /// The change removed something, so nothing of it can be there.
    Removal,
    /// Anything else.
    #[default]
    Other,
}

/// The object of a change.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChangeObject {
    /// Its kind.
    pub kind: ChangeKind,
    /// The mailbox, in lower case; empty if the record names none.
    pub mailbox: String,
    /// The names and ids that it may have: of a rule, a target, a delegate or an application.
    pub names: Vec<String>,
}

/// The present state of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ChangeState {
    /// It is still there.
    Present,
    /// The rule is there, but disabled.
    Disabled,
    /// It is no longer there.
    Gone,
    /// It could not be read.
    Unread,
    /// Tenantwatch does not look for changes of this kind.
    Unchecked,
}

impl ChangeState {
    /// Returns the state in words.
    pub fn as_text(self) -> &'static str {
        match self {
            Self::Present => "still there",
            Self::Disabled => "still there, disabled",
            Self::Gone => "no longer there",
            Self::Unread => "could not be read: check it by hand",
            Self::Unchecked => "not checked: check it by hand",
        }
    }
}

/// A change by the attacker.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Change {
    /// The act.
    #[serde(flatten)]
    pub noted: Noted,
    /// The object of the change.
    #[serde(skip)]
    pub object: ChangeObject,
    /// Its present state, in a live report only; `None` also if the change removed something.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<ChangeState>,
}

/// Returns the object of a change.
pub(super) fn object(record: &AnyRecord<'_>, activity: &Activity) -> ChangeObject {
    let (kind, names) = kind(record, activity);
    let mailbox = match kind {
        ChangeKind::Consent { .. } => activity.account.clone(),
        _ => activity.mailbox.clone(),
    };
    ChangeObject { kind, mailbox, names: names.into_iter().filter(|name| !name.trim().is_empty()).collect() }
}

fn kind(record: &AnyRecord<'_>, activity: &Activity) -> (ChangeKind, Vec<String>) {
    let parameters = record.properties("Parameters");
    let all = |names: &[&str]| -> Vec<String> {
        names.iter().filter_map(|name| parameters.get(name)).map(str::to_owned).collect()
    };
    match activity.operation.as_str() {
        operation if is_removal(operation) => (ChangeKind::Removal, Vec::new()),
        "New-InboxRule" | "Set-InboxRule" | "Enable-InboxRule" => (ChangeKind::Rule, rule_names(record)),
        "New-SweepRule" | "Set-SweepRule" | "Enable-SweepRule" => (ChangeKind::SweepRule, rule_names(record)),
        "UpdateInboxRules" => of_mailbox_audit(record),
        "Set-Mailbox" => match all(&["ForwardingSmtpAddress", "ForwardingAddress"]) {
            targets if targets.is_empty() => (ChangeKind::Other, targets),
            targets if targets.iter().all(|target| target.trim().is_empty()) => (ChangeKind::Removal, targets),
            targets => (ChangeKind::Forwarding, targets),
        },
        "Add-MailboxPermission" => (ChangeKind::MailboxPermission, all(&["User"])),
        "Add-RecipientPermission" => (ChangeKind::SendAs, all(&["Trustee"])),
        "Set-MailboxAutoReplyConfiguration" => match parameters.get("AutoReplyState") {
            Some(state) if state.eq_ignore_ascii_case("Disabled") => (ChangeKind::Removal, Vec::new()),
            _ => (ChangeKind::AutoReply, Vec::new()),
        },
        operation if !is_grant(operation) || activity.consented.is_empty() || is_admins(record) => {
            (ChangeKind::Other, Vec::new())
        }
        _ => (ChangeKind::Consent { has_principal: names_principal(record) }, activity.consented.clone()),
    }
}

fn is_removal(operation: &str) -> bool {
    ["Remove-", "Disable-"].iter().any(|verb| operation.starts_with(verb))
}

/// The name of a rule, and the last part of its identity.
fn rule_names(record: &AnyRecord<'_>) -> Vec<String> {
    let parameters = record.properties("Parameters");
    let given = ["Name", "Identity"].iter().filter_map(|name| parameters.get(name)).map(str::to_owned);
    let object = record.text("ObjectId").and_then(|object| object.rsplit_once('\\').map(|(_, rule)| rule.to_owned()));
    let mut names: Vec<String> = given.chain(object).collect();
    let last: Vec<String> =
        names.iter().filter_map(|name| name.rsplit_once('\\')).map(|(_, rule)| rule.to_owned()).collect();
    names.extend(last);
    names
}

/// The rule in a record of mailbox auditing, in both layouts.
fn of_mailbox_audit(record: &AnyRecord<'_>) -> (ChangeKind, Vec<String>) {
    let properties = record.properties("OperationProperties");
    if properties.get("RuleOperation").is_some_and(|operation| operation.starts_with("Remove")) {
        return (ChangeKind::Removal, Vec::new());
    }
    let mut names: Vec<String> =
        ["RuleName", "RuleId"].iter().filter_map(|name| properties.get(name)).map(str::to_owned).collect();
    let rule: Option<Value> = properties.get("ServerRule").and_then(|rule| serde_json::from_str(rule).ok());
    for value in rule.iter().flat_map(|rule| ["Name", "RuleId"].map(|name| rule.get(name))).flatten() {
        names.push(value.as_str().map_or_else(|| value.to_string(), str::to_owned));
    }
    // Records have the id with a sign, Exchange lists it without.
    let unsigned: Vec<String> =
        names.iter().filter_map(|name| name.parse::<i64>().ok()).map(|id| id.cast_unsigned().to_string()).collect();
    names.extend(unsigned);
    (ChangeKind::Rule, names)
}

/// Returns whether the record is one of permissions that were granted. The application itself and its roles stay when they are revoked.
fn is_grant(operation: &str) -> bool {
    const GRANTS: [&str; 3] = ["consent to application", "add delegated permission grant", "add oauth2permissiongrant"];
    GRANTS.contains(&operation.trim().trim_end_matches('.').to_ascii_lowercase().as_str())
}

/// Returns whether a record has the id of the application's object in the tenant. The target of a grant is the resource.
fn names_principal(record: &AnyRecord<'_>) -> bool {
    let properties = record.modified_properties();
    let by_property = properties.iter().any(|property| {
        let is_id = property.name.eq_ignore_ascii_case("ServicePrincipal.ObjectID")
            && property.new.trim_matches('"').len() >= 36;
        let of_consent = property.name.eq_ignore_ascii_case("ConsentAction.Permissions");
        is_id || (of_consent && property.new.contains("ClientId"))
    });
    let is_consent =
        record.text("Operation").is_some_and(|operation| operation.to_ascii_lowercase().starts_with("consent"));
    by_property
        || (is_consent && record.value("Target").is_some_and(|target| target.to_string().contains("ServicePrincipal_")))
}

/// Returns whether an administrator consented for everyone: such a grant is not among the user's own.
fn is_admins(record: &AnyRecord<'_>) -> bool {
    let is_true = |new: &str| new.trim_matches(['"', '[', ']', ' ']).eq_ignore_ascii_case("true");
    record
        .modified_properties()
        .iter()
        .any(|property| property.name.eq_ignore_ascii_case("ConsentContext.IsAdminConsent") && is_true(&property.new))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::reduce;
    use super::*;

    fn of(members: Value) -> ChangeObject {
        let mut record = json!({"Id": "11111111-2222-4333-8444-555555555555", "CreationTime": "2026-11-20T08:00:00",
            "RecordType": 1, "UserId": "v@contoso.com"});
        record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        AnyRecord::read(record.to_string().as_bytes(), |record| object(record, &reduce(record).unwrap())).unwrap()
    }

    #[test]
    fn rules_are_known_by_name_and_id() {
        let new = of(
            json!({"Operation": "New-InboxRule", "ObjectId": "v\\17", "Parameters": [{"Name": "Name", "Value": "."}]}),
        );
        assert_eq!((new.kind, new.names), (ChangeKind::Rule, vec![".".to_owned(), "17".to_owned()]));
        let properties =
            json!([{"Name": "RuleId", "Value": "-1"}, {"Name": "RuleOperation", "Value": "AddMailboxRule"}]);
        let update = of(json!({"Operation": "UpdateInboxRules", "RecordType": 2, "OperationProperties": properties}));
        assert_eq!(update.names, ["-1", "18446744073709551615"]);
        assert_eq!(of(json!({"Operation": "Remove-InboxRule"})).kind, ChangeKind::Removal);
    }

    #[test]
    fn forwarding_that_is_cleared_is_a_removal() {
        let set = |target: &str| {
            of(json!({"Operation": "Set-Mailbox", "Parameters": [{"Name": "Identity", "Value": "v"},
                {"Name": "ForwardingSmtpAddress", "Value": target}]}))
        };
        assert_eq!(set("smtp:a@b.example").kind, ChangeKind::Forwarding);
        assert_eq!(set("").kind, ChangeKind::Removal);
    }

    #[test]
    fn consent_of_an_administrator_is_not_among_the_users() {
        let consent = |is_admin: &str| {
            of(
                json!({"Operation": "Consent to application.", "RecordType": 8, "ObjectId": "aaaaaaaa-0000-4000-8000-00000000000a",
                "ModifiedProperties": [{"Name": "ConsentContext.IsAdminConsent", "NewValue": is_admin, "OldValue": ""}]}),
            )
        };
        assert_eq!(consent("False").kind, ChangeKind::Consent { has_principal: false });
        assert_eq!(consent("True").kind, ChangeKind::Other);
    }
}
