//! Puts a record together again that an exporter has taken apart into columns: `OfficeActivity` of Sentinel and Log Analytics, the flat
//! files of Hawk, the flattened documents of Elasticsearch and Wazuh.

use serde_json::{Map, Value, json};

/// The members that other columns may give, the most reliable column first. Names are compared as [`plain`].
const ALIASES: &[(&str, &[&str])] = &[
    ("Operation", &["operation", "operations", "actiontype"]),
    (
        "CreationTime",
        &["creationtime", "auditcreationtime", "timegenerated", "creationdate", "createddatetime", "timestamp", "time"],
    ),
    ("Id", &["id", "auditid", "officeid", "recordid", "identity"]),
    ("RecordType", &["auditrecordtype", "recordtype", "auditlogrecordtype"]),
    ("UserId", &["userid", "userids", "userprincipalname", "user"]),
    ("ObjectId", &["objectid", "officeobjectid"]),
    ("ClientIP", &["clientip", "clientipaddress", "ipaddress"]),
    ("Workload", &["workload", "officeworkload", "service"]),
    ("OrganizationId", &["organizationid", "officetenantid"]),
    ("OrganizationName", &["organizationname"]),
    ("MailboxOwnerUPN", &["mailboxownerupn"]),
    ("MailboxGuid", &["mailboxguid"]),
    ("LogonType", &["logontype"]),
    ("UserType", &["usertype"]),
    ("UserKey", &["userkey"]),
    ("ResultStatus", &["resultstatus"]),
    ("ExternalAccess", &["externalaccess"]),
    ("AppId", &["appid"]),
    ("ClientAppId", &["clientappid"]),
    ("SessionId", &["sessionid"]),
    ("ClientInfoString", &["clientinfostring"]),
    ("Parameters", &["parameters", "fullcommand"]),
    ("OperationProperties", &["operationproperties"]),
    ("ExtendedProperties", &["extendedproperties"]),
    ("ModifiedProperties", &["modifiedproperties"]),
    ("Item", &["item"]),
    ("Target", &["target"]),
    ("Actor", &["actor"]),
    ("AppAccessContext", &["appaccesscontext"]),
    ("DeviceProperties", &["deviceproperties"]),
    ("ErrorNumber", &["errornumber"]),
    ("LogonError", &["logonerror"]),
    ("ActorIpAddress", &["actoripaddress"]),
    ("ApplicationId", &["applicationid"]),
    ("UserAgent", &["useragent"]),
    ("Folders", &["folders"]),
    ("Folder", &["folder"]),
    ("AffectedItems", &["affecteditems"]),
    ("SourceFileName", &["sourcefilename"]),
    ("ListItemUniqueId", &["listitemuniqueid"]),
    ("FileSizeBytes", &["filesizebytes"]),
    ("QueryText", &["querytext"]),
];

/// Members of which each member may be a column of its own, as `AppAccessContext.AADSessionId`.
const NESTED: &[&str] = &["AppAccessContext", "DeviceProperties", "ExtendedProperties", "OperationProperties"];

/// The prefixes that exporters put before the name of a member in a flattened document.
const PREFIXES: &[&str] = &["o365.audit.", "data.office365.", "office365.", "auditdata.", "raweventdata.", "_source."];

/// The marks of types that Log Analytics puts behind the names of a custom table, as in `Parameters_s`:
/// <https://learn.microsoft.com/azure/azure-monitor/logs/data-collector-api#record-type-and-properties>.
const TYPE_MARKS: &[&str] = &["_s", "_b", "_d", "_t", "_g"];

/// Columns that hold one parameter each.
const PARAMETER_PREFIXES: &[&str] = &["param_", "parameters_", "parameters.", "parameters{}."];

/// Names of record types, as the portal and PowerShell write them:
/// <https://learn.microsoft.com/office/office-365-management-api/office-365-management-activity-api-schema#auditlogrecordtype>.
const RECORD_TYPES: &[(&str, i64)] = &[
    ("exchangeadmin", 1),
    ("exchangeitem", 2),
    ("exchangeitemgroup", 3),
    ("azureactivedirectory", 8),
    ("azureactivedirectoryaccountlogon", 9),
    ("azureactivedirectorystslogon", 15),
    ("exchangeitemaggregated", 50),
];

