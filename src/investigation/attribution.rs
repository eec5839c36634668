//! Attribution: which activities are the attacker's, the owner's, Microsoft's or a response, and by which rule.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::LazyLock;

use chrono::{DateTime, Utc};
use serde::Serialize;

use base::ids::RecordId;

use super::activity::Activity;
use super::baseline::Baseline;
use super::links::{Basis, Links};
use super::networks::{household, is_microsoft, is_public};
use super::store::Reach;
use super::subject::Subject;
use super::threat::SetAside;

/// Clients that are programs.
static AUTOMATION: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let lines = include_str!("data/automation_clients.txt").lines().map(str::trim);
    lines.filter(|line| !line.is_empty() && !line.starts_with('#')).collect()
});

/// The side that an activity is attributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub enum Attributed {
    /// A record of the threat itself.
    Proven,
    /// Linked to the threat by address, session or token.
    Linked,
    /// The attacker's by a sign that proves nothing else.
    Likely,
    /// The owner's.
    Owner,
    /// A service of Microsoft.
    Microsoft,
    /// The response to the threat.
    Response,
    /// Neither side's for certain.
    Unclear,
}

impl Attributed {
    /// Returns whether the act is the attacker's for certain, so that more may be concluded from it.
    pub fn is_certain(self) -> bool {
        matches!(self, Self::Proven | Self::Linked)
    }

    /// Returns whether the act counts as the attacker's.
    pub fn is_attacker(self) -> bool {
        matches!(self, Self::Proven | Self::Linked | Self::Likely)
    }

    /// `Proven`, `Linked`, …
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "Proven",
            Self::Linked => "Linked",
            Self::Likely => "Likely",
            Self::Owner => "Owner",
            Self::Microsoft => "Microsoft",
            Self::Response => "Response",
            Self::Unclear => "Unclear",
        }
    }
}

macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $text:literal),+ $(,)?) => {
        /// The rule that attributed an activity or an address.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
        pub enum Rule { $($(#[$doc])* $name),+ }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name),+];

            /// The name of the rule.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => stringify!($name)),+ }
            }

            /// The rule in words.
            pub fn as_text(self) -> &'static str {
                match self { $(Self::$name => $text),+ }
            }
        }
    };
}

rules! {
    /// The threat's own record.
    ThreatRecord: "the record of the threat",
    /// Another record of the same consent.
    ConsentSibling: "another record of the same consent",
    /// The threat's own address.
    ProvenAddress: "the address of the threat",
    /// The threat's own session.
    ProvenSession: "the session of the threat",
    /// The threat's own token.
    ProvenToken: "the token of the threat",
    /// An address that the attacker's session or token used.
    LinkedAddress: "an address of the attacker's session or token",
    /// A session that began or went on at the attacker's address.
    LinkedSession: "a session from the attacker's address",
    /// A token that was used at the attacker's address.
    LinkedToken: "a token used at the attacker's address",
    /// The same IPv6 network of 64 bits.
    SameNetwork: "the same IPv6 /64 as an attacker's address",
    /// The same program within the time of the attack.
    AutomationClient: "the attacker's automation client, within the time of the attack",
    /// An application that the attacker consented to.
    ConsentedApp: "an application that the attacker admitted",
    /// A session of earlier days.
    BaselineSession: "a session of the owner from earlier days or on a registered device",
    /// An address of earlier days.
    BaselineAddress: "an address that the owner used on earlier days",
    /// A service under the user's name.
    ServiceClient: "a background service of Microsoft",
    /// An act of another account after the alarm.
    OtherActor: "another account's act after the alarm",
    /// An act of Tenantwatch.
    OwnApp: "an act of Tenantwatch after the alarm",
    /// A session that owner and attacker share.
    SharedSession: "the session is shared, and the address is nobody's",
    /// An address that owner and attacker share, without a session.
    SharedAddress: "the owner and the attacker use the address, and there is no session",
    /// An exit of an office or a VPN.
    Exit: "an exit that three or more other accounts use",
    /// Nothing tells.
    NoEvidence: "nothing tells whose act it is",
}

/// A judgement with its rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Judgement {
    /// The side that it is attributed to.
    pub attributed: Attributed,
    /// Why.
    pub rule: Rule,
}

fn judged(attributed: Attributed, rule: Rule) -> Judgement {
    Judgement { attributed, rule }
}

/// Another account in which the attacker was.
#[derive(Debug)]
pub(super) struct Victim {
    /// The attacker's first act in it.
    pub(super) since: DateTime<Utc>,
    /// Its ordinary addresses.
    pub(super) places: BTreeSet<IpAddr>,
}

