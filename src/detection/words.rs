//! Words that attackers' rules match: of payroll, of money, of security warnings, and of replies and bounces.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use super::fold::{as_written, folded};

/// The subject of a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum WordGroup {
    /// Invoices, payments, accounts.
    Money,
    /// Warnings, passwords, sign-ins.
    Security,
    /// Wages and the services that pay them.
    Payroll,
    /// Bounces, automatic replies and the marks of answers.
    Replies,
}

impl WordGroup {
    /// Returns the group as sentences name it.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Money => "money",
            Self::Security => "security",
            Self::Payroll => "payroll",
            Self::Replies => "replies and bounces",
        }
    }
}

/// Different words of each group. Forms of one word, such as `invoice` and `invoices`, count once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WordCounts(BTreeMap<WordGroup, usize>);

impl WordCounts {
    /// Returns how many different words of the group there are.
    pub fn of(&self, group: WordGroup) -> usize {
        self.0.get(&group).copied().unwrap_or(0)
    }

    /// Sets the number of different words of a group.
    pub fn set(&mut self, group: WordGroup, count: usize) {
        self.0.insert(group, count);
    }

    /// Takes the larger count of each group.
    pub(super) fn raise(&mut self, other: &Self) {
        for (group, count) in &other.0 {
            let own = self.0.entry(*group).or_default();
            *own = (*own).max(*count);
        }
    }
}

/// One list entry: texts that match the same entry look for the same word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Match {
    pub(super) group: WordGroup,
    /// It names the help desk, whose mail people file away as well.
    pub(super) is_help_desk: bool,
    entry: usize,
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
    matched: Match,
}

