//! Everything that one test logs, searched for secrets at its end.

use std::io;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use m365::AppCredential;
use secrecy::ExposeSecret as _;
use tenantwatch::logging::OneLine;
use tenantwatch::settings::{ActionKey, Settings};
use tracing::Dispatch;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// The program at its most talkative level, and warnings of libraries: nothing else can be logged.
const FILTER: &str = "warn,tenantwatch=debug,audit_log=debug,base=debug,m365=debug,table_store=debug";

/// Text that is in no log: signatures of webhooks, the beginning of every token of Microsoft, of action tokens and of webhook secrets.
const NEVER_LOGGED: [&str; 5] = ["sig=", "eyJ0eXAi", "v2.17", "v1.17", "whsec_"];

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
    /// While there is but one subscriber, tracing asks only the thread that meets a line of code first, which may be another test's.
    _other: Dispatch,
}

impl Log {
    pub fn start() -> Self {
        let lines = Lines::default();
        let written =
            tracing_subscriber::fmt::layer().with_ansi(false).event_format(OneLine).with_writer(lines.clone());
        let subscriber = tracing_subscriber::registry().with(FILTER.parse::<Targets>().unwrap()).with(written);
        let other = Dispatch::new(tracing_subscriber::fmt().with_writer(io::sink).finish());
        Self { lines, _guard: tracing::subscriber::set_default(subscriber), _other: other }
    }

    /// Returns all lines so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lines.0.lock().unwrap()).into_owned()
    }

    /// Fails the test if a secret was logged.
    pub fn assert_no_secret(&self, secrets: &[String]) {
        let text = self.text();
        let secrets = NEVER_LOGGED.into_iter().chain(secrets.iter().map(String::as_str));
        for secret in secrets.filter(|secret| !secret.is_empty()) {
            let line = text.lines().find(|line| line.contains(secret));
            assert!(line.is_none(), "a secret ({secret}) was logged: {line:?}");
        }
    }
}

/// Returns every secret of the settings: keys as base64, URLs whole and as their path, which is the secret part of a webhook.
pub fn secrets_of(settings: &Settings) -> Vec<String> {
    let mut secrets = Vec::new();
    if let AppCredential::Secret(secret) = &settings.partner.credential {
        secrets.push(secret.expose_secret().to_owned());
    }
    if let ActionKey::Signing(keys) = &settings.actions.key {
        secrets.extend(keys.iter().map(|key| STANDARD.encode(key.expose_secret())));
    }
    let channels = &settings.channels;
    let webhook = channels.webhook.as_ref();
    secrets.extend(webhook.iter().flat_map(|webhook| &webhook.keys).map(|key| STANDARD.encode(key.expose_secret())));
    let urls = [&channels.flow_url, &channels.teams_url, &channels.slack_url, &settings.heartbeat.url];
    for url in urls.into_iter().flatten().chain(webhook.map(|webhook| &webhook.url)) {
        let url = url::Url::parse(url.expose_secret()).unwrap();
        let path = url.path().to_owned();
        secrets.extend([url.to_string(), if path.len() > 12 { path } else { String::new() }]);
    }
    secrets.extend(settings.location.ipstack_key.as_ref().map(|key| key.expose_secret().to_owned()));
    secrets
}
