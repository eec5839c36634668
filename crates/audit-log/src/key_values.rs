//! Reads names and values out of text that used to be a list of properties.
//!
//! These damaged forms are known: `@{Name=ForwardTo; Value=a@b}`, which PowerShell writes beyond the depth of `ConvertTo-Json`, in
//! either order and with or without quotes; and names with values after `=` or `:`, parted by `|`, `;`, lines, `,`, `&`, tabs, ` / ` or
//! spaces, as Hawk and other programs join parameters.

/// A name with its value, in the order of the text.
pub type Pair = (String, Option<String>);

/// The properties in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) pairs: Vec<Pair>,
    /// A value seems to contain a further property, so the text may be parted wrongly.
    pub(super) is_doubtful: bool,
}

/// Returns the properties in `text`. `None` if it has none of the known forms, or may be parted wrongly.
pub fn pairs(text: &str) -> Option<Vec<Pair>> {
    found(text).filter(|found| !found.is_doubtful).map(|found| found.pairs)
}

/// Returns the properties in `text`. `None` if it has none of the known forms.
pub(super) fn found(text: &str) -> Option<Found> {
    let text = text.trim();
    if text.starts_with("@{") {
        let objects = text.split("@{").skip(1).map(|object| {
            let object = object.trim_end_matches(|ch: char| ch.is_whitespace() || matches!(ch, ',' | ';'));
            fields(object.strip_suffix('}').unwrap_or(object), &['='])
        });
        let objects = objects.collect::<Option<Vec<_>>>()?;
        let is_doubtful = objects.iter().any(|fields| fields.is_doubtful());
        return Some(Found {
            pairs: objects.into_iter().flat_map(|fields| as_properties(fields.0)).collect(),
            is_doubtful,
        });
    }
    fields(text, &['=', ':']).map(|fields| Found { is_doubtful: fields.is_doubtful(), pairs: as_properties(fields.0) })
}

/// Fields that are called `Name` and `Value` in turn, or the other way round, are one property each; all others are properties of their
/// own.
fn as_properties(fields: Vec<(&str, &str)>) -> Vec<Pair> {
    let is = |at: usize, name: &str| fields.get(at).is_some_and(|(field, _)| field.eq_ignore_ascii_case(name));
    let is_list = |first: &str, second: &str| {
        fields.len() > 1 && (0..fields.len()).all(|at| is(at, if at % 2 == 0 { first } else { second }))
    };
    let (name, value) = match (is_list("Name", "Value"), is_list("Value", "Name")) {
        (true, _) => (0, 1),
        (_, true) => (1, 0),
        _ => return fields.into_iter().map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).collect(),
    };
    let of = |chunk: &[(&str, &str)], at: usize| chunk.get(at).map(|(_, text)| (*text).to_owned());
    fields.chunks(2).filter_map(|chunk| Some((of(chunk, name)?, of(chunk, value)))).collect()
}

/// The separators between fields, in the order in which they are tried.
const SEPARATORS: &[&[&str]] = &[&["|", "\n"], &[";", "\n"], &[",", "\n"], &["&"], &["\t"], &[" / "], &[" "]];

struct Fields<'a>(Vec<(&'a str, &'a str)>);

/// The fields of a text whose first word is the name of one. The separator is the one that gives most of them; a space counts only if
/// no other gives two.
fn fields<'a>(text: &'a str, signs: &[char]) -> Option<Fields<'a>> {
    let (first_name, first) = name_at(text, 0, signs)?;
    let sign = text.get(..first)?.chars().next_back()?;
    let is_capital = first_name.starts_with(|ch: char| ch.is_ascii_uppercase());
    let is_alike = |name: &str| name.starts_with(|ch: char| ch.is_ascii_uppercase()) == is_capital;
    let prefers_pipe = text.contains('|') && !text.contains(';') || text.contains(" | ");
    let mut best: Vec<(&str, &str)> = Vec::new();
    let mut most = 0;
    for separators in SEPARATORS {
        let parted = parted(text, sign, separators);
        let count = parted.iter().filter(|(name, _)| is_alike(name)).count();
        let is_space = *separators == [" "];
        let is_better = if is_space { most < 2 && count > most } else { count > most };
        let is_preferred = count == most && separators.contains(&";") && !prefers_pipe;
        if is_better || is_preferred {
            (best, most) = (parted, count);
        }
    }
    Some(Fields(best))
}

