//! The Azure Functions host as its custom handler meets it, without Azure: a test instrument.
//!
//! It reads the app's own `host.json` and `function.json` files, starts the real executable, and treats it as the real host
//! does. What that is was read in Azure/azure-functions-host: `src/WebJobs.Script/Workers/Http/DefaultHttpWorkerService.cs`
//! (polling, calls, which answers count), `Workers/Http/HttpScriptInvocationResultExtensions.cs` and
//! `Binding/FunctionBinding.cs` (outputs), `Workers/MessageExtensions/ScriptInvocationContextExtensions.cs` (inputs) and
//! `Workers/ProcessManagement/WorkerProcess.cs` (standard streams, exit codes). Queues are real ones, in Azurite.

mod app_folder;
mod connection;
mod front;
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

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;

use app_folder::{AppFolder, Function, Trigger};
use process::Order;
use queue::{Queue, QueueAccount};

pub use app_folder::AppFolderError;
pub use invoke::Invocation;
pub use process::{Level, LogLine};
pub use queue::QueueError;

/// How often a state is looked at that nothing tells us about.
const GLANCE: Duration = Duration::from_millis(25);

/// What is run, and where this host differs from the real one for the sake of a test.
#[derive(Debug, Clone)]
pub struct Options {
    /// The folder with `host.json`. Also the working directory of the handler.
    pub app_root: PathBuf,
    /// The executable, when it is not the one of `host.json` in the app's root.
    pub executable: Option<PathBuf>,
    /// App settings. The handler inherits nothing from this process but `PATH`, `HOME` and `TMPDIR`.
    pub environment: BTreeMap<String, String>,
    /// The connection string that bindings find in `AzureWebJobsStorage`; the handler gets it too.
    pub connection_string: String,
    /// Put behind every queue name, so that tests can share one Azurite. Storage allows 63 characters in all.
    pub queue_suffix: String,
    /// Instead of `visibilityTimeout` of `host.json`, so that no test waits a minute for a retry. Whole seconds.
    pub visibility_timeout: Option<Duration>,
    /// Instead of `functionTimeout` of `host.json`.
    pub function_timeout: Option<Duration>,
    /// How many crashes within 30 minutes stop the host. The real one stops at 3; a test that kills often needs more.
    pub crashes_that_stop: usize,
}

impl Options {
    /// The app in `app_root` over the storage of `connection_string`, all else as the real host does it.
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

/// Why the host could not start, or could not do what a test asked.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The app's files.
    #[error(transparent)]
    App(#[from] AppFolderError),
    /// The storage.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// A socket.
    #[error("a socket on 127.0.0.1: {0}")]
    Socket(#[from] std::io::Error),
    /// The HTTP client.
    #[error("the HTTP client: {0}")]
    Client(#[from] reqwest::Error),
    /// The host has stopped for good.
    #[error("the host has stopped: {0}")]
    Stopped(String),
    /// Something did not happen in time.
    #[error("not within {0:?}: {1}")]
    Late(Duration, String),
}

/// What the handler is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Readiness {
    Starting,
    Ready { port: u16 },
    Stopped(String),
}

/// What all parts of the host share.
#[derive(Debug)]
struct Host {
    app: AppFolder,
    options: Options,
    http: reqwest::Client,
    account: QueueAccount,
    function_key: String,
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

    /// The port of the handler, once it answers.
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

/// A running host with its handler. Dropping it kills the handler, as stopping the real one does.
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
    /// When the app's files are wrong, the storage does not answer, or the handler gives no answer within 30 s.
    pub async fn start(options: Options) -> Result<Self, HostError> {
        let app = AppFolder::read(&options.app_root, &options.environment)?;
        // Azurite ends connections that were idle for 5 s; a message whose request meets that would stay hidden.
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .pool_idle_timeout(Duration::from_secs(1))
            .build()?;
        let account = QueueAccount::new(&options.connection_string, http.clone())?;
        let (orders, received) = mpsc::channel(8);
        let host = Arc::new(Host {
            app,
            options,
            http,
            account,
            function_key: Uuid::new_v4().simple().to_string(),
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
    /// When there is no timer function or the host has stopped. A failed invocation is no error but a record that says so.
    pub async fn fire_timer(&self) -> Result<Invocation, HostError> {
        let function = self.function(|function| matches!(function.trigger, Trigger::Timer { .. }))?;
        let data = wire::timer_data(function);
        Ok(invoke::call(&self.host, function, data, None).await)
    }

    /// Puts a message on the queue that a function listens to, as text.
    ///
    /// # Errors
    /// When there is no queue function, or the storage does not take it.
    pub async fn enqueue(&self, text: &str) -> Result<(), HostError> {
        Ok(self.host.queue(self.queue_name()?).put(text.as_bytes()).await?)
    }

    /// Waits until the queue is empty, invisible messages included, and nothing is under way.
    ///
    /// # Errors
    /// When that does not happen in time, or the host stops.
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
            tokio::time::sleep(GLANCE).await;
        }
        Ok(())
    }

    /// Everything that was called, in the order in which it ended.
    pub fn invocations(&self) -> Vec<Invocation> {
        locked(&self.host.invocations).clone()
    }

    /// The texts in the poison queue. They stay there.
    ///
    /// # Errors
    /// When there is no queue function, or the storage does not answer.
    pub async fn poison_messages(&self) -> Result<Vec<String>, HostError> {
        Ok(self.host.poison_queue(self.queue_name()?).peek().await?)
    }

    /// Where HTTP functions answer, without a trailing slash.
    pub fn http_url(&self) -> String {
        format!("http://{}", self.front)
    }

    /// The key that HTTP functions with `authLevel` `function` demand, as `code` or in `x-functions-key`.
    pub fn function_key(&self) -> &str {
        &self.host.function_key
    }

    /// Every line of the handler's standard streams, with the level that the host gives it.
    pub fn logs(&self) -> Vec<LogLine> {
        locked(&self.host.logs).clone()
    }

    /// How often the handler has been started.
    pub fn starts(&self) -> usize {
        self.host.starts.load(Ordering::SeqCst)
    }

    /// Kills the handler as a crash would, and waits until the host has noticed. It starts the next one by itself, unless
    /// this was one crash too many.
    pub async fn kill_handler(&self) {
        let mut readiness = self.host.readiness.subscribe();
        readiness.mark_unchanged();
        if self.host.orders.send(Order::Kill).await.is_ok() {
            let _ = readiness.changed().await;
        }
    }

    /// Waits until the host has given up on its handler, and says why.
    ///
    /// # Errors
    /// When that does not happen in time.
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
