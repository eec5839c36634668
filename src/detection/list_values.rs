//! Reads lists as parameters write them: joined with `;` or `,`, or as a hash table that adds and removes.

/// Returns the items that a value sets or adds, in lower case. Items that a hash table removes are left out.
pub(super) fn added_items(value: &str) -> Vec<String> {
    let mut adds = true;
    let mut items = Vec::new();
    let inner = value.trim().trim_start_matches(['@', '{', '(', '[']).trim_end_matches(['}', ')', ']']);
    for part in inner.split([';', ',']) {
        let (verb, item) = match part.split_once('=') {
            Some((verb, item)) if is_verb(verb) => (Some(verb), item),
            _ => (None, part),
        };
        if let Some(verb) = verb {
            adds = verb.trim().eq_ignore_ascii_case("add");
        }
        let item = item.trim().trim_matches(['"', '\'', '(', ')', '{', '}', ' ']).trim_start_matches("@(").trim();
        if adds && !item.is_empty() && !item.eq_ignore_ascii_case("$null") {
            items.push(item.to_lowercase());
        }
    }
    items
}

fn is_verb(text: &str) -> bool {
    ["add", "remove"].iter().any(|verb| text.trim().eq_ignore_ascii_case(verb))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_of_a_list_gives_its_items() {
        for text in [
            "a.example;b@x.example",
            "a.example, b@x.example",
            "@{Add=\"a.example\",\"B@x.example\"; Remove=\"c.example\"}",
            "(\"a.example\",\"b@x.example\")",
            "[\"a.example\",\"b@x.example\"]",
            "[ \"a.example\" , \"B@x.example\" ]",
        ] {
            assert_eq!(added_items(text), ["a.example", "b@x.example"], "{text}");
        }
        for empty in ["", " ; ", "$null", "@{Remove=\"a.example\"}"] {
            assert_eq!(added_items(empty), Vec::<String>::new(), "{empty}");
        }
    }
}
