//! Compares the documents with the lists in the code.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Serialize;
use table_store::StoreError;
use tenantwatch::notify::token::TokenRefusal;
use tenantwatch::remediation::contain::Condition;
use tenantwatch::remediation::{AccountChoice, Action, Outcome, Refusal, RunStatus, steps};
use tenantwatch::settings::SETTINGS;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Returns the rows of the settings tables: each name with the rest of its row.
fn documented_settings() -> BTreeMap<String, String> {
    let rows = read("docs/settings.md");
    let rows = rows.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` | "));
    let mut settings = BTreeMap::new();
    for (name, rest) in rows {
        assert!(settings.insert(name.to_owned(), rest.to_owned()).is_none(), "{name} is listed twice");
    }
    settings
}

#[test]
fn settings_page_lists_exactly_the_known_settings() {
    let documented: BTreeSet<String> = documented_settings().into_keys().collect();
    let known: BTreeSet<String> = SETTINGS.iter().map(|setting| setting.name.to_owned()).collect();
    assert_eq!(documented, known);
}

#[test]
fn settings_page_marks_exactly_the_secret_settings() {
    let documented = documented_settings();
    for setting in SETTINGS {
        let is_marked = documented[setting.name].starts_with("Secret. ");
        assert_eq!(is_marked, setting.secret, "{}", setting.name);
    }
}

#[test]
fn settings_list_contains_every_setting_read_by_code() {
    let known: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    let mut read_by_code = BTreeSet::new();
    for file in std::fs::read_dir(root().join("src/settings")).unwrap() {
        let path = file.unwrap().path();
        let code = std::fs::read_to_string(&path).unwrap();
        let is_name = |text: &&str| {
            text.starts_with("AzureWebJobsStorage")
                || (text.len() > 4 && text.contains('_') && text.bytes().all(|b| b.is_ascii_uppercase() || b == b'_'))
        };
        read_by_code.extend(code.split('"').skip(1).step_by(2).filter(is_name).map(str::to_owned));
    }
    let missing: Vec<&String> = read_by_code.iter().filter(|name| !known.contains(name.as_str())).collect();
    assert!(missing.is_empty(), "read, but in no list: {missing:?}");
    assert!(read_by_code.len() > 25, "the search finds the names: {read_by_code:?}");
}

/// Returns the paths of all pages, relative to the root.
fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        ["README.md", "CHANGELOG.md", "SECURITY.md", "flow/README.md"].map(PathBuf::from).into();
    for file in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
    pages
}

/// Returns every file with Rust code below a folder.
fn code_files(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            code_files(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}

#[test]
fn tests_that_the_pages_name_exist() {
    let mut files = Vec::new();
    for folder in ["tests", "crates", "simulator", "src"] {
        code_files(&root().join(folder), &mut files);
    }
    let code: String = files.iter().map(|file| std::fs::read_to_string(file).unwrap()).collect();
    let mut named = 0;
    for page in ["docs/testing.md", "docs/threat-model.md"] {
        let text = read(page);
        let is_test = |name: &&str| {
            name.matches('_').count() >= 3
                && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        };
        for name in text.split('`').skip(1).step_by(2).filter(is_test) {
            assert!(code.contains(&format!("fn {name}(")), "{page} names {name}, which is no test");
            named += 1;
        }
    }
    assert!(named > 80, "{named} names found");
}

/// Returns the anchors of a page, made from its headings as GitHub does.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = read(page);
    let prose = text.split("```").step_by(2).flat_map(str::lines);
    let headings =
        prose.filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim().to_lowercase());
    let kept = |c: &char| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_');
    headings.map(|heading| heading.chars().filter(kept).collect::<String>().replace(' ', "-")).collect()
}

/// Returns why a link of a page leads nowhere, if it does.
fn broken(page: &Path, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let linked = match file {
        "" => page.to_owned(),
        file => page.parent().unwrap().join(file),
    };
    let leads_somewhere = root().join(&linked).exists() && (anchor.is_empty() || anchors(&linked).contains(anchor));
    (!leads_somewhere).then(|| format!("{}: {target}", page.display()))
}

