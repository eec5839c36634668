//! Adds messages, folders, files, searches and changes of the attacker to the report.

use super::super::activity::{Act, Activity};
use super::super::changes::Change;
use super::super::details::{Details, File, Message};
use super::super::report::{Deleted, FileRow, Sent, SyncedFolder};
use super::{Builder, noted};

impl Builder<'_> {
    pub(super) fn add_details(&mut self, activity: &Activity, details: &Details) {
        match activity.act {
            Act::MailRead => details.messages.iter().for_each(|message| self.add_read(activity, message)),
            Act::FolderSync => {
                for folder in &details.folders {
                    let folder = SyncedFolder { mailbox: activity.mailbox.clone(), folder: folder.clone() };
                    self.synchronised.entry(folder, || ());
                }
            }
            Act::MailSent => details.messages.iter().for_each(|message| self.add_sent(activity, message, details)),
            Act::MailDeleted => details.messages.iter().for_each(|message| self.add_deleted(activity, message)),
            Act::Search => self.searches.add(|| noted(activity, Some(details))),
            Act::FileRead | Act::FileShared => details.file.iter().for_each(|file| self.add_file(activity, file)),
            Act::Change => self.changes.add(|| Change {
                noted: noted(activity, Some(details)),
                object: details.change.clone().unwrap_or_default(),
                state: None,
            }),
            _ => {}
        }
    }

    fn add_read(&mut self, activity: &Activity, message: &Message) {
        if !self.read.note(&(&activity.mailbox, &message.key)) {
            return;
        }
        let folder = (activity.mailbox.clone(), message.folder.clone());
        if let Some((messages, bytes)) = self.read_folders.entry(folder, Default::default) {
            *messages += 1;
            *bytes = bytes.saturating_add(message.size);
        }
    }

    fn add_sent(&mut self, activity: &Activity, message: &Message, details: &Details) {
        let key = (String::new(), message.key.clone());
        self.sent.entry(key, || Sent {
            time: activity.time,
            subject: message.subject.clone(),
            recipients: details.recipients.clone(),
            mailbox: activity.mailbox.clone(),
            message: message.key.clone(),
            id: activity.id,
        });
    }

    fn add_deleted(&mut self, activity: &Activity, message: &Message) {
        let key = (activity.mailbox.clone(), message.key.clone());
        self.deleted.entry(key, || Deleted {
            time: activity.time,
            subject: message.subject.clone(),
            folder: message.folder.clone(),
            operation: activity.operation.clone(),
        });
    }

    /// Records of one file may have its id or only its address.
    fn add_file(&mut self, activity: &Activity, file: &File) {
        let url = file.url.to_lowercase();
        let key = match &file.id {
            Some(id) => {
                self.files.rename(&url, id.clone());
                if self.files.has_room() {
                    self.file_ids.insert(url, id.clone());
                }
                id.clone()
            }
            None => self.file_ids.get(&url).cloned().unwrap_or(url),
        };
        let row = self.files.entry(key, || FileRow {
            name: file.name.clone(),
            url: file.url.clone(),
            operations: Vec::new(),
            time: activity.time,
            bytes: 0,
        });
        let Some(row) = row else { return };
        row.bytes = row.bytes.max(file.size);
        if !row.operations.contains(&activity.operation) {
            row.operations.push(activity.operation.clone());
        }
    }
}
