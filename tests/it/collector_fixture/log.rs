//! Everything that one test logs, searched for secrets at its end.

use std::io;
use std::sync::{Arc, Mutex};

use tenantwatch::logging::OneLine;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The program at its most talkative level, and warnings of libraries: nothing else can be logged.
const FILTER: &str = "warn,tenantwatch=debug,audit_log=debug,base=debug,m365=debug,table_store=debug";

/// Text that is in no log: signatures of webhooks, and the beginning of every token.
const NEVER_LOGGED: [&str; 2] = ["sig=", "eyJ0eXAi"];

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Lines {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The log of this thread, on which a test with a runtime of its own does all of its work.
pub struct Log {
    lines: Lines,
    _guard: DefaultGuard,
}

impl Log {
    pub fn start() -> Self {
        let lines = Lines::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new(FILTER))
            .with_ansi(false)
            .event_format(OneLine)
            .with_writer(lines.clone())
            .finish();
        Self { lines, _guard: tracing::subscriber::set_default(subscriber) }
    }

    /// Returns all lines so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.0.lock().unwrap()).into_owned()
    }

    /// Fails the test if a secret was logged.
    pub fn assert_no_secret(&self, secrets: &[&str]) {
        let text = self.text();
        for secret in NEVER_LOGGED.iter().chain(secrets).filter(|secret| !secret.is_empty()) {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "a secret ({secret}) was logged: {line:?}");
        }
    }
}