#[test]
fn links_lead_to_existing_files_and_headings() {
    let mut found = Vec::new();
    for page in pages() {
        let text = read(&page);
        let targets = text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0));
        found.extend(targets.filter_map(|target| broken(&page, target)));
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn source_paths_in_the_docs_exist() {
    let folders = ["src/", "tests/", "crates/", "simulator/", "infra/", "scripts/", "flow/", "fuzz/", "docs/"];
    let is_path = |text: &&str| {
        folders.iter().any(|folder| text.starts_with(folder))
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./".contains(c))
    };
    let mut missing = Vec::new();
    // Decisions are records of their time and may name files that have moved since.
    for page in pages().into_iter().filter(|page| !page.ends_with("decisions.md")) {
        let text = read(&page).replace("```", "");
        let paths = text.split('`').skip(1).step_by(2).filter(is_path);
        missing
            .extend(paths.filter(|path| !root().join(path).exists()).map(|path| format!("{}: {path}", page.display())));
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn every_decision_has_its_three_lines() {
    let text = read("docs/decisions.md");
    let decisions: Vec<&str> = text.split("\n## ").skip(1).collect();
    assert!(decisions.len() > 50);
    for decision in decisions {
        for word in ["Decision: ", "Reason: ", "Rejected: "] {
            let lines = decision.lines().filter(|line| line.starts_with(word)).count();
            assert_eq!(lines, 1, "{word}in: {decision}");
        }
    }
}

/// Returns the first column of the table that begins with this heading.
fn first_column(page: &str, heading: &str) -> Vec<String> {
    let table = page.split(heading).nth(1).unwrap_or_else(|| panic!("no table {heading}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).unwrap().trim().trim_matches('`').to_owned()).collect()
}

fn words<T: Serialize>(all: &[T]) -> Vec<String> {
    all.iter().map(|one| serde_json::to_value(one).unwrap().as_str().unwrap().to_owned()).collect()
}

#[test]
fn remediation_page_lists_exactly_the_words_of_the_response() {
    let page = read("docs/remediation.md");
    let steps: Vec<_> = steps::all().into_iter().map(|step| step.step).collect();
    assert_eq!(first_column(&page, "| `Status` |"), words(&RunStatus::ALL));
    assert_eq!(first_column(&page, "| `Outcome` |"), words(&Outcome::ALL));
    assert_eq!(first_column(&page, "| `Step` |"), words(&steps));
    assert_eq!(first_column(&page, "| action |"), Action::OF_REQUESTS.map(Action::as_str));
    assert_eq!(first_column(&page, "| account |"), AccountChoice::ALL.map(AccountChoice::as_str));
}

#[test]
fn remediation_page_lists_every_http_status() {
    let lost = || StoreError::Unavailable(String::new());
    let refusals = [
        Refusal::TooLarge,
        Refusal::BadRequest(String::new()),
        Refusal::Token(TokenRefusal::Wrong),
        Refusal::NoSuchThreat(""),
        Refusal::Protected(String::new()),
        Refusal::Busy,
        Refusal::NoSnapshot,
        Refusal::Store(lost()),
        Refusal::HalfDismissed(lost()),
        Refusal::Unsure,
        Refusal::Unreachable(String::new()),
    ];
    let refused: BTreeSet<u16> = refusals.iter().map(Refusal::status).collect();
    // The hosts around it reject other methods and content types, and respond if a run was cut off.
    let of_hosts = [200, 405, 415, 500, 504];
    let page = read("docs/remediation.md");
    let documented: BTreeSet<u16> =
        first_column(&page, "| status |").iter().map(|status| status.parse().unwrap()).collect();
    assert_eq!(documented, refused.into_iter().chain(of_hosts).collect());
}

#[test]
fn containment_page_lists_exactly_the_conditions() {
    let page = read("docs/containment.md");
    let mut listed = first_column(&page, "| `Refused:` |");
    let mut conditions: Vec<String> = Condition::ALL.iter().map(|condition| condition.unmet().to_owned()).collect();
    listed.sort();
    conditions.sort();
    assert_eq!(listed, conditions);
}
