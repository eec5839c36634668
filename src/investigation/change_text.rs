//! A change in words: parameters of a cmdlet, or the target and the new values of a directory record.

use std::collections::BTreeSet;

use audit_log::{AnyRecord, ModifiedProperty};
use serde_json::Value;

use super::activity::Activity;
use super::texts::cut;

/// A value that is longer is a list for programs.
const LONGEST_VALUE: usize = 200;

/// Returns the change that a record tells.
pub(super) fn change_text(record: &AnyRecord<'_>, activity: &Activity) -> String {
    let parameters = record.properties("Parameters");
    let of_mailbox = record.properties("OperationProperties");
    let told = parameters.iter().chain(of_mailbox.iter());
    let parts: Vec<String> = told.map(|(name, value)| format!("{name}: {}", value.unwrap_or_default())).collect();
    if !parts.is_empty() {
        return cut(&parts.join("; "));
    }
    let object = match record.text("ObjectId") {
        Some(object) if !activity.consented.is_empty() => of_application(record, &object),
        object => object.unwrap_or_default().into_owned(),
    };
    let properties = record.modified_properties();
    let values = properties.iter().filter_map(value);
    cut(&std::iter::once(object).filter(|object| !object.is_empty()).chain(values).collect::<Vec<_>>().join("; "))
}

/// The name of the target beside the object, which is an id.
fn of_application(record: &AnyRecord<'_>, object: &str) -> String {
    /// The type of a display name among the targets.
    const NAME: i64 = 1;
    let targets = record.value("Target");
    let mut targets = targets.as_ref().and_then(Value::as_array).into_iter().flatten();
    let name = targets.find(|target| target.get("Type").and_then(Value::as_i64) == Some(NAME));
    match name.and_then(|name| name.get("ID")).and_then(Value::as_str).map(str::trim) {
        Some(name) if !name.is_empty() && name != object => format!("{name} ({object})"),
        _ => object.to_owned(),
    }
}

/// The new value of a property in words, `None` if it says nothing to a person.
fn value(property: &ModifiedProperty) -> Option<String> {
    let is = |name: &str| property.name.eq_ignore_ascii_case(name);
    if is("ConsentAction.Permissions") {
        return Some(permissions(&property.new))
            .filter(|text| !text.is_empty())
            .map(|text| format!("Permissions: {text}"));
    }
    // The id of the application, which is the object as well.
    let is_told =
        !is("TargetId.ServicePrincipalNames") && !property.new.is_empty() && property.new.len() < LONGEST_VALUE;
    let name = property.name.trim_start_matches("ConsentContext.");
    is_told.then(|| format!("{name}: {}", property.new.trim_matches(['"', '[', ']'])))
}

/// `[old] => [[Id: …, Scope: Mail.Read offline_access, CreatedDateTime: …]]`: the scopes behind the arrow, each once.
fn permissions(text: &str) -> String {
    let now = text.rsplit_once("=>").map_or(text, |(_, now)| now);
    let scopes = now.split("Scope:").skip(1).flat_map(|rest| {
        let end = rest.find([',', ']']).unwrap_or(rest.len());
        rest.get(..end).unwrap_or_default().split_whitespace()
    });
    let mut seen = BTreeSet::new();
    scopes.filter(|scope| seen.insert(*scope)).collect::<Vec<_>>().join(" ")
}
