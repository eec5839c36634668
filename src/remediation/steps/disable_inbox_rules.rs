//! Disables all inbox and sweep rules, hidden ones too. They are not removed, because they are evidence.

use futures::future::join_all;

use m365::ServiceError;
use m365::exchange::is_not_found;

use super::rule_switch::{RuleSwitch, is_gone};
use super::rules::{self, Rule, Rules};
use crate::remediation::Outcome;
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::{EXCHANGE_GRANT, explain};
use crate::remediation::snapshot::Snapshot;
use crate::remediation::step::{StepReport, quoted};
use crate::tables::ProcessedRow;

/// The side effect that the owner has to know (<https://learn.microsoft.com/powershell/module/exchange/disable-inboxrule>).
const WARNING: &str = "Any change of rules through Exchange drops the owner's client-side Outlook rules.";

/// The number of rules that are disabled at the same time.
const AT_ONCE: usize = 4;

/// The most names that are told.
const NAMES: usize = 20;

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let rules = match rules::read(context).await {
        Ok(rules) => rules,
        Err(error) if is_not_found(&error) => return StepReport::skipped("There is no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    let report = disable(context, &rules).await;
    let is_all_there_was = context.only_offending && !rules::offending(&rules.known, context.finding).is_empty();
    match rules.unread().filter(|_| !is_all_there_was) {
        Some(unread) if report.outcome != Outcome::Planned || context.preview => {
            StepReport::all(vec![StepReport::failed(unread), report])
        }
        _ => report,
    }
}

async fn disable(context: &RemediationContext<'_>, rules: &Rules) -> StepReport {
    let active: Vec<&Rule> = meant(context, rules).into_iter().filter(|rule| rule.is_to_be_disabled()).collect();
    let is_left = |rule: &&Rule| rule.enabled && rule.is_exchanges_own && !context.only_offending;
    let excused: Vec<&Rule> = rules.known.iter().filter(is_left).collect();
    let excused = match excused.is_empty() {
        true => String::new(),
        false => format!(" Left enabled as Exchange's own: {}.", names(&excused)),
    };
    if active.is_empty() {
        return StepReport::already(match context.only_offending {
            true => "The rule is gone or disabled.".to_owned(),
            false => format!("None of the rules that could be read is enabled.{excused}"),
        });
    }
    if context.preview {
        let rules = if active.len() == 1 { "1 rule".to_owned() } else { format!("{} rules", active.len()) };
        return StepReport::planned(format!("{rules} would be disabled: {}. {WARNING}{excused}", names(&active)));
    }
    context.keep(Snapshot { rules: rules.kept(), ..Snapshot::at(context.app.clock.now()) }).await;
    let mut tally = Tally::default();
    for together in in_order_of_danger(active.clone(), context.finding).chunks(AT_ONCE) {
        if !context.may_go_on().await {
            return StepReport::planned(format!(
                "{} of {} rules disabled. Run the remediation again to continue. {WARNING}",
                tally.disabled.len(),
                active.len()
            ));
        }
        let switches = together.iter().map(|rule| async { RuleSwitch::off(rule).set(context).await });
        let outcomes = join_all(switches).await;
        together.iter().zip(outcomes).for_each(|(rule, outcome)| tally.note(rule, outcome));
    }
    tally.report(&excused)
}

/// The rules that the step is about.
pub fn meant<'r>(context: &RemediationContext<'_>, rules: &'r Rules) -> Vec<&'r Rule> {
    match context.only_offending {
        true => rules::offending(&rules.known, context.finding),
        false => rules.known.iter().collect(),
    }
}

/// The offending rule first, then the rules that send mail on or delete it, then the others: an attacker who makes hundreds of rules
/// must not keep the one that matters.
fn in_order_of_danger<'a>(mut rules: Vec<&'a Rule>, finding: &ProcessedRow) -> Vec<&'a Rule> {
    let is_named = |rule: &Rule| {
        let has_id = !finding.rule_id.is_empty();
        if has_id { finding.rule_id == rule.id } else { finding.rule_name == rule.name }
    };
    rules.sort_by_key(|rule| match rule {
        rule if is_named(rule) => 0,
        rule if !rule.targets.is_empty() || rule.deletes => 1,
        _ => 2,
    });
    rules
}

#[derive(Default)]
struct Tally<'a> {
    disabled: Vec<&'a Rule>,
    left: Vec<&'a Rule>,
    failed: Vec<(&'a Rule, ServiceError)>,
}

impl<'a> Tally<'a> {
    fn note(&mut self, rule: &'a Rule, outcome: Result<(), ServiceError>) {
        match outcome {
            Ok(()) => self.disabled.push(rule),
            Err(error) if is_gone(&error) => self.disabled.push(rule),
            Err(error) if rule.is_for_delegate() && !error.is_transient() => self.left.push(rule),
            Err(error) => self.failed.push((rule, error)),
        }
    }

    fn report(&self, excused: &str) -> StepReport {
        let mut reports = Vec::new();
        if !self.disabled.is_empty() {
            let names = names(&self.disabled);
            let rules = match self.disabled.len() {
                1 => "1 rule".to_owned(),
                count => format!("{count} rules"),
            };
            reports.push(StepReport::done(format!("Disabled {rules}: {names}. {WARNING}{excused}")));
        }
        if !self.left.is_empty() {
            let detail = format!("Left enabled because they cannot be disabled: {}.", names(&self.left));
            reports.push(StepReport::skipped(detail).leaving(self.left.iter().map(|rule| rule.id.clone())));
        }
        if let Some((_, error)) = self.failed.first() {
            let failed: Vec<&Rule> = self.failed.iter().map(|(rule, _)| *rule).collect();
            let why = explain(error, EXCHANGE_GRANT);
            reports.push(StepReport::failed(format!("Could not disable {}: {why}", names(&failed))));
        }
        StepReport::all(reports)
    }
}

/// Names for a sentence, not too many of them.
pub fn names(rules: &[&Rule]) -> String {
    let shown: Vec<String> = rules.iter().take(NAMES).map(|rule| quoted(&rule.name)).collect();
    match rules.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
