//! Judges the parts of a record in a form that is not known. They are never harmless.
//!
//! Every family of cmdlets goes through [`parts_of`](super::unread_part::parts_of) and [`add_to`].

use super::evidence::Evidence;
use super::knowledge::Knowledge;
use super::reason::ReasonName::{ContentNotVisible, TargetUnresolved};
use super::resolution::Resolver;
use super::sentence::listed;
use super::targets::{Destination, Target};
use super::unread_part::UnreadPart;

/// Adds that parts could not be read, and where they may send mail. `subject` begins a sentence, such as `The mailbox`. Returns the
/// targets: an external address in such a part proves nothing.
pub(super) fn add_to(
    evidence: &mut Evidence,
    parts: &[UnreadPart],
    known: &Knowledge,
    subject: &str,
) -> Vec<Destination> {
    if parts.is_empty() {
        return Vec::new();
    }
    let verbs: Vec<&str> = [
        parts.iter().any(|part| part.forwards).then_some("forwards"),
        parts.iter().any(|part| part.deletes).then_some("deletes"),
    ]
    .into_iter()
    .flatten()
    .collect();
    let mut sentence = "The record describes the change in a format that Tenantwatch could not read.".to_owned();
    if !verbs.is_empty() {
        sentence = format!("{sentence} By its text, {} {} mail.", lower_first(subject), verbs.join(" and "));
    }
    evidence.because(ContentNotVisible, sentence);
    let targets: Vec<&Target> = parts.iter().flat_map(|part| &part.targets).collect();
    let resolver = Resolver::new(targets.iter().copied(), known);
    let unresolved: Vec<Destination> = targets
        .iter()
        .flat_map(|target| resolver.destinations(target))
        .filter_map(|reach| match reach {
            Destination::Outside(text) | Destination::Unresolved { text, .. } => {
                Some(Destination::Unresolved { text, withheld: false })
            }
            Destination::Inside(_) | Destination::Trusted(_) => None,
        })
        .collect();
    evidence.signals().targets_were_asked_for |= resolver.can_ask();
    evidence.signals().unread_verb |= parts.iter().any(UnreadPart::is_active);
    evidence.leads_to(&unresolved);
    if !unresolved.is_empty() {
        let targets = listed(unresolved.iter().map(Destination::text));
        evidence.because(TargetUnresolved, format!("{subject} may send mail to {targets}, which may be external."));
    }
    evidence.identity.push("unread".to_owned());
    unresolved
}

fn lower_first(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or_else(String::new, |first| format!("{}{}", first.to_lowercase(), chars.as_str()))
}
