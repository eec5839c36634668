//! Records of an incident, in the shapes of the audit log.

use serde_json::{Value, json};
use uuid::Uuid;

pub const V: &str = "v@contoso.com";
pub const W: &str = "w@contoso.com";
pub const OWNER: &str = "198.51.100.7";
pub const A: &str = "203.0.113.5";
pub const A2: &str = "192.0.2.99";
/// The attacker's and the owner's session.
pub const S: &str = "aaaaaaaa-1111-4111-8111-aaaaaaaaaaaa";
pub const O: &str = "bbbbbbbb-2222-4222-8222-bbbbbbbbbbbb";
pub const TENANT: &str = "7d2f7f3b-6a44-4c38-9d23-6ad7d1f2b001";
pub const BROWSER: &str = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Chrome/131";

/// The application through which administrators change the directory.
pub const PORTAL: &str = "74658136-14ec-4630-ad9b-26e160ff0fc6";

/// The object id of an account.
pub fn object_id(account: &str) -> String {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, account.as_bytes()).to_string()
}

/// Makes records with ids of their own.
#[derive(Debug, Default)]
pub struct Records {
    pub all: Vec<Value>,
}

impl Records {
    /// Adds a record with these members beside those that every record has, and returns it.
    pub fn add(&mut self, time: &str, user: &str, operation: &str, record_type: u32, members: Value) -> Value {
        let number = self.all.len() as u128 + 1;
        let mut record = json!({
            "CreationTime": format!("2026-11-{time}"), "Id": Uuid::from_u128(0x1000_4000_8000_0000_0000_0000 + number),
            "Operation": operation, "OrganizationId": TENANT, "RecordType": record_type, "UserId": user, "UserType": 0,
            "Version": 1,
        });
        record.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
        self.all.push(record.clone());
        record
    }

    pub fn sign_in(&mut self, time: &str, user: &str, ip: &str, session: &str, error: &str) -> Value {
        self.sign_in_with(time, user, ip, session, error, BROWSER)
    }

    pub fn sign_in_with(&mut self, time: &str, user: &str, ip: &str, session: &str, error: &str, agent: &str) -> Value {
        let operation = if error == "0" || error == "50140" { "UserLoggedIn" } else { "UserLoginFailed" };
        let session = (!session.is_empty()).then(|| json!({"Name": "SessionId", "Value": session}));
        let properties: Vec<Value> =
            [Some(json!({"Name": "OS", "Value": "Windows10"})), session].into_iter().flatten().collect();
        self.add(time, user, operation, 15, json!({
            "ClientIP": ip, "ActorIpAddress": ip, "ErrorNumber": error, "ResultStatus": "Success", "DeviceProperties": properties,
            "ExtendedProperties": [{"Name": "UserAgent", "Value": agent}, {"Name": "RequestType", "Value": "OAuth2:Authorize"}],
        }))
    }

    pub fn bind(&mut self, time: &str, user: &str, mailbox: &str, ip: &str, session: &str, messages: &[&str]) -> Value {
        let items: Vec<Value> = messages
            .iter()
            .map(|id| json!({"InternetMessageId": format!("<{id}@mail>"), "SizeInBytes": 1000}))
            .collect();
        let mut members = json!({
            "ClientIPAddress": ip, "MailboxOwnerUPN": mailbox, "LogonType": i32::from(user != mailbox) * 2,
            "OperationProperties": [{"Name": "MailAccessType", "Value": "Bind"}], "OperationCount": items.len(),
            "Folders": [{"Path": "\\Inbox", "FolderItems": items}], "ClientInfoString": "Client=OWA;Action=ViaProxy",
        });
        if !session.is_empty() {
            members["AppAccessContext"] = json!({"AADSessionId": session});
        }
        self.add(time, user, "MailItemsAccessed", 50, members)
    }

