//! Emulates the Azure Functions host as its custom handler meets it, without Azure. It is a test instrument.
//!
//! The emulator reads the app's own `host.json` and `function.json` files, starts the real executable, and treats it as the
//! real host does. The behaviour comes from Azure/azure-functions-host: `src/WebJobs.Script/Workers/Http/DefaultHttpWorkerService.cs`
//! (polling, calls, which answers count), `Workers/Http/HttpScriptInvocationResultExtensions.cs` and
//! `Binding/FunctionBinding.cs` (outputs), `Workers/MessageExtensions/ScriptInvocationContextExtensions.cs` (inputs) and
//! `Workers/ProcessManagement/WorkerProcess.cs` (standard streams, exit codes). Requests have the form of those that host
//! 4.1037 sent to this app. Queues are real ones, in Azurite.

mod app_folder;
mod connection;
mod front;
mod handler_client;
mod invoke;
mod listener;
mod process;
mod queue;
mod wire;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use app_folder::{AppFolder, Function, Trigger};
use handler_client::HandlerClient;
use process::Order;
use queue::{Queue, QueueAccount};

pub use app_folder::AppFolderError;
pub use invoke::Invocation;
pub use process::{Level, LogLine, Orphan};
pub use queue::QueueError;

/// The interval at which a state is polled.
const POLL_INTERVAL: Duration = Duration::from_millis(25);

/// The app, and the ways in which this host differs from the real one because a test needs it.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder with `host.json`. Also the working directory of the handler.
    pub app_root: PathBuf,
    /// The executable, if it is not that of `host.json` in the app's root.
    pub executable: Option<PathBuf>,
    /// The app settings. The handler inherits only `PATH`, `HOME` and `TMPDIR` from this process.
    pub environment: BTreeMap<String, String>,
    /// `AzureWebJobsStorage`, for the bindings and for the handler.
    pub connection_string: String,
    /// The end of every queue name, so that tests can share one Azurite. Storage allows 63 characters in all.
    pub queue_suffix: String,
    /// Replaces `visibilityTimeout` of `host.json`, so that no test waits a minute for a retry. Whole seconds.
    pub visibility_timeout: Option<Duration>,
    /// Replaces `functionTimeout` of `host.json`.
    pub function_timeout: Option<Duration>,
    /// The number of crashes within 30 minutes that stop the host. The real number is 3; a test that kills often needs more.
    pub crashes_that_stop: usize,
}

impl Options {
    /// Returns the options for the app in `app_root` over the storage of `connection_string`, all else as on the real host.
    pub fn new(app_root: impl Into<PathBuf>, connection_string: impl Into<String>) -> Self {
        Self {
            app_root: app_root.into(),
            executable: None,
            environment: BTreeMap::new(),
            connection_string: connection_string.into(),
            queue_suffix: String::new(),
            visibility_timeout: None,
            function_timeout: None,
            crashes_that_stop: 3,
        }
    }
}

/// The reason for which the host could not start, or could not do what a test asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The app's files are wrong.
    #[error(transparent)]
    App(#[from] AppFolderError),
    /// The storage failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A socket could not be opened.
    #[error("a socket on 127.0.0.1: {0}")]
    Socket(#[from] std::io::Error),
    /// The HTTP client failed.
    #[error("the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The host has stopped for good.
    #[error("the host has stopped: {0}")]
    Stopped(String),
    /// Something did not happen in time.
    #[error("not within {0:?}: {1}")]
    Late(Duration, String),
}

/// The state of the handler.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Readiness {
    Starting,
    Ready { port: u16 },
    Stopped(String),
}

/// The state that all parts of the host share.
#[derive(Debug)]
struct Host {
    app: AppFolder,
    options: Options,
    handler: HandlerClient,
    account: QueueAccount,
    function_key: String,
    master_key: String,
    readiness: watch::Sender<Readiness>,
    orders: mpsc::Sender<Order>,
    starts: AtomicUsize,
    in_flight: AtomicUsize,
    invocations: Mutex<Vec<Invocation>>,
    logs: Mutex<Vec<LogLine>>,
}

impl Host {
    fn function_timeout(&self) -> Duration {
        self.options.function_timeout.unwrap_or(self.app.host.function_timeout)
    }

    fn queue(&self, name: &str) -> Queue {
        self.account.queue(&format!("{name}{}", self.options.queue_suffix))
    }

