//! Conditions as mailbox auditing writes them: the text of a MAPI restriction, such as `{(Exists(ItemClass))}` or
//! `{(SubString IgnoreCase(SubjectProperty)=invoice)}`. The grammar is not documented, so it is read with tolerance: what is not
//! understood narrows the rule.
//!
//! Source: test records of SEKOIA-IO/intake-formats (`Office 365/o365/tests/`) and [MS-OXCDATA] 2.12 for what a restriction is.

use super::rule::Condition;
use super::trivial_text::{EVERY_MESSAGE, FEW_MESSAGES, is_about_body, is_in_bodies, is_trivial, year_in};

/// The conditions of a restriction text of this year. Empty when it holds none.
pub(super) fn read(text: &str, year: i32) -> Vec<Condition> {
    let inner = text.trim().trim_start_matches('{').trim_end_matches('}').trim();
    let bare = inner.trim_matches(|ch: char| matches!(ch, '(' | ')' | ' '));
    if bare.is_empty() || bare.eq_ignore_ascii_case("null") {
        return Vec::new();
    }
    let mut conditions: Vec<Condition> =
        inner.match_indices(")=").filter_map(|(at, _)| comparison(inner, at)).collect();
    if is_one_of_all(inner, &conditions) {
        return Vec::new();
    }
    if let Some(size) = least_size(inner).filter(|_| conditions.is_empty() && !says(inner, "Not(")) {
        return vec![Condition { name: "WithinSizeRangeMinimum".to_owned(), values: vec![size.to_owned()] }];
    }
    if conditions.is_empty() || says(inner, "Not(") {
        conditions.push(Condition { name: RESTRICTION.to_owned(), values: vec![inner.to_owned()] });
    }
    if conditions.iter().any(narrows) && is_met_by_all(inner, year, DEPTH) {
        return vec![Condition { name: ALL_MAIL.to_owned(), values: vec![inner.to_owned()] }];
    }
    conditions
}

/// Returns whether practically every message meets a restriction: an exception (`Not` of a comparison), the existence of what every
/// message has, a time, a size of nearly all.
fn is_met_by_all(text: &str, year: i32, depth: usize) -> bool {
    let text = without_parentheses(text);
    let Some(depth) = depth.checked_sub(1) else { return false };
    let inside = |word: &str| {
        let rest = text.get(..word.len()).filter(|head| head.eq_ignore_ascii_case(word)).and(text.get(word.len()..))?;
        Some(rest.trim_start()).filter(|rest| end_of_group(rest) == Some(rest.len()))
    };
    if let Some(inner) = inside("Not") {
        let bare = without_parentheses(inner);
        let is_twice = bare.get(..4).is_some_and(|head| head.eq_ignore_ascii_case("Not("));
        return if is_twice {
            is_met_by_all(&bare[3..], year, depth)
        } else {
            bare.contains(")=") && !is_met_by_all(bare, year, depth)
        };
    }
    if let Some(inner) = inside("And") {
        return listed(without_parentheses(inner)).iter().all(|part| is_met_by_all(part, year, depth));
    }
    if let Some(inner) = inside("Or") {
        return listed(without_parentheses(inner)).iter().any(|part| is_met_by_all(part, year, depth));
    }
    if let Some(any) = joined_by(text, "Or", '|') {
        return any.iter().any(|part| is_met_by_all(part, year, depth));
    }
    if let Some(all) = joined_by(text, "And", '&') {
        return all.iter().all(|part| is_met_by_all(part, year, depth));
    }
    is_leaf_met_by_all(text, year)
}

/// Returns the parts at the top of a list: parted by commas, or by nothing but their parentheses.
fn listed(text: &str) -> Vec<&str> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    while let Some(end) = end_of_group(rest) {
        found.push(&rest[..end]);
        rest = rest[end..].trim_start_matches([',', ' ']);
    }
    if rest.is_empty() && !found.is_empty() { found } else { vec![text] }
}

/// Returns the parts of a text that a word or a sign stands between.
fn joined_by<'t>(text: &'t str, word: &str, sign: char) -> Option<Vec<&'t str>> {
    let (mut found, mut rest) = (Vec::new(), text.trim());
    loop {
        let end = end_of_group(rest)?;
        found.push(&rest[..end]);
        rest = rest[end..].trim_start();
        if rest.is_empty() {
            return (found.len() > 1).then_some(found);
        }
        let is_word = rest.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        rest = if is_word { &rest[word.len()..] } else { rest.strip_prefix(sign)?.trim_start_matches(sign) };
        rest = rest.trim_start();
    }
}

