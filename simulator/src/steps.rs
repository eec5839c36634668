//! Counts every request to every service as a step. A test can hold one of them and kill the sender at that point.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// The point at which a request is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Before the request has its effect.
    BeforeEffect,
    /// After the effect, before the answer.
    AfterEffect,
}

/// The request that is or will be held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Hold {
    Nothing,
    At(u64, Moment),
    Held,
}

/// A counter of steps that several services share.
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
    /// Returns the number of steps so far.
    pub fn count(&self) -> u64 {
        self.steps.load(Ordering::SeqCst)
    }

    /// Returns a number for an event, which is larger than those of all earlier events.
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

    /// Releases the held request, which gets no answer.
    pub fn release(&self) {
        self.set(Hold::Nothing);
        self.held.send_replace(false);
    }

    /// Returns the number of a request that has just arrived.
    pub(crate) fn next(&self) -> u64 {
        self.steps.fetch_add(1, Ordering::SeqCst)
    }

    /// Holds the request if it is the chosen one. Returns whether it may continue.
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
