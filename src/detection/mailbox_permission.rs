//! Access given to a mailbox or one of its folders. A helpdesk does this daily, so most of it is only recorded.
//!
//! Sources: Add-MailboxPermission, Add-RecipientPermission, Add-MailboxFolderPermission and Set-Mailbox at
//! <https://learn.microsoft.com/powershell/module/exchange/>; `Item.ParentFolder` of mailbox auditing
//! (<https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#exchangefolder-complex-type>).

use std::collections::BTreeSet;

use serde_json::Value;

use audit_log::AuditRecord;

use super::evidence::{Evidence, shown};
use super::finding::FindingKind;
use super::folders::Folder;
use super::json::{member, text};
use super::knowledge::Knowledge;
use super::principals::{Principals, has_failed};
use super::reason::ReasonName::*;
use super::resolution::Resolver;
use super::targets::{Destination, Target};

/// One grant: the grantee, the rights and the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Grant {
    grantee: String,
    rights: String,
    /// `None`: the whole mailbox.
    folder: Option<String>,
}

/// Evaluates the access that a record grants. Returns `None` if it grants none.
pub(super) fn evidence(record: &AuditRecord, principals: &Principals, known: &Knowledge) -> Option<Evidence> {
    judged(record, grants(record), principals, known)
}

/// Evaluates `GrantSendOnBehalfTo` of a Set-Mailbox record. Returns `None` if it grants nothing.
pub(super) fn of_send_on_behalf(record: &AuditRecord, principals: &Principals, known: &Knowledge) -> Option<Evidence> {
    judged(record, send_on_behalf(record), principals, known)
}

/// Returns every grantee, as written.
pub(super) fn grantees(record: &AuditRecord) -> Vec<Target> {
    grants(record).iter().chain(&send_on_behalf(record)).flat_map(|grant| Target::read_list(&grant.grantee)).collect()
}

/// Returns the grants of a record as removals name them.
pub(super) fn objects(record: &AuditRecord) -> Vec<String> {
    grants(record).iter().flat_map(Grant::objects).collect()
}

/// Returns whether the actor is a grantee. An owner needs no grant for their own mailbox, so the mailbox belongs to another user.
pub(super) fn is_to_actor(record: &AuditRecord) -> bool {
    grants(record).iter().chain(&send_on_behalf(record)).any(|grant| grant.names(&record.user_id))
}

fn judged(record: &AuditRecord, grants: Vec<Grant>, principals: &Principals, known: &Knowledge) -> Option<Evidence> {
    if grants.is_empty() {
        return None;
    }
    let mut evidence = Evidence::new(FindingKind::MailboxPermission);
    if is_denial(record) || grants.iter().all(Grant::is_nothing) {
        taken(&mut evidence, record, &grants, principals);
        return Some(evidence);
    }
    for grant in &grants {
        add_reasons(&mut evidence, grant, principals, known);
        evidence.identity.push(format!("{} may {} {:?}", grant.grantee, grant.rights, grant.folder).to_lowercase());
        evidence.note(&grant.told(principals));
        grant.objects().into_iter().for_each(|object| evidence.is_about(object));
    }
    evidence.settle_if_failed(record);
    Some(evidence)
}

/// `Deny` takes access away from a user who has it by a group.
fn is_denial(record: &AuditRecord) -> bool {
    record.parameters.flag("Deny") == Some(true)
}

/// Records rights that are no rights: access was taken away.
fn taken(evidence: &mut Evidence, record: &AuditRecord, grants: &[Grant], principals: &Principals) {
    evidence.is_settled = true;
    for grant in grants {
        evidence.identity.push(format!("{} may not {:?}", grant.grantee, grant.folder).to_lowercase());
        evidence.note(&format!(
            "The access of {} to {} of {} was removed or denied.",
            shown(&grant.grantee),
            grant.place(),
            shown(&principals.mailbox)
        ));
        if !has_failed(record) {
            grant.objects().into_iter().for_each(|object| evidence.removes(object));
        }
    }
    evidence.settle_if_failed(record);
}

fn add_reasons(evidence: &mut Evidence, grant: &Grant, principals: &Principals, known: &Knowledge) {
    let told = grant.told(principals);
    let targets = Target::read_list(&grant.grantee);
    let resolver = Resolver::new(&targets, known);
    let destinations: Vec<Destination> = targets.iter().flat_map(|target| resolver.destinations(target)).collect();
    if grant.is_to_actor(principals, &destinations) {
        evidence
            .because(GrantsToSelf, format!("{} granted their own account access: {told}", shown(&principals.actor)));
    } else if let Some(whom) = grant.is_broad(&destinations) {
        evidence.because(GrantsBroadly, format!("Access was granted to {whom}: {told}"));
    } else {
        evidence.because(GrantsAccess, format!("Access was granted: {told}"));
    }
    evidence.rejudge |= resolver.is_withheld() && !grant.is_everybody();
}

impl Grant {
    /// Returns the grantee in full and by alias, each with the folder, because a grant and its removal may name the grantee
    /// differently.
    fn objects(&self) -> BTreeSet<String> {
        let grantee = self.grantee.trim().to_lowercase();
        let last = grantee.rsplit(['/', '\\']).next().unwrap_or(&grantee);
        let alias = last.split_once('@').map_or(last, |(local, _)| local);
        let folder = self.folder.as_deref().unwrap_or_default().to_lowercase();
        let folder = folder.rsplit(['\\', '/']).next().unwrap_or_default();
        [grantee.as_str(), alias].iter().map(|name| format!("grant to {name} on {folder}")).collect()
    }