/// Returns the end of the group with which a text begins: a parenthesis and what belongs to it, with a word before it or none.
fn end_of_group(text: &str) -> Option<usize> {
    let open = text.find('(').filter(|open| text[..*open].bytes().all(|byte| byte.is_ascii_alphabetic()))?;
    let mut depth = 0_usize;
    for (at, byte) in text.bytes().enumerate().skip(open) {
        match byte {
            b'(' => depth += 1,
            b')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(at + 1);
        }
    }
    None
}

/// Returns a text without the parentheses around the whole of it.
fn without_parentheses(text: &str) -> &str {
    let mut text = text.trim();
    for _ in 0..DEPTH {
        if !text.starts_with('(') || end_of_group(text) != Some(text.len()) {
            break;
        }
        text = text[1..text.len() - 1].trim();
    }
    text
}

fn is_leaf_met_by_all(text: &str, year: i32) -> bool {
    if let Some(property) = text.get(..7).filter(|head| head.eq_ignore_ascii_case("Exists(")).and(text.get(7..)) {
        let property = property.trim_end_matches(')').trim().to_ascii_lowercase();
        return IN_EVERY_MESSAGE.iter().any(|known| property.contains(known));
    }
    let Some((property, sign, value)) = comparison_of(text) else {
        let comparison = text.rfind(")=").and_then(|at| comparison(text, at));
        return comparison.is_some_and(|condition| !narrows(&condition));
    };
    let number: Option<u64> = value.parse().ok();
    match property.as_str() {
        "size" | "messagesize" if sign.contains('>') => number.is_some_and(|bytes| bytes <= EVERY_MESSAGE),
        "size" | "messagesize" if sign.contains('<') => number.is_some_and(|bytes| bytes >= FEW_MESSAGES),
        "importance" => number == Some(1) || value.eq_ignore_ascii_case("normal"),
        "sensitivity" => number == Some(0) || matches!(value.to_ascii_lowercase().as_str(), "normal" | "none"),
        // All mail from a time on is all mail, and so is that before a time to come.
        _ if property.ends_with("time") || property.contains("received") || property.contains("date") => {
            sign.contains('>') || (sign.contains('<') && year_in(value).is_some_and(|before| before > year))
        }
        _ => false,
    }
}

/// `Size > 100` and its like: the property in lower case, the sign, the value.
fn comparison_of(text: &str) -> Option<(String, &str, &str)> {
    let begin = text.find(['<', '>', '='])?;
    let property = text.get(..begin)?.trim();
    let rest = text.get(begin..)?;
    let value = rest.trim_start_matches(['<', '>', '=']);
    let is_name = !property.is_empty() && property.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_name.then(|| (property.to_ascii_lowercase(), &rest[..rest.len() - value.len()], value.trim()))
}

/// Returns whether it is enough to meet one of several conditions, and every message meets one of these.
fn is_one_of_all(text: &str, conditions: &[Condition]) -> bool {
    let is_alternative = says(text, "Or(") && !says(text, "And(") && !says(text, "Not(");
    is_alternative && (says(text, "Exists(ItemClass)") || conditions.iter().any(|condition| !narrows(condition)))
}

