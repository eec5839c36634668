//! Conditions as mailbox auditing writes them: the text of a MAPI restriction, such as `{(Exists(ItemClass))}` or
//! `{(SubString IgnoreCase(SubjectProperty)=invoice)}`. The grammar is not documented, so it is read with tolerance: what is not
//! understood narrows the rule.
//!
//! Source: test records of SEKOIA-IO/intake-formats (`Office 365/o365/tests/`) and [MS-OXCDATA] 2.12 for what a restriction is.

use super::rule::Condition;
use super::trivial_text::is_trivial;

/// The conditions of a restriction text. Empty when it holds none.
pub(super) fn read(text: &str) -> Vec<Condition> {
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
    conditions
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
    if condition.name == RESTRICTION {
        return condition.values.iter().any(|text| !is_existence_of_class(text));
    }
    if condition.name.eq_ignore_ascii_case("ItemClass") {
        return !condition
            .values
            .iter()
            .any(|value| value.eq_ignore_ascii_case("IPM.Note") || value.eq_ignore_ascii_case("IPM"));
    }
    !condition.values.iter().any(|value| is_trivial(value))
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
            assert!(read(all).iter().all(|condition| !narrows(condition)), "{all}");
        }
        assert!(read("{}").is_empty() && read(" ").is_empty());
    }

    #[test]
    fn comparisons_are_read_with_their_values() {
        let conditions =
            read("{(And((SubString IgnoreCase(SubjectProperty)=invoice),(SubString IgnoreCase(SenderAddress)=x@y)))}");
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
            assert_eq!(read(&format!("{{(Or({invoice},{all}))}}")), [], "{all}");
            assert!(read(&format!("{{(And({invoice},{all}))}}")).iter().any(narrows), "{all}");
        }
        let two = format!("{{(Or({invoice},(SubString IgnoreCase(SubjectProperty)=payment)))}}");
        assert!(read(&two).iter().all(narrows) && read(&two).len() == 2);
    }

    #[test]
    fn unknown_condition_counts_as_limiting() {
        assert!(read("{(Size > 100000)}").iter().any(narrows));
        assert!(read("{(Not(Exists(HasAttach)))}").iter().any(narrows));
    }
}
