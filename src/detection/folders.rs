//! Folders that rules move mail to, and their use.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::fold::{as_written, folded, plain};

/// The use of a default folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FolderKind {
    /// People do not open it.
    Hidden,
    /// Deleted Items.
    Deleted,
    /// Junk Email.
    Junk,
    /// Archive.
    Archive,
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

    /// Returns the use of the folder. A folder that someone created below a default folder is not that folder, except below Deleted
    /// Items, from where mail disappears.
    pub(super) fn kind(&self) -> Option<FolderKind> {
        kind_of(&self.segments(folded))
    }

    /// Returns whether only look-alikes or hidden characters make the name that of a default folder.
    pub(super) fn is_disguised(&self) -> bool {
        !self.text().is_ascii() && self.kind().is_some() && kind_of(&self.segments(as_written)).is_none()
    }

    /// Returns whether the folder is a calendar or the like: reading it is not reading mail.
    pub(super) fn is_without_mail(&self) -> bool {
        self.segments(folded).first().and_then(|root| KINDS.get(root)).is_some_and(|(_, holds_mail)| !holds_mail)
    }

    /// The segments of the path below the root.
    fn segments(&self, form: fn(&str) -> String) -> Vec<String> {
        let Self::Path(path) = self else { return Vec::new() };
        let segments = path.split(['\\', '/']).map(form).filter(|segment| !segment.is_empty());
        let mut segments: Vec<String> = segments.collect();
        if segments.len() > 1 && segments.first().is_some_and(|first| ROOTS.contains(&first.as_str())) {
            segments.remove(0);
        }
        segments
    }

    /// Returns the folder as people read it.
    pub(super) fn text(&self) -> &str {
        match self {
            Self::Path(text) | Self::Id(text) => text,
        }
    }
}

/// Names of the root itself that some paths begin with.
const ROOTS: &[&str] = &["top of information store", "ipm_subtree", "root"];

fn kind_of(segments: &[String]) -> Option<FolderKind> {
    let root = segments.first()?;
    let listed = KINDS.get(&segments.join("\\")).map(|(kind, _)| *kind);
    let below_deleted = || KINDS.get(root).map(|(kind, _)| *kind).filter(|kind| *kind == FolderKind::Deleted);
    let is_feed = || segments.len() == 1 && has_word_rss(root);
    listed.or_else(below_deleted).or_else(|| is_feed().then_some(FolderKind::Hidden))
}

/// Returns whether a name contains the word RSS. Scripts without spaces write it directly before the next word.
fn has_word_rss(name: &str) -> bool {
    name.split(|ch: char| !ch.is_ascii_alphanumeric()).any(|word| word == "rss")
}

/// The use of a folder, and whether it holds mail, by its folded path.
static KINDS: LazyLock<HashMap<String, (FolderKind, bool)>> = LazyLock::new(|| {
    super::data::rows(include_str!("data/folders.txt"))
        .filter_map(|row| {
            let kind = match *row.first()? {
                "hidden" => FolderKind::Hidden,
                "deleted" => FolderKind::Deleted,
                "junk" => FolderKind::Junk,
                "archive" => FolderKind::Archive,
                _ => return None,
            };
            let holds_mail = row.get(3) != Some(&"no-mail");
            Some([folded(row.get(2)?), plain(row.get(2)?)].map(|name| (name, (kind, holds_mail))))
        })
        .flatten()
        .collect()
});

/// Base64 or hexadecimal, longer than any name, without a space or separator.
fn is_id(text: &str) -> bool {
    let id_characters = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/' | b'=' | b'-' | b'_');
    text.len() >= 40 && text.bytes().all(id_characters) && text.bytes().any(|b| b.is_ascii_digit() || b == b'=')
}

/// Returns whether a folder, as Exchange writes its path, is the Junk E-mail folder in any language.
pub fn is_junk_folder(path: &str) -> bool {
    Folder::read(path).is_some_and(|folder| folder.kind() == Some(FolderKind::Junk))
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
            ":\\Calendar",
            "My RSS Feeds",
            "RSSフィード",
            "Historique des conversations",
            "grady@contoso.com:\\Notizen",
            "Top of Information Store\\Kalendarz",
            "Synkroniseringsproblemer",
            "Журнал бесед",
            "RSS-подписки",
            "Sync Issues\\Local Failures",
        ] {
            assert_eq!(kind(hidden), Some(FolderKind::Hidden), "{hidden}");
        }
        assert_eq!(kind("Éléments supprimés"), Some(FolderKind::Deleted));
        assert_eq!(kind("Deleted Items\\Old"), Some(FolderKind::Deleted));
        assert_eq!(kind("Skräppost"), Some(FolderKind::Junk));
        assert_eq!(kind("Archiveren"), Some(FolderKind::Archive));
    }

    #[test]
    fn folders_that_people_make_are_not_default_folders() {
        for own in
            ["Inbox\\Notes", "RSS Feeds\\Blog", "\\rss subscriptions\\old", "Archive\\2026", "Notes 2026", "Progress"]
        {
            assert_eq!(kind(own), None, "{own}");
        }
    }

    #[test]
    fn names_that_only_look_like_default_folders_are_disguised() {
        for name in ["RЅЅ Feeds", "Аrchive", "Ｊｕｎｋ Email", "Con\u{200B}versation History"] {
            let folder = Folder::read(name).unwrap();
            assert!(folder.kind().is_some() && folder.is_disguised(), "{name}");
        }
        for name in ["Журнал бесед", "Notizen", "迷惑メール", "Éléments supprimés", "RSS フィード"]
        {
            assert!(!Folder::read(name).unwrap().is_disguised(), "{name}");
        }
    }

    #[test]
    fn an_entry_id_is_no_name() {
        let id = "AAMkAGI2TG93AAAAAAEMAAAiIsqMbYjsT5e-T7KzowPTAAAYbvZ8AAA=";
        assert_eq!(Folder::read(id), Some(Folder::Id(id.to_owned())));
        assert!(matches!(Folder::read(&format!("a@contoso.com:{id}")), Some(Folder::Id(_))));
        assert_eq!(Folder::read(" \\ "), None);
    }
}
