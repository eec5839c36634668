//! The README and the lists in the code say the same.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;
use table_store::StoreError;
use tenantwatch::notify::token::TokenRefusal;
use tenantwatch::remediation::{AccountChoice, Action, Outcome, Refusal, RunStatus, steps};
use tenantwatch::settings::SETTINGS;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn the_readme_names_every_setting_and_no_other() {
    let readme = read("README.md");
    let settings = readme.split("## Settings").nth(1).unwrap().split("\n## ").next().unwrap();
    let documented: BTreeSet<&str> =
        settings.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`').map(|(name, _)| name)).collect();
    let known: BTreeSet<&str> = SETTINGS.iter().map(|setting| setting.name).collect();
    assert_eq!(documented, known);
}

#[test]
fn every_setting_that_the_code_reads_is_in_the_list() {
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

#[test]
fn every_link_in_the_documentation_leads_somewhere() {
    let mut pages: Vec<PathBuf> = vec!["README.md".into(), "CHANGELOG.md".into(), "flow/README.md".into()];
    for file in std::fs::read_dir(root().join("docs")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path.strip_prefix(root()).unwrap().to_owned());
        }
    }
    let mut broken = Vec::new();
    for page in &pages {
        for target in
            read(page).split("](").skip(1).filter_map(|rest| rest.split_once(')').map(|(target, _)| target.to_owned()))
        {
            let file = target.split('#').next().unwrap_or_default();
            let is_local = !file.is_empty() && !file.contains("://") && !file.starts_with("mailto:");
            if is_local && !root().join(page.parent().unwrap()).join(file).exists() {
                broken.push(format!("{}: {target}", page.display()));
            }
        }
    }
    assert!(broken.is_empty(), "{broken:#?}");
}

/// The first column of the table in a page whose heading begins so.
fn first_column(page: &str, heading: &str) -> Vec<String> {
    let table = page.split(heading).nth(1).unwrap_or_else(|| panic!("no table {heading}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.split('|').nth(1).unwrap().trim().trim_matches('`').to_owned()).collect()
}

fn words<T: Serialize>(all: &[T]) -> Vec<String> {
    all.iter().map(|one| serde_json::to_value(one).unwrap().as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_page_about_remediate_account_names_every_word_of_its_answers_and_no_other() {
    let page = read("docs/remediation.md");
    let steps: Vec<_> = steps::all().into_iter().map(|step| step.step).collect();
    assert_eq!(first_column(&page, "| `Status` |"), words(&RunStatus::ALL));
    assert_eq!(first_column(&page, "| `Outcome` |"), words(&Outcome::ALL));
    assert_eq!(first_column(&page, "| `Step` |"), words(&steps));
    assert_eq!(first_column(&page, "| action |"), Action::ALL.map(Action::as_str));
    assert_eq!(first_column(&page, "| account |"), AccountChoice::ALL.map(AccountChoice::as_str));
}

#[test]
fn the_page_about_remediate_account_names_every_status_that_it_refuses_with() {
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
    // The doors around it refuse other methods and other types of content, and answer where a run was cut off.
    let of_doors = [200, 405, 415, 500, 504];
    let page = read("docs/remediation.md");
    let documented: BTreeSet<u16> =
        first_column(&page, "| status |").iter().map(|status| status.parse().unwrap()).collect();
    assert_eq!(documented, refused.into_iter().chain(of_doors).collect());
}