    fn place(&self) -> String {
        let folder = self.folder.as_deref();
        folder.map_or_else(|| "the mailbox".to_owned(), |folder| format!("folder '{}'", shown(folder)))
    }

    fn told(&self, principals: &Principals) -> String {
        let (grantee, rights, place) = (shown(&self.grantee), shown(&self.rights), self.place());
        format!("{grantee} has {rights} on {place} of {}.", shown(&principals.mailbox))
    }

    /// Returns whether it grants nothing: `None` is the right of a user who may do nothing.
    fn is_nothing(&self) -> bool {
        let mut rights = self.rights.split([',', ';', ' ']).map(str::trim).filter(|right| !right.is_empty()).peekable();
        rights.peek().is_some() && rights.all(|right| right.eq_ignore_ascii_case("None"))
    }

    /// Returns whether the actor is the grantee, on a mailbox that is not the actor's own.
    fn is_to_actor(&self, principals: &Principals, destinations: &[Destination]) -> bool {
        let actor = principals.actor.to_lowercase();
        let is_actor = self.names(&actor) || destinations.iter().any(|reach| reach.text().to_lowercase() == actor);
        is_actor && !actor.is_empty() && actor != principals.mailbox
    }

    /// Returns whether the grantee is written as the actor's name or alias.
    fn names(&self, actor: &str) -> bool {
        let (actor, grantee) = (actor.trim().to_lowercase(), self.grantee.trim().to_lowercase());
        let alias = grantee.rsplit('/').next().unwrap_or(&grantee);
        grantee == actor || actor.split_once('@').is_some_and(|(local, _)| !local.is_empty() && local == alias)
    }

    /// Returns in words who can read mail beyond the users of the tenant: everyone, a guest or an external user. `None` for a
    /// user of the tenant, and for rights that do not read mail.
    fn is_broad(&self, destinations: &[Destination]) -> Option<&'static str> {
        if !self.reads_mail() {
            None
        } else if self.is_everybody() {
            Some("everyone")
        } else if self.grantee.to_ascii_uppercase().contains("#EXT#") {
            Some("a guest")
        } else if destinations.iter().any(|reach| matches!(reach, Destination::Outside(_))) {
            Some("an external user")
        } else {
            None
        }
    }

    fn is_everybody(&self) -> bool {
        let grantee = self.grantee.trim().trim_start_matches("NT:").rsplit('\\').next().unwrap_or_default();
        ["Everyone", "Anonymous", "Anonymous Logon", "Anonym", "Default", "Standard"]
            .iter()
            .any(|all| grantee.trim().eq_ignore_ascii_case(all))
    }

    /// Reading rights or more, and not only on a calendar or another folder without mail.
    fn reads_mail(&self) -> bool {
        let is_mail = self.folder.as_deref().and_then(Folder::read).is_none_or(|folder| !folder.is_without_mail());
        let rights = self.rights.split([',', ';', ' ']).map(str::trim);
        is_mail && rights.into_iter().any(|right| READING.iter().any(|reading| right.eq_ignore_ascii_case(reading)))
    }
}

/// Rights with which mail can be read or sent, of mailboxes, of folders by cmdlet and of folders by mailbox auditing.
const READING: &[&str] = &[
    "FullAccess",
    "ChangePermission",
    "ChangeOwner",
    "SendAs",
    "SendOnBehalf",
    "Owner",
    "PublishingEditor",
    "Editor",
    "PublishingAuthor",
    "Author",
    "NonEditingAuthor",
    "Reviewer",
    "ReadItems",
    "ReadAny",
];

fn grants(record: &AuditRecord) -> Vec<Grant> {
    let said = &record.parameters;
    let given = |name: &str| said.get(name).map(str::trim).filter(|value| !value.is_empty());
    if let Some(folder) = record.item.as_ref().and_then(Value::as_object).and_then(|item| member(item, "ParentFolder"))
    {
        return of_folder(folder).into_iter().collect();
    }
    let rights = given("AccessRights").unwrap_or("rights that are not shown").to_owned();
    let folder = given("Identity").and_then(|identity| identity.split_once(":\\")).map(|(_, folder)| folder.to_owned());
    let grantee = given("User").or_else(|| given("Trustee"));
    grantee.map(|grantee| Grant { grantee: grantee.to_owned(), rights, folder }).into_iter().collect()
}

/// `ParentFolder` with `MemberUpn` and `MemberRights`.
fn of_folder(folder: &Value) -> Option<Grant> {
    let text = |name: &str| text(folder, name);
    let grantee = text("MemberUpn").or_else(|| text("MemberSid"))?.to_owned();
    let rights = text("MemberRights").unwrap_or("rights that are not shown").to_owned();
    Some(Grant { grantee, rights, folder: text("Path").or_else(|| text("Name")).map(str::to_owned) })
}

fn send_on_behalf(record: &AuditRecord) -> Vec<Grant> {
    let list = record.parameters.get("GrantSendOnBehalfTo").unwrap_or_default();
    let grant = |grantee: &str| Grant { grantee: grantee.to_owned(), rights: "SendOnBehalf".to_owned(), folder: None };
    list.split(';')
        .map(str::trim)
        .filter(|grantee| !grantee.is_empty() && !grantee.eq_ignore_ascii_case("$null"))
        .map(grant)
        .collect()
}
