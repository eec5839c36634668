//! The rules of a mailbox as they are now, and which of them a record is about.

use serde_json::Value;

use base::ids::MailAddress;
use m365::exchange::Row;

use super::knowledge::{Answer, Knowledge, LiveMailbox};
use super::rule::{RuleShape, rule_id};
use super::rule_from_parameters::from_live;
use super::selection::Concern;
use super::who::Who;

/// What is known of the live rules.
#[derive(Debug, Clone, Copy)]
pub(super) enum Live<'a> {
    /// Read.
    Read(&'a LiveMailbox),
    /// There is no such mailbox.
    NotThere,
    /// A passing fault: ask again later.
    Withheld,
    /// We may not read them.
    Refused,
    /// Nothing is looked up here.
    Offline,
}

/// The key of the question for the live rules: the owner, when he is known by an address.
pub(super) fn live_key(who: &Who) -> Option<&str> {
    who.mailbox.parse::<MailAddress>().is_ok().then_some(who.mailbox.as_str())
}

impl<'a> Live<'a> {
    pub(super) fn of(who: &Who, known: &'a Knowledge) -> Self {
        match live_key(who).map(|key| known.live.get(key)) {
            _ if known.offline => Self::Offline,
            Some(Some(Answer::Known(mailbox))) => Self::Read(mailbox),
            Some(Some(Answer::Unknown)) => Self::NotThere,
            Some(Some(Answer::Refused)) => Self::Refused,
            Some(Some(Answer::Withheld) | None) => Self::Withheld,
            None if who.withheld => Self::Withheld,
            None => Self::NotThere,
        }
    }

    /// The live rules that `shown` is about: those of its id, else those of its name.
    pub(super) fn matching(self, shown: &RuleShape, concern: Concern) -> Vec<RuleShape> {
        let Self::Read(mailbox) = self else { return Vec::new() };
        if concern == Concern::SweepRuleCmdlet {
            let rows: Vec<&Row> = mailbox.sweep.iter().collect();
            return select(&rows, shown).into_iter().map(|row| from_live(row, false)).collect();
        }
        let hidden: Vec<&Row> = mailbox.all.iter().filter(|row| is_candidate(row, shown)).collect();
        let only_hidden = |row: &Row| !mailbox.visible.iter().any(|visible| is_same(visible, row));
        let mut rows: Vec<&Row> = mailbox.visible.iter().filter(|row| is_candidate(row, shown)).collect();
        rows.extend(hidden.iter().filter(|row| only_hidden(row)));
        select(&rows, shown).into_iter().map(|row| from_live(row, only_hidden(row))).collect()
    }
}

/// Whether a row may be meant: the same id or the same name.
fn is_candidate(row: &Row, shown: &RuleShape) -> bool {
    has_id(row, shown) || has_name(row, shown)
}

/// The rows of the id; where there are none, those of the name. A blank name says nothing beside an id.
fn select<'a>(rows: &[&'a Row], shown: &RuleShape) -> Vec<&'a Row> {
    let by_id: Vec<&Row> = rows.iter().copied().filter(|row| has_id(row, shown)).collect();
    let name_tells = shown.id.is_none() || shown.name.as_deref().is_some_and(|name| !name.trim().is_empty());
    if !by_id.is_empty() || !name_tells {
        return by_id;
    }
    rows.iter().copied().filter(|row| has_name(row, shown)).collect()
}

fn has_id(row: &Row, shown: &RuleShape) -> bool {
    shown.id.is_some() && id_of(row) == shown.id
}

fn has_name(row: &Row, shown: &RuleShape) -> bool {
    let name = row.get("Name").and_then(Value::as_str);
    matches!((name, &shown.name), (Some(live), Some(shown)) if live.trim() == shown.trim())
}

/// Equal ids; rules without one by their name.
fn is_same(a: &Row, b: &Row) -> bool {
    match (id_of(a), id_of(b)) {
        (Some(a), Some(b)) => a == b,
        (None, None) => a.get("Identity") == b.get("Identity") && a.get("Name") == b.get("Name"),
        _ => false,
    }
}

/// The id of a live rule: a JSON number above 2^63 or a text; else the end of `Identity`.
fn id_of(row: &Row) -> Option<u64> {
    let id = ["RuleIdentity", "RuleId"].iter().find_map(|name| row.get(*name)).and_then(|value| match value {
        Value::Number(number) => number.as_u64().or_else(|| number.as_i64().map(i64::cast_unsigned)),
        Value::String(text) => rule_id(text),
        _ => None,
    });
    let in_identity = || row.get("Identity")?.as_str()?.split_once('\\').and_then(|(_, rule)| rule_id(rule));
    id.filter(|id| *id != 0).or_else(in_identity)
}
