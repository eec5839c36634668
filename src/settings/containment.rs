//! Settings of automatic containment: for which tenants, whether it acts, and for how many accounts.

use std::collections::BTreeSet;

use base::ids::Domain;

use super::ActionKey;
use super::source::Source;

/// The tenants, the mode and the limit of automatic containment.
#[derive(Debug, Clone)]
pub struct ContainmentSettings {
    /// `AUTO_CONTAIN`
    pub tenants: ContainedTenants,
    /// `AUTO_CONTAIN_MODE` as it is set. [`ContainmentSettings::mode`] says how it works.
    pub mode: ContainmentMode,
    /// `AUTO_CONTAIN_LIMIT`: the most accounts of one tenant in 24 hours.
    pub limit: usize,
}

/// The tenants whose accounts are contained.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ContainedTenants {
    /// None: automatic containment is off.
    #[default]
    None,
    /// `*`: all monitored tenants.
    All,
    /// The tenants with these domains.
    Listed(BTreeSet<Domain>),
}

/// The reaction if every condition is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContainmentMode {
    /// The notification says what would have been done.
    #[default]
    Observe,
    /// The account is contained.
    Act,
}

/// The limit of accounts if `AUTO_CONTAIN_LIMIT` is not set.
const DEFAULT_LIMIT: u64 = 3;

impl Default for ContainmentSettings {
    fn default() -> Self {
        Self { tenants: ContainedTenants::None, mode: ContainmentMode::Observe, limit: DEFAULT_LIMIT as usize }
    }
}

impl ContainmentSettings {
    /// Returns whether accounts of the tenant with this domain are contained.
    pub fn lists(&self, domain: &Domain) -> bool {
        match &self.tenants {
            ContainedTenants::None => false,
            ContainedTenants::All => true,
            ContainedTenants::Listed(domains) => domains.contains(domain),
        }
    }

    /// The mode that is in effect. Without an action key nobody could let an account back in, so nothing is done then.
    pub fn mode(&self, key: &ActionKey) -> ContainmentMode {
        match key {
            ActionKey::Unset => ContainmentMode::Observe,
            ActionKey::Off | ActionKey::Signing(_) => self.mode,
        }
    }

    /// Returns the sentence that every start logs as a warning; `None` if the mode that is set is in effect.
    pub fn warning(&self, key: &ActionKey) -> Option<&'static str> {
        let is_weakened = self.mode(key) != self.mode && self.tenants != ContainedTenants::None;
        is_weakened.then_some(
            "AUTO_CONTAIN_MODE is act, but ACTION_KEY is not set: Tenantwatch works as with observe and contains no \
             account. Set ACTION_KEY to base64 of at least 32 random bytes",
        )
    }

    pub(super) fn from_source(source: &mut Source) -> Self {
        let entries = source.list("AUTO_CONTAIN", "the domain of a tenant, or *", entry);
        let has_entry =
            source.text("AUTO_CONTAIN").is_none_or(|list| list.split(',').any(|entry| !entry.trim().is_empty()));
        if !has_entry {
            source.reject("AUTO_CONTAIN", "is set but names no tenant");
        }
        let mode =
            source.parsed("AUTO_CONTAIN_MODE", "observe or act", |text| match text.to_ascii_lowercase().as_str() {
                "observe" => Some(ContainmentMode::Observe),
                "act" => Some(ContainmentMode::Act),
                _ => None,
            });
        let limit = source.number("AUTO_CONTAIN_LIMIT", 1..=1_000, DEFAULT_LIMIT);
        Self {
            tenants: tenants(source, entries),
            mode: mode.unwrap_or_default(),
            limit: usize::try_from(limit).unwrap_or(usize::MAX),
        }
    }
}

/// One entry of `AUTO_CONTAIN`; `None` for `*`.
#[expect(clippy::option_option, reason = "the outer one says whether the entry is sound")]
fn entry(text: &str) -> Option<Option<Domain>> {
    if text == "*" { Some(None) } else { text.parse().ok().filter(|_| text.contains('.')).map(Some) }
}

fn tenants(source: &mut Source, entries: Vec<Option<Domain>>) -> ContainedTenants {
    let has_all = entries.contains(&None);
    let domains: BTreeSet<Domain> = entries.into_iter().flatten().collect();
    match (has_all, domains.is_empty()) {
        (true, true) => ContainedTenants::All,
        (true, false) => {
            source.reject("AUTO_CONTAIN", "names all tenants with * and single ones as well; use one of both");
            ContainedTenants::None
        }
        (false, true) => ContainedTenants::None,
        (false, false) => ContainedTenants::Listed(domains),
    }
}