/// Returns the record that these columns are of, or `None` if they do not tell an operation and a time.
pub(super) fn record(columns: impl Iterator<Item = (String, Value)>) -> Option<Map<String, Value>> {
    let columns: Vec<(String, Value)> =
        columns.filter(|(_, value)| !is_empty(value)).map(|(name, value)| (name_of(&name), value)).collect();
    let mut record = Map::new();
    for (member, aliases) in ALIASES {
        let column = |alias: &&str| columns.iter().find(|(name, _)| plain(name) == *alias).map(|(_, value)| value);
        if let Some(value) = aliases.iter().find_map(column) {
            record.insert((*member).to_owned(), value_of(member, value));
        }
    }
    let parameters = single_parameters(&columns);
    if !parameters.is_empty() {
        record.insert("Parameters".to_owned(), Value::Array(parameters));
    }
    for name in NESTED {
        let members = members_of(&columns, name);
        if !members.is_empty() && !record.contains_key(*name) {
            record.insert((*name).to_owned(), Value::Object(members));
        }
    }
    let is_text = |name: &str| record.get(name).is_some_and(Value::is_string);
    (is_text("Operation") && is_text("CreationTime")).then_some(record)
}

/// Returns the record with its parameters, where each of them is a member of its own beside the members of a record.
pub(crate) fn with_parameters(record: Map<String, Value>) -> Map<String, Value> {
    let has_prefix = |name: &String| {
        name.eq_ignore_ascii_case("FullCommand") || PARAMETER_PREFIXES.iter().any(|prefix| begins(name, prefix))
    };
    let lists = |name: &str, value: &Value| {
        name.eq_ignore_ascii_case("Parameters")
            && !is_empty(value)
            && value.as_array().is_none_or(|list| !list.is_empty())
    };
    if !record.keys().any(has_prefix) || record.iter().any(|(name, value)| lists(name, value)) {
        return record;
    }
    self::record(record.clone().into_iter()).unwrap_or(record)
}

fn begins(name: &str, prefix: &str) -> bool {
    name.get(..prefix.len()).is_some_and(|head| head.eq_ignore_ascii_case(prefix))
}

fn is_empty(value: &Value) -> bool {
    value.is_null() || value.as_str().is_some_and(|text| text.trim().is_empty())
}

/// The name without the place of the member in a flattened document.
fn name_of(name: &str) -> String {
    let name = name.trim().trim_start_matches('\u{feff}');
    let lower = name.to_ascii_lowercase();
    let length = PREFIXES.iter().find(|prefix| lower.starts_with(**prefix)).map_or(0, |prefix| prefix.len());
    let end = if TYPE_MARKS.iter().any(|mark| lower.ends_with(mark)) { name.len() - 2 } else { name.len() };
    name.get(length..end).unwrap_or(name).to_owned()
}

/// The name in lower case without a note such as `[UTC]` and without anything but letters and digits.
fn plain(name: &str) -> String {
    let name = name.split(['[', '(']).next().unwrap_or(name);
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Lists and objects may stand as text; record types may stand as names.
fn value_of(member: &str, value: &Value) -> Value {
    let Some(text) = value.as_str().map(str::trim) else { return value.clone() };
    if member == "RecordType" {
        let name = plain(text);
        let number = RECORD_TYPES.iter().find(|(known, _)| *known == name).map(|(_, number)| json!(number));
        return number.unwrap_or_else(|| value.clone());
    }
    if text.starts_with(['[', '{'])
        && let Ok(parsed @ (Value::Array(_) | Value::Object(_))) = serde_json::from_str(text)
    {
        return parsed;
    }
    Value::String(text.to_owned())
}

/// The columns that are members of one object.
fn members_of(columns: &[(String, Value)], object: &str) -> Map<String, Value> {
    let member = |(name, value): &(String, Value)| {
        let (head, member) = name.split_once('.')?;
        let is_plain = head.eq_ignore_ascii_case(object) && !member.is_empty() && !member.contains('.');
        is_plain.then(|| (member.to_owned(), value.clone()))
    };
    columns.iter().filter_map(member).collect()
}

fn single_parameters(columns: &[(String, Value)]) -> Vec<Value> {
    let parameter = |(name, value): &(String, Value)| {
        let lower = name.to_ascii_lowercase();
        let prefix = PARAMETER_PREFIXES.iter().find(|prefix| lower.starts_with(**prefix))?;
        let name = name
            .get(prefix.len()..)
            .filter(|name| !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()))?;
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        Some(json!({ "Name": name, "Value": value }))
    };
    let paired = paired_parameters(columns);
    if paired.is_empty() { columns.iter().filter_map(parameter).collect() } else { paired }
}

