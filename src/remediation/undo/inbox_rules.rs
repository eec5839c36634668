//! The inbox and sweep rules of the mailbox.

use std::collections::BTreeMap;

use super::threats::{may_be_named, stays_inside, threats};
use super::{nothing_kept, undone};
use crate::detection::FindingKind;
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::{EXCHANGE_GRANT, explain};
use crate::remediation::snapshot::{KeptRule, Source};
use crate::remediation::step::{StepReport, quoted};
use crate::remediation::steps::rule_switch::RuleSwitch;
use crate::remediation::steps::rules::{self, Rule};
use crate::tables::ProcessedRow;

/// Enables the rules that were enabled before and are disabled now, except those that may be the attacker's.
pub(super) async fn restore(
    context: &RemediationContext<'_>,
    kept: &BTreeMap<Source, Vec<KeptRule>>,
    force: bool,
) -> StepReport {
    if kept.is_empty() {
        return nothing_kept();
    }
    let threats = match threats(context).await {
        Ok(threats) => threats,
        Err(report) => return report,
    };
    let of_rules = || threats.rows.iter().filter(|threat| threat.kind == FindingKind::InboxRule);
    let (off, mut reports) = disabled(context, kept).await;
    for rule in &off {
        if !context.may_go_on().await {
            reports.push(StepReport::planned("Time ran out. Run the Undo again to continue."));
            break;
        }
        let is_named = of_rules().any(|threat| names(threat, rule));
        reports.push(match force {
            false if is_named => {
                StepReport::skipped(format!("A threat names {}, so it remains disabled.", quoted(&rule.name)))
            }
            false if !threats.are_all => may_be_named(&quoted(&rule.name)),
            false if is_hidden(rule, kept) => {
                let name = quoted(&rule.name);
                StepReport::skipped(format!("{name} is hidden, so it remains disabled unless Force is true."))
            }
            false => enable_if_inside(context, rule).await,
            true => enable(context, rule).await,
        });
    }
    match reports.is_empty() {
        true => StepReport::skipped("No rule that was enabled before is disabled now."),
        false => StepReport::all(reports),
    }
}

/// Returns whether the rule was hidden when it was disabled. Nobody would see that it works again.
fn is_hidden(rule: &Rule, kept: &BTreeMap<Source, Vec<KeptRule>>) -> bool {
    let mut same = kept.get(&rule.source).into_iter().flatten().filter(|old| old.identity == rule.identity);
    same.any(|old| old.hidden == Some(true))
}

/// A rule that sends mail out may be the thief's, though no threat names it.
async fn enable_if_inside(context: &RemediationContext<'_>, rule: &Rule) -> StepReport {
    for target in &rule.targets {
        match stays_inside(context, target).await {
            Ok(true) => {}
            Ok(false) => {
                let (name, target) = (quoted(&rule.name), quoted(target));
                let why = "which is not proven to be internal or trusted, so it remains disabled unless Force is true";
                return StepReport::skipped(format!("{name} sends mail to {target}, {why}."));
            }
            Err(report) => return report,
        }
    }
    enable(context, rule).await
}

async fn enable(context: &RemediationContext<'_>, rule: &Rule) -> StepReport {
    match RuleSwitch::on(rule).set(context).await {
        Ok(()) => undone(format!("{} is enabled again.", quoted(&rule.name))),
        Err(error) => StepReport::failed(format!("{}: {}", quoted(&rule.name), explain(&error, EXCHANGE_GRANT))),
    }
}

/// The rules that are off and were on, read by the way by which they were kept, for by the other they have other ids; and what
/// has to be told of those that cannot be read.
async fn disabled(
    context: &RemediationContext<'_>,
    kept: &BTreeMap<Source, Vec<KeptRule>>,
) -> (Vec<Rule>, Vec<StepReport>) {
    let was_on = |source: Source| kept.get(&source).into_iter().flatten().filter(|rule| rule.enabled);
    let (mut off, mut reports) = (Vec::new(), Vec::new());
    for source in [Source::Inbox, Source::Sweep, Source::Graph] {
        if was_on(source).next().is_none() {
            continue;
        }
        match rules::read_from(context, source).await {
            Ok(rules) => {
                let is_it = |rule: &Rule| was_on(source).any(|old| old.identity == rule.identity);
                off.extend(rules.into_iter().filter(|rule| !rule.enabled && is_it(rule)));
            }
            Err(error) => reports.push(StepReport::failed_by(&error, EXCHANGE_GRANT)),
        }
    }
    (off, reports)
}

/// Returns whether a threat is about this rule: by its id, or by its name, because a rule that was created again has another id. A
/// blank name counts only if no id is known.
fn names(threat: &ProcessedRow, rule: &Rule) -> bool {
    let has_id = !threat.rule_id.is_empty() && rule.source != Source::Graph;
    let (told, name) = (threat.rule_name.trim().to_lowercase(), rule.name.trim().to_lowercase());
    let same_name = told == name && !(name.is_empty() && has_id);
    same_name || has_id && threat.rule_id == rule.id
}
