//! Holds the plan of the house: every folder of `src` has a rank, and no path leads upwards.

mod circles;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proc_macro2::{TokenStream, TokenTree};

/// The folders and files of `src`, from the bottom to the top. Those of one group do not know each other.
const RANKS: &[&[&str]] = &[
    &["settings", "logging"],
    &["detection", "location"],
    &["tables", "investigation"],
    &["facts"],
    &["notify"],
    &["app"],
    &["tenants"],
    &["readiness"],
    &["collect"],
    &["assess", "casework", "remediation"],
    &["functions"],
    &["host"],
    &["cli"],
    &["lib", "main"],
];

/// The crates below the program, and what each may use of them.
const CRATES: &[(&str, &[&str])] =
    &[("base", &[]), ("audit-log", &["base"]), ("m365", &["base"]), ("table-store", &["base"])];

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rank(folder: &str) -> usize {
    let rank = RANKS.iter().position(|group| group.contains(&folder));
    rank.unwrap_or_else(|| panic!("src/{folder} has no place in the plan of the house"))
}

fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The folder of `src` that a file belongs to, or its own name.
fn folder_of(file: &Path) -> String {
    let below = file.strip_prefix(root().join("src")).unwrap();
    below.components().next().unwrap().as_os_str().to_string_lossy().trim_end_matches(".rs").to_owned()
}

/// The first segment after each `crate::` in a file, in `use` and in inline paths, in macros too.
fn crate_paths(tokens: TokenStream, found: &mut BTreeSet<String>) {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => crate_paths(group.stream(), found),
            TokenTree::Ident(ident) if ident == "crate" => match tokens.get(at + 3) {
                Some(TokenTree::Ident(first)) => {
                    found.insert(first.to_string());
                }
                Some(TokenTree::Group(group)) => found.extend(first_segments(group.stream())),
                _ => {}
            },
            _ => {}
        }
    }
}

/// The first segments of a list such as `{app::App, tables}`.
fn first_segments(list: TokenStream) -> Vec<String> {
    let mut segments = Vec::new();
    let mut is_first = true;
    for token in list {
        match token {
            TokenTree::Ident(ident) if is_first => segments.push(ident.to_string()),
            TokenTree::Punct(punct) if punct.as_char() == ',' => {
                is_first = true;
                continue;
            }
            _ => {}
        }
        is_first = false;
    }
    segments
}