    /// The copy of the whole inbox by a mail program.
    pub fn synchronise(&mut self, time: &str, user: &str, ip: &str, session: &str) -> Value {
        self.add(time, user, "MailItemsAccessed", 2, json!({
            "ClientIPAddress": ip, "MailboxOwnerUPN": user, "SessionId": session, "ClientInfoString": "Client=MSExchangeRPC",
            "OperationProperties": [{"Name": "MailAccessType", "Value": "Sync"}],
            "Item": {"Id": "LgAAAA", "ParentFolder": {"Name": "Inbox", "Path": "Not Available"}},
        }))
    }

    pub fn send(&mut self, time: &str, user: &str, ip: &str, session: &str, message: &str) -> Value {
        self.add(time, user, "Send", 2, json!({
            "ClientIP": ip, "ClientIPAddress": ip, "MailboxOwnerUPN": user, "SessionId": session, "LogonType": 0,
            "Item": {"InternetMessageId": format!("<{message}@mail>"), "Subject": format!("About {message}"), "SizeInBytes": 5},
        }))
    }

    /// A rule that every reader sees as a threat.
    pub fn rule(&mut self, time: &str, user: &str, ip: &str, session: &str) -> Value {
        let mut members = json!({
            "ClientIP": format!("{ip}:52378"), "ObjectId": format!("{user}\\."), "OrganizationName": "contoso.onmicrosoft.com",
            "ResultStatus": "True", "UserType": 2,
            "Parameters": [{"Name": "Name", "Value": "."}, {"Name": "ForwardTo", "Value": "thief@evil.example"},
                {"Name": "DeleteMessage", "Value": "True"}],
        });
        if !session.is_empty() {
            members["SessionId"] = json!(session);
        }
        self.add(time, user, "New-InboxRule", 1, members)
    }

    pub fn file(&mut self, time: &str, user: &str, operation: &str, ip: &str, session: &str, name: &str) -> Value {
        self.add(time, user, operation, 6, json!({
            "ClientIP": ip, "AppAccessContext": {"AADSessionId": session}, "SourceFileName": name, "ListItemUniqueId": format!("id-{name}"),
            "ObjectId": format!("https://contoso-my.sharepoint.com/personal/v/{name}"), "UserAgent": BROWSER,
        }))
    }

    /// A change in the directory, made through the portal that all administrators use.
    pub fn directory(&mut self, time: &str, user: &str, operation: &str, target: &str) -> Value {
        let id = object_id(user);
        let ids = [(user, 5), ("1003200096971F55", 3), (PORTAL, 2), (&format!("User_{id}"), 2), (&id, 2), ("User", 2)];
        let actor: Vec<Value> = ids.iter().map(|(id, kind)| json!({"ID": id, "Type": kind})).collect();
        let target_id = format!("User_{}", object_id(target));
        self.add(
            time,
            user,
            operation,
            8,
            json!({
                "Actor": actor, "Target": [{"ID": target_id, "Type": 2}, {"ID": target, "Type": 5}], "ObjectId": target,
                "UserKey": "1003200096971F55@contoso.com", "ModifiedProperties": [], "ExtendedProperties": [],
            }),
        )
    }

    /// The owner's days before: on each a sign-in, mail that is read and a file.
    pub fn owners_days(&mut self, user: &str, ip: &str, session: &str, days: &[u32]) {
        for day in days {
            self.sign_in(&format!("{day:02}T08:00:00"), user, ip, session, "0");
            self.bind(&format!("{day:02}T08:05:00"), user, user, ip, session, &[&format!("old-{day}")]);
            self.file(&format!("{day:02}T09:00:00"), user, "FileAccessed", ip, session, "plan.docx");
        }
    }

    /// Three ordinary days of the owner, and an attack on the fourth: a sign-in and a rule.
    pub fn incident() -> (Self, Value, Value) {
        let mut records = Self::default();
        records.owners_days(V, OWNER, O, &[16, 17, 18]);
        let sign_in = records.sign_in("19T10:00:00", V, A, S, "0");
        let rule = records.rule("19T10:05:00", V, A, S);
        (records, sign_in, rule)
    }
}
