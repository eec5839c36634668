//! The live command: finds the stored threat, reads the feed of its tenant back, and shows how far it has come.

use std::io::IsTerminal as _;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use indicatif::{ProgressBar, ProgressStyle};

use super::json::Run;
use super::{InvestigateArgs, InvestigateError, put};
use crate::app::App;
use crate::casework::{Progress, Question, look_back};
use crate::cli::bootstrap::{self, BootstrapError};
use crate::cli::scan::open_output;
use crate::settings::{Needs, Settings};
use crate::tables::stored_finding;
use base::clock::Deadline;
use m365::management_activity::ContentType;

/// The longest time of one command. Content beyond is said to be unread.
const LONGEST: Duration = Duration::from_secs(2 * 60 * 60);

/// The reach of the feed, and by default of the audit search, in hours.
const FEED_HOURS: u64 = 167;
const SEARCH_HOURS: u64 = 30 * 24;

/// Shows what is being read, at a terminal only.
struct Bar(ProgressBar);

impl Bar {
    fn new() -> Self {
        if !std::io::stderr().is_terminal() {
            return Self(ProgressBar::hidden());
        }
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(Duration::from_millis(200));
        Self(bar)
    }
}

impl Progress for Bar {
    fn reading(&self, of: ContentType, from: DateTime<Utc>, bytes: u64) {
        let message = format!("{} from {} UTC, {} MB read", of.as_str(), from.format("%Y-%m-%d %H:%M"), bytes >> 20);
        self.0.set_message(message);
    }

    fn searching(&self, what: &str, state: &str) {
        self.0.set_message(format!("audit search for {what}: {state}"));
    }
}

/// Investigates and writes the report.
pub(super) async fn investigate(args: &InvestigateArgs) -> Result<(), InvestigateError> {
    let [log_id] = args.log_ids[..] else { return Err(InvestigateError::ManyLogIds) };
    if !args.search && args.hours.is_some_and(|hours| hours > FEED_HOURS) {
        return Err(InvestigateError::BeyondFeed);
    }
    let settings: Vec<_> = args.source.settings.iter().cloned().collect();
    let output = args.output.as_deref().map(|path| open_output(path, &settings)).transpose()?;
    let app = app(args)?;
    let finding = stored_finding::by_log_id(app.store.as_ref(), &log_id).await?;
    let finding = finding.ok_or(InvestigateError::UnknownLogId(log_id))?;
    let settings = &app.settings.investigation;
    let hours = args.hours.unwrap_or(if args.search { SEARCH_HOURS } else { settings.hours });
    let (bytes, search, now) = (settings.bytes, args.search, app.clock.now());
    let question = Question { finding: &finding, hours, bytes, search, now };
    let deadline = Deadline::after(Arc::clone(&app.clock), LONGEST);
    let bar = Bar::new();
    let looked = look_back(&app, &question, &deadline, &bar).await?;
    bar.0.finish_and_clear();
    let run = Run { bytes: Some(looked.bytes), ..Run::default() };
    put(&looked.made, &run, args.format, output, &mut std::io::stdout().lock())
}

/// The services with the settings of this command. No channel is needed, because nobody is told.
fn app(args: &InvestigateArgs) -> Result<App, BootstrapError> {
    let needs = Needs { storage: args.source.data.is_none(), channels: false };
    let variables = args.source.action_key_of_folder(args.source.variables()?)?;
    let settings = Settings::from_environment(variables, needs)?;
    let store = args.source.open_for(&settings)?;
    Ok(App::new(settings, store, bootstrap::clock()?)?)
}