/// The parameters of two columns, one of names and one of values, as Splunk writes them: `Parameters{}.Name`, `Parameters{}.Value`. Lists
/// are JSON or have an item on each line. With unequal numbers of items nothing tells which value belongs to which name.
fn paired_parameters(columns: &[(String, Value)]) -> Vec<Value> {
    let items = |wanted: &str| {
        let (_, value) = columns.iter().find(|(name, _)| plain(&name.replace(['{', '}', '['], "")) == wanted)?;
        Some(match value {
            Value::Array(items) => items.clone(),
            Value::String(text) => text.lines().map(|line| Value::String(line.to_owned())).collect(),
            other => vec![other.clone()],
        })
    };
    let (Some(names), Some(values)) = (items("parametersname"), items("parametersvalue")) else { return Vec::new() };
    if names.len() != values.len() {
        let texts = |items: &[Value]| items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" ");
        return vec![Value::String(format!("{} {}", texts(&names), texts(&values)))];
    }
    names.into_iter().zip(values).map(|(name, value)| json!({ "Name": name, "Value": value })).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put_together(columns: Value) -> Option<Value> {
        let Value::Object(columns) = columns else { panic!("an object") };
        record(columns.into_iter()).map(Value::Object)
    }

    #[test]
    fn columns_of_names_and_of_values_are_paired() {
        let columns = json!({"CreationTime": "2026-09-14T08:00:00", "Operation": "New-InboxRule",
            "Parameters{}.Name": "ForwardTo\nName", "Parameters{}.Value": "c@d.example\nHide"});
        let found = put_together(columns).unwrap();
        let expected = json!([{"Name": "ForwardTo", "Value": "c@d.example"}, {"Name": "Name", "Value": "Hide"}]);
        assert_eq!(found["Parameters"], expected);
        let columns = json!({"CreationTime": "2026-09-14T08:00:00", "Operation": "New-InboxRule",
            "Parameters{}.Name": ["ForwardTo", "Name"], "Parameters{}.Value": ["c@d.example"]});
        assert_eq!(put_together(columns).unwrap()["Parameters"], json!(["ForwardTo Name c@d.example"]));
    }

    #[test]
    fn office_activity_is_put_together() {
        let columns = json!({"TimeGenerated [UTC]": "9/14/2026, 8:00:11.000 AM", "Operation": "New-InboxRule", "UserId": "a@b.example",
            "OfficeObjectId": "x\\y", "Parameters": "[{\"Name\":\"ForwardTo\",\"Value\":\"c@d.example\"}]", "RecordType": "ExchangeAdmin",
            "OfficeId": "14dc392f-fe4e-579d-805f-c964c05ea1a7", "Client_IPAddress": "203.0.113.7", "ResultStatus": ""});
        let expected = json!({"CreationTime": "9/14/2026, 8:00:11.000 AM", "Operation": "New-InboxRule", "UserId": "a@b.example",
            "ObjectId": "x\\y", "Parameters": [{"Name": "ForwardTo", "Value": "c@d.example"}], "RecordType": 1,
            "Id": "14dc392f-fe4e-579d-805f-c964c05ea1a7", "ClientIP": "203.0.113.7"});
        assert_eq!(put_together(columns), Some(expected));
    }

    #[test]
    fn command_stands_in_for_its_parameters() {
        let columns = json!({"CreationTime": "2026-09-14T08:52:11", "Operation": "New-InboxRule",
            "FullCommand": "New-InboxRule -ForwardTo c@d.example -Name ."});
        let found = with_parameters(columns.as_object().unwrap().clone());
        assert_eq!(found["Parameters"], json!("New-InboxRule -ForwardTo c@d.example -Name ."));
        let columns =
            json!({"CreationTime": "x", "Operation": "New-InboxRule", "FullCommand": "y", "Parameters": "Name=."});
        assert_eq!(put_together(columns).unwrap()["Parameters"], json!("Name=."));
    }

    #[test]
    fn columns_of_a_custom_table_are_put_together() {
        let columns = json!({"CreationTime_t": "2026-09-14T08:52:11", "Operation_s": "New-InboxRule", "UserId_s": "a@b.example",
            "Id_g": "14dc392f-fe4e-579d-805f-c964c05ea1a7", "UserType_d": 0,
            "Parameters_s": "[{\"Name\":\"ForwardTo\",\"Value\":\"c@d.example\"}]"});
        let expected = json!({"CreationTime": "2026-09-14T08:52:11", "Operation": "New-InboxRule", "UserId": "a@b.example",
            "Id": "14dc392f-fe4e-579d-805f-c964c05ea1a7", "UserType": 0,
            "Parameters": [{"Name": "ForwardTo", "Value": "c@d.example"}]});
        assert_eq!(put_together(columns), Some(expected));
    }

    #[test]
    fn columns_of_single_parameters_count_before_their_joined_text() {
        let columns = json!({"Operations": "New-InboxRule", "CreationDate": "2026-09-14T08:52:11", "Param_Name": ".",
            "Param_ForwardTo": "a@b.example", "Parameters": "Name=. | ForwardTo=…"});
        let record = put_together(columns).unwrap();
        let expected = json!([{"Name": "Name", "Value": "."}, {"Name": "ForwardTo", "Value": "a@b.example"}]);
        let mut parameters = record["Parameters"].as_array().unwrap().clone();
        parameters.sort_by_key(|parameter| parameter["Name"] != "Name");
        assert_eq!(Value::Array(parameters), expected);
    }

    #[test]
    fn flattened_documents_are_put_together() {
        let columns = json!({"@timestamp": "x", "o365.audit.Operation": "Set-Mailbox", "o365.audit.CreationTime": "2026-09-14T08:52:11",
            "o365.audit.Parameters.ForwardingSmtpAddress": "smtp:a@b.example"});
        let record = put_together(columns).unwrap();
        assert_eq!(record["Parameters"], json!([{"Name": "ForwardingSmtpAddress", "Value": "smtp:a@b.example"}]));
    }

    #[test]
    fn columns_of_members_become_an_object() {
        let columns = json!({"o365.audit.Operation": "UserLoggedIn", "o365.audit.CreationTime": "2026-09-14T08:52:11",
            "o365.audit.DeviceProperties.SessionId": "s", "o365.audit.AppAccessContext.AADSessionId": "t",
            "o365.audit.ErrorNumber": "0"});
        let record = put_together(columns).unwrap();
        assert_eq!((&record["DeviceProperties"], &record["ErrorNumber"]), (&json!({"SessionId": "s"}), &json!("0")));
        assert_eq!(record["AppAccessContext"], json!({"AADSessionId": "t"}));
    }

    #[test]
    fn columns_without_operation_or_time_are_no_record() {
        assert_eq!(put_together(json!({"Operation": "New-InboxRule"})), None);
        assert_eq!(put_together(json!({"CreationDate": "2026-09-14T08:52:11"})), None);
        assert_eq!(put_together(json!({"Operation": " ", "CreationDate": "2026-09-14T08:52:11"})), None);
    }
}
