//! What will happen, decided by a seed.

use chrono::TimeDelta;
use tenantwatch_simulator::records::Seeded;
use tenantwatch_simulator::steps::Moment;

/// Everything that is decided before.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub tenants: usize,
    /// How far the clock of each instance of the app is off, in seconds.
    pub skews: Vec<i64>,
    /// How many of 1,000 requests fail.
    pub faults: u64,
    pub rounds: Vec<Round>,
    /// Whether accounts are contained. Then the tenants are read in peace for more than a day before.
    pub contains: bool,
}

/// The time up to one cycle, and the cycle.
#[derive(Debug, Clone)]
pub struct Round {
    /// How much time has passed since the one before.
    pub passes: TimeDelta,
    /// Whether the first customer cannot be read meanwhile; or all of them.
    pub outage: Outage,
    pub kills: Vec<Kill>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outage {
    None,
    OfOne,
    OfAll,
}

/// A kill at a step of the cycle: at this share of the steps that the cycle before had, in percent.
#[derive(Debug, Clone, Copy)]
pub struct Kill {
    pub at: u64,
    pub moment: Moment,
    /// Which instance; beyond the last one: all.
    pub instance: usize,
}

impl Plan {
    /// Anything can happen.
    pub fn of(seed: u64) -> Self {
        let mut seeded = Seeded::new(seed);
        let instances = 1 + seeded.range(0, 2);
        let skews = (0..instances).map(|_| skew(&mut seeded)).collect();
        let faults = [0, 20, 80, 200][seeded.range(0, 4) as usize];
        let mut rounds: Vec<Round> = (0..seeded.range(4, 9)).map(|_| round(&mut seeded, instances)).collect();
        if seeded.range(0, 8) == 0 {
            rounds.extend((0..6).map(|_| long_outage(&mut seeded)));
        }
        Self { seed, tenants: 1 + seeded.range(0, 3) as usize, skews, faults, rounds, contains: false }
    }

    /// As [`Plan::of`], with containment.
    pub fn with_containment(seed: u64) -> Self {
        Self { contains: true, ..Self::of(seed) }
    }

    /// Nobody is killed, nothing fails, and time passes a quarter of an hour at a time.
    pub fn calm(seed: u64) -> Self {
        let passes = TimeDelta::minutes(15);
        let rounds = (0..8).map(|_| Round { passes, outage: Outage::None, kills: Vec::new() }).collect();
        Self { seed, tenants: 3, skews: vec![0], faults: 0, rounds, contains: false }
    }
}

fn skew(seeded: &mut Seeded) -> i64 {
    match seeded.range(0, 3) {
        0 => 0,
        _ => i64::try_from(seeded.range(0, 480)).unwrap_or_default() - 240,
    }
}

fn round(seeded: &mut Seeded, instances: u64) -> Round {
    let minutes = match seeded.range(0, 10) {
        0..6 => 15,
        6..8 => seeded.range(60, 180),
        _ => seeded.range(360, 1_300),
    };
    let outage = if seeded.range(0, 8) == 0 { Outage::OfOne } else { Outage::None };
    let kills = (0..seeded.range(0, 5)).map(|_| kill(seeded, instances)).collect();
    Round { passes: TimeDelta::minutes(minutes.try_into().unwrap_or(15)), outage, kills }
}

fn kill(seeded: &mut Seeded, instances: u64) -> Kill {
    let moment = if seeded.range(0, 2) == 0 { Moment::BeforeEffect } else { Moment::AfterEffect };
    Kill { at: seeded.range(0, 110), moment, instance: seeded.range(0, instances + 1) as usize }
}

/// A sixth of 9 days in which nobody lets us in.
fn long_outage(seeded: &mut Seeded) -> Round {
    let passes = TimeDelta::minutes(36 * 60 + i64::try_from(seeded.range(0, 60)).unwrap_or_default());
    Round { passes, outage: Outage::OfAll, kills: Vec::new() }
}
