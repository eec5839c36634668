//! The inbox and sweep rules of a mailbox, as they are now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use crate::detection::{is_delegate_rule_name, is_exchange_rule_name};
use crate::tables::ProcessedRow;
use base::clock::Deadline;
use m365::ServiceError;
use m365::exchange::{InboxRule, ListedRule, is_refused};
use m365::graph::MessageRule;
use table_store::cut_text;

use super::{delegate_access, excused_rules};
use crate::remediation::boundary::{Recipient, smtp_target};
use crate::remediation::context::RemediationContext;
use crate::remediation::grants::{EXCHANGE_GRANT, explain};
use crate::remediation::snapshot::{KeptRule, Source};

/// The time limit for looking up the targets of hidden rules. An attacker may have chosen how many targets they have.
const TARGET_LOOK_UPS_TIMEOUT: Duration = Duration::from_secs(8);

/// The longest description of a rule that is kept, in UTF-16 units: a row of the store takes 1 MiB.
const DESCRIPTION_LIMIT: usize = 300;

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// The interface through which it was read.
    pub source: Source,
    /// Its address in calls: never its name, because names may be blank or equal.
    pub identity: String,
    /// The rule id alone.
    pub id: String,
    /// Its name.
    pub name: String,
    /// True if it is enabled.
    pub enabled: bool,
    /// The recipients of its mail, if its name is one of Exchange's: a rule is not excused by its name alone.
    pub destination: Option<RuleDestination>,
    /// True if it is seen only with `IncludeHidden`; `None` if that could not be determined.
    pub hidden: Option<bool>,
    /// True if it is one of Exchange's own, which are left enabled.
    pub is_exchanges_own: bool,
    /// The recipients that it sends mail to, as Exchange or Graph write them.
    pub targets: Vec<String>,
    /// True if it deletes messages.
    pub deletes: bool,
    /// The conditions and actions, for readers.
    pub description: String,
}

impl Rule {
    /// Returns whether Exchange may have created it for a delegate; Exchange may refuse to disable such a rule. A rule that people can
    /// see, or that may send mail outside, is not one of these.
    pub fn is_for_delegate(&self) -> bool {
        is_delegate_rule_name(&self.name)
            && self.destination.is_some_and(|destination| destination <= RuleDestination::Uncertain)
    }

    /// Returns whether its recipients could not be determined. It may be Exchange's own.
    pub fn is_unproven(&self) -> bool {
        self.destination == Some(RuleDestination::Unproven)
    }

    /// Returns whether it has to be disabled.
    pub fn is_to_be_disabled(&self) -> bool {
        self.enabled && !self.is_exchanges_own
    }
}

/// Returns the part of a rule that is saved.
fn kept(rule: &Rule) -> KeptRule {
    KeptRule {
        identity: rule.identity.clone(),
        id: rule.id.clone(),
        name: cut_text(&rule.name, DESCRIPTION_LIMIT),
        enabled: rule.enabled,
        description: cut_text(&rule.description, DESCRIPTION_LIMIT),
        hidden: rule.hidden,
    }
}

/// The rules of a mailbox as they are now.
pub struct Rules {
    /// Those that could be read.
    pub known: Vec<Rule>,
    /// Those that could not. They must not keep anybody from switching off the others.
    unseen: Unseen,
}

/// The rules that could not be read, and the cause.
enum Unseen {
    None,
    Sweep(ServiceError),
    /// Exchange refuses us, and Graph shows neither.
    HiddenAndSweep(ServiceError),
}

impl Rules {
    /// Returns the text for a person if some rules could not be read, because it is not known whether they are disabled.
    pub fn unread(&self) -> Option<String> {
        let (what, error) = match &self.unseen {
            Unseen::None => return None,
            Unseen::Sweep(error) => ("The sweep rules cannot be read", error),
            Unseen::HiddenAndSweep(error) => (
                "Hidden rules and sweep rules cannot be read, because Graph, which was used instead of Exchange, does not list them",
                error,
            ),
        };
        Some(format!("{what}: {}", explain(error, EXCHANGE_GRANT)))
    }

    /// Returns the part of them that an Undo needs, for each interface that was read.
    pub fn kept(&self) -> BTreeMap<Source, Vec<KeptRule>> {
        let sources: &[Source] = match self.unseen {
            Unseen::None => &[Source::Inbox, Source::Sweep],
            Unseen::Sweep(_) => &[Source::Inbox],
            Unseen::HiddenAndSweep(_) => &[Source::Graph],
        };
        let of = |source| self.known.iter().filter(move |rule| rule.source == source).map(kept).collect();
        sources.iter().map(|source| (*source, of(*source))).collect()
    }
}