/// Returns each pair of a folder and a folder that it uses, with the files in which it does.
fn uses() -> BTreeMap<(String, String), BTreeSet<PathBuf>> {
    let mut uses: BTreeMap<(String, String), BTreeSet<PathBuf>> = BTreeMap::new();
    for file in source_files(&root().join("src")) {
        let text = std::fs::read_to_string(&file).unwrap();
        // Parsed as a file first, so that what is no Rust is named.
        syn::parse_file(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let mut found = BTreeSet::new();
        crate_paths(text.parse().unwrap(), &mut found);
        let folder = folder_of(&file);
        for used in found.into_iter().filter(|used| *used != folder) {
            uses.entry((folder.clone(), used)).or_default().insert(file.clone());
        }
    }
    uses
}

#[test]
fn no_module_uses_one_of_its_own_rank_or_above() {
    let uses = uses();
    assert!(uses.len() > 30, "the files were not read: {uses:?}");
    let upwards: Vec<String> = uses
        .iter()
        .filter(|((from, to), _)| rank(from) <= rank(to))
        .map(|((from, to), files)| format!("{from} uses {to} in {files:?}"))
        .collect();
    assert!(upwards.is_empty(), "{upwards:#?}");
}

#[test]
fn paths_are_found_wherever_they_stand() {
    let text =
        "use crate::{app::App, tables as t}; fn f() { m!(crate::notify::x()); crate::cli::run::<crate::host::H>() }";
    let mut found = BTreeSet::new();
    crate_paths(text.parse().unwrap(), &mut found);
    assert_eq!(found, ["app", "tables", "notify", "cli", "host"].map(str::to_owned).into());
}

#[test]
fn crates_use_nothing_but_the_base() {
    let names: BTreeSet<&str> = CRATES.iter().map(|(name, _)| *name).chain(["tenantwatch"]).collect();
    for (name, allowed) in CRATES {
        let manifest = std::fs::read_to_string(root().join("crates").join(name).join("Cargo.toml")).unwrap();
        let dependencies = manifest.lines().filter_map(|line| line.split([' ', '.']).next());
        let own: BTreeSet<&str> = dependencies.filter(|dependency| names.contains(dependency)).collect();
        assert_eq!(own, allowed.iter().copied().collect(), "{name}");
    }
    let folders = std::fs::read_dir(root().join("crates")).unwrap().count();
    assert_eq!(folders, CRATES.len());
}

/// The folders whose data are the operations of the audit log, which have the names of cmdlets.
const READERS_OF_OPERATIONS: &[&str] = &["detection", "investigation"];

/// The files that tell a technician which command to type.
const ADVICE: &[&str] = &["src/readiness/tenant.rs", "src/tenants/states.rs"];

/// Calls `see` with each string of a file. Comments are no strings.
fn strings(tokens: TokenStream, see: &mut impl FnMut(&str)) {
    let mut is_attribute = false;
    for token in tokens {
        match &token {
            TokenTree::Group(_) if is_attribute => {}
            TokenTree::Group(group) => strings(group.stream(), see),
            TokenTree::Literal(literal) => see(&literal.to_string()),
            _ => {}
        }
        is_attribute = matches!(&token, TokenTree::Punct(punct) if punct.as_char() == '#' || is_attribute && punct.as_char() == '!');
    }
}

/// Returns whether a string contains the name of a cmdlet, such as `Get-Mailbox`.
fn names_cmdlet(text: &str) -> bool {
    const VERBS: [&str; 8] = ["Get", "Set", "New", "Add", "Remove", "Enable", "Disable", "Update"];
    VERBS.iter().any(|verb| {
        text.match_indices(&format!("{verb}-")).any(|(at, found)| {
            let is_start = !text[..at].ends_with(char::is_alphanumeric);
            is_start && text[at + found.len()..].starts_with(|c: char| c.is_ascii_uppercase())
        })
    })
}

#[test]
fn cmdlets_are_named_in_the_clients_only() {
    let mut named = Vec::new();
    for file in source_files(&root().join("src")) {
        let path = file.strip_prefix(root()).unwrap().to_string_lossy().into_owned();
        if READERS_OF_OPERATIONS.contains(&folder_of(&file).as_str()) || ADVICE.contains(&path.as_str()) {
            continue;
        }
        let text = std::fs::read_to_string(&file).unwrap();
        strings(text.parse().unwrap(), &mut |string| {
            if names_cmdlet(string) {
                named.push(format!("{path}: {string}"));
            }
        });
    }
    assert!(named.is_empty(), "crates/m365 has a typed call for these, or should: {named:#?}");
}

#[test]
fn stages_build_and_take_apart_no_json_of_a_service() {
    let untyped = ["json!", ".pointer(", "as_object()"];
    let mut found = Vec::new();
    for folder in ["remediation", "assess", "facts", "readiness", "collect"] {
        for file in source_files(&root().join("src").join(folder)) {
            let text = std::fs::read_to_string(&file).unwrap();
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            let uses = untyped.iter().filter(|form| text.contains(**form));
            found.extend(uses.map(|form| format!("{}: {form}", file.display())));
        }
    }
    assert!(found.is_empty(), "crates/m365 has a type for this, or should: {found:#?}");
}

#[test]
fn names_of_cmdlets_are_recognized() {
    assert!(names_cmdlet("\"Get-Mailbox\"") && names_cmdlet("run Set-OrganizationConfig"));
    assert!(!names_cmdlet("\"set-mailbox\"") && !names_cmdlet("\"Retry-After\"") && !names_cmdlet("Set-up"));
    let mut seen = Vec::new();
    let text = "//! `Get-A`\n/// `Get-B`\n#[doc = \"Get-C\"] fn f() { m!(\"Get-D\") }";
    strings(text.parse().unwrap(), &mut |string| seen.push(string.to_owned()));
    assert_eq!(seen, ["\"Get-D\""]);
}
