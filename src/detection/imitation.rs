//! Recognizes domains that imitate the organization's own, and names that imitate Microsoft's.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use base::ids::Domain;

use super::fold::folded;

/// The shortest label that one wrong, missing, additional or swapped character still resembles.
const LONG_LABEL: usize = 6;

/// The shortest label that counts as a part of a longer one, as in `contoso-billing.example`.
const LONG_PART: usize = 5;

/// The shortest word that counts inside a longer one, as in `rnicrosoft365`, and with one wrong character, as in `Outlok`.
const LONG_WORD: usize = 7;

static MICROSOFT_NAMES: LazyLock<Vec<(&'static str, String)>> = LazyLock::new(|| {
    super::data::lines(include_str!("data/microsoft_names.txt")).map(|name| (name, skeleton(name))).collect()
});

/// Returns whether the name of an application imitates a Microsoft product: `rnicrosoft`, `0utlook`, `Micro soft`, look-alike letters. The
/// true spelling is no imitation.
pub(super) fn imitates_microsoft(name: &str) -> bool {
    let lower = name.to_lowercase();
    let words: Vec<&str> = lower.split(|ch: char| !ch.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is_parted = words.concat().contains("microsoft") && !words.iter().any(|word| word.contains("microsoft"));
    is_parted
        || words.iter().any(|word| MICROSOFT_NAMES.iter().any(|(true_name, bones)| imitates(word, true_name, bones)))
}

fn imitates(word: &str, true_name: &str, bones: &str) -> bool {
    if word.contains(true_name) {
        return false;
    }
    let word = skeleton(word);
    word == bones
        || (true_name.len() >= LONG_WORD && word.contains(bones))
        || (true_name.len() >= LONG_WORD && is_misspelled(&word, bones))
}

/// Returns whether a word is a name with one wrong character. Without its first letter it may be a name of its own: `XChange`.
fn is_misspelled(word: &str, name: &str) -> bool {
    word.chars().next() == name.chars().next() && is_near(word, name)
}

/// Returns the registered labels of domains, such as `contoso`, as far as they are long enough to be recognized.
pub(super) fn labels(domains: &BTreeSet<Domain>) -> BTreeSet<String> {
    let long_enough = |label: &String| label.chars().count() >= LONG_PART - 1;
    domains.iter().map(|domain| own_label(&domain.to_unicode()).to_owned()).filter(long_enough).collect()
}

/// Returns whether an external domain looks like one of the own domains. Their sub-domains do not.
pub(super) fn imitates_one(domain: &Domain, own: &BTreeSet<Domain>) -> bool {
    let is_own = own.iter().any(|own| own == domain || domain.is_below(own));
    !is_own && own.iter().any(|own| resembles(domain, own))
}

fn resembles(domain: &Domain, own: &Domain) -> bool {
    let (theirs, ours) = (domain.to_unicode(), own.to_unicode());
    let (theirs, ours) = (own_label(&theirs), own_label(&ours));
    if ours.chars().count() < LONG_PART - 1 {
        return false;
    }
    let (their_bones, our_bones) = (skeleton(theirs), skeleton(ours));
    their_bones == our_bones
        || (ours.chars().count() >= LONG_LABEL && is_near(&their_bones, &our_bones))
        || (ours.chars().count() >= LONG_PART && theirs.split('-').any(|part| skeleton(part) == our_bones))
}

/// Returns the label that an organization registers: `contoso` of `mail.contoso.co.uk`. Public suffixes of two labels are
/// recognized by the length of the second last one, because the list of all of them would be a dependency for a hint.
fn own_label(domain: &str) -> &str {
    let labels: Vec<&str> = domain.trim_end_matches(".onmicrosoft.com").split('.').collect();
    match labels.as_slice() {
        [.., label, second, top] if second.len() <= 3 && top.len() == 2 => label,
        [.., label, _] => label,
        [label] => label,
        [] => domain,
    }
}

/// Text with one form for all characters that look alike.
pub(super) fn skeleton(text: &str) -> String {
    let folded: String = folded(text).chars().map(alike).collect();
    folded.replace("rn", "m").replace("vv", "w").replace("cl", "d")
}

/// Digits and signs as the letters that they look like; `i` and `l` as one.
fn alike(ch: char) -> char {
    match ch {
        '0' => 'o',
        '1' | 'i' | '|' | '!' => 'l',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '8' => 'b',
        _ => ch,
    }
}

/// Returns whether one character is wrong, missing or added, or two neighbours are swapped.
fn is_near(one: &str, other: &str) -> bool {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let same_start = one.iter().zip(&other).take_while(|(a, b)| a == b).count();
    let (one, other) = (one.get(same_start..).unwrap_or_default(), other.get(same_start..).unwrap_or_default());
    match (one, other) {
        ([], []) => false,
        ([_, rest @ ..], _) if rest == other => true,
        (_, [_, rest @ ..]) if rest == one => true,
        ([a, b, one @ ..], [c, d, other @ ..]) if one == other && (b == d || (a == d && b == c)) => true,
        ([_, one @ ..], [_, other @ ..]) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn imitations_of_microsoft_are_recognized() {
        for name in [
            "rnicrosoft Office",
            "Micros0ft Teams",
            "Mlcrosoft",
            "Мicrosoft 365",
            "Micro soft Login",
            "M\u{200B}icrosoft",
            "Microsft Outlook",
            "0utlook Web",
            "OneDrlve",
            "ＳharePoint",
            "0ffice365 Update",
            "Outlok",
            "OneDirve",
            "SharePiont Online",
            "Exchnage Online",
            "Mircosoft Authenticator",
            "Authentcator",
        ] {
            assert!(imitates_microsoft(name), "{name}");
        }
    }

    #[test]
    fn true_and_ordinary_names_imitate_nothing() {
        for name in [
            "Microsoft Graph Explorer",
            "Backup for Microsoft 365",
            "Officeworks",
            "Officer",
            "Outlook",
            "Outlook2Cal",
            "Lookout",
            "PDF-XChange Editor",
            "Exchanger",
            "One Driver",
            "SharePoints",
            "Zoom",
            "会議",
            "",
        ] {
            assert!(!imitates_microsoft(name), "{name}");
        }
    }

    #[test]
    fn a_domain_resembles_another_by_look_spelling_or_part() {
        let is_alike = |domain: &str| resembles(&domain.parse().unwrap(), &"contoso.com".parse().unwrap());
        for domain in [
            "c0ntoso.com",
            "contosso.com",
            "cont0s0.example",
            "contoso.co",
            "contoso-billing.com",
            "cоntoso.com",
            "contsoo.com",
            "mail.contosо.com",
        ] {
            assert!(is_alike(domain), "{domain}");
        }
        for domain in ["fabrikam.com", "contour.com", "gmail.com", "constant.example", "toso.com"] {
            assert!(!is_alike(domain), "{domain}");
        }
    }
}
