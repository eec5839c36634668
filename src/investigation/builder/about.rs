//! Says in a few words what an act was about.

use std::collections::BTreeSet;

use super::super::activity::Act;
use super::super::details::Details;
use super::super::texts::cut;
use super::super::words::counted;

/// Returns the text of the act, else its file, folders or subjects.
pub(super) fn about(act: Act, details: &Details) -> String {
    if !details.text.is_empty() {
        return details.text.clone();
    }
    if let Some(file) = &details.file {
        return file.name.clone();
    }
    match act {
        Act::MailRead => {
            let folders = named(details.messages.iter().map(|message| message.folder.as_str()));
            let messages = counted(details.messages.len() as u64, "message");
            if folders.is_empty() { messages } else { format!("{messages} in {folders}") }
        }
        Act::FolderSync => named(details.folders.iter().map(String::as_str)),
        _ => named(details.messages.iter().map(|message| message.subject.as_str())),
    }
}

/// Returns names, each once.
fn named<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: BTreeSet<&str> = names.filter(|name| !name.trim().is_empty()).collect();
    cut(&names.into_iter().collect::<Vec<_>>().join(", "))
}