/// All rules, hidden ones and sweep rules included; through Graph the visible ones, where Exchange refuses us.
pub async fn read(context: &RemediationContext<'_>) -> Result<Rules, ServiceError> {
    match read_through_exchange(context).await {
        Err(error) if is_refused(&error) => match read_through_graph(context).await {
            Ok(known) => Ok(Rules { known, unseen: Unseen::HiddenAndSweep(error) }),
            // The error of Exchange is returned, because access to Exchange has to be granted.
            Err(_) => Err(error),
        },
        outcome => outcome,
    }
}

/// The rules that come by one way.
pub async fn read_from(context: &RemediationContext<'_>, source: Source) -> Result<Vec<Rule>, ServiceError> {
    match source {
        Source::Inbox => {
            let rules = inbox_rules(context, true).await?;
            Ok(rules.iter().map(|rule| of_exchange(rule, source)).collect())
        }
        Source::Sweep => read_sweep_rules(context).await,
        Source::Graph => read_through_graph(context).await,
    }
}

async fn inbox_rules(context: &RemediationContext<'_>, hidden: bool) -> Result<Vec<InboxRule>, ServiceError> {
    let mailbox = context.mailbox();
    let call = context.app.exchange.inbox_rules(context.tenant(), &mailbox, hidden);
    let rules = context.ask_exchange("inbox rules", call).await?;
    prove_owner(context, rules.iter().map(|rule| rule.owner()), "the list of inbox rules").await?;
    Ok(rules)
}

/// Fails unless rules are proven to be those of the mailbox. A rule that names no mailbox proves nothing, and neither do no rules at
/// all: then the mailbox itself is read.
async fn prove_owner<'r>(
    context: &RemediationContext<'_>,
    owners: impl Iterator<Item = Option<&'r str>>,
    what: &str,
) -> Result<(), ServiceError> {
    let mailbox = context.mailbox();
    let owners: BTreeSet<&str> = owners.map(Option::unwrap_or_default).collect();
    let owners: Vec<&str> = owners.into_iter().collect();
    let call = context.app.exchange.prove_owners(context.tenant(), &mailbox, &owners, what);
    context.ask_exchange("mailbox of the rules", call).await
}

async fn read_sweep_rules(context: &RemediationContext<'_>) -> Result<Vec<Rule>, ServiceError> {
    let mailbox = context.mailbox();
    let call = context.app.exchange.sweep_rules(context.tenant(), &mailbox);
    let rules = context.ask_exchange("sweep rules", call).await?;
    if !rules.is_empty() {
        prove_owner(context, rules.iter().map(|rule| rule.owner()), "the list of sweep rules").await?;
    }
    Ok(rules.iter().map(|rule| of_exchange(rule, Source::Sweep)).collect())
}

async fn read_through_exchange(context: &RemediationContext<'_>) -> Result<Rules, ServiceError> {
    let all = inbox_rules(context, true).await?;
    // Only what Exchange may have made itself depends on this: without it the others are switched off all the same.
    let visible = inbox_rules(context, false).await.ok();
    let visible: Option<BTreeSet<&str>> =
        visible.as_ref().map(|rules| rules.iter().map(|rule| rule.identity.as_str()).collect());
    let (sweep, unseen) = match read_sweep_rules(context).await {
        Ok(sweep) => (sweep, Unseen::None),
        Err(error) => (Vec::new(), Unseen::Sweep(error)),
    };
    let look_ups = Deadline::after(Arc::clone(&context.app.clock), TARGET_LOOK_UPS_TIMEOUT);
    let mut known = Vec::with_capacity(all.len() + sweep.len());
    let mut has_junk_rule = false;
    for listed in all {
        let is_hidden = visible.as_ref().map(|visible| !visible.contains(listed.identity.as_str()));
        let destination = match is_hidden {
            _ if !is_exchange_rule_name(&listed.name) => None,
            Some(true) => Some(destination(context, &listed, &look_ups).await),
            Some(false) => None,
            None => Some(RuleDestination::Unproven),
        };
        let is_to_delegates = destination == Some(RuleDestination::Inside)
            && is_delegate_rule_name(&listed.name)
            && delegate_access::is_given_to_all(context, &listed, &look_ups).await;
        let rule = of_exchange(&listed, Source::Inbox);
        let is_second_junk_rule = has_junk_rule && excused_rules::is_junk_rule(&listed);
        let is_excused = is_hidden == Some(true)
            && !is_second_junk_rule
            && !is_named_by_threat(context, &rule)
            && excused_rules::is_excused(&listed, is_to_delegates);
        has_junk_rule |= is_excused && excused_rules::is_junk_rule(&listed);
        known.push(Rule { destination, hidden: is_hidden, is_exchanges_own: is_excused, ..rule });
    }
    known.extend(sweep);
    Ok(Rules { known, unseen })
}

