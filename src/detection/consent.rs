//! Evaluates consents to applications.
//!
//! One consent writes two or three records: `Consent to application.`, `Add delegated permission grant.` and `Add app role assignment
//! to service principal.`. [`super::joins_consent`] tells that they belong together.
//!
//! Sources: <https://learn.microsoft.com/entra/identity/monitoring-health/reference-audit-activities>; property names as rules have them in
//! SigmaHQ/sigma `rules/cloud/azure/audit_logs/` and splunk/security_content `detections/cloud/o365_*consent*.yml`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use uuid::Uuid;

use audit_log::AuditRecord;

use super::evidence::Evidence;
use super::finding::FindingKind;
use super::fold::folded;
use super::imitation::imitates_microsoft;
use super::json;
use super::knowledge::Knowledge;
use super::reason::ReasonName::*;
use super::record_facts::has_failed;
use super::sentence::{listed, shown};

/// Common mail clients.
static MAIL_CLIENTS: LazyLock<HashMap<Uuid, &'static str>> = LazyLock::new(|| {
    super::data::rows(include_str!("data/mail_clients.txt"))
        .filter_map(|row| Some((Uuid::try_parse(row.first()?).ok()?, *row.get(1)?)))
        .collect()
});

/// Applications that were seen in account takeovers: the id, where one is known, and the folded name.
static TAKEOVER_APPS: LazyLock<Vec<(Option<Uuid>, String)>> = LazyLock::new(|| {
    super::data::rows(include_str!("data/takeover_apps.txt"))
        .filter_map(|row| Some((Uuid::try_parse(row.first()?).ok(), folded(row.get(1)?))))
        .collect()
});

/// The shortest listed name that may be followed by more words, such as a version or a purpose. `Spike` is shorter and an ordinary word.
const DISTINCTIVE: usize = 6;

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

/// Application roles that some records give by their id alone.
///
/// Source: <https://learn.microsoft.com/graph/permissions-reference>.
const ROLES: &[(&str, &str)] = &[
    ("dc890d15-9560-4a4c-9b7f-a736ec74ec40", "full_access_as_app"),
    ("810c84a8-4a9e-49e6-bf7d-12d183f40d01", "Mail.Read"),
    ("e2a3a72e-5f79-4c64-b1b1-878b674786c9", "Mail.ReadWrite"),
    ("b633e1c5-b582-4048-a93e-9f11b44c7e96", "Mail.Send"),
    ("6931bccd-447a-43d1-b442-00a195474933", "MailboxSettings.ReadWrite"),
    ("01d4889c-1287-42c6-ac1f-5d1e02578ef6", "Files.Read.All"),
    ("75359482-378d-4052-8f01-80520e7db3cd", "Files.ReadWrite.All"),
];

/// Evaluates a consent.
pub(super) fn evidence(record: &AuditRecord, known: &Knowledge) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::Consent);
    let application = Application::of(record);
    let scopes = permissions(record);
    add_reasons(&mut evidence, &application, &scopes, known);
    evidence.rule_name = shown(&application.name);
    evidence.identity.push(application.key());
    for key in application.keys() {
        evidence.is_about(key);
    }
    evidence.application = application.keys();
    evidence.scopes = scopes;
    evidence.note(&format!("{} {}", shown(&record.operation), application.told()));
    evidence.settle_if_failed(record);
    evidence
}

/// `TRUSTED_APPS` goes before the list of takeovers, and that before the mail clients.
fn add_reasons(evidence: &mut Evidence, application: &Application, scopes: &[String], known: &Knowledge) {
    let told = application.told();
    let is_trusted = application.app_id.is_some_and(|id| known.trusted_apps.contains(&id));
    let is_mail_client = application.app_id.is_some_and(|id| MAIL_CLIENTS.contains_key(&id));
    if !is_trusted && application.was_seen_in_takeovers() {
        evidence.because(
            AppSeenInTakeovers,
            format!("The application {told} is one that attackers use again and again in compromised accounts."),
        );
    } else if !is_trusted && imitates_microsoft(&application.name) {
        evidence.because(
            AppImitatesMicrosoft,
            format!("The application {told} has a name that imitates a Microsoft product."),
        );
    }
    let is_excused = is_trusted || (is_mail_client && !evidence.has(AppSeenInTakeovers));
    if !is_excused && scopes.iter().any(|scope| is_dangerous(scope)) {
        evidence.because(AppReadsMail, reads_mail(&application.name, &application.keys(), scopes));
    } else {
        evidence.because(AppConsented, format!("Consent was granted to the application {told}."));
    }
}

/// The sentence about an application that can read mail, by its name, its keys and all its scopes.
pub(super) fn reads_mail(name: &str, keys: &[String], scopes: &[String]) -> String {
    let dangerous: BTreeSet<&str> = scopes.iter().map(String::as_str).filter(|scope| is_dangerous(scope)).collect();
    let id = keys.iter().find_map(|key| key.split_once(' ').filter(|(sort, _)| *sort != "name")).map(|(_, id)| id);
    format!("The application {} can read or send mail, contacts or files: {}.", told(name, id), listed(dangerous))
}

/// Evaluates the removal of a consent or of one of its grants.
pub(super) fn removal(record: &AuditRecord) -> Evidence {
    let mut evidence = Evidence::new(FindingKind::Consent);
    let application = Application::of(record);
    evidence.is_settled = true;
    evidence.rule_name = shown(&application.name);
    evidence.identity.push(format!("removed {}", application.key()));
    if has_failed(record) {
        evidence.note("The attempt failed; nothing was changed.");
        return evidence;
    }
    for key in application.keys() {
        evidence.removes(key);
    }
    evidence.note(&format!("A permission of the application {} was removed.", application.told()));
    evidence
}

