//! Carries out one call of a timer or queue function, from the envelope to the queued messages.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use axum::http::header::CONTENT_TYPE;
use serde_json::Value;
use uuid::Uuid;

use super::Host;
use super::app_folder::Function;
use super::process::Order;
use super::wire::Answer;

/// The record of one call.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// The id that the handler received.
    pub id: Uuid,
    /// The function.
    pub function: String,
    /// The number of times that the message of a queue function was taken, this time included; 0 for a manual start.
    pub dequeue_count: Option<u64>,
    /// The status of the answer. `None` if there was no answer.
    pub status: Option<u16>,
    /// The reason for which the host counts the call as failed. `None` if it succeeded.
    pub error: Option<String>,
    /// `Logs` of the answer.
    pub logs: Vec<String>,
    /// The messages that were queued because of the call.
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

    /// Returns whether the host counts the call as done.
    pub fn succeeded(&self) -> bool {
        self.error.is_none()
    }
}

/// Calls a function and treats its answer as the host does. Returns the record of the call, whatever its outcome.
pub(super) async fn call(host: &Arc<Host>, function: &Function, data: Value, dequeue_count: Option<u64>) -> Invocation {
    let mut invocation = Invocation::new(function, dequeue_count);
    host.in_flight.fetch_add(1, Ordering::SeqCst);
    let limited = tokio::time::timeout(host.function_timeout(), attempt(host, function, data, &mut invocation));
    let outcome = match limited.await {
        Ok(outcome) => outcome,
        Err(_) => {
            // The real host kills the handler, and with it every other invocation.
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
    let answered = host.handler.invoke(port, &function.name, invocation.id, data.to_string()).await?;
    invocation.status = Some(answered.status.as_u16());
    if !answered.status.is_success() {
        return Err(format!("not a success: {}", String::from_utf8_lossy(&answered.body)));
    }
    let content_type = answered.headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let mut answer = Answer::read(content_type, &answered.body)?;
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
