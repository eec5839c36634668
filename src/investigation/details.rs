//! The members of a record that a report shows: messages, folders, files, settings.

use serde_json::Value;

use audit_log::AnyRecord;

use super::activity::{Act, Activity};
use super::change_text::change_text;
use super::changes::{ChangeObject, object};
use super::texts::cut;

/// The recipients of a message that are named.
const RECIPIENTS: usize = 100;

/// One message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// `InternetMessageId`, else `Id`, else the id of the record.
    pub key: String,
    /// Empty where the record has none, as for messages that were read.
    pub subject: String,
    /// The folder's path.
    pub folder: String,
    /// In bytes.
    pub size: u64,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// The id of the file in its list, if the record has it.
    pub id: Option<String>,
    /// The address of the file.
    pub url: String,
    /// Its name.
    pub name: String,
    /// In bytes.
    pub size: u64,
}

/// The details of a record about mail, files or settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Details {
    /// Messages that were read, sent or deleted.
    pub messages: Vec<Message>,
    /// Folders that were copied.
    pub folders: Vec<String>,
    /// The recipients of a message that was sent, at most 100.
    pub recipients: Vec<String>,
    /// The text of a search, or the change of a setting.
    pub text: String,
    /// The file.
    pub file: Option<File>,
    /// The object of a change.
    pub change: Option<ChangeObject>,
    /// Microsoft stopped recording what is read.
    pub is_throttled: bool,
    /// The act failed.
    pub has_failed: bool,
}

/// Reads the members of a record that belong to its kind.
pub fn details(record: &AnyRecord<'_>, activity: &Activity) -> Details {
    let mut details = Details { has_failed: has_failed(record), ..Details::default() };
    match activity.act {
        Act::MailRead | Act::FolderSync => read_mail(record, activity, &mut details),
        Act::MailSent => {
            details.messages.extend(record.value("Item").map(|item| message(&item, "", activity)));
            if details.messages.is_empty() {
                details.messages.push(unknown_message(activity));
            }
            details.recipients = recipients(record);
        }
        Act::MailDeleted | Act::MailChanged => details.messages = affected(record, activity),
        Act::Search => details.text = first_text(record, &["QueryText", "SearchQueryText", "Query", "ObjectId"]),
        Act::FileRead | Act::FileShared | Act::FileChanged => details.file = Some(file(record, activity)),
        Act::Change => {
            details.text = change_text(record, activity);
            details.change = Some(object(record, activity));
        }
        _ => {}
    }
    details
}

fn has_failed(record: &AnyRecord<'_>) -> bool {
    record.text("ResultStatus").is_some_and(|status| {
        ["failed", "false", "failure"].iter().any(|failed| status.trim().eq_ignore_ascii_case(failed))
    })
}

fn text(value: &Value, name: &str) -> String {
    let text = match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    cut(&text)
}

fn number(value: &Value, name: &str) -> u64 {
    text(value, name).parse().unwrap_or_default()
}

fn message(item: &Value, folder: &str, activity: &Activity) -> Message {
    let keys = ["InternetMessageId", "Id"].map(|name| text(item, name).trim().to_owned());
    let is_key = |key: &String| !key.is_empty() && !key.eq_ignore_ascii_case("Unknown");
    let of_item = item.get("ParentFolder").map(path).filter(|_| folder.is_empty()).unwrap_or_default();
    Message {
        key: keys.into_iter().find(is_key).unwrap_or_else(|| activity.id.to_string()),
        subject: text(item, "Subject"),
        folder: if folder.is_empty() { of_item } else { folder.to_owned() },
        size: number(item, "SizeInBytes"),
    }
}

fn unknown_message(activity: &Activity) -> Message {
    Message { key: activity.id.to_string(), subject: String::new(), folder: String::new(), size: 0 }
}

/// The path of a folder without its first backslash, or its name.
fn path(folder: &Value) -> String {
    let path = text(folder, "Path");
    let known = if path.is_empty() || path == "Not Available" { text(folder, "Name") } else { path };
    known.trim_start_matches('\\').to_owned()
}

fn list(value: Option<Value>) -> Vec<Value> {
    match value {
        Some(Value::Array(entries)) => entries,
        Some(value @ Value::Object(_)) => vec![value],
        _ => Vec::new(),
    }
}

fn read_mail(record: &AnyRecord<'_>, activity: &Activity, details: &mut Details) {
    details.is_throttled = record.properties("OperationProperties").flag("IsThrottled").unwrap_or_default();
    let folders = list(record.value("Folders"));
    if activity.act == Act::FolderSync {
        details.folders = folders.iter().map(path).collect();
        let item = record.value("Item");
        let parent = item.as_ref().and_then(|item| item.get("ParentFolder")).map(path);
        if details.folders.is_empty() {
            details.folders.push(parent.unwrap_or_default());
        }
        return;
    }
    for folder in &folders {
        let path = path(folder);
        let items = list(folder.get("FolderItems").cloned());
        details.messages.extend(items.iter().map(|item| message(item, &path, activity)));
    }
    if folders.is_empty() {
        details.messages.extend(record.value("Item").map(|item| message(&item, "", activity)));
    }
}

fn affected(record: &AnyRecord<'_>, activity: &Activity) -> Vec<Message> {
    let items = list(record.value("AffectedItems"));
    let folder = record.value("Folder").as_ref().map(path).unwrap_or_default();
    let mut messages: Vec<Message> = items.iter().map(|item| message(item, "", activity)).collect();
    messages.extend(record.value("Item").filter(|_| items.is_empty()).map(|item| message(&item, "", activity)));
    if messages.is_empty() {
        messages.push(unknown_message(activity));
    }
    for message in messages.iter_mut().filter(|message| message.folder.is_empty()) {
        message.folder.clone_from(&folder);
    }
    messages
}

fn recipients(record: &AnyRecord<'_>) -> Vec<String> {
    let entries = list(record.value("recipientList"));
    let address = |entry: &Value| match entry {
        Value::String(address) => cut(address),
        entry => text(entry, "Address"),
    };
    entries.iter().map(address).filter(|address| !address.is_empty()).take(RECIPIENTS).collect()
}

fn first_text(record: &AnyRecord<'_>, names: &[&str]) -> String {
    names.iter().find_map(|name| record.text(name)).map(|text| cut(&text)).unwrap_or_default()
}

fn file(record: &AnyRecord<'_>, activity: &Activity) -> File {
    let url = first_text(record, &["ObjectId"]);
    let name = first_text(record, &["SourceFileName", "DestinationFileName"]);
    let of_url = url.rsplit('/').next().unwrap_or_default();
    let size = ["FileSizeBytes", "FileSyncBytesCommitted"].iter().find_map(|name| record.number(name));
    File {
        id: record.text("ListItemUniqueId").map(|id| id.trim().to_lowercase()),
        name: if name.is_empty() { of_url.to_owned() } else { name },
        size: size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
        url: if url.is_empty() { activity.id.to_string() } else { url },
    }
}
