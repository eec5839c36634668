//! Plans the accidents of a seed: outages, faults, kills and wrong clocks.

use chrono::TimeDelta;
use tenantwatch_simulator::records::Seeded;
use tenantwatch_simulator::steps::Moment;

/// Everything that is decided before.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub tenants: usize,
    /// The clock error of each instance of the app, in seconds.
    pub skews: Vec<i64>,
    /// Number of requests in 1,000 that fail.
    pub faults: u64,
    pub rounds: Vec<Round>,
    /// `true` if accounts are contained. The tenants are then read without faults for more than a day before.
    pub contains: bool,
    /// `true` if services also stay unresponsive, respond after 20 s or send empty responses, and if the last customer is an
    /// attacker who chooses the responses of Graph and Exchange.
    pub is_unkind: bool,
}

/// The time up to one cycle, and the cycle.
#[derive(Debug, Clone)]
pub struct Round {
    /// The time since the previous round.
    pub passes: TimeDelta,
    /// The customers that cannot be read during the round.
    pub outage: Outage,
    pub kills: Vec<Kill>,
    pub oddity: Oddity,
}

/// A fault of a whole round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Oddity {
    None,
    /// Tokens issued so far have lost their rights.
    StaleTokens,
    /// The `Date` of the audit service, or of Graph, is wrong by `hours`.
    WrongDate {
        of_graph: bool,
        hours: i64,
    },
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
    /// The index of the instance that is killed. An index beyond the last one kills all.
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
        let mut plan = Self {
            seed,
            tenants: 1 + seeded.range(0, 3) as usize,
            skews,
            faults,
            rounds,
            contains: false,
            is_unkind: false,
        };
        plan.make_unkind();
        plan
    }

    /// As [`Plan::of`], with containment.
    pub fn with_containment(seed: u64) -> Self {
        Self { contains: true, ..Self::of(seed) }
    }

    /// One plan in three is unkind beyond plain failures. It draws from a source of its own, so the rest of a seed's plan stays.
    fn make_unkind(&mut self) {
        let mut seeded = Seeded::new(self.seed ^ 0x0dd);
        self.is_unkind = self.seed % 3 == 1;
        if !self.is_unkind {
            return;
        }
        self.tenants += 1;
        for round in &mut self.rounds {
            round.oddity = match seeded.range(0, 6) {
                0 => Oddity::StaleTokens,
                1 => Oddity::WrongDate {
                    of_graph: seeded.range(0, 2) == 0,
                    hours: [-26_000, -3, 3, 26_000][seeded.range(0, 4) as usize],
                },
                _ => Oddity::None,
            };
        }
    }

    /// Returns a plan without kills or failures, in which each round takes a quarter of an hour.
    pub fn calm(seed: u64) -> Self {
        let passes = TimeDelta::minutes(15);
        let calm = Round { passes, outage: Outage::None, kills: Vec::new(), oddity: Oddity::None };
        Self { seed, tenants: 3, skews: vec![0], faults: 0, rounds: vec![calm; 8], contains: false, is_unkind: false }
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
    Round { passes: TimeDelta::minutes(minutes.try_into().unwrap_or(15)), outage, kills, oddity: Oddity::None }
}

fn kill(seeded: &mut Seeded, instances: u64) -> Kill {
    let moment = if seeded.range(0, 2) == 0 { Moment::BeforeEffect } else { Moment::AfterEffect };
    Kill { at: seeded.range(0, 110), moment, instance: seeded.range(0, instances + 1) as usize }
}

/// Returns a sixth of 9 days in which no customer can be read.
fn long_outage(seeded: &mut Seeded) -> Round {
    let passes = TimeDelta::minutes(36 * 60 + i64::try_from(seeded.range(0, 60)).unwrap_or_default());
    Round { passes, outage: Outage::OfAll, kills: Vec::new(), oddity: Oddity::None }
}