/// The application that consent is granted to.
#[derive(Debug, Default)]
struct Application {
    name: String,
    /// Its application id, the same in every tenant.
    app_id: Option<Uuid>,
    /// Its service principal in this tenant.
    object_id: Option<Uuid>,
    /// Every id that the record gives for it.
    ids: BTreeSet<Uuid>,
}

impl Application {
    fn of(record: &AuditRecord) -> Self {
        let property = |name: &str| {
            let found = record.modified_properties.iter().find(|property| property.name.eq_ignore_ascii_case(name));
            let value = |new: &'_ str| !new.trim_matches(['"', '[', ']', ' ']).is_empty();
            // A removal has the values in `OldValue`.
            found
                .map(|found| if value(&found.new) { found.new.as_str() } else { found.old.as_str() })
                .filter(|v| value(v))
        };
        let of_permissions = property("ConsentAction.Permissions").and_then(|text| guid_after(text, "ClientId"));
        // The target of a grant is the resource; only a consent is about the application itself.
        let is_consent = record.operation.trim().to_ascii_lowercase().starts_with("consent");
        let targets: Vec<&str> = json::ids(record.target.as_ref()).filter(|_| is_consent).collect();
        let of_target = || property("TargetId.ServicePrincipalNames").filter(|_| is_consent);
        let of_object = || record.object_id.as_deref().filter(|_| is_consent);
        let app_id = property("ServicePrincipal.AppId").or_else(of_target).or_else(of_object).and_then(first_guid);
        let object_id = property("ServicePrincipal.ObjectID").and_then(first_guid).or(of_permissions);
        let name_of_target = targets.iter().find(|id| !is_machine_text(id)).copied();
        Self {
            name: property("ServicePrincipal.DisplayName")
                .or(name_of_target)
                .unwrap_or_default()
                .trim_matches(['"', '[', ']', ' '])
                .to_owned(),
            ids: targets.into_iter().filter_map(first_guid).chain(app_id).chain(object_id).collect(),
            app_id,
            object_id,
        }
    }

    /// The service principal, else the application, else the name.
    fn key(&self) -> String {
        self.keys().into_iter().next().unwrap_or_default()
    }

    /// Every key that the record gives, the most exact first. The records of one consent have one in common.
    fn keys(&self) -> Vec<String> {
        let principal = self.object_id.map(|id| format!("principal {id}"));
        let application = self.app_id.map(|id| format!("application {id}"));
        let is_known = principal.is_some() || application.is_some();
        let name = Some(format!("name {}", self.name.to_lowercase())).filter(|_| !is_known || !self.name.is_empty());
        [principal, application, name].into_iter().flatten().collect()
    }

    fn was_seen_in_takeovers(&self) -> bool {
        let name = folded(&self.name);
        let begins = |listed: &str| {
            let rest = name.strip_prefix(listed);
            let goes_on = |rest: &str| rest.starts_with(|ch: char| !ch.is_alphanumeric());
            let is_it = rest.is_some_and(|rest| rest.is_empty() || (listed.len() >= DISTINCTIVE && goes_on(rest)));
            // `eMClient` is eM Client.
            is_it || (!listed.is_empty() && listed.replace(' ', "") == name.replace([' ', '-', '_'], ""))
        };
        TAKEOVER_APPS.iter().any(|(id, listed)| id.is_some_and(|id| self.ids.contains(&id)) || begins(listed))
    }

    fn told(&self) -> String {
        told(&self.name, self.app_id.or(self.object_id).map(|id| id.to_string()).as_deref())
    }
}

fn told(name: &str, id: Option<&str>) -> String {
    let id = id.map(|id| format!(" ({id})")).unwrap_or_default();
    let name = if name.is_empty() { "without a known name".to_owned() } else { format!("'{}'", shown(name)) };
    format!("{name}{id}")
}

/// The permissions that the record grants, each once, in the order of their names.
fn permissions(record: &AuditRecord) -> Vec<String> {
    const GRANTING: [&str; 3] = ["DelegatedPermissionGrant.Scope", "AppRole.Value", "Scope"];
    let mut found = BTreeMap::new();
    for property in &record.modified_properties {
        let is = |name: &str| property.name.eq_ignore_ascii_case(name);
        let texts = if is("ConsentAction.Permissions") {
            scopes_of_consent(&property.new)
        } else if is("AppRole.Id") {
            ROLES
                .iter()
                .filter(|(id, _)| property.new.to_ascii_lowercase().contains(id))
                .map(|(_, role)| *role)
                .collect()
        } else if GRANTING.iter().any(|name| is(name)) {
            vec![property.new.as_str()]
        } else {
            Vec::new()
        };
        for word in texts.into_iter().flat_map(words).filter(|word| Uuid::try_parse(word).is_err()) {
            found.entry(word.to_ascii_lowercase()).or_insert_with(|| word.to_owned());
        }
    }
    found.into_values().collect()
}

/// `[old] => [[Id: …, Scope: Mail.Read offline_access, CreatedDateTime: …]]`: what is after the arrow is what holds now.
fn scopes_of_consent(text: &str) -> Vec<&str> {
    let now = text.rsplit_once("=>").map_or(text, |(_, now)| now);
    let scopes = now.split("Scope:").skip(1).map(|rest| rest.split([',', ']']).next().unwrap_or_default());
    let scopes: Vec<&str> = scopes.collect();
    // In a form that is not known, everything that looks like a permission is one.
    if scopes.is_empty() { words(now).filter(|word| word.contains(['.', '_'])).collect() } else { scopes }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|ch: char| !(ch.is_alphanumeric() || matches!(ch, '.' | '_' | '-'))).filter(|word| !word.is_empty())
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
