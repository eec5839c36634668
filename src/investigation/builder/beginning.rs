//! Notes how the attack began: the first act, the first one inside, and the sign-ins before it. Counters only, because an attacker chooses
//! how many acts there are.

use std::collections::BTreeMap;
use std::net::IpAddr;

use chrono::{DateTime, TimeDelta, Utc};

use super::super::activity::{Act, Activity, SignInResult};
use super::super::attribution::program;
use super::super::words::in_words;

/// The most other accounts whose sign-ins are remembered.
const ACCOUNTS: usize = 5_000;

/// The time after the first sign-in in which others belong to it: one program redeems what another one got.
const AT_ONCE: TimeDelta = TimeDelta::minutes(10);

/// One of the attacker's acts.
#[derive(Debug, Clone)]
pub(in super::super) struct FirstAct {
    pub(in super::super) time: DateTime<Utc>,
    pub(in super::super) operation: String,
    act: Act,
    address: Option<IpAddr>,
    account: String,
}

impl FirstAct {
    fn of(activity: &Activity) -> Self {
        Self {
            time: activity.time,
            operation: activity.operation.clone(),
            act: activity.act,
            address: activity.address,
            account: activity.account.clone(),
        }
    }

    /// The act in words, such as `a sign-in from 203.0.113.5 at 2026-11-19 10:00:00 UTC`.
    pub(in super::super) fn in_words(&self) -> String {
        format!(
            "{}{} at {} UTC",
            in_words(self.act, &self.operation),
            self.address.map(|address| format!(" from {address}")).unwrap_or_default(),
            self.time.format("%Y-%m-%d %H:%M:%S"),
        )
    }
}

/// The begin of the attack.
#[derive(Debug, Default)]
pub(in super::super) struct Beginning {
    pub(in super::super) first: Option<FirstAct>,
    pub(in super::super) first_inside: Option<FirstAct>,
    /// The first successful sign-in to the account.
    signed_in: Option<DateTime<Utc>>,
    /// Wrong passwords came before it.
    pub(in super::super) has_wrong_passwords: bool,
    /// The program of the sign-in.
    pub(in super::super) program: Option<&'static str>,
    /// The attacker's first successful sign-in to other accounts, such as those of delegates.
    elsewhere: BTreeMap<String, DateTime<Utc>>,
}

impl Beginning {
    /// Notes an act of the attacker in the account. Acts come in the order of time.
    pub(super) fn note(&mut self, activity: &Activity) {
        self.first.get_or_insert_with(|| FirstAct::of(activity));
        if activity.is_inside() {
            self.first_inside.get_or_insert_with(|| FirstAct::of(activity));
        }
    }

    /// Notes a sign-in of the attacker, whether it is in the report or before its begin.
    pub(super) fn note_sign_in(&mut self, activity: &Activity, is_own: bool) {
        let Act::SignIn(result) = activity.act else { return };
        if !is_own {
            let has_room = self.elsewhere.len() < ACCOUNTS;
            if result == SignInResult::In && has_room {
                self.elsewhere.entry(activity.account.clone()).or_insert(activity.time);
            }
            return;
        }
        if result == SignInResult::In {
            self.signed_in.get_or_insert(activity.time);
        }
        self.has_wrong_passwords |= result == SignInResult::Refused && self.signed_in.is_none();
        if self.signed_in.is_none_or(|first| activity.time - first <= AT_ONCE) {
            self.program = self.program.or_else(|| program(&activity.client));
        }
    }

    /// Returns whether the attacker signed in to the account before the first act inside, or with it.
    pub(in super::super) fn has_sign_in_before(&self) -> bool {
        let first = self.first_inside.as_ref().map(|first| first.time);
        self.signed_in.zip(first).is_some_and(|(signed_in, first)| signed_in <= first)
    }

    /// Returns whether any sign-in of the attacker is known that can explain the access.
    pub(in super::super) fn has_sign_in(&self) -> bool {
        self.signed_in.is_some() || self.delegate().is_some()
    }

    /// Returns the other account from which the first act inside came, and when the attacker signed in to it.
    pub(in super::super) fn delegate(&self) -> Option<(&str, DateTime<Utc>)> {
        let first = self.first_inside.as_ref()?;
        let (account, time) = self.elsewhere.get_key_value(&first.account)?;
        (*time <= first.time).then_some((account.as_str(), *time))
    }
}
