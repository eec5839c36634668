//! As much of the workflow definition language as the flow uses
//! (<https://learn.microsoft.com/azure/logic-apps/expression-functions-reference>), at least as strict as the original:
//! every argument of a function is evaluated, those of `if` too, and a member of what is no object is an error.

use std::collections::BTreeMap;

use base64::Engine as _;
use serde_json::{Map, Value, json};

/// The values that expressions can read.
#[derive(Debug, Default)]
pub struct State {
    /// The body that triggered the flow.
    pub trigger: Value,
    /// The outputs of the actions that have run.
    pub outputs: BTreeMap<String, Value>,
    pub variables: BTreeMap<String, Value>,
    /// The current item of a `Select`.
    pub item: Value,
}

impl State {
    /// A JSON value with every expression in its texts evaluated.
    pub fn fill(&self, value: &Value) -> Result<Value, String> {
        match value {
            Value::String(text) => self.text(text),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(members) => {
                let filled = members.iter().map(|(name, value)| Ok((name.clone(), self.fill(value)?)));
                Ok(Value::Object(filled.collect::<Result<Map<_, _>, String>>()?))
            }
            other => Ok(other.clone()),
        }
    }

    fn text(&self, text: &str) -> Result<Value, String> {
        if let Some(expression) = text.strip_prefix('@').filter(|rest| !rest.starts_with('{')) {
            return self.evaluate(expression);
        }
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, expression)) = rest.split_once("@{") {
            let end = end_of(expression).ok_or_else(|| format!("no end: {text}"))?;
            filled.push_str(before);
            filled.push_str(&as_text(&self.evaluate(&expression[..end])?));
            rest = &expression[end + 1..];
        }
        filled.push_str(rest);
        Ok(Value::String(filled))
    }

    pub fn evaluate(&self, expression: &str) -> Result<Value, String> {
        let mut parser = Parser { state: self, rest: expression };
        let value = parser.value().map_err(|error| format!("{error} in {expression}"))?;
        if parser.rest.trim().is_empty() {
            Ok(value)
        } else {
            Err(format!("{:?} is left of {expression}", parser.rest))
        }
    }

    fn call(&self, name: &str, arguments: &[Value]) -> Result<Value, String> {
        let output = |name: &str| self.outputs.get(name).cloned().unwrap_or(Value::Null);
        let value = match (name, arguments) {
            ("parameters", [Value::String(name)]) if name == "$authentication" => Some(json!({})),
            ("triggerBody", []) => Some(self.trigger.clone()),
            ("item", []) => Some(self.item.clone()),
            ("outputs", [Value::String(action)]) => Some(output(action)),
            ("body", [Value::String(action)]) => Some(output(action).get("body").cloned().unwrap_or(Value::Null)),
            ("variables", [Value::String(name)]) => self.variables.get(name).cloned(),
            _ => logic(name, arguments).or_else(|| text(name, arguments)).or_else(|| collection(name, arguments)),
        };
        value.ok_or_else(|| format!("{name} does not take {}", json!(arguments)))
    }
}

fn logic(name: &str, arguments: &[Value]) -> Option<Value> {
    Some(match (name, arguments) {
        ("if", [Value::Bool(condition), yes, no]) => if *condition { yes } else { no }.clone(),
        ("coalesce", values) => values.iter().find(|value| !value.is_null()).cloned().unwrap_or(Value::Null),
        ("equals", [one, other]) => json!(one == other),
        ("not", [Value::Bool(value)]) => json!(!value),
        ("and", values) => {
            let values: Option<Vec<bool>> = values.iter().map(Value::as_bool).collect();
            json!(!values?.contains(&false))
        }
        ("or", values) => {
            let values: Option<Vec<bool>> = values.iter().map(Value::as_bool).collect();
            json!(values?.contains(&true))
        }
        ("less", [one, other]) => json!(one.as_i64()? < other.as_i64()?),
        ("lessOrEquals", [one, other]) => json!(one.as_i64()? <= other.as_i64()?),
        ("min", [one, other]) => json!(one.as_i64()?.min(other.as_i64()?)),
        _ => return None,
    })
}

fn text(name: &str, arguments: &[Value]) -> Option<Value> {
    if name == "string" {
        return arguments.first().map(|value| json!(as_text(value)));
    }
    if let ("substring", [Value::String(text), start, length]) = (name, arguments) {
        let units: Vec<u16> = text.encode_utf16().collect();
        let start = usize::try_from(start.as_u64()?).ok()?;
        let end = start + usize::try_from(length.as_u64()?).ok()?;
        return Some(json!(String::from_utf16_lossy(units.get(start..end)?)));
    }
    let texts: Vec<&str> = arguments.iter().map(Value::as_str).collect::<Option<_>>()?;
    Some(match (name, texts.as_slice()) {
        ("json", [text]) => serde_json::from_str(text).ok()?,
        ("base64", [text]) => json!(base64::engine::general_purpose::STANDARD.encode(text)),
        ("empty", [text]) => json!(text.is_empty()),
        ("length", [text]) => json!(text.encode_utf16().count()),
        ("toLower", [text]) => json!(text.to_lowercase()),
        ("concat", texts) => json!(texts.concat()),
        ("contains", [text, part]) => json!(text.contains(part)),
        ("startsWith", [text, start]) => json!(text.to_lowercase().starts_with(&start.to_lowercase())),
        ("replace", [text, old, new]) => json!(text.replace(old, new)),
        _ => return None,
    })
}

