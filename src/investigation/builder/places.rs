//! Adds addresses, sessions and other accounts to the report.

use std::net::IpAddr;

use super::super::activity::{Act, Activity, SignInResult};
use super::super::attribution::{Attributed, Attribution, Judgement};
use super::super::baseline::is_usable;
use super::super::origin::{Origin, SeenFrom};
use super::super::report::{Address, OtherAccount, OtherKind, Session};
use super::super::texts::cut;
use super::Builder;

/// Clients named for each address.
const CLIENTS: usize = 5;

/// Addresses named for each session and each other account.
const ADDRESSES: usize = 50;

/// Addresses among which that of the threat is looked for.
const ORIGINS: usize = 20_000;

impl Builder<'_> {
    pub(super) fn add_address(&mut self, activity: &Activity, judgement: Judgement) {
        let Some(ip) = activity.address.filter(|address| Attribution::is_named(*address)) else { return };
        let by_itself = self.attribution.judge_address(ip);
        let shown = by_itself.unwrap_or(judgement);
        let is_attacker = shown.attributed.is_attacker() && self.other_addresses.get(&ip).is_none();
        let list = if is_attacker { &mut self.addresses } else { &mut self.other_addresses };
        let new = || Address {
            ip,
            attribution: shown.attributed,
            rule: shown.rule,
            place: String::new(),
            network: String::new(),
            first: activity.time,
            last: activity.time,
            activities: 0,
            clients: Vec::new(),
        };
        let Some(row) = list.entry(ip, new) else { return };
        if by_itself.is_none() && shown.attributed < row.attribution {
            (row.attribution, row.rule) = (shown.attributed, shown.rule);
        }
        row.last = activity.time;
        row.activities += 1;
        if !activity.client.is_empty() && row.clients.len() < CLIENTS {
            let client = cut(&activity.client);
            if !row.clients.contains(&client) {
                row.clients.push(client);
            }
        }
    }

    /// Activities come in the order of time. Those from before the report count too: the sentence is about all that is known.
    pub(super) fn note_origin(&mut self, activity: &Activity, judgement: Judgement) {
        let subject = &self.attribution.subject;
        let Some(ip) = activity.address.filter(|address| is_usable(*address)) else { return };
        if self.origin.is_some() || !(subject.did(activity) || subject.owns_mailbox(activity)) {
            return;
        }
        let is_earlier = activity.is_inside() && !judgement.attributed.is_attacker();
        let has_room = self.from.len() < ORIGINS || self.attribution.judge_address(ip).is_some();
        if has_room || self.from.contains_key(&ip) {
            let seen = self.from.entry(ip).or_insert(SeenFrom { first: activity.time, by_others: None });
            if is_earlier {
                seen.by_others.get_or_insert(activity.time);
            }
        }
        if self.attribution.threats.contains(&activity.id) {
            let seen = self.from.get(&ip).copied();
            self.origin = seen.map(|seen| Origin { ip, seen, threat: activity.time });
        }
    }

    pub(super) fn add_session(&mut self, activity: &Activity) {
        let attribution = self.attribution;
        for session in &activity.sessions {
            let row = self.sessions.entry(session.clone(), || Session {
                session: session.clone(),
                account: activity.account.clone(),
                is_shared: attribution.is_shared_session(session),
                ips: Vec::new(),
                first: activity.time,
                last: activity.time,
                activities: 0,
            });
            if let Some(row) = row {
                row.last = activity.time;
                row.activities += 1;
                add_ip(&mut row.ips, activity);
            }
        }
    }

    pub(super) fn add_other(&mut self, activity: &Activity, judgement: Judgement) {
        let is_certain = judgement.attributed != Attributed::Likely;
        if self.attribution.subject.did(activity) || !activity.is_by_person() || !is_certain {
            return;
        }
        let kind = match activity.act {
            Act::SignIn(SignInResult::In) => OtherKind::SignedIn,
            Act::SignIn(result) if result.has_credential() => OtherKind::Stopped,
            Act::SignIn(_) => OtherKind::Tried,
            _ => OtherKind::SignedIn,
        };
        let account = &activity.account;
        self.other_names.note(account);
        let is_tried =
            self.others.get(account).is_none() && (kind == OtherKind::Tried || self.tried.get(account).is_some());
        let list = if is_tried { &mut self.tried } else { &mut self.others };
        let row = list.entry(account.clone(), || OtherAccount {
            account: account.clone(),
            kind,
            first: activity.time,
            last: activity.time,
            activities: 0,
            ips: Vec::new(),
        });
        if let Some(row) = row {
            row.kind = row.kind.min(kind);
            row.last = activity.time;
            row.activities += 1;
            add_ip(&mut row.ips, activity);
        }
    }
}

fn add_ip(ips: &mut Vec<IpAddr>, activity: &Activity) {
    let address = activity.address.filter(|address| Attribution::is_named(*address));
    if ips.len() < ADDRESSES {
        ips.extend(address.filter(|address| !ips.contains(address)));
    }
}