/// Returns whether the finding that the press is about is about this rule: it is never excused.
fn is_named_by_threat(context: &RemediationContext<'_>, rule: &Rule) -> bool {
    let finding = context.finding;
    match finding.rule_id.is_empty() {
        false => finding.rule_id == rule.id,
        true => !finding.rule_name.is_empty() && finding.rule_name.eq_ignore_ascii_case(&rule.name),
    }
}

fn of_exchange(listed: &ListedRule, source: Source) -> Rule {
    Rule {
        source,
        identity: listed.identity.clone(),
        id: listed.id.clone(),
        name: listed.name.clone(),
        enabled: listed.enabled,
        destination: None,
        hidden: None,
        is_exchanges_own: false,
        targets: listed.targets().into_iter().map(str::to_owned).collect(),
        deletes: listed.deletes(),
        description: listed.description().to_owned(),
    }
}

/// The recipients of a rule's mail, from harmless to external.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RuleDestination {
    /// Nowhere, or only to mailboxes that are proven to be inside.
    Inside,
    /// To a group, or to nobody whom Exchange knows.
    Uncertain,
    /// To somebody who could not be looked up.
    Unproven,
    /// To a proven outside target.
    Outside,
}

/// Returns the destination of a rule. A target for whose look-up there is no time is unproven.
async fn destination(context: &RemediationContext<'_>, rule: &InboxRule, look_ups: &Deadline) -> RuleDestination {
    let targets = rule.targets();
    if targets.is_empty() {
        return RuleDestination::Inside;
    }
    let Some(Ok(boundary)) = look_ups.limit(context.boundary()).await else {
        return RuleDestination::Unproven;
    };
    if targets.iter().filter_map(|target| smtp_target(target)).any(|address| !boundary.is_inside(&address)) {
        return RuleDestination::Outside;
    }
    let mut destination = RuleDestination::Inside;
    for target in targets {
        let is_late = look_ups.has_passed() || context.exchange_was_silent();
        let recipient = if is_late { Recipient::Unread } else { context.recipient(target).await };
        destination = destination.max(match recipient {
            Recipient::Mailbox(address) | Recipient::Other(address) if !boundary.is_inside(&address) => {
                RuleDestination::Outside
            }
            Recipient::Mailbox(_) => RuleDestination::Inside,
            Recipient::Other(_) | Recipient::None => RuleDestination::Uncertain,
            Recipient::Unread => RuleDestination::Unproven,
        });
    }
    destination
}

/// The rules that a finding is about: by id, else by name, because a rule that is made again has another id. None if it is gone.
pub fn offending<'r>(rules: &'r [Rule], finding: &ProcessedRow) -> Vec<&'r Rule> {
    let has_id = |rule: &&Rule| rule.source != Source::Graph && rule.id == finding.rule_id;
    let by_id: Vec<&Rule> = rules.iter().filter(has_id).filter(|_| !finding.rule_id.is_empty()).collect();
    let name = finding.rule_name.trim();
    if !by_id.is_empty() || name.is_empty() {
        return by_id;
    }
    rules.iter().filter(|rule| rule.name.trim().eq_ignore_ascii_case(name)).collect()
}

async fn read_through_graph(context: &RemediationContext<'_>) -> Result<Vec<Rule>, ServiceError> {
    let call = context.app.graph.message_rules(context.tenant(), context.accounts.owner.key());
    let rules = context.ask_graph("messageRules", call).await?;
    Ok(rules.into_iter().map(of_graph).collect())
}

fn of_graph(rule: MessageRule) -> Rule {
    Rule {
        source: Source::Graph,
        targets: rule.targets(),
        deletes: false,
        description: rule.description(),
        identity: rule.id.clone(),
        id: rule.id,
        name: rule.display_name,
        enabled: rule.is_enabled,
        destination: None,
        hidden: None,
        is_exchanges_own: false,
    }
}