#[derive(Debug, Default)]
struct Lists {
    /// By the first two letters, so that a text of any length is looked through once.
    by_start: HashMap<String, Vec<Listed>>,
    /// Marks such as `re:` at the begin of a text.
    marks: Vec<(&'static str, Match)>,
}

static LISTED: LazyLock<Lists> = LazyLock::new(|| {
    let mut lists = Lists::default();
    for list in LISTS {
        let (mut group, mut is_help_desk) = (WordGroup::Money, false);
        for line in super::data::lines(list) {
            (group, is_help_desk) = match line {
                "[money]" => (WordGroup::Money, false),
                "[security]" => (WordGroup::Security, false),
                "[help desk]" => (WordGroup::Security, true),
                "[payroll]" => (WordGroup::Payroll, false),
                "[replies]" => (WordGroup::Replies, false),
                _ => {
                    lists.add(line, group, is_help_desk);
                    continue;
                }
            };
        }
    }
    lists
});

impl Lists {
    fn add(&mut self, line: &'static str, group: WordGroup, is_help_desk: bool) {
        let entry = self.marks.len() + self.by_start.values().map(Vec::len).sum::<usize>();
        let matched = Match { group, is_help_desk, entry };
        if line.ends_with(':') {
            return self.marks.push((line, matched));
        }
        let text = folded(line.trim_end_matches('*'));
        let words: Vec<String> = words_of(&text).map(str::to_owned).collect();
        let Some(start) = words.first().map(|first| start_of(first)) else { return };
        self.by_start.entry(start).or_default().push(Listed { open: line.ends_with('*'), words, matched });
    }
}

/// Returns the listed words in a text: of each group the first, and of entries at the same place the longest.
pub(super) fn matches_in(text: &str) -> BTreeSet<Match> {
    matches_of_folded(&folded(text))
}

/// Returns whether a text matches a list only after look-alikes and hidden characters were resolved.
pub(super) fn is_disguised_match(text: &str) -> bool {
    !text.is_ascii() && {
        let (seen, written) = (matches_of_folded(&folded(text)), matches_of_folded(&as_written(text)));
        !seen.is_subset(&written)
    }
}

fn matches_of_folded(text: &str) -> BTreeSet<Match> {
    let words: Vec<&str> = words_of(text).collect();
    let mut found: BTreeMap<WordGroup, Match> = BTreeMap::new();
    for (mark, matched) in &LISTED.marks {
        if text.starts_with(mark) {
            found.entry(matched.group).or_insert(*matched);
        }
    }
    for at in 0..words.len() {
        let Some(rest) = words.get(at..) else { continue };
        let candidates = rest.first().and_then(|first| LISTED.by_start.get(&start_of(first))).into_iter().flatten();
        let mut here: Vec<&Listed> = candidates.filter(|listed| listed.begins(rest)).collect();
        here.sort_by_key(|listed| std::cmp::Reverse(listed.words.iter().map(String::len).sum::<usize>()));
        for listed in here {
            found.entry(listed.matched.group).or_insert(listed.matched);
        }
    }
    found.into_values().collect()
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

/// Returns the number of different words of each group.
pub(super) fn counted(matches: &BTreeSet<Match>) -> WordCounts {
    let mut counts = WordCounts::default();
    for matched in matches {
        *counts.0.entry(matched.group).or_default() += 1;
    }
    counts
}

fn words_of(text: &str) -> impl Iterator<Item = &str> {
    text.split(|ch: char| !ch.is_alphanumeric()).filter(|word| !word.is_empty())
}

fn start_of(word: &str) -> String {
    word.chars().take(2).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn groups_in(text: &str) -> BTreeSet<WordGroup> {
        matches_in(text).into_iter().map(|matched| matched.group).collect()
    }

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
            ("lön", WordGroup::Payroll),
            ("overførsel", WordGroup::Money),
            ("pålogging", WordGroup::Security),
            ("contraseña", WordGroup::Security),
            ("re: hacked!", WordGroup::Security),
            ("mot de passe", WordGroup::Security),
            ("did you send", WordGroup::Security),
            ("regning", WordGroup::Money),
            ("Niedostarczalne: oferta", WordGroup::Replies),
            ("W2s", WordGroup::Payroll),
            ("IBANs", WordGroup::Money),
            ("directdeposit", WordGroup::Payroll),
            ("Pay-roll", WordGroup::Payroll),
            ("W-2", WordGroup::Payroll),
            ("Payment Elections", WordGroup::Payroll),
            ("Sollecito di pagamento", WordGroup::Money),
            ("numéro de compte", WordGroup::Money),
            ("wezwanie do zapłaty", WordGroup::Money),
            ("Kreditfakturor", WordGroup::Money),
            ("fiche de paye", WordGroup::Payroll),
            ("recibos de vencimento", WordGroup::Payroll),
            ("lønnsavdelingen", WordGroup::Payroll),
            ("loonspecificatie", WordGroup::Payroll),
            ("conta invadida", WordGroup::Security),
            ("Identitätsdiebstahl", WordGroup::Security),
            ("usurpé", WordGroup::Security),
            ("truffe", WordGroup::Security),
            ("wyłudzenie", WordGroup::Security),
            ("nettfisking", WordGroup::Security),
            ("helpdesk", WordGroup::Security),
            ("ikke på kontoret", WordGroup::Replies),
            ("außer Haus", WordGroup::Replies),
            ("recapito non riuscito", WordGroup::Replies),
            ("AW:", WordGroup::Replies),
            ("Réponse automatique", WordGroup::Replies),
            ("Unzustellbar: Angebot", WordGroup::Replies),
        ] {
            assert!(groups_in(text).contains(&group), "{text}");
        }
    }

    #[test]
    fn parts_of_other_words_are_not_words() {
        for text in [
            "reach",
            "teacher",
            "Newsletter",
            "swiftly",
            "pontiac",
            "",
            "🙂",
            "[SPAM]",
            "Read later",
            "Regarding",
            "compromiso",
            "Stortinget",
            "place",
            "Hasler",
            "lonely",
            "Ordenado",
            "Cedar Bluff",
            "tilbud",
            "Timo",
        ] {
            assert!(groups_in(text).is_empty(), "{text}: {:?}", groups_in(text));
        }
    }

    #[test]
    fn forms_of_one_word_count_once() {
        let matches = |texts: &[&str]| counted(&texts.iter().flat_map(|text| matches_in(text)).collect());
        assert_eq!(matches(&["invoice", "Invoices", "INVOICE"]).of(WordGroup::Money), 1);
        assert_eq!(matches(&["invoice", "wire", "bank details"]).of(WordGroup::Money), 3);
        assert_eq!(matches(&["RE:", "FW:", "re: offer"]).of(WordGroup::Replies), 2);
    }

    #[test]
    fn disguised_words_are_told_from_ordinary_ones() {
        for text in ["іnvоісе", "pass\u{200B}word", "ｐａｙｍｅｎｔ", "𝐰𝐢𝐫𝐞", "sec\u{AD}urity"]
        {
            assert!(is_disguised_match(text), "{text}");
        }
        for text in ["Überweisung", "płatność", "U\u{308}berweisung", "пароль", "invoice 💰"] {
            assert!(!is_disguised_match(text), "{text}");
        }
    }
}