fn collection(name: &str, arguments: &[Value]) -> Option<Value> {
    Some(match (name, arguments) {
        ("length", [Value::Array(items)]) => json!(items.len()),
        ("createArray", items) => json!(items),
        ("take", [Value::Array(items), count]) => {
            json!(items.iter().take(usize::try_from(count.as_u64()?).ok()?).collect::<Vec<_>>())
        }
        ("union", arrays) => {
            let arrays: Vec<&Vec<Value>> = arrays.iter().map(Value::as_array).collect::<Option<_>>()?;
            let mut all: Vec<&Value> = Vec::new();
            for item in arrays.into_iter().flatten() {
                if !all.contains(&item) {
                    all.push(item);
                }
            }
            json!(all)
        }
        ("setProperty", [Value::Object(members), Value::String(name), value]) => {
            let mut members = members.clone();
            members.insert(name.clone(), value.clone());
            Value::Object(members)
        }
        ("removeProperty", [Value::Object(members), Value::String(name)]) => {
            let mut members = members.clone();
            members.remove(name);
            Value::Object(members)
        }
        _ => return None,
    })
}

/// Returns the form of a value within a text: empty for null.
fn as_text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// Returns the position of the `}` that ends an expression.
fn end_of(expression: &str) -> Option<usize> {
    let mut in_text = false;
    expression.char_indices().find_map(|(at, character)| {
        in_text ^= character == '\'';
        (character == '}' && !in_text).then_some(at)
    })
}

struct Parser<'a> {
    state: &'a State,
    rest: &'a str,
}

impl Parser<'_> {
    fn value(&mut self) -> Result<Value, String> {
        let mut value = self.primary()?;
        loop {
            let may_be_absent = self.take("?[");
            if !may_be_absent && !self.take("[") {
                return Ok(value);
            }
            let name = self.value()?;
            self.expect("]")?;
            value = member(&value, name.as_str().ok_or("a member has a name")?, may_be_absent)?;
        }
    }

    fn primary(&mut self) -> Result<Value, String> {
        self.rest = self.rest.trim_start();
        if self.take("'") {
            return self.quoted();
        }
        let end = self.rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        match word {
            "" => Err(format!("a value is missing before {:?}", self.rest)),
            "null" => Ok(Value::Null),
            "true" | "false" => Ok(json!(word == "true")),
            number if number.starts_with(|c: char| c.is_ascii_digit()) => {
                Ok(json!(number.parse::<i64>().map_err(|error| error.to_string())?))
            }
            function => {
                let arguments = self.arguments()?;
                self.state.call(function, &arguments)
            }
        }
    }

    fn arguments(&mut self) -> Result<Vec<Value>, String> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        if self.take(")") {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.value()?);
            if !self.take(",") {
                self.expect(")")?;
                return Ok(arguments);
            }
        }
    }

    /// The rest of a text in quotation marks; a doubled one stands for itself.
    fn quoted(&mut self) -> Result<Value, String> {
        let mut text = String::new();
        loop {
            let (part, rest) = self.rest.split_once('\'').ok_or("a text has no end")?;
            text.push_str(part);
            self.rest = rest;
            if !self.rest.starts_with('\'') {
                return Ok(json!(text));
            }
            text.push('\'');
            self.rest = &self.rest[1..];
        }
    }

    fn take(&mut self, token: &str) -> bool {
        let rest = self.rest.trim_start().strip_prefix(token);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(format!("{token:?} is missing before {:?}", self.rest)) }
    }
}

fn member(value: &Value, name: &str, may_be_absent: bool) -> Result<Value, String> {
    match value {
        Value::Object(members) if may_be_absent || members.contains_key(name) => {
            Ok(members.get(name).cloned().unwrap_or(Value::Null))
        }
        Value::Null if may_be_absent => Ok(Value::Null),
        other => Err(format!("{other} has no member {name}")),
    }
}

#[test]
fn an_expression_that_would_fail_in_power_automate_fails_here() {
    let mut state = State { trigger: json!({ "Text": "it's", "Card": "<html>" }), ..State::default() };
    state.outputs.insert("Call".to_owned(), json!({ "body": "<html>" }));
    let wrong = [
        "@body('Call')?['Status']",
        "@triggerBody()['Absent']",
        "@json(triggerBody()?['Card'])",
        "@json('')",
        "@if(true, 'right', body('Call')?['Status'])",
        "@variables('Unknown')",
        "@substring('abc', 0, 4)",
        "@concat('a', null)",
        "@unknown('a')",
        "@length('a'",
    ];
    for expression in wrong {
        assert!(state.fill(&json!(expression)).is_err(), "{expression}");
    }
    let right = [
        ("@triggerBody()?['Absent']?['Deeper']", Value::Null),
        ("a @{triggerBody()?['Text']} b @{null}@{1}", json!("a it's b 1")),
        ("@concat('it''s', ' }')", json!("it's }")),
        ("@coalesce(body('Unknown')?['Status'], 7)", json!(7)),
    ];
    for (expression, value) in right {
        assert_eq!(state.fill(&json!(expression)), Ok(value), "{expression}");
    }
}
