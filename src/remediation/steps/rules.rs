//! The inbox and sweep rules of a mailbox, as they are now.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::detection::{is_delegate_rule_name, is_exchange_rule_name};
use crate::tables::ProcessedRow;
use base::clock::Deadline;
use m365::ServiceError;
use m365::exchange::{Row, is_refused, is_true};
use m365::graph::MessageRule;

use super::excused_rules;
use super::snapshot::KeptRule;
use crate::remediation::boundary::{Recipient, smtp_target};
use crate::remediation::context::{EXCHANGE_GRANT, RemediationContext};
use crate::remediation::step::explain;

/// How long targets of hidden rules are looked up. Whoever made the rules chose how many targets they have.
const LOOK_UPS: Duration = Duration::from_secs(8);

/// Where a rule was read, and so by which way it is changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Source {
    /// `Get-InboxRule`
    Inbox,
    /// `Get-SweepRule`
    Sweep,
    /// Graph `messageRules`, where Exchange refuses us.
    Graph,
}

/// A rule.
#[derive(Debug, Clone)]
pub struct Rule {
    /// Where it comes from.
    pub source: Source,
    /// What it is addressed by: never its name, for names may be blank or equal.
    pub identity: String,
    /// The rule id alone.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Whether it works.
    pub enabled: bool,
    /// How far it sends mail, where its name is one of Exchange's: a name alone excuses nothing.
    pub reach: Option<Reach>,
    /// Whether it is seen only with `IncludeHidden`; `None` if that could not be told.
    pub hidden: Option<bool>,
    /// Whether it is one of Exchange's own, which are left enabled.
    pub is_exchanges_own: bool,
    /// The row it was read from.
    pub row: Row,
}

impl Rule {
    /// Whether Exchange may have made it for a delegate; such a rule may refuse to be switched off. One that people can see,
    /// or that may send mail outside, is not.
    pub fn is_for_delegate(&self) -> bool {
        is_delegate_rule_name(&self.name) && self.reach.is_some_and(|reach| reach <= Reach::Uncertain)
    }

    /// Whether nobody could tell where it sends mail. It may be Exchange's own.
    pub fn is_unproven(&self) -> bool {
        self.reach == Some(Reach::Unproven)
    }

    /// Whether it is to be switched off.
    pub fn is_to_be_disabled(&self) -> bool {
        self.enabled && !self.is_exchanges_own
    }
}

/// The rules of a mailbox as they are now.
pub struct Rules {
    /// Those that could be read.
    pub known: Vec<Rule>,
    /// Those that could not. They must not keep anybody from switching off the others.
    unseen: Unseen,
}

/// Which rules could not be read, and why.
enum Unseen {
    None,
    Sweep(ServiceError),
    /// Exchange refuses us, and Graph shows neither.
    HiddenAndSweep(ServiceError),
}

impl Rules {
    /// What has to be told where some rules could not be read: nobody knows whether they are off.
    pub fn unread(&self) -> Option<String> {
        let (what, error) = match &self.unseen {
            Unseen::None => return None,
            Unseen::Sweep(error) => ("The sweep rules cannot be read", error),
            Unseen::HiddenAndSweep(error) => {
                ("Hidden rules and sweep rules cannot be read, for Graph, which this went through, shows none", error)
            }
        };
        Some(format!("{what}: {}", explain(error, EXCHANGE_GRANT)))
    }

    /// What an Undo needs of them, for each source that was read.
    pub fn kept(&self) -> BTreeMap<Source, Vec<KeptRule>> {
        let sources: &[Source] = match self.unseen {
            Unseen::None => &[Source::Inbox, Source::Sweep],
            Unseen::Sweep(_) => &[Source::Inbox],
            Unseen::HiddenAndSweep(_) => &[Source::Graph],
        };
        let of = |source| self.known.iter().filter(move |rule| rule.source == source).map(KeptRule::of).collect();
        sources.iter().map(|source| (*source, of(*source))).collect()
    }
}

/// All rules, hidden ones and sweep rules included; through Graph the visible ones, where Exchange refuses us.
pub async fn read(context: &RemediationContext<'_>) -> Result<Rules, ServiceError> {
    match read_through_exchange(context).await {
        Err(error) if is_refused(&error) => match read_through_graph(context).await {
            Ok(known) => Ok(Rules { known, unseen: Unseen::HiddenAndSweep(error) }),
            // What has to be granted is Exchange, so that is told.
            Err(_) => Err(error),
        },
        outcome => outcome,
    }
}

/// The rules that come by one way.
pub async fn read_from(context: &RemediationContext<'_>, source: Source) -> Result<Vec<Rule>, ServiceError> {
    match source {
        Source::Inbox => {
            let rows = context.on_mailbox("Get-InboxRule", "Mailbox", json!({ "IncludeHidden": true })).await?;
            Ok(rows.into_iter().map(|row| of_exchange(row, source, "RuleIdentity")).collect())
        }
        Source::Sweep => read_sweep_rules(context).await,
        Source::Graph => read_through_graph(context).await,
    }
}

async fn read_sweep_rules(context: &RemediationContext<'_>) -> Result<Vec<Rule>, ServiceError> {
    let rows = context.on_mailbox("Get-SweepRule", "Mailbox", json!({})).await?;
    Ok(rows.into_iter().map(|row| of_exchange(row, Source::Sweep, "RuleId")).collect())
}

