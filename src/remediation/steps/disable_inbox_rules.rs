//! All inbox and sweep rules are switched off, hidden ones too. Switched off and not removed: they are evidence.

use m365::ServiceError;
use m365::exchange::is_not_found;

use super::rules::{self, Rule, Rules};
use super::snapshot::Snapshot;
use crate::remediation::Outcome;
use crate::remediation::context::{EXCHANGE_GRANT, RemediationContext};
use crate::remediation::step::{StepReport, explain, quoted};

/// What the owner has to know (<https://learn.microsoft.com/powershell/module/exchange/disable-inboxrule>).
const WARNING: &str = "Any change of rules through Exchange drops the owner's client-side Outlook rules.";

/// The most names that are told.
const NAMES: usize = 20;

pub async fn run(context: &RemediationContext<'_>) -> StepReport {
    let rules = match rules::read(context).await {
        Ok(rules) => rules,
        Err(error) if is_not_found(&error) => return StepReport::skipped("There is no mailbox."),
        Err(error) => return StepReport::failed_by(&error, EXCHANGE_GRANT),
    };
    let report = disable(context, &rules).await;
    match rules.unread() {
        Some(unread) if report.outcome != Outcome::Planned || context.preview => {
            StepReport::all(vec![report, StepReport::failed(unread)])
        }
        _ => report,
    }
}

async fn disable(context: &RemediationContext<'_>, rules: &Rules) -> StepReport {
    let active: Vec<&Rule> = rules.known.iter().filter(|rule| rule.is_to_be_disabled()).collect();
    if active.is_empty() {
        return StepReport::already("No rule that could be read is switched on.");
    }
    if context.preview {
        return StepReport::planned(format!("{} would be switched off: {}. {WARNING}", active.len(), names(&active)));
    }
    context.keep(Snapshot { rules: rules.kept(), ..Snapshot::at(context.app.clock.now()) }).await;
    let mut tally = Tally::default();
    for rule in &active {
        if !context.may_go_on().await {
            return StepReport::planned(format!(
                "{} of {} rules are switched off; the next press goes on. {WARNING}",
                tally.disabled.len(),
                active.len()
            ));
        }
        tally.note(rule, rules::set_enabled(context, rule, false).await);
    }
    tally.report()
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
            Err(error) if is_not_found(&error) => self.disabled.push(rule),
            Err(error) if rule.is_for_delegate() && !error.is_passing() => self.left.push(rule),
            Err(error) => self.failed.push((rule, error)),
        }
    }

    fn report(&self) -> StepReport {
        let mut reports = Vec::new();
        if !self.disabled.is_empty() {
            let (count, names) = (self.disabled.len(), names(&self.disabled));
            reports.push(StepReport::done(format!("{count} switched off: {names}. {WARNING}")));
        }
        if !self.left.is_empty() {
            let left: Vec<String> = self.left.iter().map(|rule| mark_of_left(rule)).collect();
            reports.push(StepReport::skipped(format!("Left, for they cannot be switched off: {}.", left.join(", "))));
        }
        if let Some((_, error)) = self.failed.first() {
            let failed: Vec<&Rule> = self.failed.iter().map(|(rule, _)| *rule).collect();
            let why = explain(error, EXCHANGE_GRANT);
            reports.push(StepReport::failed(format!("Not switched off: {}: {why}", names(&failed))));
        }
        StepReport::all(reports)
    }
}

/// What the detail says of a rule that could not be switched off, for whoever reads it and for the second read.
pub fn mark_of_left(rule: &Rule) -> String {
    format!("{} (rule {})", quoted(&rule.name), rule.id)
}

/// Names for a sentence, not too many of them.
pub fn names(rules: &[&Rule]) -> String {
    let shown: Vec<String> = rules.iter().take(NAMES).map(|rule| quoted(&rule.name)).collect();
    match rules.len().saturating_sub(NAMES) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}
