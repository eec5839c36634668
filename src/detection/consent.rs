//! Applications that are allowed into mailboxes and files.
//!
//! One consent writes two or three records: `Consent to application.`, `Add delegated permission grant.` and `Add app role assignment
//! to service principal.`. They share the fingerprint: the application and who consented.
//!
//! Source: <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities>; property names as rules have them in
//! SigmaHQ/sigma `rules/cloud/azure/audit_logs/` and splunk/security_content `detections/cloud/o365_*consent*.yml`.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use uuid::Uuid;

use audit_log::AuditRecord;

use super::evidence::{Evidence, listed, shown};
use super::finding::FindingKind;
use super::json;
use super::knowledge::Knowledge;
use super::principals::has_failed;
use super::reason::ReasonName::*;

/// Common mail clients.
static MAIL_CLIENTS: LazyLock<HashMap<Uuid, &'static str>> = LazyLock::new(|| {
    super::data::rows(include_str!("data/mail_clients.txt"))
        .filter_map(|row| Some((Uuid::try_parse(row.first()?).ok()?, *row.get(1)?)))
        .collect()
});

/// Permissions with which mail, contacts or files can be read or sent: the whole name, or what it begins with.
const DANGEROUS: &[&str] = &[
    "mail.",
    "mailboxitem.",
    "contacts.",
    "files.",
    "myfiles.",
    "allsites.",
    "sites.read",
    "sites.manage",
    "sites.fullcontrol",
    "full_access_as_app",
    "full_access_as_user",
    "eas.accessasuser",
    "ews.accessasuser",
    "imap.accessas",
    "pop.accessas",
    "smtp.send",
    "exchange.manage",
    "mailboxsettings.readwrite",
];

/// Judges a consent.
pub(super) fn evidence(record: &AuditRecord, known: &Knowledge) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::Consent);
    let application = Application::of(record);
    let dangerous: BTreeSet<String> =
        permissions(record).into_iter().filter(|permission| is_dangerous(permission)).collect();
    let told = application.told();
    if !dangerous.is_empty() && !application.is_ordinary(known) {
        let list = listed(dangerous.iter().map(String::as_str));
        evidence
            .because(AppReadsMail, format!("The application {told} may read or send mail, contacts or files: {list}."));
    } else {
        evidence.because(AppConsented, format!("The application {told} was allowed in."));
    }
    evidence.rule_name = shown(&application.name);
    evidence.identity.push(application.key());
    evidence.note(&format!("{} {told}", shown(&record.operation)));
    if has_failed(record) {
        evidence.is_settled = true;
        evidence.note("The attempt failed; nothing was changed.");
    }
    evidence
}

/// The application that is let in.
#[derive(Debug, Default)]
struct Application {
    name: String,
    /// Its application id, the same in every tenant.
    app_id: Option<Uuid>,
    /// Its service principal in this tenant.
    object_id: Option<Uuid>,
}

impl Application {
    fn of(record: &AuditRecord) -> Self {
        let property = |name: &str| {
            let found = record.modified_properties.iter().find(|property| property.name.eq_ignore_ascii_case(name));
            found.map(|property| property.new.as_str()).filter(|value| !value.trim().is_empty())
        };
        let of_permissions = property("ConsentAction.Permissions").and_then(|text| guid_after(text, "ClientId"));
        // The target of a grant is the resource; only a consent is about the application itself.
        let is_consent = record.operation.trim().to_ascii_lowercase().starts_with("consent");
        let of_target = || property("TargetId.ServicePrincipalNames").filter(|_| is_consent);
        let app_id = property("ServicePrincipal.AppId").or_else(of_target).and_then(first_guid);
        let name_of_target = json::ids(record.target.as_ref()).find(|id| is_consent && !is_machine_text(id));
        Self {
            name: property("ServicePrincipal.DisplayName")
                .or(name_of_target)
                .unwrap_or_default()
                .trim_matches(['"', '[', ']', ' '])
                .to_owned(),
            app_id,
            object_id: property("ServicePrincipal.ObjectID").and_then(first_guid).or(of_permissions),
        }
    }

    /// The service principal, else the application, else the name: equal in all records of one consent.
    fn key(&self) -> String {
        match (self.object_id, self.app_id) {
            (Some(id), _) => format!("principal {id}"),
            (None, Some(id)) => format!("application {id}"),
            (None, None) => format!("name {}", self.name.to_lowercase()),
        }
    }

    fn is_ordinary(&self, known: &Knowledge) -> bool {
        self.app_id.is_some_and(|id| MAIL_CLIENTS.contains_key(&id) || known.trusted_apps.contains(&id))
    }

    fn told(&self) -> String {
        let id = self.app_id.or(self.object_id).map(|id| format!(" ({id})")).unwrap_or_default();
        let name =
            if self.name.is_empty() { "without a known name".to_owned() } else { format!("'{}'", shown(&self.name)) };
        format!("{name}{id}")
    }
}

/// Everything that looks like a permission in the properties that grant some.
fn permissions(record: &AuditRecord) -> Vec<String> {
    const GRANTING: [&str; 4] =
        ["ConsentAction.Permissions", "DelegatedPermissionGrant.Scope", "AppRole.Value", "Scope"];
    record
        .modified_properties
        .iter()
        .filter(|property| GRANTING.iter().any(|name| property.name.eq_ignore_ascii_case(name)))
        .flat_map(|property| property.new.split(|ch: char| !(ch.is_alphanumeric() || matches!(ch, '.' | '_' | '-'))))
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}

fn is_dangerous(permission: &str) -> bool {
    let permission = permission.to_ascii_lowercase();
    DANGEROUS.iter().any(|begin| permission.starts_with(begin))
}

fn is_machine_text(text: &str) -> bool {
    first_guid(text).is_some()
        || text.starts_with("ServicePrincipal")
        || text.starts_with("http")
        || text.trim().is_empty()
}

/// The first GUID in a text.
fn first_guid(text: &str) -> Option<Uuid> {
    text.split(|ch: char| !(ch.is_ascii_hexdigit() || ch == '-'))
        .filter(|part| part.len() == 36)
        .find_map(|part| Uuid::try_parse(part).ok())
}

fn guid_after(text: &str, word: &str) -> Option<Uuid> {
    text.split_once(word).and_then(|(_, rest)| first_guid(rest))
}
