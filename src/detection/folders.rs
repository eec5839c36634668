//! Folders a rule moves mail to, and what kind of folder that is.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold::folded;

/// What people do with a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderKind {
    /// Nobody opens it.
    Hidden,
    /// Deleted Items.
    Deleted,
    /// Archive or Junk.
    Aside,
}

/// A folder as a rule names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Folder {
    /// By its path below the root, or by its name alone.
    Path(String),
    /// By an entry id: the name cannot be seen.
    Id(String),
}

impl Folder {
    /// `mailbox:\Inbox\Old`, `\RSS Feeds`, `RSS Feeds`, or an id. `None` for an empty text.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let path = text.find(":\\").or_else(|| text.find(":/")).and_then(|colon| text.get(colon + 1..)).unwrap_or(text);
        let after_mailbox = path.rsplit_once(':').map_or(path, |(_, rest)| rest);
        if is_id(after_mailbox) {
            return Some(Self::Id(after_mailbox.to_owned()));
        }
        let path = path.trim_matches(['\\', '/', ' ']);
        (!path.is_empty()).then(|| Self::Path(path.to_owned()))
    }

    /// By the first segment of the path: a folder `Notes` below another one is one that somebody made and opens.
    pub(super) fn kind(&self) -> Option<FolderKind> {
        KINDS.get(&self.root()?).map(|(kind, _)| *kind)
    }

    /// A calendar and the like: reading it is not reading mail.
    pub(super) fn is_without_mail(&self) -> bool {
        self.root().and_then(|root| KINDS.get(&root)).is_some_and(|(_, holds_mail)| !holds_mail)
    }

    /// The first segment of the path, folded.
    fn root(&self) -> Option<String> {
        let Self::Path(path) = self else { return None };
        let mut segments = path.split(['\\', '/']).map(folded).filter(|segment| !segment.is_empty());
        let first = segments.next()?;
        if ROOTS.contains(&first.as_str()) { segments.next() } else { Some(first) }
    }

    /// As it is told to people.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Path(text) | Self::Id(text) => text,
        }
    }
}

/// Names of the root itself that some paths begin with.
const ROOTS: &[&str] = &["top of information store", "ipm_subtree", "root"];

/// What a folder is for, and whether it holds mail, by its folded name.
static KINDS: LazyLock<HashMap<String, (FolderKind, bool)>> = LazyLock::new(|| {
    super::data::rows(include_str!("data/folders.txt"))
        .filter_map(|row| {
            let kind = match *row.first()? {
                "hidden" => FolderKind::Hidden,
                "deleted" => FolderKind::Deleted,
                "aside" => FolderKind::Aside,
                _ => return None,
            };
            Some((folded(row.get(2)?), (kind, row.get(3) != Some(&"no-mail"))))
        })
        .collect()
});

/// Base64 or hexadecimal, longer than any name, without a space or separator.
fn is_id(text: &str) -> bool {
    let id_characters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    text.len() >= 40 && text.bytes().all(id_characters) && text.bytes().any(|b| b.is_ascii_digit() || b == b'=')
}

/// Returns whether a folder, as Exchange writes its path, is the Junk E-mail folder in any language.
pub fn is_junk_folder(path: &str) -> bool {
    let path = path.rsplit_once(":\\").map_or(path, |(_, folder)| folder);
    let folder = Folder::Path(path.to_owned());
    folder.kind() == Some(FolderKind::Aside) && !is_archive(&folder)
}

/// Archive and Junk are of one kind; the names of the archive begin alike in nearly every language.
fn is_archive(folder: &Folder) -> bool {
    folder.root().is_some_and(|root| ["archi", "arkiv", "arqui"].iter().any(|start| root.starts_with(start)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(text: &str) -> Option<FolderKind> {
        Folder::read(text).and_then(|folder| folder.kind())
    }

    #[test]
    fn folders_are_known_in_every_language_and_form() {
        for hidden in [
            "RSS Feeds",
            "joey:\\RSS Feeds",
            "\\rss subscriptions\\old",
            "Historique des conversations",
            "grady@contoso.com:\\Notizen",
            "Top of Information Store\\Kalendarz",
            "Synkroniseringsproblemer",
        ] {
            assert_eq!(kind(hidden), Some(FolderKind::Hidden), "{hidden}");
        }
        assert_eq!(kind("Éléments supprimés"), Some(FolderKind::Deleted));
        assert_eq!(kind("Skräppost"), Some(FolderKind::Aside));
        assert_eq!(kind("Inbox\\Notes"), None);
        assert_eq!(kind("My RSS Feeds"), None);
    }

    #[test]
    fn an_entry_id_is_no_name() {
        let id = "AAMkAGI2TG93AAAAAAEMAAAiIsqMbYjsT5e-T7KzowPTAAAYbvZ8AAA=";
        assert_eq!(Folder::read(id), Some(Folder::Id(id.to_owned())));
        assert!(matches!(Folder::read(&format!("a@contoso.com:{id}")), Some(Folder::Id(_))));
        assert_eq!(Folder::read(" \\ "), None);
    }
}
