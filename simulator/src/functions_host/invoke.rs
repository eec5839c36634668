//! One call of a timer or queue function, from envelope to queued messages.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use reqwest::header::CONTENT_TYPE;
use serde_json::Value;
use uuid::Uuid;

use super::Host;
use super::app_folder::Function;
use super::process::Order;
use super::wire::Answer;

/// The version that this host says it has.
pub(super) const HOST_VERSION: &str = "4.1048.200.0";

/// What became of one call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The id that the handler was told.
    pub id: Uuid,
    /// The function.
    pub function: String,
    /// For a queue function: how often its message had been taken, this time included.
    pub dequeue_count: Option<u64>,
    /// The status of the answer. `None` when there was none.
    pub status: Option<u16>,
    /// Why the host counts it as failed. `None` when it succeeded.
    pub error: Option<String>,
    /// `Logs` of the answer.
    pub logs: Vec<String>,
    /// The messages that were queued because of it.
    pub queued: Vec<String>,
}

impl Invocation {
    pub(super) fn new(function: &Function, dequeue_count: Option<u64>) -> Self {
        Self {
            id: Uuid::new_v4(),
            function: function.name.clone(),
            dequeue_count,
            status: None,
            error: None,
            logs: Vec::new(),
            queued: Vec::new(),
        }
    }

    /// Whether the host counts it as done.
    pub fn succeeded(&self) -> bool {
        self.error.is_none()
    }
}

/// Calls a function and does with its answer what the host does. Whatever happens is in the record.
pub(super) async fn call(host: &Arc<Host>, function: &Function, data: Value, dequeue_count: Option<u64>) -> Invocation {
    let mut invocation = Invocation::new(function, dequeue_count);
    host.in_flight.fetch_add(1, Ordering::SeqCst);
    let limited = tokio::time::timeout(host.function_timeout(), attempt(host, function, data, &mut invocation));
    let outcome = match limited.await {
        Ok(outcome) => outcome,
        Err(_) => {
            // The real host kills the whole handler, and with it every other invocation.
            let _ = host.orders.send(Order::Restart).await;
            Err(format!("timed out after {:?}; the handler was killed", host.function_timeout()))
        }
    };
    invocation.error = outcome.err();
    host.record(&invocation);
    host.in_flight.fetch_sub(1, Ordering::SeqCst);
    invocation
}

async fn attempt(host: &Host, function: &Function, data: Value, invocation: &mut Invocation) -> Result<(), String> {
    let port = host.port().await.map_err(|error| error.to_string())?;
    let response = host
        .http
        .post(format!("http://127.0.0.1:{port}/{}", function.name))
        .header("X-Azure-Functions-InvocationId", invocation.id.to_string())
        .header("X-Azure-Functions-HostVersion", HOST_VERSION)
        .header("User-Agent", format!("Azure-Functions-Host/{HOST_VERSION}"))
        .header(CONTENT_TYPE, "application/json; charset=utf-8")
        .body(data.to_string())
        .send()
        .await
        .map_err(|error| format!("no answer: {error}"))?;
    invocation.status = Some(response.status().as_u16());
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let content_type = content_type.to_owned();
    let is_success = response.status().is_success();
    let body = response.bytes().await.map_err(|error| format!("the answer was cut off: {error}"))?;
    if !is_success {
        return Err(format!("not a success: {}", String::from_utf8_lossy(&body)));
    }
    let mut answer = Answer::read(&content_type, &body)?;
    invocation.logs = answer.logs();
    for (binding, queue_name) in &function.queue_outputs {
        let queue = host.queue(queue_name);
        queue.create().await.map_err(|error| error.to_string())?;
        for message in answer.queue_messages(binding) {
            queue.put(&message).await.map_err(|error| error.to_string())?;
            invocation.queued.push(String::from_utf8_lossy(&message).into_owned());
        }
    }
    Ok(())
}
