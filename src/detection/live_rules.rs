//! The current rules of a mailbox, and the ones that a record is about.
//!
//! Rows of Exchange are read here only: what the rest of this folder knows of a rule is its [`RuleShape`].

use serde_json::Value;

use base::ids::{Domain, MailAddress};

use super::knowledge::{AcceptedDomains, Answer, Knowledge, Row};
use super::rule::{RuleShape, rule_id};
use super::rule_from_parameters::Given;
use super::selection::Concern;
use super::who::Who;

/// The rules of a mailbox as they are now.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LiveMailbox {
    /// `Get-InboxRule` without `IncludeHidden`.
    pub visible: Vec<Row>,
    /// `Get-InboxRule` with `IncludeHidden`.
    pub all: Vec<Row>,
    /// `Get-SweepRule`
    pub sweep: Vec<Row>,
}

impl LiveMailbox {
    /// Returns the rules that are listed only with hidden rules included.
    pub(super) fn hidden_rules(&self) -> Vec<RuleShape> {
        let hidden = self.all.iter().filter(|row| !self.visible.iter().any(|visible| is_same(visible, row)));
        hidden.map(|row| from_live(row, true)).collect()
    }
}

/// Reads a current rule. Its caller knows from which of the two lists it is.
pub(super) fn from_live(row: &Row, hidden: bool) -> RuleShape {
    let mut shape = RuleShape { complete: true, hidden, ..RuleShape::default() };
    for (name, value) in row {
        shape.take(name, Given::Json(value));
    }
    shape.id = shape.id.or_else(|| id_of(row));
    shape
}

/// Reads the rows of `Get-AcceptedDomain`. A domain with all its sub-domains may be written `*.contoso.com`.
pub(super) fn accepted_domains(rows: &[Row]) -> AcceptedDomains {
    let mut accepted = AcceptedDomains::default();
    for row in rows {
        let text = |name: &str| row.get(name).and_then(Value::as_str).unwrap_or_default();
        let Ok(domain) = text("DomainName").trim_start_matches("*.").parse::<Domain>() else { continue };
        if matches!(text("DomainType"), "InternalRelay" | "ExternalRelay") {
            accepted.relayed.insert(domain.clone());
        }
        let with_sub_domains = match row.get("MatchSubDomains") {
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            value => value == Some(&Value::Bool(true)),
        };
        match with_sub_domains {
            true => accepted.with_sub_domains.insert(domain),
            false => accepted.exact.insert(domain),
        };
    }
    accepted
}

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

    /// Returns the rules that are listed only with hidden rules included.
    pub(super) fn hidden_rules(self) -> Vec<RuleShape> {
        match self {
            Self::Read(mailbox) => mailbox.hidden_rules(),
            _ => Vec::new(),
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
