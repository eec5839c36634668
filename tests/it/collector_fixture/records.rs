//! Audit records about contoso.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use uuid::Uuid;

use super::CONTOSO;

/// A rule of victor's that sends everything to an outside address, as Outlook on the web writes it.
pub fn forwarding_rule(id: u128, name: &str, target: &str, created: DateTime<Utc>) -> Value {
    json!({
        "CreationTime": created.format("%Y-%m-%dT%H:%M:%S").to_string(),
        "Id": Uuid::from_u128(id),
        "Operation": "New-InboxRule",
        "OrganizationId": CONTOSO,
        "RecordType": 1,
        "ResultStatus": "True",
        "UserKey": "10032000A1B2C3D4",
        "UserType": 2,
        "Version": 1,
        "Workload": "Exchange",
        "ClientIP": "203.0.113.7:52378",
        "ObjectId": format!("EURPR04A009.PROD.OUTLOOK.COM/Microsoft Exchange Hosted Organizations/contoso.onmicrosoft.com/victor\\{name}"),
        "UserId": "victor@contoso.com",
        "AppId": "00000002-0000-0ff1-ce00-000000000000",
        "ExternalAccess": false,
        "OrganizationName": "contoso.onmicrosoft.com",
        "Parameters": [
            { "Name": "AlwaysDeleteOutlookRulesBlob", "Value": "False" },
            { "Name": "Force", "Value": "False" },
            { "Name": "Name", "Value": name },
            { "Name": "ForwardTo", "Value": target },
            { "Name": "StopProcessingRules", "Value": "True" },
        ],
        "SessionId": "3f9d5f1a-0000-0000-0000-000000000001",
    })
}

/// A blank record of an Outlook re-sync.
pub fn blank_rule_change(id: u128, created: DateTime<Utc>) -> Value {
    json!({
        "CreationTime": created.format("%Y-%m-%dT%H:%M:%S").to_string(),
        "Id": Uuid::from_u128(id),
        "Operation": "UpdateInboxRules",
        "OrganizationId": CONTOSO,
        "RecordType": 2,
        "ResultStatus": "Succeeded",
        "UserKey": "10032000A1B2C3D4",
        "UserType": 0,
        "Version": 1,
        "Workload": "Exchange",
        "ClientIP": "203.0.113.7",
        "UserId": "victor@contoso.com",
        "LogonType": 0,
        "MailboxOwnerUPN": "victor@contoso.com",
        "MailboxGuid": Uuid::from_u128(0x3a11),
        "ClientInfoString": "Client=MSExchangeRPC",
        "OriginatingServer": "AM0PR04MB0001 (15.20.0000.000)\r\n",
        "OperationProperties": [
            { "Name": "RuleOperation", "Value": "ModifyMailboxRule" },
            { "Name": "RuleId", "Value": "-3052736742778398463" },
            { "Name": "RuleState", "Value": "Enabled" },
            { "Name": "RuleCondition", "Value": "{}" },
            { "Name": "RuleName" },
            { "Name": "RuleProvider", "Value": "RuleOrganizer" },
            { "Name": "RuleActions", "Value": "[]" },
        ],
    })
}

/// Victor registers another way to sign in.
pub fn security_info(id: u128, created: DateTime<Utc>) -> Value {
    json!({
        "CreationTime": created.format("%Y-%m-%dT%H:%M:%S").to_string(),
        "Id": Uuid::from_u128(id),
        "Operation": "User registered security info",
        "OrganizationId": CONTOSO,
        "RecordType": 8,
        "ResultStatus": "Success",
        "UserKey": "10032000A1B2C3D4",
        "UserType": 0,
        "Version": 1,
        "Workload": "AzureActiveDirectory",
        "ClientIP": "203.0.113.7",
        "ObjectId": "victor@contoso.com",
        "UserId": "victor@contoso.com",
        "ExtendedProperties": [],
        "ModifiedProperties": [],
        "Target": [{ "ID": "victor@contoso.com", "Type": 5 }],
    })
}

/// The administrator gives a contact another address.
pub fn contact_retargeted(id: u128, contact: &str, target: &str, created: DateTime<Utc>) -> Value {
    let mut record = forwarding_rule(id, "", "", created);
    record["Operation"] = json!("Set-MailContact");
    record["ObjectId"] = json!(contact);
    record["UserId"] = json!("admin@contoso.com");
    record["Parameters"] = json!([
        { "Name": "Identity", "Value": contact },
        { "Name": "ExternalEmailAddress", "Value": format!("SMTP:{target}") },
    ]);
    record
}
