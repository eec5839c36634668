//! Reads `host.json` and the `function.json` of every function as the host does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

/// The reason for which the app's files cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AppFolderError {
    /// A file is missing.
    #[error("{0}: {1}")]
    Missing(PathBuf, std::io::Error),
    /// A file has a form that the host does not read.
    #[error("{0}: {1}")]
    Wrong(PathBuf, String),
    /// `%NAME%` in a `function.json` names an app setting that is not set.
    #[error("{function} is not indexed: %{setting}% does not resolve to a value")]
    Unresolved {
        /// The function.
        function: String,
        /// The setting.
        setting: String,
    },
    /// No function has such a trigger.
    #[error("no function has such a trigger")]
    NoFunction,
}

/// The files of an app.
#[derive(Debug, Clone)]
pub(super) struct AppFolder {
    pub(super) host: HostJson,
    pub(super) functions: Vec<Function>,
}

/// The used part of `host.json`, with the defaults of the host.
#[derive(Debug, Clone)]
pub(super) struct HostJson {
    pub(super) function_timeout: Duration,
    pub(super) batch_size: usize,
    pub(super) new_batch_threshold: usize,
    pub(super) visibility_timeout: Duration,
    pub(super) max_dequeue_count: u64,
    pub(super) executable: PathBuf,
    pub(super) arguments: Vec<String>,
    pub(super) forwards_http: bool,
}

/// A function.
#[derive(Debug, Clone)]
pub(super) struct Function {
    pub(super) name: String,
    pub(super) trigger: Trigger,
    /// The queue outputs: name of the binding, name of the queue.
    pub(super) queue_outputs: Vec<(String, String)>,
}

/// The trigger of a function.
#[derive(Debug, Clone)]
pub(super) enum Trigger {
    Timer { binding: String },
    Queue { binding: String, queue_name: String },
    Http { needs_key: bool, methods: Vec<String> },
}

