//! Files of one folder use each other in one direction. A file and the files below it belong together and are not compared.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::Visit;
use syn::{Attribute, Item, ItemMod, ItemUse, Meta, UseTree, Visibility};

use super::{root, source_files};

/// The circles that are still there. A new one is an error, and so is a file that joins one of these.
const KNOWN: &[(&str, &[&str])] = &[
    ("src/casework", &["feed", "look_back", "search"]),
    ("src/casework", &["gathered", "spill", "spill/rest"]),
    ("src/investigation", &["attribution", "investigate", "links", "start"]),
    ("src/investigation", &["baseline", "contexts"]),
    ("src/investigation", &["builder", "limits", "verdict"]),
    ("src/investigation", &["changes", "report"]),
];

/// The name of a module below its folder, such as `["steps", "rules"]`.
type Module = Vec<String>;

/// One file: the paths that it uses, and the names that it exports from other files.
#[derive(Default)]
struct File {
    used: BTreeSet<Vec<String>>,
    exported: BTreeMap<String, Vec<String>>,
}

impl<'ast> Visit<'ast> for File {
    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        let mut paths = Vec::new();
        flatten(&mut Vec::new(), &item.tree, &mut paths);
        if !matches!(item.vis, Visibility::Inherited) {
            self.exported.extend(paths.iter().filter_map(|path| Some((path.last()?.clone(), path.clone()))));
        }
        self.used.extend(paths);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.segments.len() > 1 {
            self.used.insert(path.segments.iter().map(|segment| segment.ident.to_string()).collect());
        }
        syn::visit::visit_path(self, path);
    }

    fn visit_item_mod(&mut self, item: &'ast ItemMod) {
        // Unit tests may use what they like, and modules within a file are part of it.
        if !item.attrs.iter().any(is_for_tests) {
            syn::visit::visit_item_mod(self, item);
        }
    }
}

/// Returns whether an attribute is `#[cfg(test)]`.
fn is_for_tests(attribute: &Attribute) -> bool {
    matches!(&attribute.meta, Meta::List(list) if list.path.is_ident("cfg") && list.tokens.to_string() == "test")
}

/// Adds the paths of a list such as `a::{b, c as d}`.
fn flatten(before: &mut Vec<String>, tree: &UseTree, paths: &mut Vec<Vec<String>>) {
    let with = |name: String| before.iter().cloned().chain([name]).collect();
    match tree {
        UseTree::Path(path) => {
            before.push(path.ident.to_string());
            flatten(before, &path.tree, paths);
            before.pop();
        }
        UseTree::Name(name) if name.ident == "self" => paths.push(before.clone()),
        UseTree::Name(name) => paths.push(with(name.ident.to_string())),
        UseTree::Rename(rename) => paths.push(with(rename.ident.to_string())),
        UseTree::Group(group) => group.items.iter().for_each(|tree| flatten(before, tree, paths)),
        UseTree::Glob(_) => paths.push(before.clone()),
    }
}

/// The files of one folder, by module.
struct Folder {
    /// The path of the folder in `crate::`; empty for the whole of a crate.
    name: Module,
    files: BTreeMap<Module, File>,
}

