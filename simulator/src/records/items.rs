//! Builds records of ordinary work with mail and files.

use serde_json::{Value, json};

use crate::world::Mailbox;

use super::{EXCHANGE_ITEM, EXCHANGE_ITEM_AGGREGATED, Envelope, SHAREPOINT_FILE, members};

/// Returns `MailItemsAccessed` with several messages.
pub fn mail_items_accessed(envelope: &Envelope, mailbox: &Mailbox, messages: u64) -> Value {
    let client = "Client=REST;Client=RESTSystem;;";
    let mut record = envelope.item(EXCHANGE_ITEM_AGGREGATED, "MailItemsAccessed", mailbox, client);
    let items: Vec<Value> = (0..messages)
        .map(|number| json!({"InternetMessageId": format!("<{}.{number}@mail.example>", envelope.id.simple())}))
        .collect();
    record.extend(members(json!({
        "OperationCount": messages,
        "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}, {"Name": "IsThrottled", "Value": "False"}],
        "Folders": [{"FolderItems": items, "Id": "LgAAAADr", "Path": "\\Inbox"}],
    })));
    Value::Object(record)
}

/// Returns `Send`.
pub fn send(envelope: &Envelope, mailbox: &Mailbox, subject: &str) -> Value {
    let mut record = envelope.item(EXCHANGE_ITEM, "Send", mailbox, "Client=OWA;Action=ViaProxy");
    record.insert(
        "Item".to_owned(),
        json!({
            "Id": "RgAAAADq",
            "InternetMessageId": format!("<{}@mail.example>", envelope.id.simple()),
            "ParentFolder": {"Id": "LgAAAADs", "Name": "Drafts", "Path": "\\Drafts"},
            "SizeInBytes": 21_714,
            "Subject": subject,
        }),
    );
    Value::Object(record)
}

/// Returns `MoveToDeletedItems`.
pub fn move_to_deleted_items(envelope: &Envelope, mailbox: &Mailbox, subject: &str) -> Value {
    let mut record = envelope.item(EXCHANGE_ITEM, "MoveToDeletedItems", mailbox, "Client=OWA;Action=ViaProxy");
    record.extend(members(json!({
        "AffectedItems": [{
            "Id": "RgAAAADq",
            "ParentFolder": {"Id": "LgAAAADr", "Path": "\\Inbox"},
            "Subject": subject,
        }],
        "CrossMailboxOperation": false,
        "DestFolder": {"Id": "LgAAAADt", "Path": "\\Deleted Items"},
        "Folder": {"Id": "LgAAAADr", "Path": "\\Inbox"},
    })));
    Value::Object(record)
}

/// Returns `FileAccessed`, for `Audit.SharePoint`.
pub fn file_accessed(envelope: &Envelope, file: &str) -> Value {
    let site = format!("https://{}/sites/team/", envelope.organization_name.replace(".onmicrosoft", ".sharepoint"));
    let mut record = envelope.record("SharePoint", SHAREPOINT_FILE, 0, "FileAccessed", "");
    record.remove("ResultStatus");
    record.extend(members(json!({
        "ClientIP": envelope.client_ip,
        "ObjectId": format!("{site}Shared Documents/{file}"),
        "CorrelationId": envelope.session,
        "EventSource": "SharePoint",
        "ItemType": "File",
        "SiteUrl": site,
        "SourceFileName": file,
        "SourceRelativeUrl": "Shared Documents",
    })));
    Value::Object(record)
}

/// Returns `AddFolderPermissions` or `ModifyFolderPermissions`: a grant of access to one folder.
pub fn folder_permission(
    envelope: &Envelope,
    mailbox: &Mailbox,
    operation: &str,
    (member, rights): (&str, &str),
    folder: &str,
) -> Value {
    let mut record = envelope.item(EXCHANGE_ITEM, operation, mailbox, "Client=MSExchangeRPC");
    let parent = json!({"Id": "LgAAAADs", "Name": folder, "Path": format!("\\{folder}"), "MemberUpn": member, "MemberRights": rights});
    record.insert("Item".to_owned(), json!({"Id": "LgAAAADt", "ParentFolder": parent}));
    Value::Object(record)
}
