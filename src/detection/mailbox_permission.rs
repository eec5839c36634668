//! Access given to a mailbox or one of its folders. A helpdesk does this daily, so most of it is only recorded.
//!
//! Sources: Add-MailboxPermission, Add-RecipientPermission, Add-MailboxFolderPermission and Set-Mailbox at
//! <https://learn.microsoft.com/powershell/module/exchange/>; `Item.ParentFolder` of mailbox auditing
//! (<https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#exchangefolder-complex-type>).

use audit_log::AuditRecord;

use super::addresses::targets_in;
use super::evidence::Evidence;
use super::finding::FindingKind;
use super::grant::{Grant, grants, send_on_behalf};
use super::knowledge::Knowledge;
use super::principals::Principals;
use super::reason::ReasonName::*;
use super::record_facts::has_failed;
use super::resolution::Resolver;
use super::sentence::shown;
use super::targets::{Destination, Target};

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
    grants(record).iter().chain(&send_on_behalf(record)).flat_map(|grant| targets_in(&grant.grantee)).collect()
}

/// Returns the grants of a record as removals name them.
pub(super) fn objects(record: &AuditRecord) -> Vec<String> {
    grants(record).iter().flat_map(Grant::objects).collect()
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
    let targets = targets_in(&grant.grantee);
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
    fn told(&self, principals: &Principals) -> String {
        let (grantee, rights, place) = (shown(&self.grantee), shown(&self.rights), self.place());
        format!("{grantee} has {rights} on {place} of {}.", shown(&principals.mailbox))
    }

    /// Returns whether the actor is the grantee, on a mailbox that is not the actor's own.
    fn is_to_actor(&self, principals: &Principals, destinations: &[Destination]) -> bool {
        let actor = principals.actor.to_lowercase();
        let is_actor = self.names(&actor) || destinations.iter().any(|reach| reach.text().to_lowercase() == actor);
        is_actor && !actor.is_empty() && actor != principals.mailbox
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
}
