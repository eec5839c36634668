//! Inbox rules as Graph shows them: the visible ones only, under ids of its own.
//! <https://learn.microsoft.com/graph/api/resources/messagerule>

use serde::Deserialize;
use serde_json::{Map, Value};

/// The actions that send mail to a recipient.
const SENDING_ACTIONS: [&str; 3] = ["forwardTo", "forwardAsAttachmentTo", "redirectTo"];

/// An inbox rule.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(from = "Map<String, Value>")]
pub struct MessageRule {
    /// Its id in Graph.
    pub id: String,
    /// Its name.
    pub display_name: String,
    /// `true` if the rule is enabled.
    pub is_enabled: bool,
    /// All properties as Graph returned them, unknown ones too: conditions, exceptions and actions.
    pub properties: Map<String, Value>,
}

impl MessageRule {
    /// Returns the actions of the rule as Graph wrote them, for readers.
    pub fn description(&self) -> String {
        self.properties.get("actions").map(Value::to_string).unwrap_or_default()
    }

    /// Returns the addresses that the rule sends mail to; an entry without an address gives an empty string.
    pub fn targets(&self) -> Vec<String> {
        let actions =
            SENDING_ACTIONS.iter().filter_map(|action| self.properties.get("actions")?.get(*action)?.as_array());
        let address = |one: &Value| one.pointer("/emailAddress/address")?.as_str().map(str::to_owned);
        actions.flatten().map(|one| address(one).unwrap_or_default()).collect()
    }
}

impl From<Map<String, Value>> for MessageRule {
    fn from(properties: Map<String, Value>) -> Self {
        let text = |member| properties.get(member).and_then(Value::as_str).unwrap_or_default().to_owned();
        Self {
            id: text("id"),
            display_name: text("displayName"),
            is_enabled: properties.get("isEnabled").and_then(Value::as_bool).unwrap_or_default(),
            properties,
        }
    }
}
