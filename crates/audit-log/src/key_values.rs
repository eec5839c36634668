//! Reads names and values out of text that used to be a list of properties.
//!
//! Three damaged forms are known: `@{Name=ForwardTo; Value=a@b}`, which PowerShell writes beyond the depth of `ConvertTo-Json`;
//! `ForwardTo=a@b | DeleteMessage=True`, as Hawk joins parameters; and `ForwardTo: a@b; DeleteMessage: True`, one per line or not.

/// A name with its value, in the order of the text.
pub type Pair = (String, Option<String>);

/// Returns the properties in `text`. `None` if it has none of the known forms.
pub fn pairs(text: &str) -> Option<Vec<Pair>> {
    let text = text.trim();
    if text.starts_with("@{") {
        let objects = text.split("@{").skip(1).map(|object| {
            let object = object.trim_end_matches(|ch: char| ch.is_whitespace() || matches!(ch, ',' | ';'));
            fields(object.strip_suffix('}').unwrap_or(object), &['=']).map(as_properties)
        });
        return objects.collect::<Option<Vec<_>>>().map(|objects| objects.concat());
    }
    fields(text, &['=', ':']).map(as_properties)
}

/// Fields that are called `Name` and `Value` in turn are one property each; all others are properties of their own.
fn as_properties(fields: Vec<(&str, &str)>) -> Vec<Pair> {
    let is = |at: usize, name: &str| fields.get(at).is_some_and(|(field, _)| field.eq_ignore_ascii_case(name));
    let is_list = (0..fields.len()).all(|at| is(at, if at % 2 == 0 { "Name" } else { "Value" }));
    if is_list && fields.len() > 1 {
        return fields
            .chunks(2)
            .filter_map(|chunk| Some((chunk.first()?.1.to_owned(), chunk.get(1).map(|(_, value)| (*value).to_owned()))))
            .collect();
    }
    fields.into_iter().map(|(name, value)| (name.to_owned(), Some(value.to_owned()))).collect()
}

/// The fields of a text whose first word is the name of one.
fn fields<'a>(text: &'a str, signs: &[char]) -> Option<Vec<(&'a str, &'a str)>> {
    let (_, first) = name_at(text, 0, signs)?;
    let sign = text.get(..first)?.chars().next_back()?;
    let separators: &[char] =
        if text.contains('|') && !text.contains(';') || text.contains(" | ") { &['|', '\n'] } else { &[';', '\n'] };
    let ends = text.match_indices(separators).map(|(at, found)| (at, at + found.len()));
    let starts: Vec<(usize, usize, &str, usize)> = std::iter::once((0, 0))
        .chain(ends)
        .filter_map(|(end, start)| name_at(text, start, &[sign]).map(|(name, value)| (end, start, name, value)))
        .collect();
    let fields = starts.iter().enumerate().filter_map(|(at, (_, _, name, value))| {
        let end = starts.get(at + 1).map_or(text.len(), |(end, ..)| *end);
        Some((*name, text.get(*value..end)?.trim()))
    });
    Some(fields.collect())
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
