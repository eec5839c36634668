use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use tenantwatch::detection::{FindingKind, ReasonName, is_selected, judge};

use super::fixtures::situations;

const PAGE: &str = include_str!("../../../docs/detections.md");

/// The headings of one level below a chapter.
fn headings(chapter: &str) -> BTreeSet<&'static str> {
    let start = PAGE.find(&format!("\n## {chapter}\n")).unwrap_or_else(|| panic!("no chapter {chapter}"));
    let rest = &PAGE[start + 4..];
    let rest = rest.find("\n## ").map_or(rest, |end| &rest[..end]);
    rest.lines().filter_map(|line| line.strip_prefix("### ")).map(|heading| heading.trim_matches('`')).collect()
}

#[test]
fn the_page_explains_every_reason_and_no_other() {
    let known: BTreeSet<&str> = ReasonName::ALL.iter().map(|name| name.as_str()).collect();
    assert_page_has("Reasons", &headings("Reasons"), &known);
}

/// Fails with the difference alone: a reader cannot find one name in two lists of a hundred.
fn assert_page_has<T: Ord + std::fmt::Debug>(chapter: &str, page: &BTreeSet<T>, code: &BTreeSet<T>) {
    let (missing, surplus): (Vec<&T>, Vec<&T>) = (code.difference(page).collect(), page.difference(code).collect());
    assert!(page == code, "docs/detections.md, {chapter}: add {missing:?}, remove {surplus:?}");
}

/// The parts of a chapter, by their headings.
fn parts(chapter: &str) -> BTreeMap<&'static str, &'static str> {
    let start = PAGE.find(&format!("\n## {chapter}\n")).unwrap() + 4;
    let rest = &PAGE[start..];
    let rest = rest.find("\n## ").map_or(rest, |end| &rest[..end]);
    let parts = rest.split("\n### ").skip(1).filter_map(|part| part.split_once('\n'));
    parts.map(|(heading, text)| (heading.trim_matches('`'), text)).collect()
}

/// Reasons of rules and of mailbox forwarding. Each of them shows a sentence.
const OF_RULES: &[&str] = &[
    "ForwardsExternally",
    "TargetUnresolved",
    "ForwardsInternally",
    "ForwardsToTrusted",
    "DeletesMessages",
    "HidesInFolder",
    "MovesToArchiveOrJunk",
    "MarksAsRead",
    "StopsProcessing",
    "AppliesToAllMail",
    "SensitiveWords",
    "TargetsSenders",
    "NamelessRule",
    "ShortName",
    "LookalikeText",
    "ChangedByAnother",
    "HiddenRule",
    "ContentNotVisible",
    "MailboxForwardsExternally",
    "MailboxForwardsInternally",
    "KeepsNoCopy",
];

#[test]
fn sentences_of_the_page_are_sentences_of_findings() {
    let mut sentences: BTreeSet<(&str, String)> = BTreeSet::new();
    for (_, situation) in situations() {
        if let Some(finding) = judge(&situation.record(), &situation.knowledge()) {
            sentences.extend(finding.reasons.into_iter().map(|reason| (reason.name.as_str(), reason.sentence)));
        }
    }
    for (reason, text) in parts("Reasons") {
        let shown: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("> ")).collect();
        let known: Vec<&String> = sentences.iter().filter(|(name, _)| *name == reason).map(|(_, said)| said).collect();
        assert!(!shown.is_empty() || !OF_RULES.contains(&reason), "{reason} shows one of {known:?}");
        for sentence in shown {
            assert!(
                known.iter().any(|said| *said == sentence),
                "{reason} shows {sentence:?}, which is none of {known:?}"
            );
        }
    }
}

#[test]
fn the_page_explains_every_type_and_no_other() {
    let known: BTreeSet<&str> = FindingKind::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_page_has("Types", &headings("Types"), &known);
}

#[test]
fn page_lists_exactly_the_selected_operations() {
    let rest = &PAGE[PAGE.find("\n## Operations\n").unwrap() + 4..];
    let chapter = &rest[..rest.find("\n## ").unwrap()];
    let listed: BTreeSet<String> =
        chapter.split('`').skip(1).step_by(2).map(|operation| operation.trim_end_matches('.').to_owned()).collect();
    for operation in &listed {
        assert!(is_selected(operation), "{operation} is on the page and not selected");
    }
    let source = std::fs::read_to_string(root().join("src/detection/selection.rs")).unwrap();
    let table = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("(\""))
        .filter_map(|line| line.split_once("\", OperationKind::"));
    let selected: BTreeSet<String> = table.map(|(operation, _)| operation.to_owned()).collect();
    assert!(selected.len() > 40);
    assert_page_has("Operations", &listed, &selected);
}

#[test]
fn the_page_names_every_data_list() {
    let mut lists = Vec::new();
    for folder in ["src/detection/data", "src/detection/data/words"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                lists.push(path.strip_prefix(root()).unwrap().to_string_lossy().into_owned());
            }
        }
    }
    assert!(lists.len() >= 15);
    for list in &lists {
        assert!(PAGE.contains(list.as_str()), "{list} is not on the page");
    }
    for named in PAGE
        .split('`')
        .skip(1)
        .step_by(2)
        .filter(|text| text.starts_with("src/detection/data/") && text.ends_with(".txt"))
    {
        assert!(Path::new(&root().join(named)).exists(), "{named} is on the page and not there");
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}
