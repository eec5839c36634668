//! Runs the flow's definition as Power Automate would: actions after those that they name, Teams and a technician played.

use std::collections::{BTreeMap, VecDeque};

use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::{Value, json};

use super::expression::State;

/// The outcome of an action or of a group of actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    Succeeded,
    Failed,
    TimedOut,
    Skipped,
}

impl Ended {
    fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "Succeeded",
            Self::Failed => "Failed",
            Self::TimedOut => "TimedOut",
            Self::Skipped => "Skipped",
        }
    }
}

/// The response to a call over HTTP.
#[derive(Debug, Clone)]
pub enum Reply {
    /// A status, and a body with the content type of JSON.
    Json(u16, Value),
    /// A status, and a body of text.
    Text(u16, &'static str),
    TimedOut,
}

/// One run of the flow, and what came of it.
pub struct Run {
    state: State,
    /// The buttons that are selected, one after the other. The last one is selected repeatedly.
    presses: VecDeque<(&'static str, &'static str)>,
    /// The settings of the flow that replace the imported ones.
    pub settings: Value,
    /// The responses to the first calls, for any URL.
    replies: VecDeque<Reply>,
    /// The address of the server that responds to all further calls.
    address: String,
    /// The bodies of all calls.
    pub calls: Vec<Value>,
    /// Cards that wait for a press.
    pub waiting: Vec<Value>,
    /// Cards that wait for nothing.
    pub posted: Vec<Value>,
    /// Cards that took the place of one that waited.
    pub updated: Vec<Value>,
    /// Why actions failed.
    pub failures: Vec<String>,
}

impl Run {
    pub fn new(
        notification: Value,
        presses: impl IntoIterator<Item = (&'static str, &'static str)>,
        replies: impl IntoIterator<Item = Reply>,
        address: &str,
    ) -> Self {
        Self {
            state: State { trigger: notification, ..State::default() },
            presses: presses.into_iter().collect(),
            settings: json!({}),
            replies: replies.into_iter().collect(),
            address: address.to_owned(),
            calls: Vec::new(),
            waiting: Vec::new(),
            posted: Vec::new(),
            updated: Vec::new(),
            failures: Vec::new(),
        }
    }

