//! The combinations of address, session and token that an account has used. An attacker may make hundreds of thousands, so texts are kept
//! once and named by numbers.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::rc::Rc;

use chrono::{DateTime, Utc};

use super::activity::Activity;
use super::baseline::is_usable;
use super::history::History;
use super::quarters::Quarters;

/// The number of a text among those of the contexts.
type Number = u32;

/// Sessions of one record: the sign-in's, the token's and Exchange's own.
const SESSIONS: usize = 3;

/// One combination of address, sessions and token that an account has used.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Context {
    pub(super) address: Option<IpAddr>,
    sessions: [Option<Number>; SESSIONS],
    token: Option<Number>,
    /// Before the threat, and more than a failed sign-in.
    pub(super) is_earlier: bool,
    pub(super) is_inside: bool,
    pub(super) has_device: bool,
}

impl Context {
    pub(super) fn has_session(&self) -> bool {
        self.sessions.iter().any(Option::is_some)
    }
}

/// The use of a context.
#[derive(Debug, Clone, Copy)]
pub(super) struct Use {
    pub(super) quarters: Quarters,
    pub(super) first: DateTime<Utc>,
}

/// The contexts of one account, each once.
#[derive(Debug, Default)]
pub(super) struct Contexts {
    all: HashMap<Context, Use>,
    pub(super) history: History,
    texts: Vec<Rc<str>>,
    numbers: HashMap<Rc<str>, Number>,
}

impl Contexts {
    /// Activities come in the order of time.
    pub(super) fn add(&mut self, activity: &Activity, alarm: DateTime<Utc>) {
        let mut sessions = [None; SESSIONS];
        for (place, session) in sessions.iter_mut().zip(&activity.sessions) {
            *place = self.number(session);
        }
        let context = Context {
            address: activity.address.filter(|address| is_usable(*address)),
            sessions,
            token: activity.token.as_deref().and_then(|token| self.number(token)),
            is_earlier: activity.time < alarm && activity.is_inside(),
            is_inside: activity.is_inside(),
            has_device: activity.has_device,
        };
        if let Some(address) = context.address.filter(|_| context.is_earlier) {
            self.history.add(address, activity.time);
        }
        let new = Use { quarters: Quarters::default(), first: activity.time };
        self.all.entry(context).or_insert(new).quarters.add(activity.time);
    }

    fn number(&mut self, text: &str) -> Option<Number> {
        if let Some(number) = self.numbers.get(text) {
            return Some(*number);
        }
        let (number, text) = (Number::try_from(self.texts.len()).ok()?, Rc::from(text));
        self.texts.push(Rc::clone(&text));
        self.numbers.insert(text, number);
        Some(number)
    }

    fn text(&self, number: Number) -> Option<&str> {
        self.texts.get(usize::try_from(number).ok()?).map(|text| &**text)
    }

    pub(super) fn sessions<'a>(&'a self, context: &'a Context) -> impl Iterator<Item = &'a str> {
        context.sessions.iter().flatten().filter_map(|number| self.text(*number))
    }

    pub(super) fn token(&self, context: &Context) -> Option<&str> {
        self.text(context.token?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Context> {
        self.all.keys()
    }

    /// Returns the contexts, each with its use.
    pub(super) fn with_use(&self) -> impl Iterator<Item = (&Context, Use)> {
        self.all.iter().map(|(context, of_context)| (context, *of_context))
    }

    pub(super) fn addresses(&self) -> BTreeSet<IpAddr> {
        self.iter().filter_map(|context| context.address).collect()
    }
}