/// The fields of a text, each of which begins at the start or behind a separator, with the name of one.
fn parted<'a>(text: &'a str, sign: char, separators: &[&str]) -> Vec<(&'a str, &'a str)> {
    let mut ends: Vec<(usize, usize)> = separators
        .iter()
        .flat_map(|separator| text.match_indices(separator).map(|(at, found)| (at, at + found.len())))
        .collect();
    ends.sort_unstable();
    let starts: Vec<(usize, &str, usize)> = std::iter::once((0, 0))
        .chain(ends)
        .filter_map(|(end, start)| name_at(text, start, &[sign]).map(|(name, value)| (end, name, value)))
        .collect();
    let field = |(at, (_, name, value)): (usize, &(usize, &'a str, usize))| {
        let end = starts.get(at + 1).map_or(text.len(), |(end, ..)| *end);
        Some((*name, unquoted(text.get(*value..end)?.trim())))
    };
    starts.iter().enumerate().filter_map(field).collect()
}

/// The text between quotes, if the whole value is in quotes.
fn unquoted(value: &str) -> &str {
    let inner = |quote: char| value.strip_prefix(quote)?.strip_suffix(quote).filter(|inner| !inner.contains(quote));
    inner('\'').or_else(|| inner('"')).unwrap_or(value)
}

impl Fields<'_> {
    /// Returns whether a value contains the name of a further field, of the kind that cmdlets have: `…, ForwardTo=…`.
    fn is_doubtful(&self) -> bool {
        self.0.iter().any(|(_, value)| has_field_within(value))
    }
}

fn has_field_within(value: &str) -> bool {
    let is_sign = |ch: char| matches!(ch, '=' | ':');
    value.match_indices(is_sign).any(|(at, _)| {
        let before = value.get(..at).unwrap_or_default().trim_end_matches([' ', '"', '\'', '>']);
        let length = before.len() - before.trim_end_matches(|ch: char| ch.is_ascii_alphanumeric()).len();
        let name = before.get(before.len() - length..).unwrap_or_default();
        // A name at the very beginning is a part of the value, as in `smtp:a@b`.
        length < before.len() && is_name_of_cmdlet(name)
    })
}

/// `ForwardTo` and the like: a capital, and another one behind small letters.
fn is_name_of_cmdlet(name: &str) -> bool {
    let is_pascal = name.starts_with(|ch: char| ch.is_ascii_uppercase());
    is_pascal && name.as_bytes().windows(2).any(|pair| pair[0].is_ascii_lowercase() && pair[1].is_ascii_uppercase())
}