/// The facts of an incident by which every activity is attributed.
#[derive(Debug)]
pub struct Attribution {
    /// The account.
    pub subject: Subject,
    /// The time of the first record of the threat.
    pub alarm: DateTime<Utc>,
    pub(super) threats: BTreeSet<RecordId>,
    pub(super) siblings: BTreeSet<RecordId>,
    pub(super) links: Links,
    pub(super) baseline: Baseline,
    pub(super) exits: BTreeSet<IpAddr>,
    /// Sessions of other accounts that are linked.
    pub(super) elsewhere: BTreeSet<String>,
    /// Other accounts in which the attacker was.
    pub(super) victims: BTreeMap<String, Victim>,
    /// Threats that are taken for the account's own.
    pub(super) set_aside: Vec<SetAside>,
    /// Applications that the attacker admitted, and since when.
    pub(super) admitted: BTreeMap<String, DateTime<Utc>>,
    pub(super) programs: BTreeSet<&'static str>,
    pub(super) households: BTreeSet<Ipv6Addr>,
    /// The attacker's first use of each address.
    pub(super) first_use: BTreeMap<IpAddr, DateTime<Utc>>,
    pub(super) period: Option<(DateTime<Utc>, DateTime<Utc>)>,
    pub(super) own_app: Option<String>,
}

impl Attribution {
    /// Judges one activity.
    pub fn judge(&self, activity: &Activity) -> Judgement {
        self.proven_or_linked(activity)
            .or_else(|| self.likely(activity))
            .or_else(|| self.response(activity))
            .or_else(|| self.owner(activity))
            .unwrap_or_else(|| self.rest(activity))
    }

    /// The threat's own records, and what is linked to them.
    pub(super) fn proven_or_linked(&self, activity: &Activity) -> Option<Judgement> {
        use Attributed::{Microsoft, Proven, Response};
        if self.threats.contains(&activity.id) {
            return Some(judged(Proven, Rule::ThreatRecord));
        }
        if self.siblings.contains(&activity.id) {
            return Some(judged(Proven, Rule::ConsentSibling));
        }
        if activity.is_service && activity.client.contains("RESTSystem") && !self.is_admitted(activity) {
            return Some(judged(Microsoft, Rule::ServiceClient));
        }
        if self.is_own_app(activity) {
            return Some(judged(Response, Rule::OwnApp));
        }
        if !self.subject.did(activity) {
            return self.of_another(activity);
        }
        self.by_links(activity).or_else(|| self.in_shared_session(activity))
    }

    /// Of session, address and token the one that proves most.
    fn by_links(&self, activity: &Activity) -> Option<Judgement> {
        let (links, baseline) = (&self.links, &self.baseline);
        let session = links.session_of(activity.sessions.iter().map(String::as_str), baseline);
        let address = activity.address.and_then(|address| links.addresses.get(&address)).copied();
        let token = links.token_of(activity.token.as_deref(), baseline);
        let found = [
            session.map(|basis| (basis, Rule::ProvenSession, Rule::LinkedSession)),
            address.map(|basis| (basis, Rule::ProvenAddress, Rule::LinkedAddress)),
            token.map(|basis| (basis, Rule::ProvenToken, Rule::LinkedToken)),
        ];
        let (basis, proven, linked) = found.into_iter().flatten().min_by_key(|(basis, ..)| *basis)?;
        Some(judged(Attributed::Linked, if basis == Basis::Proven { proven } else { linked }))
    }

    fn by_address(&self, activity: &Activity) -> Option<Judgement> {
        let basis = self.links.addresses.get(&activity.address?)?;
        let rule = if *basis == Basis::Proven { Rule::ProvenAddress } else { Rule::LinkedAddress };
        Some(judged(Attributed::Linked, rule))
    }

    /// Another account's act from the attacker's address or in a linked session.
    fn of_another(&self, activity: &Activity) -> Option<Judgement> {
        let in_session = || activity.sessions.iter().any(|session| self.elsewhere.contains(session));
        let linked = || in_session().then(|| judged(Attributed::Linked, Rule::LinkedSession));
        self.by_address(activity).or_else(linked)
    }

    /// Returns the judgement in an attacker's session that the owner shares: the owner's addresses are the owner's, all others
    /// are unclear.
    fn in_shared_session(&self, activity: &Activity) -> Option<Judgement> {
        activity.sessions.iter().any(|session| self.is_shared_session(session)).then(|| {
            if activity.address.is_some_and(|address| self.baseline.is_owners(address)) {
                judged(Attributed::Owner, Rule::BaselineAddress)
            } else {
                judged(Attributed::Unclear, Rule::SharedSession)
            }
        })
    }

    fn is_own_app(&self, activity: &Activity) -> bool {
        let is_own = self.own_app.as_ref().is_some_and(|own| activity.apps.contains(own));
        is_own && activity.time >= self.alarm
    }

    fn response(&self, activity: &Activity) -> Option<Judgement> {
        let is_response = !self.subject.did(activity)
            && activity.time >= self.alarm
            && self.subject.is_concerned(activity)
            && !self.is_of_victim(activity)
            && (activity.is_by_person() || activity.account.starts_with("serviceprincipal_"));
        is_response.then(|| judged(Attributed::Response, Rule::OtherActor))
    }

    /// Returns whether the act is of an account in which the attacker was before, and not from an ordinary place of that account.
    fn is_of_victim(&self, activity: &Activity) -> bool {
        self.victims.get(&activity.account).is_some_and(|victim| {
            let at_home = activity.address.is_some_and(|address| victim.places.contains(&address));
            activity.time >= victim.since && !at_home
        })
    }

