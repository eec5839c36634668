//! Settings of the notification channels. The URLs and the webhook's keys are secrets.

use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use secrecy::{SecretSlice, SecretString};
use url::{Host, Url};

use base::http::is_public;
use base::ids::{Domain, MailAddress};

use super::minimum::NotifyMinimum;
use super::source::Source;

/// The settings of which one is enough to start.
const ONE_OF: [&str; 5] = ["FLOW_URL", "TEAMS_WEBHOOK_URL", "WEBHOOK_URL", "MAIL_TO", "SLACK_WEBHOOK_URL"];

/// The lengths of a webhook's key that Standard Webhooks allows, in bytes.
const KEY_BYTES: std::ops::RangeInclusive<usize> = 24..=64;

/// The channels that receive notifications. At least one is set, except for commands that send nothing (`scan`).
#[derive(Debug, Clone, Default)]
pub struct ChannelSettings {
    /// `FLOW_URL`: the trigger of a Power Automate flow, an https URL.
    pub flow_url: Option<SecretString>,
    /// `TEAMS_WEBHOOK_URL`: a Teams workflow webhook, an https URL.
    pub teams_url: Option<SecretString>,
    /// `WEBHOOK_URL` and the settings that belong to it.
    pub webhook: Option<WebhookSettings>,
    /// `SLACK_WEBHOOK_URL`: an incoming webhook of Slack, an https URL.
    pub slack_url: Option<SecretString>,
    /// `MAIL_FROM` and `MAIL_TO`.
    pub mail: Option<MailSettings>,
    /// `NOTIFY_MINIMUM`: the severity from which each channel gets threats.
    pub minimum: NotifyMinimum,
}

/// A receiver of signed webhooks.
#[derive(Debug, Clone)]
pub struct WebhookSettings {
    /// `WEBHOOK_URL`
    pub url: SecretString,
    /// `WEBHOOK_SECRET`: one key, or two while the receiver changes from one to the other. Every key signs.
    pub keys: Vec<SecretSlice<u8>>,
    /// `WEBHOOK_ALLOW_PRIVATE`: whether the receiver may be in a private network.
    pub allow_private: bool,
}

/// The mail of notifications.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// `MAIL_FROM`: the mailbox that sends.
    pub from: MailAddress,
    /// Entries of `MAIL_TO` without a domain.
    pub to: Vec<MailAddress>,
    /// Entries `domain=address` of `MAIL_TO`.
    pub routes: Vec<(Domain, MailAddress)>,
}

impl MailSettings {
    /// Returns the addresses that get the mail about a tenant: those of its own entries, otherwise those of the entries without a
    /// domain.
    pub fn recipients(&self, tenant: &Domain) -> Vec<&MailAddress> {
        let routed: Vec<_> =
            self.routes.iter().filter(|(domain, _)| domain == tenant).map(|(_, address)| address).collect();
        if routed.is_empty() { self.to.iter().collect() } else { routed }
    }
}

impl ChannelSettings {
    pub(super) fn from_source(source: &mut Source, required: bool) -> Self {
        if required && ONE_OF.iter().all(|name| source.text(name).is_none()) {
            let others = ONE_OF.get(1..).unwrap_or_default().join(", ");
            source.reject("FLOW_URL", format!("is required but not set; alternatively set one of {others}"));
        }
        Self {
            flow_url: secret_url(source, "FLOW_URL"),
            teams_url: secret_url(source, "TEAMS_WEBHOOK_URL"),
            webhook: webhook(source),
            slack_url: secret_url(source, "SLACK_WEBHOOK_URL"),
            mail: mail(source),
            minimum: NotifyMinimum::from_source(source),
        }
    }
}

fn secret_url(source: &mut Source, name: &str) -> Option<SecretString> {
    source.parsed(name, "an https URL", |text| https_url(text).map(|_| text.to_owned().into()))
}

fn https_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let is_sound = url.scheme() == "https" && url.host().is_some() && url.username().is_empty();
    is_sound.then_some(url)
}

fn webhook(source: &mut Source) -> Option<WebhookSettings> {
    let allow_private = source.flag("WEBHOOK_ALLOW_PRIVATE", false);
    let is_url_set = source.text("WEBHOOK_URL").is_some();
    let url = source.parsed("WEBHOOK_URL", "an https URL", |text| https_url(text).map(|url| (url, text.to_owned())));
    let keys = source.list("WEBHOOK_SECRET", "whsec_ and base64 of 24 to 64 bytes", webhook_key);
    if keys.len() > 2 {
        source.reject("WEBHOOK_SECRET", "may contain at most two keys: the new one, and the old one while rotating");
    }
    // A setting that is wrong by itself is not worth a second line about the other.
    if url.is_some() && source.text("WEBHOOK_SECRET").is_none() {
        source.reject("WEBHOOK_SECRET", "is required with WEBHOOK_URL but not set");
    }
    if !is_url_set && !keys.is_empty() {
        source.reject("WEBHOOK_URL", "is required with WEBHOOK_SECRET but not set");
    }
    let (url, text) = url?;
    if !allow_private && is_private(&url) {
        source.reject(
            "WEBHOOK_URL",
            "has a private, loopback or link-local address; set WEBHOOK_ALLOW_PRIVATE=true if the receiver is there",
        );
    }
    Some(WebhookSettings { url: text.into(), keys, allow_private })
}

/// Returns whether the host is a private address as it stands. A name is checked when it is resolved.
fn is_private(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => !is_public(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => !is_public(IpAddr::V6(address)),
        Some(Host::Domain(_)) | None => false,
    }
}

fn webhook_key(text: &str) -> Option<SecretSlice<u8>> {
    let key = BASE64.decode(text.strip_prefix("whsec_")?).ok()?;
    KEY_BYTES.contains(&key.len()).then(|| SecretSlice::from(key))
}

/// One entry of `MAIL_TO`.
fn mail_entry(text: &str) -> Option<(Option<Domain>, MailAddress)> {
    match text.split_once('=') {
        Some((domain, address)) => Some((Some(domain.trim().parse().ok()?), address.trim().parse().ok()?)),
        None => Some((None, text.parse().ok()?)),
    }
}

fn mail(source: &mut Source) -> Option<MailSettings> {
    let from = source.parsed("MAIL_FROM", "an address", |text| text.parse::<MailAddress>().ok());
    let entries = source.list("MAIL_TO", "an address or domain=address", mail_entry);
    let (has_from, has_to) = (source.text("MAIL_FROM").is_some(), source.text("MAIL_TO").is_some());
    match (has_from, has_to) {
        (true, false) if from.is_some() => source.reject("MAIL_TO", "is required with MAIL_FROM but not set"),
        (false, true) if !entries.is_empty() => source.reject("MAIL_FROM", "is required with MAIL_TO but not set"),
        _ => {}
    }
    let (mut to, mut routes) = (Vec::new(), Vec::new());
    for (domain, address) in entries {
        match domain {
            Some(domain) => routes.push((domain, address)),
            None => to.push(address),
        }
    }
    if to.is_empty() && !routes.is_empty() {
        source.reject("MAIL_TO", "must contain an address without a domain, for all other tenants and for notices");
    }
    Some(MailSettings { from: from?, to, routes })
}