async fn read_through_exchange(context: &RemediationContext<'_>) -> Result<Rules, ServiceError> {
    let all = context.on_mailbox("Get-InboxRule", "Mailbox", json!({ "IncludeHidden": true })).await?;
    // Only what Exchange may have made itself depends on this: without it the others are switched off all the same.
    let visible = context.on_mailbox("Get-InboxRule", "Mailbox", json!({})).await.ok();
    let visible: Option<BTreeSet<String>> = visible.map(|rows| rows.iter().map(|row| text(row, "Identity")).collect());
    let (sweep, unseen) = match read_sweep_rules(context).await {
        Ok(sweep) => (sweep, Unseen::None),
        Err(error) => (Vec::new(), Unseen::Sweep(error)),
    };
    let look_ups = Deadline::after(Arc::clone(&context.app.clock), LOOK_UPS);
    let mut known = Vec::with_capacity(all.len() + sweep.len());
    let mut has_junk_rule = false;
    for row in all {
        let is_hidden = visible.as_ref().map(|visible| !visible.contains(&text(&row, "Identity")));
        let reach = match is_hidden {
            _ if !is_exchange_rule_name(&text(&row, "Name")) => None,
            Some(true) => Some(reach(context, &row, &look_ups).await),
            Some(false) => None,
            None => Some(Reach::Unproven),
        };
        let rule = of_exchange(row, Source::Inbox, "RuleIdentity");
        let is_second_junk_rule = has_junk_rule && excused_rules::is_junk_rule(&rule.row);
        let is_excused = is_hidden == Some(true)
            && !is_second_junk_rule
            && !is_named_by_threat(context, &rule)
            && reach.is_some_and(|reach| excused_rules::is_excused(&rule.row, reach));
        has_junk_rule |= is_excused && excused_rules::is_junk_rule(&rule.row);
        known.push(Rule { reach, hidden: is_hidden, is_exchanges_own: is_excused, ..rule });
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

fn of_exchange(row: Row, source: Source, id_member: &str) -> Rule {
    let (identity, id) = (text(&row, "Identity"), text(&row, id_member));
    let id = match id.is_empty() {
        true => identity.rsplit('\\').next().unwrap_or_default().to_owned(),
        false => id,
    };
    Rule {
        source,
        identity: if identity.is_empty() { id.clone() } else { identity },
        id,
        name: text(&row, "Name"),
        enabled: is_true(&row, "Enabled"),
        reach: None,
        hidden: None,
        is_exchanges_own: false,
        row,
    }
}

pub fn deletes(row: &Row) -> bool {
    is_true(row, "DeleteMessage") || is_true(row, "SoftDeleteMessage")
}

/// How far a rule sends mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Nowhere, or only to mailboxes that are proven to be inside.
    Inside,
    /// To a group, or to nobody whom Exchange knows.
    Uncertain,
    /// To somebody who could not be looked up.
    Unproven,
    /// To a proven outside target.
    Outside,
}

/// What takes longer to look up than there is time is unproven.
async fn reach(context: &RemediationContext<'_>, row: &Row, look_ups: &Deadline) -> Reach {
    let targets = targets(row);
    if targets.is_empty() {
        return Reach::Inside;
    }
    let Some(Ok(boundary)) = look_ups.limit(context.boundary()).await else {
        return Reach::Unproven;
    };
    if targets.iter().filter_map(|target| smtp_target(target)).any(|address| !boundary.is_inside(&address)) {
        return Reach::Outside;
    }
    let mut reach = Reach::Inside;
    for target in targets {
        let is_late = look_ups.has_passed() || context.exchange_was_silent();
        let recipient = if is_late { Recipient::Unread } else { context.recipient(&target).await };
        reach = reach.max(match recipient {
            Recipient::Mailbox(address) | Recipient::Other(address) if !boundary.is_inside(&address) => Reach::Outside,
            Recipient::Mailbox(_) => Reach::Inside,
            Recipient::Other(_) | Recipient::None => Reach::Uncertain,
            Recipient::Unread => Reach::Unproven,
        });
    }
    reach
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

/// Whom a rule sends mail to, as Exchange or Graph write it.
pub fn targets_of(rule: &Rule) -> Vec<String> {
    if rule.source != Source::Graph {
        return targets(&rule.row);
    }
    let actions = ["forwardTo", "forwardAsAttachmentTo", "redirectTo"];
    let actions = actions.iter().filter_map(|action| rule.row.get("actions")?.get(*action)?.as_array());
    let address = |one: &Value| one.pointer("/emailAddress/address")?.as_str().map(str::to_owned);
    actions.flatten().map(|one| address(one).unwrap_or_default()).collect()
}

fn targets(row: &Row) -> Vec<String> {
    let members = ["ForwardTo", "ForwardAsAttachmentTo", "RedirectTo", "SendTextMessageNotificationTo"];
    let values = members.iter().filter_map(|member| row.get(*member));
    values
        .flat_map(|value| match value {
            Value::String(text) if !text.is_empty() => vec![text.clone()],
            Value::Array(texts) => texts.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
            _ => Vec::new(),
        })
        .collect()
}

async fn read_through_graph(context: &RemediationContext<'_>) -> Result<Vec<Rule>, ServiceError> {
    let call = context.app.graph.message_rules(context.tenant(), context.accounts.owner.key());
    let rules = context.ask_graph("messageRules", call).await?;
    Ok(rules.into_iter().map(of_graph).collect())
}

fn of_graph(rule: MessageRule) -> Rule {
    Rule {
        source: Source::Graph,
        identity: rule.id.clone(),
        id: rule.id,
        name: rule.display_name,
        enabled: rule.is_enabled,
        reach: None,
        hidden: None,
        is_exchanges_own: false,
        row: rule.properties,
    }
}

/// A text or number of a row as text. Rule ids are numbers above 2^63.
pub fn text(row: &Row, member: &str) -> String {
    match row.get(member) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}
