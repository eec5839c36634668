//! The current rules of a mailbox, and the search for the one that a record shows.
//!
//! Rows of Exchange are read here only: what the rest of this folder knows of a rule is its [`RuleShape`].

use std::collections::BTreeSet;

use m365::exchange::{InboxRule, ListedRule, SweepRule};

use super::description::action_key;
use super::rule::{Action, RuleShape, rule_id};
use super::rule_from_parameters::Given;
use super::selection::OperationKind;

/// The current rules of a mailbox.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveMailbox {
    /// The inbox rules that the owner can see.
    pub visible: Vec<InboxRule>,
    /// All inbox rules, with the hidden ones.
    pub all: Vec<InboxRule>,
    /// The sweep rules, if they were read.
    pub sweep: Vec<SweepRule>,
}

impl LiveMailbox {
    fn is_hidden(&self, rule: &ListedRule) -> bool {
        !self.visible.iter().any(|visible| is_same(visible, rule))
    }

    /// Returns the rules that are listed only with hidden rules included.
    pub(super) fn hidden_rules(&self) -> Vec<RuleShape> {
        let all = self.all.iter().map(|rule| &**rule);
        all.filter(|rule| self.is_hidden(rule)).map(|rule| from_live(rule, true)).collect()
    }

    /// Returns the shape with its number decided by the current rules.
    pub(super) fn settled(&self, shown: RuleShape, operation_kind: OperationKind) -> RuleShape {
        let rules: Vec<&ListedRule> = match operation_kind {
            OperationKind::SweepRuleCmdlet => self.sweep.iter().map(|rule| &**rule).collect(),
            _ => self.visible.iter().chain(&self.all).map(|rule| &**rule).collect(),
        };
        shown.settle_number(
            |id| rules.iter().any(|rule| rule_id(&rule.id) == Some(id)),
            |name| rules.iter().any(|rule| rule.name.trim() == name),
        )
    }

    /// The current rules that `shown` is about: those of its id, else those of its name.
    pub(super) fn matching(&self, shown: &RuleShape, operation_kind: OperationKind) -> Vec<RuleShape> {
        if operation_kind == OperationKind::SweepRuleCmdlet {
            let rules: Vec<&ListedRule> = self.sweep.iter().map(|rule| &**rule).collect();
            return select(&rules, shown).into_iter().map(|rule| from_live(rule, false)).collect();
        }
        let visible = self.visible.iter().map(|rule| &**rule);
        let hidden = self.all.iter().map(|rule| &**rule).filter(|rule| self.is_hidden(rule));
        let rules: Vec<&ListedRule> = visible.chain(hidden).filter(|rule| is_candidate(rule, shown)).collect();
        select(&rules, shown).into_iter().map(|rule| from_live(rule, self.is_hidden(rule))).collect()
    }
}

/// Reads a current rule. Its caller knows from which of the two lists it is.
fn from_live(rule: &ListedRule, hidden: bool) -> RuleShape {
    let mut shape = RuleShape { complete: true, hidden, ..RuleShape::default() };
    for (name, value) in &rule.properties {
        shape.take(name, Given::Json(value));
    }
    shape.id = shape.id.or_else(|| rule_id(&rule.id));
    shape
}

/// Returns whether a rule may be the one that is shown: the same id or the same name.
fn is_candidate(rule: &ListedRule, shown: &RuleShape) -> bool {
    has_id(rule, shown) || has_name(rule, shown)
}

/// Returns the rules of the id; if there are none, those of the name. A blank name says nothing beside an id.
fn select<'a>(rules: &[&'a ListedRule], shown: &RuleShape) -> Vec<&'a ListedRule> {
    let by_id: Vec<&ListedRule> = rules.iter().copied().filter(|rule| has_id(rule, shown)).collect();
    let name_tells = shown.id.is_none() || shown.name.as_deref().is_some_and(|name| !name.trim().is_empty());
    if !by_id.is_empty() || !name_tells {
        return by_id;
    }
    let by_name: Vec<&ListedRule> = rules.iter().copied().filter(|rule| has_name(rule, shown)).collect();
    if shown.complete && by_name.len() > 1 { most_alike(&by_name, shown) } else { by_name }
}

/// Returns the rules that are most like the one shown. Several rules may have one name, and a record of a new rule shows it whole.
fn most_alike<'a>(rules: &[&'a ListedRule], shown: &RuleShape) -> Vec<&'a ListedRule> {
    let wanted = parts_of(shown);
    let likeness: Vec<usize> =
        rules.iter().map(|rule| parts_of(&from_live(rule, false)).symmetric_difference(&wanted).count()).collect();
    let least = likeness.iter().min().copied().unwrap_or_default();
    rules.iter().zip(&likeness).filter(|(_, differences)| **differences == least).map(|(rule, _)| *rule).collect()
}

/// The conditions with their values, the conditions alone and the kinds of actions, as texts that can be compared.
fn parts_of(shape: &RuleShape) -> BTreeSet<String> {
    let conditions = shape.conditions.iter().flat_map(|condition| {
        let name = condition.name.to_lowercase();
        let values: BTreeSet<String> = condition.values.iter().map(|value| value.trim().to_lowercase()).collect();
        [format!("{name} {values:?}"), name]
    });
    let actions = shape.actions.iter().filter_map(|action| match action {
        Action::Stop => None,
        Action::Move(_) | Action::MoveSomewhere => Some("move".to_owned()),
        Action::Copy(_) => Some("copy".to_owned()),
        other => action_key(other),
    });
    conditions.chain(actions).collect()
}

fn has_id(rule: &ListedRule, shown: &RuleShape) -> bool {
    shown.id.is_some() && rule_id(&rule.id) == shown.id
}

fn has_name(rule: &ListedRule, shown: &RuleShape) -> bool {
    shown.name.as_deref().is_some_and(|name| name.trim() == rule.name.trim())
}

/// Returns whether the ids are equal; rules without one are compared by their identity and name.
fn is_same(a: &ListedRule, b: &ListedRule) -> bool {
    match (rule_id(&a.id), rule_id(&b.id)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.identity == b.identity && a.name == b.name,
        _ => false,
    }
}