    /// All actions of a group, each after those that it names.
    pub fn actions<'a>(&'a mut self, actions: &'a Value) -> BoxFuture<'a, Ended> {
        async move {
            let actions = actions.as_object().unwrap();
            let mut ended: BTreeMap<&str, Ended> = BTreeMap::new();
            while ended.len() < actions.len() {
                let next = actions.iter().find(|(name, action)| {
                    let after = action["runAfter"].as_object().unwrap();
                    !ended.contains_key(name.as_str()) && after.keys().all(|one| ended.contains_key(one.as_str()))
                });
                let (name, action) = next.expect("the actions wait for each other");
                let may_run = action["runAfter"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .all(|(before, how)| how.as_array().unwrap().contains(&json!(ended[before.as_str()].as_str())));
                let end = if may_run { self.action(name, action).await } else { Ended::Skipped };
                ended.insert(name, end);
            }
            let is_last = |name: &str| !actions.values().any(|action| action["runAfter"].get(name).is_some());
            let all_well = ended.iter().all(|(name, end)| !is_last(name) || *end == Ended::Succeeded);
            if all_well { Ended::Succeeded } else { Ended::Failed }
        }
        .boxed()
    }

    async fn action(&mut self, name: &str, action: &Value) -> Ended {
        let end = match action["type"].as_str().unwrap() {
            "If" => self.condition(action).await,
            "Switch" => self.switch(action).await,
            "Until" => self.until(action).await,
            "Select" => self.select(name, action),
            _ => match self.state.fill(&action["inputs"]) {
                Ok(inputs) => self.simple(name, action["type"].as_str().unwrap(), &inputs).await,
                Err(error) => Err(error),
            },
        };
        end.unwrap_or_else(|error| {
            self.failures.push(format!("{name}: {error}"));
            Ended::Failed
        })
    }

    async fn simple(&mut self, name: &str, kind: &str, inputs: &Value) -> Result<Ended, String> {
        let output = match kind {
            "Compose" if name == "Settings" => {
                let mut settings = inputs.as_object().unwrap().clone();
                settings.extend(self.settings.as_object().unwrap().clone());
                Value::Object(settings)
            }
            "Compose" => inputs.clone(),
            "InitializeVariable" | "SetVariable" => {
                let variable = if kind == "SetVariable" { inputs } else { &inputs["variables"][0] };
                let name = variable["name"].as_str().unwrap().to_owned();
                self.state.variables.insert(name, variable["value"].clone());
                Value::Null
            }
            "Wait" => Value::Null,
            "OpenApiConnection" | "OpenApiConnectionWebhook" => self.teams(inputs),
            "Http" => return Ok(self.call(name, inputs).await),
            other => panic!("{name} is of the unknown type {other}"),
        };
        self.state.outputs.insert(name.to_owned(), output);
        Ok(Ended::Succeeded)
    }

    fn teams(&mut self, inputs: &Value) -> Value {
        let of = |name: &str| serde_json::from_str(inputs["parameters"][name].as_str().unwrap()).unwrap();
        let mut press = ("", "");
        match inputs["host"]["operationId"].as_str().unwrap() {
            "PostCardAndWaitForResponse" => {
                self.waiting.push(of("body/body/messageBody"));
                press = if self.presses.len() > 1 { self.presses.pop_front().unwrap() } else { self.presses[0] };
            }
            "PostCardToConversation" => self.posted.push(of("body/messageBody")),
            "UpdateCardInConversation" => self.updated.push(of("body/messageBody")),
            other => panic!("unknown operation {other}"),
        }
        let (who, button) = press;
        let (name, id) = (format!("{who} Technician"), self.waiting.len().to_string());
        // Somebody without a principal name, as a guest of a shared channel can be.
        let upn = if who.is_empty() { Value::Null } else { json!(format!("{who}@msp.example")) };
        let responder = json!({ "displayName": name, "userPrincipalName": upn });
        json!({ "body": { "data": { "Action": button }, "responder": responder, "messageId": id } })
    }

    /// A call over HTTP; Power Automate's own retries are left out.
    async fn call(&mut self, name: &str, inputs: &Value) -> Ended {
        self.calls.push(inputs["body"].clone());
        let reply = match self.replies.pop_front() {
            Some(reply) => reply,
            None => self.post(&inputs["body"]).await,
        };
        let (status, body) = match reply {
            Reply::Json(status, body) => (status, body),
            Reply::Text(status, body) => (status, json!(body)),
            Reply::TimedOut => {
                self.state.outputs.remove(name);
                return Ended::TimedOut;
            }
        };
        self.state.outputs.insert(name.to_owned(), json!({ "statusCode": status, "body": body }));
        if status < 400 { Ended::Succeeded } else { Ended::Failed }
    }

    async fn post(&self, body: &Value) -> Reply {
        let response = reqwest::Client::new().post(&self.address).json(body).send().await.unwrap();
        Reply::Json(response.status().as_u16(), response.json().await.unwrap())
    }

    async fn condition(&mut self, action: &Value) -> Result<Ended, String> {
        let (comparison, sides) = action["expression"].as_object().unwrap().iter().next().unwrap();
        assert_eq!(comparison, "equals");
        let sides = self.state.fill(sides)?;
        let branch = if sides[0] == sides[1] { &action["actions"] } else { &action["else"]["actions"] };
        Ok(self.actions(branch).await)
    }

    async fn switch(&mut self, action: &Value) -> Result<Ended, String> {
        let value = self.state.fill(&action["expression"])?;
        let case = action["cases"].as_object().unwrap().values().find(|case| case["case"] == value);
        Ok(self.actions(case.map_or(&action["default"]["actions"], |case| &case["actions"])).await)
    }

    async fn until(&mut self, action: &Value) -> Result<Ended, String> {
        for _ in 0..action["limit"]["count"].as_u64().unwrap() {
            let end = self.actions(&action["actions"]).await;
            if end != Ended::Succeeded || self.state.fill(&action["expression"])? == true {
                return Ok(end);
            }
        }
        Ok(Ended::Failed)
    }

    fn select(&mut self, name: &str, action: &Value) -> Result<Ended, String> {
        let from = self.state.fill(&action["inputs"]["from"])?;
        let mut selected = Vec::new();
        for item in from.as_array().ok_or("not a list")? {
            self.state.item = item.clone();
            selected.push(self.state.fill(&action["inputs"]["select"])?);
        }
        self.state.outputs.insert(name.to_owned(), json!({ "body": selected }));
        Ok(Ended::Succeeded)
    }
}