    fn poison_queue(&self, name: &str) -> Queue {
        self.account.queue(&format!("{name}{}-poison", self.options.queue_suffix))
    }

    /// Returns the port of the handler as soon as it answers.
    async fn port(&self) -> Result<u16, HostError> {
        let mut readiness = self.readiness.subscribe();
        let settled = readiness.wait_for(|now| *now != Readiness::Starting).await;
        match settled.as_deref() {
            Ok(Readiness::Ready { port }) => Ok(*port),
            Ok(Readiness::Stopped(why)) => Err(HostError::Stopped(why.clone())),
            Ok(Readiness::Starting) | Err(_) => Err(HostError::Stopped("the host is gone".to_owned())),
        }
    }

    fn record(&self, invocation: &Invocation) {
        locked(&self.invocations).push(invocation.clone());
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running host with its handler. Dropping the host kills the handler, as stopping the real one does.
#[derive(Debug)]
pub struct FunctionsHost {
    host: Arc<Host>,
    front: SocketAddr,
    _tasks: JoinSet<()>,
}

impl FunctionsHost {
    /// Starts the handler, waits for its first answer, then listens to queues and HTTP.
    ///
    /// # Errors
    /// Returns an error if the app's files are wrong, the storage does not answer, or the handler does not within 30 s.
    pub async fn start(options: Options) -> Result<Self, HostError> {
        let app = AppFolder::read(&options.app_root, &options.environment)?;
        // Azurite closes connections that were idle for 5 s, and a message whose request meets that stays hidden.
        let http = reqwest::Client::builder().no_proxy().pool_idle_timeout(Duration::from_secs(1)).build()?;
        let account = QueueAccount::new(&options.connection_string, http)?;
        let (orders, received) = mpsc::channel(8);
        let host = Arc::new(Host {
            app,
            options,
            handler: HandlerClient::new(),
            account,
            function_key: Uuid::new_v4().simple().to_string(),
            master_key: Uuid::new_v4().simple().to_string(),
            readiness: watch::Sender::new(Readiness::Starting),
            orders,
            starts: AtomicUsize::new(0),
            in_flight: AtomicUsize::new(0),
            invocations: Mutex::default(),
            logs: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let front = listener.local_addr()?;
        let mut tasks = JoinSet::new();
        tasks.spawn(process::supervise(Arc::clone(&host), received));
        host.port().await?;
        for function in host.app.functions.clone() {
            if let Trigger::Queue { queue_name, .. } = &function.trigger {
                host.queue(queue_name).create().await?;
                tasks.spawn(listener::listen(Arc::clone(&host), function));
            }
        }
        tasks.spawn(front::serve(Arc::clone(&host), listener));
        Ok(Self { host, front, _tasks: tasks })
    }

    /// Fires the timer now, as its schedule would, and waits until the function has ended and its messages are queued.
    ///
    /// # Errors
    /// Returns an error if there is no timer function. A failed invocation is not an error but a record that says so.
    pub async fn fire_timer(&self) -> Result<Invocation, HostError> {
        let function = self.function(|function| matches!(function.trigger, Trigger::Timer { .. }))?;
        let data = wire::timer_data(function);
        Ok(invoke::call(&self.host, function, data, None).await)
    }

    /// Starts a function manually, as the portal does: `POST /admin/functions/{name}` with `input`. Returns the HTTP status.
    ///
    /// The function runs in the background. A started queue function is not retried, because its message is in no queue.
    ///
    /// # Errors
    /// Returns an error if the request fails.
    pub async fn start_manually(&self, function: &str, input: Option<&str>) -> Result<u16, HostError> {
        let body = input.map_or_else(|| json!({}), |input| json!({"input": input}));
        let url = format!("{}/admin/functions/{function}", self.http_url());
        let client = reqwest::Client::builder().no_proxy().build()?;
        let request = client.post(url).header("x-functions-key", &self.host.master_key).json(&body);
        Ok(request.send().await?.status().as_u16())
    }

    /// Puts a message on the queue that a function listens to, as text.
    ///
    /// # Errors
    /// Returns an error if there is no queue function, or the storage does not accept the message.
    pub async fn enqueue(&self, text: &str) -> Result<(), HostError> {
        Ok(self.host.queue(self.queue_name()?).put(text.as_bytes()).await?)
    }

    /// Waits until the queue is empty, invisible messages included, and nothing is under way.
    ///
    /// # Errors
    /// Returns an error if that does not happen in time, or the host stops.
    pub async fn drain(&self, within: Duration) -> Result<(), HostError> {
        let queue = self.host.queue(self.queue_name()?);
        let end = Instant::now() + within;
        while queue.count().await? > 0 || self.host.in_flight.load(Ordering::SeqCst) > 0 {
            if let Readiness::Stopped(why) = &*self.host.readiness.borrow() {
                return Err(HostError::Stopped(why.clone()));
            }
            if Instant::now() > end {
                let left = queue.count().await?;
                return Err(HostError::Late(within, format!("{left} messages are still on the queue")));
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    }

    /// Returns the record of every call, in the order in which the calls ended.
    pub fn invocations(&self) -> Vec<Invocation> {
        locked(&self.host.invocations).clone()
    }

    /// Returns the texts in the poison queue, which stay there.
    ///
    /// # Errors
    /// Returns an error if there is no queue function, or the storage does not answer.
    pub async fn poison_messages(&self) -> Result<Vec<String>, HostError> {
        Ok(self.host.poison_queue(self.queue_name()?).peek().await?)
    }

    /// Returns the origin of HTTP functions, without a trailing slash.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.front)
    }

    /// Returns the key that HTTP functions with `authLevel` `function` require, as `code` or in `x-functions-key`.
    pub fn function_key(&self) -> &str {
        &self.host.function_key
    }

    /// Returns every line of the handler's standard streams, with the level that the host gives it.
    pub fn logs(&self) -> Vec<LogLine> {
        locked(&self.host.logs).clone()
    }

    /// Returns the number of log rows that are paid for: lines of the handler and entries of `Logs`.
    pub fn log_rows(&self) -> usize {
        self.logs().len() + self.invocations().iter().map(|invocation| invocation.logs.len()).sum::<usize>()
    }

    /// Returns the number of times that the handler was started.
    pub fn starts(&self) -> usize {
        self.host.starts.load(Ordering::SeqCst)
    }

    /// Kills the handler as a crash would, and waits until the host has noticed.
    ///
    /// The host starts the next handler by itself, unless this was one crash too many.
    pub async fn kill_handler(&self) {
        let mut readiness = self.host.readiness.subscribe();
        readiness.mark_unchanged();
        if self.host.orders.send(Order::Kill).await.is_ok() {
            let _ = readiness.changed().await;
        }
    }

    /// Kills the host and leaves the handler behind, which happens when a host is killed hard.
    ///
    /// # Errors
    /// Returns an error if the host has no handler any more.
    pub async fn abandon(self) -> Result<Orphan, HostError> {
        let (heir, orphan) = oneshot::channel();
        let gone = || HostError::Stopped("there is no handler".to_owned());
        self.host.orders.send(Order::Abandon(heir)).await.map_err(|_| gone())?;
        orphan.await.map_err(|_| gone())
    }

    /// Waits until the host has given up on its handler, and returns the reason.
    ///
    /// # Errors
    /// Returns an error if that does not happen in time.
    pub async fn stopped(&self, within: Duration) -> Result<String, HostError> {
        let mut readiness = self.host.readiness.subscribe();
        let stopped = readiness.wait_for(|now| matches!(now, Readiness::Stopped(_)));
        if let Ok(Ok(now)) = tokio::time::timeout(within, stopped).await
            && let Readiness::Stopped(why) = &*now
        {
            return Ok(why.clone());
        }
        Err(HostError::Late(within, "the host still runs".to_owned()))
    }

    fn function(&self, wanted: impl Fn(&Function) -> bool) -> Result<&Function, HostError> {
        let found = self.host.app.functions.iter().find(|function| wanted(function));
        Ok(found.ok_or(AppFolderError::NoFunction)?)
    }

    fn queue_name(&self) -> Result<&str, HostError> {
        let triggers = self.host.app.functions.iter().map(|function| &function.trigger);
        let names = triggers.filter_map(|trigger| match trigger {
            Trigger::Queue { queue_name, .. } => Some(queue_name.as_str()),
            _ => None,
        });
        Ok(names.into_iter().next().ok_or(AppFolderError::NoFunction)?)
    }
}
