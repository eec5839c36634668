//! Listens to a queue: takes batches, calls the function, and deletes, releases or poisons each message.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::app_folder::{Function, Trigger};
use super::queue::{Queue, QueueError, Taken};
use super::{Host, POLL_INTERVAL, Readiness, invoke, wire};

/// The time for which a message is hidden while it is processed. The real host hides it for ten minutes and renews that.
const HIDDEN: Duration = Duration::from_secs(600);

/// Processes messages until the host stops.
pub(super) async fn listen(host: Arc<Host>, function: Function) {
    let Trigger::Queue { binding, queue_name } = function.trigger.clone() else { return };
    let source = Arc::new(Source {
        queue: host.queue(&queue_name),
        poison: host.poison_queue(&queue_name),
        host,
        function,
        binding,
    });
    let mut running = JoinSet::new();
    while !matches!(&*source.host.readiness.borrow(), Readiness::Stopped(_)) {
        while running.try_join_next().is_some() {}
        // A new batch is taken as soon as few enough are left, so up to batchSize + newBatchThreshold run at once.
        let may_take = running.len() <= source.host.app.host.new_batch_threshold;
        let batch = if may_take { source.batch().await } else { Vec::new() };
        if batch.is_empty() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        for message in batch {
            running.spawn(Arc::clone(&source).process(message));
        }
    }
}

#[derive(Debug)]
struct Source {
    host: Arc<Host>,
    function: Function,
    binding: String,
    queue: Queue,
    poison: Queue,
}

impl Source {
    async fn batch(&self) -> Vec<Taken> {
        if self.host.port().await.is_err() {
            return Vec::new();
        }
        self.queue.take(self.host.app.host.batch_size, HIDDEN).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the queue cannot be read");
            Vec::new()
        })
    }

    async fn process(self: Arc<Self>, message: Taken) {
        if let Err(error) = self.process_message(&message).await {
            tracing::error!(%error, id = message.id, "a message stays hidden");
        }
    }

    async fn process_message(&self, message: &Taken) -> Result<(), QueueError> {
        let text = message.text()?;
        let data = wire::queue_data(&self.function, &self.binding, message, &text);
        let invocation = invoke::call(&self.host, &self.function, data, Some(message.dequeue_count)).await;
        if invocation.succeeded() {
            return self.queue.delete(message).await;
        }
        if message.dequeue_count >= self.host.app.host.max_dequeue_count {
            self.poison.create().await?;
            self.poison.put_stored(&message.stored).await?;
            return self.queue.delete(message).await;
        }
        let after = self.host.options.visibility_timeout.unwrap_or(self.host.app.host.visibility_timeout);
        self.queue.release(message, after).await
    }
}
