//! Reads the body of a call as far as the log and the faults need it.

use serde_json::Value;

/// Returns the name of the cmdlet that a body asks for.
pub(crate) fn cmdlet_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    body.get("CmdletInput")?.get("CmdletName")?.as_str().map(str::to_owned)
}

/// Returns the cmdlet that a body asks for and the names of its parameters in their order: `Get-InboxRule Mailbox`.
pub(crate) fn call_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let input = body.get("CmdletInput")?;
    let parameters = input.get("Parameters").and_then(Value::as_object);
    let mut parameters: Vec<&str> = parameters.into_iter().flatten().map(|(name, _)| name.as_str()).collect();
    parameters.sort_unstable();
    let words: Vec<&str> = [input.get("CmdletName")?.as_str()?].into_iter().chain(parameters).collect();
    Some(words.join(" "))
}

/// Returns the mailbox that a body names in `Mailbox` or `Identity`.
pub(crate) fn mailbox_of(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let parameters = body.get("CmdletInput")?.get("Parameters")?;
    named(parameters.get("Mailbox"), parameters.get("Identity"))
}

/// Returns the body with another mailbox in place of the one that it names.
pub(crate) fn about_other_mailbox(body: &[u8], name: &str) -> Vec<u8> {
    let (Ok(mut call), Some(own)) = (serde_json::from_slice::<Value>(body), mailbox_of(body)) else {
        return body.to_vec();
    };
    for parameter in ["Mailbox", "Identity"] {
        if let Some(value) = call.pointer_mut(&format!("/CmdletInput/Parameters/{parameter}"))
            && let Some(rest) = value.as_str().and_then(|text| text.strip_prefix(&own))
        {
            *value = format!("{name}{rest}").into();
        }
    }
    call.to_string().into_bytes()
}

/// Returns the mailbox that two parameters name: `Mailbox` alone, or the part of `Identity` before a rule or folder.
pub(super) fn named(mailbox: Option<&Value>, identity: Option<&Value>) -> Option<String> {
    if let Some(name) = mailbox.and_then(Value::as_str) {
        return Some(name.to_owned());
    }
    let identity = identity?.as_str()?;
    let before_folder = identity.split_once(":\\").map(|(name, _)| name);
    let before_rule = identity.rsplit_once('\\').map(|(name, _)| name);
    Some(before_folder.or(before_rule).unwrap_or(identity).to_owned())
}