/// The number of bytes in a restriction that is nothing but a least size, such as `(Size > 1023)`.
fn least_size(text: &str) -> Option<&str> {
    let bare = text.trim_matches(|ch: char| matches!(ch, '(' | ')' | ' '));
    let head = bare.get(..4).filter(|head| head.eq_ignore_ascii_case("Size"))?;
    let number = bare.get(head.len()..)?.trim_start().strip_prefix('>')?.trim_start_matches(['=', ' ']);
    (!number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(number)
}

/// The name given to a restriction that holds no comparison that could be read.
const RESTRICTION: &str = "Restriction";

/// The name given to a restriction that practically every message meets.
const ALL_MAIL: &str = "AllMail";

/// The depth to which restrictions are followed.
const DEPTH: usize = 16;

/// Parts of the names of properties that every message has.
const IN_EVERY_MESSAGE: &[&str] = &[
    "itemclass",
    "messageclass",
    "subject",
    "sender",
    "sentrepresenting",
    "deliverytime",
    "submittime",
    "creationtime",
    "receivedby",
    "body",
    "size",
    "messageid",
    "entryid",
    "importance",
    "flags",
    "transportmessageheaders",
];

/// `…(SubjectProperty)=value)` around the `)=` at `at`.
fn comparison(text: &str, at: usize) -> Option<Condition> {
    let property = text.get(..at)?.rsplit(['(', ' ']).next()?;
    let rest = text.get(at + 2..)?;
    // A value ends where the next comparison or the restriction does.
    let end = [")(", ") And", ") Or", "),", ")|", ")&"].iter().filter_map(|end| rest.find(end)).min();
    let value = match end {
        Some(end) => rest.get(..end)?,
        None => rest.trim_end_matches([')', '}', ' ']),
    };
    Some(Condition { name: property.to_owned(), values: vec![value.trim_matches(['"', '\'', ' ']).to_owned()] })
}

/// Returns whether messages fail this condition in practice.
pub(super) fn narrows(condition: &Condition) -> bool {
    if condition.name == ALL_MAIL {
        return false;
    }
    if condition.name == RESTRICTION {
        return condition.values.iter().any(|text| !is_existence_of_class(text));
    }
    if condition.name.eq_ignore_ascii_case("ItemClass") {
        return !condition
            .values
            .iter()
            .any(|value| value.eq_ignore_ascii_case("IPM.Note") || value.eq_ignore_ascii_case("IPM"));
    }
    let is_body = is_about_body(&condition.name);
    !condition.values.iter().any(|value| if is_body { is_in_bodies(value) } else { is_trivial(value) })
}

/// Returns whether the property is the sender.
pub(super) fn is_about_sender(condition: &Condition) -> bool {
    let name = condition.name.to_ascii_lowercase();
    name.contains("sender") || name.contains("sentrepresenting") || name.starts_with("from")
}

/// Only `Exists(ItemClass)`: every message has a class.
fn is_existence_of_class(text: &str) -> bool {
    let bare: String = text.chars().filter(|ch| !matches!(ch, '(' | ')' | '{' | '}' | ' ' | ',')).collect();
    let rest = bare.to_ascii_lowercase().replace("existsitemclass", "");
    rest.is_empty() || rest == "and" || rest == "or"
}

fn says(text: &str, word: &str) -> bool {
    text.to_ascii_lowercase().contains(&word.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn existence_of_a_class_narrows_nothing() {
        for all in ["{(Exists(ItemClass))}", "(Exists(ItemClass))", "{(And((Exists(ItemClass))))}"] {
            assert!(read(all, 2026).iter().all(|condition| !narrows(condition)), "{all}");
        }
        assert!(read("{}", 2026).is_empty() && read(" ", 2026).is_empty());
    }

    #[test]
    fn comparisons_are_read_with_their_values() {
        let conditions = read(
            "{(And((SubString IgnoreCase(SubjectProperty)=invoice),(SubString IgnoreCase(SenderAddress)=x@y)))}",
            2026,
        );
        assert_eq!(
            conditions,
            [
                Condition { name: "SubjectProperty".to_owned(), values: vec!["invoice".to_owned()] },
                Condition { name: "SenderAddress".to_owned(), values: vec!["x@y".to_owned()] },
            ]
        );
        assert!(conditions.iter().all(narrows));
        assert!(is_about_sender(&conditions[1]));
    }

    #[test]
    fn one_alternative_met_by_all_messages_means_all_mail() {
        let invoice = "(SubString IgnoreCase(SubjectProperty)=invoice)";
        for all in ["(Exists(ItemClass))", "(SubString IgnoreCase(SenderAddress)=@)"] {
            assert_eq!(read(&format!("{{(Or({invoice},{all}))}}"), 2026), [], "{all}");
            assert!(read(&format!("{{(And({invoice},{all}))}}"), 2026).iter().any(narrows), "{all}");
        }
        let two = format!("{{(Or({invoice},(SubString IgnoreCase(SubjectProperty)=payment)))}}");
        assert!(read(&two, 2026).iter().all(narrows) && read(&two, 2026).len() == 2);
    }

    #[test]
    fn unknown_condition_counts_as_limiting() {
        assert!(read("{(Size > 100000)}", 2026).iter().any(narrows));
        assert!(read("{(Not(Exists(HasAttach)))}", 2026).iter().any(narrows));
    }
}
