//! Writes log lines for the Functions host and for people: one line per event, whatever the event contains.
//!
//! The host logs a line on standard output as information, and a line on standard error as an error, or as a warning if it
//! contains `warn` (Azure/azure-functions-host, `Workers/ProcessManagement/WorkerProcess.cs`). So under the host `INFO` and
//! below go to standard output, and `WARN` and `ERROR` to standard error with the level's name in front. Everywhere else all
//! lines go to standard error, because standard output is for the result of the command. Each line under the host is a log
//! row that is paid for, so an invocation without a result writes nothing at `INFO`.

use std::fmt::{self, Write as _};
use std::io;

use base::marks::turns_or_hides;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::{FormatEvent, FormatFields, Writer};
use tracing_subscriber::fmt::writer::{BoxMakeWriter, MakeWriterExt as _};
use tracing_subscriber::fmt::{FmtContext, FormattedFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The variables in which the host sets the port of its handler, the newer one first.
pub const PORT_VARIABLES: [&str; 2] = ["FUNCTIONS_CUSTOMHANDLER_PORT", "FUNCTIONS_HTTPWORKER_PORT"];

/// The maximum length of a line, in characters. A name that an attacker chose must not fill the log.
const MAX_LINE_CHARS: usize = 8_000;

/// The crates of the program. Only they may write at `INFO` and below.
const OWN_CRATES: [&str; 5] = ["tenantwatch", "audit_log", "base", "m365", "table_store"];

/// Starts logging for the whole process. `RUST_LOG` is the filter, `info` if it is unset or invalid.
pub fn start() {
    let filter = filter(&std::env::var("RUST_LOG").unwrap_or_default());
    let lines = tracing_subscriber::fmt::layer()
        // A closed pipe must not end the process.
        .log_internal_errors(false)
        .with_ansi(false)
        .event_format(OneLine)
        .with_writer(streams());
    let subscriber = tracing_subscriber::registry().with(filter).with(filter_fn(may_be_logged)).with(lines);
    // A test may have set its own subscriber before.
    if subscriber.try_init().is_ok() {
        std::panic::set_hook(Box::new(log_panic));
    }
}

/// Returns the filter of a text such as `warn` or `info,tenantwatch::collect=debug`, and `info` for no text and for any other.
fn filter(text: &str) -> Targets {
    let given = Some(text.trim()).filter(|text| !text.is_empty()).and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO))
}

/// Returns whether an event or span may be logged. Libraries write a row for each failed request at `INFO`, and URLs, headers
/// and bodies at the levels below, which may contain keys and tokens. So `RUST_LOG` cannot enable these.
fn may_be_logged(metadata: &Metadata<'_>) -> bool {
    let name = metadata.target().split("::").next().unwrap_or_default();
    *metadata.level() <= Level::WARN || OWN_CRATES.contains(&name)
}

fn streams() -> BoxMakeWriter {
    if PORT_VARIABLES.iter().any(|name| std::env::var_os(name).is_some_and(|port| !port.is_empty())) {
        BoxMakeWriter::new(io::stderr.with_max_level(Level::WARN).or_else(io::stdout))
    } else {
        BoxMakeWriter::new(io::stderr)
    }
}

/// Logs a panic as one line, with the invocation in which it happened.
fn log_panic(panic: &std::panic::PanicHookInfo<'_>) {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let payload = panic.payload();
    let message =
        payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    tracing::error!(place, "panic: {}", message.unwrap_or("no message"));
}

/// Formats an event as `LEVEL span{fields}: message field=value`.
#[derive(Debug, Clone, Copy)]
pub struct OneLine;

impl<S, N> FormatEvent<S, N> for OneLine
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut line = format!("{} ", event.metadata().level());
        for span in context.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            line.push_str(span.name());
            if let Some(fields) = span.extensions().get::<FormattedFields<N>>()
                && !fields.is_empty()
            {
                write!(line, "{{{fields}}}")?;
            }
            line.push_str(": ");
        }
        context.field_format().format_fields(Writer::new(&mut line), event)?;
        writeln!(out, "{}", in_one_line(&line))
    }
}

/// Escapes every character that could start a new line, move a cursor or change the direction of writing.
pub fn in_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for (count, character) in text.chars().enumerate() {
        if count == MAX_LINE_CHARS {
            line.push('…');
            break;
        }
        if is_unsafe(character) {
            line.extend(character.escape_unicode());
        } else {
            line.push(character);
        }
    }
    line
}

fn is_unsafe(character: char) -> bool {
    character.is_control() || turns_or_hides(character)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use tracing::subscriber::with_default;

    use super::*;

    #[test]
    fn filter_of_an_empty_or_wrong_text_is_info() {
        let shown = |text: &str, target: &str, level: Level| filter(text).would_enable(target, &level);
        for text in ["", "  ", "tenantwatch=loud"] {
            assert!(shown(text, "tenantwatch", Level::INFO) && !shown(text, "tenantwatch", Level::DEBUG), "{text:?}");
        }
        assert!(!shown("warn", "tenantwatch", Level::INFO));
        let one_module = "warn,tenantwatch::collect=debug";
        assert!(shown(one_module, "tenantwatch::collect::blobs", Level::DEBUG));
        assert!(!shown(one_module, "tenantwatch::assess", Level::INFO));
    }

    #[derive(Clone, Default)]
    struct Captured(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Captured {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn logged(what: impl FnOnce()) -> String {
        let captured = Captured::default();
        let writer = captured.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_ansi(false)
            .event_format(OneLine)
            .with_writer(move || writer.clone())
            .finish();
        with_default(subscriber, what);
        String::from_utf8(captured.0.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn line_contains_level_span_message_and_fields() {
        let line = logged(|| {
            tracing::error_span!("invocation", function = "GetDomain", id = 7)
                .in_scope(|| tracing::info!(tenants = 3, "queued"));
        });
        assert_eq!(line, "INFO invocation{function=\"GetDomain\" id=7}: queued tenants=3\n");
    }

    #[test]
    fn control_characters_are_escaped() {
        let name = "rule\r\nERROR forged\u{1b}[2J\u{2028}\u{202e}x";
        let line = logged(|| tracing::info!(rule = name, "stored {name}"));
        assert_eq!(line.lines().count(), 1, "{line:?}");
        assert!(!line.trim_end().chars().any(is_unsafe), "{line:?}");
    }

    #[test]
    fn only_warnings_contain_the_word_warn() {
        let error = logged(|| tracing::error!("it failed"));
        let warning = logged(|| tracing::warn!("it is late"));
        assert!(!error.to_lowercase().contains("warn"), "{error}");
        assert!(warning.to_lowercase().contains("warn"), "{warning}");
    }

    #[test]
    fn every_crate_of_the_workspace_may_log_at_all_levels() {
        let crates = concat!(env!("CARGO_MANIFEST_DIR"), "/crates");
        let names = std::fs::read_dir(crates).unwrap().map(|entry| entry.unwrap().file_name());
        for name in names {
            let name = name.to_str().unwrap().replace('-', "_");
            assert!(OWN_CRATES.contains(&name.as_str()), "{name}");
        }
    }

    #[test]
    fn long_line_is_cut() {
        assert_eq!(in_one_line(&"x".repeat(MAX_LINE_CHARS + 5)).chars().count(), MAX_LINE_CHARS + 1);
    }
}