    fn is_admitted(&self, activity: &Activity) -> bool {
        let since = activity.apps.iter().filter_map(|app| self.admitted.get(app));
        since.min().is_some_and(|since| activity.time >= *since)
    }

    fn likely(&self, activity: &Activity) -> Option<Judgement> {
        if activity.client.contains("Client=REST") && self.is_admitted(activity) {
            return Some(judged(Attributed::Likely, Rule::ConsentedApp));
        }
        let is_owners = self.baseline.has_session(&activity.sessions)
            || activity.address.is_some_and(|address| self.baseline.has_address(address));
        if is_owners || !self.subject.did(activity) {
            return None;
        }
        let home = activity.address.and_then(household);
        if home.is_some_and(|home| self.households.contains(&home)) {
            return Some(judged(Attributed::Likely, Rule::SameNetwork));
        }
        let in_period = self.period.is_some_and(|(first, last)| (first..=last).contains(&activity.time));
        let is_known = program(&activity.client).is_some_and(|program| self.programs.contains(program));
        (in_period && is_known).then(|| judged(Attributed::Likely, Rule::AutomationClient))
    }

    fn owner(&self, activity: &Activity) -> Option<Judgement> {
        if !self.subject.did(activity) {
            return None;
        }
        if activity.address.is_some_and(|address| self.baseline.contested.contains(&address)) {
            return Some(judged(Attributed::Unclear, Rule::NoEvidence));
        }
        if self.baseline.has_session(&activity.sessions) {
            return Some(judged(Attributed::Owner, Rule::BaselineSession));
        }
        let address = activity.address.filter(|address| self.baseline.has_address(*address))?;
        let used = self.first_use.get(&address).is_some_and(|first| activity.time >= *first);
        if activity.sessions.is_empty() && used {
            return Some(judged(Attributed::Unclear, Rule::SharedAddress));
        }
        Some(judged(Attributed::Owner, Rule::BaselineAddress))
    }

    fn rest(&self, activity: &Activity) -> Judgement {
        if (activity.is_service && !activity.is_sign_in()) || (!activity.is_by_person() && !activity.account.is_empty())
        {
            return judged(Attributed::Microsoft, Rule::ServiceClient);
        }
        let is_exit = activity.address.is_some_and(|address| self.exits.contains(&address));
        judged(Attributed::Unclear, if is_exit { Rule::Exit } else { Rule::NoEvidence })
    }

    /// Judges an address by itself. `None` where only its activities can tell.
    pub fn judge_address(&self, address: IpAddr) -> Option<Judgement> {
        use Attributed::{Linked, Microsoft, Owner, Proven, Unclear};
        match self.links.addresses.get(&address) {
            Some(Basis::Proven) => return Some(judged(Proven, Rule::ProvenAddress)),
            Some(Basis::Linked) => return Some(judged(Linked, Rule::LinkedAddress)),
            None => {}
        }
        if is_microsoft(address) {
            return Some(judged(Microsoft, Rule::ServiceClient));
        }
        if self.baseline.contested.contains(&address) {
            return Some(judged(Unclear, Rule::NoEvidence));
        }
        if self.baseline.has_address(address) {
            return Some(judged(Owner, Rule::BaselineAddress));
        }
        self.exits.contains(&address).then(|| judged(Unclear, Rule::Exit))
    }

    /// Returns whether an address is worth naming.
    pub fn is_named(address: IpAddr) -> bool {
        is_public(address)
    }

    /// Returns whether the attacker shares a session with the owner.
    pub(super) fn shares_sessions(&self) -> bool {
        self.links.sessions.keys().chain(&self.links.entered).any(|session| self.is_shared_session(session))
    }

    /// Returns whether a session is one of the attacker's that the owner shares.
    pub(super) fn is_shared_session(&self, session: &str) -> bool {
        self.links.is_shared(session, &self.baseline)
    }

    /// Returns where other accounts are looked for.
    pub fn reach(&self) -> Reach {
        Reach { addresses: self.attacker_addresses().collect(), sessions: self.elsewhere.clone() }
    }

    /// Returns the attacker's addresses: those of the threat and the linked ones.
    pub fn attacker_addresses(&self) -> impl Iterator<Item = IpAddr> {
        self.links.addresses.keys().copied()
    }
}

/// Returns the program that a client string names, if it is one of the list.
pub(super) fn program(client: &str) -> Option<&'static str> {
    let client = client.to_ascii_lowercase();
    AUTOMATION.iter().copied().find(|name| {
        client.match_indices(name).any(|(at, _)| {
            let before = client.get(..at).and_then(|head| head.chars().next_back());
            let after = client.get(at + name.len()..).and_then(|tail| tail.chars().next());
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphabetic)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::program;

    #[test]
    fn programs_are_found_as_words() {
        assert_eq!(program("axios/1.7.9"), Some("axios"));
        assert_eq!(program("Client=WebServices;Python-Requests/2"), Some("python"));
        assert_eq!(program("Mozilla/5.0 (Nodename; x)"), None);
        assert_eq!(program("Mozilla/5.0 (Windows NT 10.0) Chrome/120"), None);
    }
}
