//! One rule from both sides: the record, and the current rules.

use std::collections::BTreeSet;

use super::conditions::OwnAddresses;
use super::description;
use super::evidence::Evidence;
use super::fold::plain;
use super::folders::Folder;
use super::knowledge::Knowledge;
use super::principals::Principals;
use super::rule::{Action, Condition, RuleShape};
use super::selection::OperationKind;
use super::sentence::shown;
use super::targets::Target;

/// One rule from both sides.
pub(super) struct SeenRule<'a> {
    pub(super) own: &'a RuleShape,
    pub(super) live: &'a [RuleShape],
    /// Exchange's own rules among the current ones: they describe the rule and are not evaluated.
    pub(super) excused: &'a [RuleShape],
    pub(super) principals: &'a Principals,
    pub(super) known: &'a Knowledge,
    pub(super) operation_kind: OperationKind,
    /// The year of the record.
    pub(super) year: i32,
}

impl SeenRule<'_> {
    pub(super) fn shapes(&self) -> impl Iterator<Item = &RuleShape> {
        std::iter::once(self.own).chain(self.live)
    }

    pub(super) fn actions(&self) -> impl Iterator<Item = &Action> {
        self.shapes().flat_map(|shape| &shape.actions)
    }

    pub(super) fn conditions(&self) -> impl Iterator<Item = &Condition> {
        self.shapes().flat_map(|shape| &shape.conditions)
    }

    pub(super) fn targets(&self) -> Vec<&Target> {
        self.shapes().flat_map(RuleShape::targets).collect()
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.shapes().filter_map(|shape| shape.name.as_deref())
    }

    pub(super) fn own_addresses(&self) -> &OwnAddresses {
        &self.principals.own
    }

    /// Returns whether the rule is hidden and not one of Exchange's own.
    pub(super) fn is_hidden(&self) -> bool {
        self.live.iter().any(|rule| rule.hidden)
    }

    /// Returns whether the current rule names the folder that the record gives by an id.
    pub(super) fn has_named_folder(&self) -> bool {
        self.actions().any(|action| matches!(action, Action::Move(Folder::Path(_)) | Action::Copy(Folder::Path(_))))
    }

    /// The current rule tells more than the record if the record is a change, says nothing, or names a folder by its id. A rule
    /// that was made with Outlook or Exchange Web Services may be hidden, which no record shows.
    pub(super) fn needs_live(&self) -> bool {
        let may_be_hidden = self.operation_kind == OperationKind::MailboxRules;
        !self.own.complete || may_be_hidden || self.own.actions.iter().any(is_unnamed_folder)
    }

    /// Returns the best description of the rule: the current rule, else the record.
    pub(super) fn best(&self) -> RuleShape {
        let mut best = self.live.first().or(self.excused.first()).unwrap_or(self.own).clone();
        if best.name.is_none() {
            best.name.clone_from(&self.own.name);
        }
        best
    }

    /// Id or name, then normalised conditions and actions of the current rule, else of the record. Targets are added by the evidence.
    ///
    /// Fingerprints are made of these texts. A new wording would notify threats again that were notified or dismissed before.
    pub(super) fn identify(&self, evidence: &mut Evidence) {
        let id = self.own.id.or_else(|| self.live.iter().chain(self.excused).find_map(|rule| rule.id));
        let best = self.best();
        evidence.rule_id = id.map(|id| id.to_string()).unwrap_or_default();
        evidence.rule_name = shown(best.name.as_deref().unwrap_or_default());
        let mut parts = BTreeSet::new();
        for condition in &best.conditions {
            let values: BTreeSet<String> = condition.values.iter().map(|value| plain(value)).collect();
            parts.insert(format!(
                "if {}={}",
                condition.name.to_ascii_lowercase(),
                values.into_iter().collect::<Vec<_>>().join(";")
            ));
        }
        parts.extend(best.actions.iter().filter_map(description::action_key));
        evidence.identity.push(match id {
            Some(id) => format!("id {id}"),
            None => format!("name {}", plain(best.name.as_deref().unwrap_or_default())),
        });
        evidence.identity.extend(parts);
        self.objects().into_iter().for_each(|object| evidence.is_about(object));
    }

    /// Returns the rule as removals name it.
    pub(super) fn objects(&self) -> Vec<String> {
        let id = self.own.id.or_else(|| self.live.iter().chain(self.excused).find_map(|rule| rule.id));
        objects(id, self.best().name.as_deref())
    }
}

/// Returns the rule as removals name it: by its id, and by its name.
pub(super) fn objects(id: Option<u64>, name: Option<&str>) -> Vec<String> {
    let id = id.map(|id| format!("id {id}"));
    // Exchange may drop the spaces of a name: a rule named with a space has none in its removal.
    let name = name.map(|name| format!("name {}", plain(name)));
    id.into_iter().chain(name).collect()
}

/// Returns whether the action names a folder only by its id, or not at all.
pub(super) fn is_unnamed_folder(action: &Action) -> bool {
    matches!(action, Action::MoveSomewhere | Action::Move(Folder::Id(_)) | Action::Copy(Folder::Id(_)))
}
