//! Every request to every service is a step. A test can have one of them held back, and kill exactly there whoever asks.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// When a held request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before anything happens because of it.
    BeforeEffect,
    /// After it has happened, before the answer.
    AfterEffect,
}

/// What is to be held, or is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Nothing,
    At(u64, Moment),
    Held,
}

/// Counts steps, over all services that share it.
#[derive(Debug)]
pub struct Steps {
    steps: AtomicU64,
    order: AtomicU64,
    hold: Mutex<Hold>,
    held: watch::Sender<bool>,
}

impl Default for Steps {
    fn default() -> Self {
        let held = watch::Sender::new(false);
        Self { steps: AtomicU64::new(0), order: AtomicU64::new(0), hold: Mutex::new(Hold::Nothing), held }
    }
}

impl Steps {
    /// How many there were.
    pub fn count(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    /// A number for something that happens: larger than that of everything before.
    pub fn order(&self) -> u64 {
        self.order.fetch_add(1, Ordering::SeqCst)
    }

    /// Holds the request that comes after `more` others.
    pub fn hold_after(&self, more: u64, moment: Moment) {
        self.set(Hold::At(self.count() + more, moment));
    }

    /// Returns as soon as a request is held.
    pub async fn held(&self) {
        // The sender lives as long as `self`.
        let _ = self.held.subscribe().wait_for(|held| *held).await;
    }

    /// Nothing is held any more. What was gets no answer.
    pub fn release(&self) {
        self.set(Hold::Nothing);
        self.held.send_replace(false);
    }

    /// The number of a request that has just come.
    pub(crate) fn next(&self) -> u64 {
        self.steps.fetch_add(1, Ordering::SeqCst)
    }

    /// Holds the request if it is the one. Whether it may go on.
    pub(crate) async fn pass(&self, step: u64, moment: Moment) -> bool {
        {
            let mut hold = self.hold.lock().unwrap_or_else(PoisonError::into_inner);
            match *hold {
                Hold::At(at, when) if when == moment && step >= at => *hold = Hold::Held,
                _ => return true,
            }
        }
        let mut held = self.held.subscribe();
        self.held.send_replace(true);
        let _ = held.wait_for(|held| !*held).await;
        false
    }

    fn set(&self, hold: Hold) {
        *self.hold.lock().unwrap_or_else(PoisonError::into_inner) = hold;
    }
}