#[derive(Debug, Deserialize)]
struct FunctionJson {
    bindings: Vec<Binding>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Binding {
    name: String,
    #[serde(rename = "type")]
    kind: String,
    direction: String,
    schedule: Option<String>,
    queue_name: Option<String>,
    connection: Option<String>,
    auth_level: Option<String>,
    methods: Option<Vec<String>>,
}

impl AppFolder {
    pub(super) fn read(root: &Path, settings: &BTreeMap<String, String>) -> Result<Self, AppFolderError> {
        let host = HostJson::read(&root.join("host.json"))?;
        let missing = |error| AppFolderError::Missing(root.to_owned(), error);
        let mut functions = Vec::new();
        for entry in std::fs::read_dir(root).map_err(missing)? {
            let folder = entry.map_err(missing)?.path();
            let file = folder.join("function.json");
            if file.is_file() {
                let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
                functions.push(Function::read(name, &file, settings)?);
            }
        }
        functions.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(Self { host, functions })
    }
}

impl HostJson {
    fn read(path: &Path) -> Result<Self, AppFolderError> {
        let json: Value = read_json(path)?;
        let wrong = |what: &str| AppFolderError::Wrong(path.to_owned(), what.to_owned());
        if json["version"] != "2.0" {
            return Err(wrong("version must be \"2.0\""));
        }
        let queues = &json["extensions"]["queues"];
        let number = |value: &Value, default: u64| match value {
            Value::Null => Ok(default),
            other => other.as_u64().ok_or_else(|| wrong("a number is expected")),
        };
        let span = |value: &Value, default: u64| match value {
            Value::Null => Ok(Duration::from_secs(default)),
            Value::String(text) => span(text).ok_or_else(|| wrong("hh:mm:ss is expected")),
            _ => Err(wrong("hh:mm:ss is expected")),
        };
        if !matches!(queues["messageEncoding"].as_str(), None | Some("base64")) {
            return Err(wrong("only messageEncoding base64 is emulated"));
        }
        let batch_size = number(&queues["batchSize"], 16)?;
        let description = &json["customHandler"]["description"];
        let executable =
            description["defaultExecutablePath"].as_str().ok_or_else(|| wrong("no defaultExecutablePath"))?;
        let arguments = description["arguments"].as_array().into_iter().flatten();
        Ok(Self {
            function_timeout: span(&json["functionTimeout"], 30 * 60)?,
            batch_size: usize::try_from(batch_size).unwrap_or(usize::MAX),
            new_batch_threshold: usize::try_from(number(&queues["newBatchThreshold"], batch_size / 2)?)
                .unwrap_or(usize::MAX),
            visibility_timeout: span(&queues["visibilityTimeout"], 0)?,
            max_dequeue_count: number(&queues["maxDequeueCount"], 5)?,
            executable: executable.into(),
            arguments: arguments.filter_map(Value::as_str).map(str::to_owned).collect(),
            forwards_http: json["customHandler"]["enableForwardingHttpRequest"] == true,
        })
    }
}

impl Function {
    fn read(name: String, path: &Path, settings: &BTreeMap<String, String>) -> Result<Self, AppFolderError> {
        let json: FunctionJson = read_json(path)?;
        let wrong = |what: String| AppFolderError::Wrong(path.to_owned(), what);
        let mut trigger = None;
        let mut queue_outputs = Vec::new();
        for binding in json.bindings {
            let queue_name =
                || binding.queue_name.clone().ok_or_else(|| wrong(format!("{}: no queueName", binding.name)));
            if !matches!(binding.connection.as_deref(), None | Some("AzureWebJobsStorage")) {
                return Err(wrong(format!("{}: only AzureWebJobsStorage is emulated", binding.name)));
            }
            match (binding.kind.as_str(), binding.direction.as_str()) {
                ("timerTrigger", "in") => {
                    resolve(&name, binding.schedule.as_deref().unwrap_or_default(), settings)?;
                    trigger = Some(Trigger::Timer { binding: binding.name });
                }
                ("queueTrigger", "in") => {
                    trigger = Some(Trigger::Queue { queue_name: queue_name()?, binding: binding.name });
                }
                ("httpTrigger", "in") => {
                    trigger = Some(Trigger::Http {
                        needs_key: binding.auth_level.as_deref() != Some("anonymous"),
                        methods: binding.methods.unwrap_or_default(),
                    });
                }
                ("queue", "out") => queue_outputs.push((binding.name.clone(), queue_name()?)),
                ("http", "out") => {}
                (kind, direction) => return Err(wrong(format!("{kind} {direction} is not emulated"))),
            }
        }
        let trigger = trigger.ok_or_else(|| wrong("no trigger".to_owned()))?;
        Ok(Self { name, trigger, queue_outputs })
    }
}

/// Replaces `%NAME%` by the value of that app setting. Anything else stays.
fn resolve(function: &str, text: &str, settings: &BTreeMap<String, String>) -> Result<String, AppFolderError> {
    let Some(setting) = text.strip_prefix('%').and_then(|rest| rest.strip_suffix('%')) else {
        return Ok(text.to_owned());
    };
    let value = settings.get(setting).filter(|value| !value.is_empty());
    value
        .cloned()
        .ok_or_else(|| AppFolderError::Unresolved { function: function.to_owned(), setting: setting.to_owned() })
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, AppFolderError> {
    let bytes = std::fs::read(path).map_err(|error| AppFolderError::Missing(path.to_owned(), error))?;
    serde_json::from_slice(&bytes).map_err(|error| AppFolderError::Wrong(path.to_owned(), error.to_string()))
}

/// Parses `hh:mm:ss`.
fn span(text: &str) -> Option<Duration> {
    let mut parts = text.split(':').map(|part| part.parse::<u64>().ok());
    let (hours, minutes, seconds) = (parts.next()??, parts.next()??, parts.next()??);
    parts.next().is_none().then(|| Duration::from_secs(hours * 3600 + minutes * 60 + seconds))
}
