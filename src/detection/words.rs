//! Words that a thief's rule looks for: of money, and of security warnings.

use std::collections::{BTreeSet, HashMap};
use std::sync::LazyLock;

use super::fold::folded;

/// What a word is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum WordGroup {
    /// Invoices, payments, accounts.
    Money,
    /// Warnings, passwords, sign-ins.
    Security,
}

impl WordGroup {
    /// `money`, `security`
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Security => "security",
        }
    }
}

/// The lists, by language.
const LISTS: &[&str] = &[
    include_str!("data/words/en.txt"),
    include_str!("data/words/de.txt"),
    include_str!("data/words/fr.txt"),
    include_str!("data/words/es.txt"),
    include_str!("data/words/it.txt"),
    include_str!("data/words/pt.txt"),
    include_str!("data/words/nl.txt"),
    include_str!("data/words/pl.txt"),
    include_str!("data/words/sv.txt"),
    include_str!("data/words/da.txt"),
    include_str!("data/words/no.txt"),
];

/// A listed word or phrase as words of folded text.
#[derive(Debug)]
struct Listed {
    words: Vec<String>,
    /// The last word may go on.
    open: bool,
    group: WordGroup,
}

/// The lists by the first three letters, so that a text of any length is looked through once.
static LISTED: LazyLock<HashMap<String, Vec<Listed>>> = LazyLock::new(|| {
    let mut by_start: HashMap<String, Vec<Listed>> = HashMap::new();
    for list in LISTS {
        let mut group = WordGroup::Money;
        for line in super::data::lines(list) {
            match line {
                "[money]" => group = WordGroup::Money,
                "[security]" => group = WordGroup::Security,
                _ => {
                    let text = folded(line.trim_end_matches('*'));
                    let words: Vec<String> = words_of(&text).map(str::to_owned).collect();
                    let Some(first) = words.first() else { continue };
                    by_start.entry(start_of(first)).or_default().push(Listed {
                        open: line.ends_with('*'),
                        group,
                        words,
                    });
                }
            }
        }
    }
    by_start
});

/// The groups that words of this text belong to.
pub(super) fn groups_in(text: &str) -> BTreeSet<WordGroup> {
    let text = folded(text);
    let words: Vec<&str> = words_of(&text).collect();
    (0..words.len())
        .filter_map(|at| Some((words.get(at..)?, LISTED.get(&start_of(words.get(at)?))?)))
        .flat_map(|(rest, listed)| listed.iter().filter(|listed| listed.begins(rest)).map(|listed| listed.group))
        .collect()
}

impl Listed {
    fn begins(&self, words: &[&str]) -> bool {
        let last = self.words.len() - 1;
        words.len() > last
            && self.words.iter().zip(words).enumerate().all(|(at, (listed, word))| {
                *word == listed || (at == last && self.open && word.starts_with(listed.as_str()))
            })
    }
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|ch: char| !ch.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn start_of(word: &str) -> String {
    word.chars().take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_every_language() {
        for (text, group) in [
            ("Invoice", WordGroup::Money),
            ("RECHNUNGSNUMMER", WordGroup::Money),
            ("virement bancaire", WordGroup::Money),
            ("transferências", WordGroup::Money),
            ("bonifico", WordGroup::Money),
            ("betalingen", WordGroup::Money),
            ("płatność", WordGroup::Money),
            ("lön", WordGroup::Money),
            ("overførsel", WordGroup::Money),
            ("pålogging", WordGroup::Security),
            ("contraseña", WordGroup::Security),
            ("re: hacked!", WordGroup::Security),
            ("mot de passe", WordGroup::Security),
            ("did you send", WordGroup::Security),
        ] {
            assert!(groups_in(text).contains(&group), "{text}");
        }
    }

    #[test]
    fn parts_of_other_words_are_not_words() {
        for text in ["reach", "teacher", "Newsletter", "swiftly", "pontiac", "", "🙂"] {
            assert!(groups_in(text).is_empty(), "{text}");
        }
    }
}