/// The name of a field that begins at `start`, and where its value begins. A colon counts before a space or an end only, so that the
/// `smtp:` of an address and the `RE:` of a list of words are none.
fn name_at<'a>(text: &'a str, start: usize, signs: &[char]) -> Option<(&'a str, usize)> {
    const SHORTEST: usize = 3;
    let rest = text.get(start..)?;
    let word = start + (rest.len() - rest.trim_start().len());
    let rest = text.get(word..)?;
    let length = rest.find(|ch: char| !(ch.is_ascii_alphanumeric() || matches!(ch, '_' | '.')))?;
    let name = rest.get(..length)?;
    let after = rest.get(length..)?.trim_start_matches(' ');
    let sign = after.chars().next().filter(|ch| signs.contains(ch))?;
    let value = text.len() - after.len() + sign.len_utf8();
    let is_open = sign == '=' || text.get(value..)?.chars().next().is_none_or(char::is_whitespace);
    let is_name = length >= SHORTEST && name.starts_with(|ch: char| ch.is_ascii_alphabetic());
    (is_name && is_open).then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(String, String)> {
        let pairs = pairs(text).unwrap_or_default();
        pairs.into_iter().map(|(name, value)| (name, value.unwrap_or_default())).collect()
    }

    fn expected(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn damaged_forms_are_read_as_properties() {
        let rule = [("Name", "Hide"), ("ForwardTo", "smtp:a@b.example;c@d.example"), ("DeleteMessage", "True")];
        for text in [
            "Name=Hide | ForwardTo=smtp:a@b.example;c@d.example | DeleteMessage=True",
            "Name: Hide; ForwardTo: smtp:a@b.example;c@d.example; DeleteMessage: True",
            "Name : Hide\r\nForwardTo : smtp:a@b.example;c@d.example\r\nDeleteMessage : True",
            "Name=Hide; ForwardTo=smtp:a@b.example;c@d.example; DeleteMessage=True",
            "@{Name=Hide; ForwardTo=smtp:a@b.example;c@d.example; DeleteMessage=True}",
            "@{Name=Name; Value=Hide} @{Name=ForwardTo; Value=smtp:a@b.example;c@d.example} @{Name=DeleteMessage; Value=True}",
            "Name: Name; Value: Hide; Name: ForwardTo; Value: smtp:a@b.example;c@d.example; Name: DeleteMessage; Value: True",
        ] {
            assert_eq!(read(text), expected(&rule), "{text}");
        }
    }

    #[test]
    fn every_separator_order_and_quote_is_read() {
        let rule = [("Name", "Hide"), ("ForwardTo", "smtp:a@b.example;c@d.example"), ("DeleteMessage", "True")];
        for text in [
            "Name=Hide|ForwardTo=smtp:a@b.example;c@d.example|DeleteMessage=True",
            "Name=Hide, ForwardTo=smtp:a@b.example;c@d.example, DeleteMessage=True",
            "Name: Hide, ForwardTo: smtp:a@b.example;c@d.example, DeleteMessage: True",
            "Name=Hide&ForwardTo=smtp:a@b.example;c@d.example&DeleteMessage=True",
            "Name=Hide\tForwardTo=smtp:a@b.example;c@d.example\tDeleteMessage=True",
            "Name=Hide / ForwardTo=smtp:a@b.example;c@d.example / DeleteMessage=True",
            "Name=Hide ForwardTo=smtp:a@b.example;c@d.example DeleteMessage=True",
            "Name='Hide'; ForwardTo='smtp:a@b.example;c@d.example'; DeleteMessage='True'",
            "@{Value=Hide; Name=Name} @{Value=smtp:a@b.example;c@d.example; Name=ForwardTo} @{Value=True; Name=DeleteMessage}",
            "@{Name=\"Name\"; Value=\"Hide\"}, @{Name=\"ForwardTo\"; Value=\"smtp:a@b.example;c@d.example\"}, @{Name=\"DeleteMessage\"; Value=\"True\"}",
        ] {
            assert_eq!(read(text), expected(&rule), "{text}");
        }
    }

    #[test]
    fn property_within_a_value_makes_the_text_doubtful() {
        for text in ["Name=Hide (ForwardTo=a@b.example", "Name=Hide | SubjectContainsWords=a;b # DeleteMessage: True"] {
            assert!(found(text).unwrap().is_doubtful, "{text}");
            assert_eq!(pairs(text), None, "{text}");
        }
        for text in ["Name=Hide | SubjectContainsWords=Ticket: 5;a=b", "Name=x; ForwardTo=smtp:a@b.example"] {
            assert!(!found(text).unwrap().is_doubtful, "{text}");
        }
    }

    #[test]
    fn words_of_a_list_are_not_taken_for_names() {
        assert_eq!(
            read("@{Name=SubjectContainsWords; Value=RE: ;FW: ;invoice}"),
            expected(&[("SubjectContainsWords", "RE: ;FW: ;invoice")])
        );
    }

    #[test]
    fn free_text_is_not_a_list_of_properties() {
        for text in ["System.Object[]", "Forward to a@b.example", "", "[]", "-Name x -ForwardTo a@b.example"] {
            assert_eq!(pairs(text), None, "{text}");
        }
    }
}