impl Folder {
    fn read(folder: &Path, name: &[&str]) -> Self {
        let read = |path: PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap();
            (module_of(&path, folder), File::of(&text))
        };
        let name = name.iter().map(|part| (*part).to_owned()).collect();
        Self { name, files: source_files(folder).into_iter().map(read).collect() }
    }

    /// Returns the modules that a module uses, other than those above and below it.
    fn uses<'a>(&'a self, from: &'a Module) -> impl Iterator<Item = Module> + 'a {
        let used = self.files[from].used.iter().filter_map(|path| self.resolve(from, path));
        used.filter(|to| !to.starts_with(from) && !from.starts_with(to))
    }

    /// Returns the file in which the named item stands, if that is one of the folder.
    fn resolve(&self, from: &Module, path: &[String]) -> Option<Module> {
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let (mut module, rest) = match path.as_slice() {
            ["crate", rest @ ..] => {
                let mut rest = rest.iter();
                self.name.iter().all(|part| rest.next() == Some(&part.as_str())).then_some(())?;
                (Module::new(), rest.as_slice())
            }
            ["self", rest @ ..] => (from.clone(), rest),
            ["super", ..] => {
                let ups = path.iter().take_while(|part| **part == "super").count();
                let base = from.len().checked_sub(ups)?;
                (from[..base].to_vec(), &path[ups..])
            }
            [first, ..] if self.files.contains_key(&below(from, first)) => (from.clone(), path.as_slice()),
            _ => return None,
        };
        for (at, part) in rest.iter().enumerate() {
            let child = below(&module, part);
            if self.files.contains_key(&child) {
                module = child;
            } else {
                let exported = self.files.get(&module).and_then(|file| file.exported.get(*part));
                let path = exported.filter(|path| *path != &rest[at..]);
                return path.and_then(|path| self.resolve(&module, path)).or(Some(module));
            }
        }
        Some(module)
    }

    /// Returns the groups of modules that reach each other.
    fn circles(&self) -> BTreeSet<Vec<String>> {
        let uses: BTreeMap<&Module, BTreeSet<Module>> =
            self.files.keys().map(|module| (module, self.uses(module).collect())).collect();
        let reached: BTreeMap<&Module, BTreeSet<Module>> =
            uses.keys().map(|module| (*module, reachable(module, &uses))).collect();
        let circle = |module: &Module| -> Vec<String> {
            let is_back = |other: &&Module| reached[*other].contains(module);
            reached[module].iter().filter(is_back).map(|other| other.join("/")).collect()
        };
        uses.keys().map(|module| circle(module)).filter(|circle| !circle.is_empty()).collect()
    }
}

impl File {
    fn of(text: &str) -> Self {
        let mut file = Self::default();
        let parsed = syn::parse_file(text).unwrap();
        parsed.items.iter().for_each(|item: &Item| file.visit_item(item));
        file
    }
}

fn below(module: &Module, child: &str) -> Module {
    module.iter().cloned().chain([child.to_owned()]).collect()
}

fn module_of(file: &Path, folder: &Path) -> Module {
    let below = file.strip_prefix(folder).unwrap().with_extension("");
    let mut module: Module = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    module.pop_if(|last| last == "mod" || last == "lib");
    module
}

fn reachable(start: &Module, uses: &BTreeMap<&Module, BTreeSet<Module>>) -> BTreeSet<Module> {
    let (mut seen, mut left) = (BTreeSet::new(), vec![start.clone()]);
    while let Some(module) = left.pop() {
        for target in uses.get(&module).into_iter().flatten() {
            if seen.insert(target.clone()) {
                left.push(target.clone());
            }
        }
    }
    seen
}

/// Returns the circles of each folder of the program and of each crate.
fn circles() -> BTreeMap<String, BTreeSet<Vec<String>>> {
    let mut circles = BTreeMap::new();
    for parent in ["src", "crates"] {
        for entry in std::fs::read_dir(root().join(parent)).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let folder = match parent {
                "src" if path.is_dir() => Folder::read(&path, &[&name]),
                "crates" => Folder::read(&path.join("src"), &[]),
                _ => continue,
            };
            circles.insert(format!("{parent}/{name}"), folder.circles());
        }
    }
    circles
}

#[test]
fn files_of_a_folder_use_each_other_in_one_direction() {
    let circles = circles();
    assert!(circles.len() > 15, "the folders were not read: {circles:?}");
    let is_known = |folder: &str, circle: &[String]| {
        KNOWN
            .iter()
            .any(|(in_folder, files)| folder == *in_folder && circle.iter().all(|file| files.contains(&file.as_str())))
    };
    let found = circles.iter().flat_map(|(folder, circles)| circles.iter().map(move |circle| (folder, circle)));
    let new: Vec<_> = found.filter(|(folder, circle)| !is_known(folder, circle)).collect();
    assert!(new.is_empty(), "a type that several files need belongs into a file of its own: {new:#?}");
}

#[test]
fn circles_are_found_through_lists_and_exports() {
    let file = |text: &str| File::of(text);
    let module = |name: &str| name.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect::<Module>();
    let files = [
        ("", "mod a; mod b; mod c; mod d; pub use b::Shown;"),
        ("a", "use super::{Shown, c};"),
        ("b", "fn f() { crate::x::d::g() }"),
        ("c", "fn f() {}"),
        ("d", "use crate::x::a::One as Two; #[cfg(test)] mod tests { use super::super::c; }"),
        ("c/low", "use super::super::c;"),
    ];
    let files = files.into_iter().map(|(name, text)| (module(name), file(text))).collect();
    let folder = Folder { name: vec!["x".to_owned()], files };
    assert_eq!(folder.circles(), [["a", "b", "d"].map(str::to_owned).to_vec()].into());
}
