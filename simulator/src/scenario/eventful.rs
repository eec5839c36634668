//! Creates a customer with events at all times, whose content comes in every way that the service is known for: late, twice,
//! out of order, at the edge of a window, denied, or expired before it could be read.

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use uuid::Uuid;

use crate::records::Seeded;
use crate::world::{Tenant, World};

use super::attacks::ATTACKS;
use super::ordinary::{self, Settled};
use super::{DIRECTORY, EXCHANGE, Planted, happened, plant, tenants};

/// The number of people of the tenant that are attacked, one after the other.
const VICTIMS: usize = 4;

/// The longest time between `contentCreated` and the appearance of content, in minutes. It is less than the overlap of runs.
const LATEST: u64 = 100;

/// An attack and the content that shows it.
#[derive(Debug, Clone)]
pub struct Shown {
    /// The attack.
    pub planted: Planted,
    /// The content ids of the blobs with the record.
    pub blobs: Vec<String>,
}

/// The customer.
#[derive(Debug)]
pub struct Eventful {
    tenant: Uuid,
    settled: Settled,
    attacked: usize,
    first_attack: usize,
    /// A record that the next blob repeats, and the number of its attack.
    again: Option<(Value, usize)>,
    seeded: Seeded,
    /// The attacks so far.
    pub shown: Vec<Shown>,
}

impl Eventful {
    /// Adds customer number `number` to a world.
    pub fn add(world: &mut World, number: usize, seed: u64) -> Self {
        let mut seeded = Seeded::new(seed ^ (number as u64 + 1) << 32);
        let mut tenant = tenants::numbered(number);
        let settled = ordinary::settle(&mut tenant, VICTIMS, &mut seeded);
        let id = tenant.id;
        world.add(tenant);
        let first_attack = usize::try_from(seeded.range(0, ATTACKS.len() as u64)).unwrap_or_default();
        Self { tenant: id, settled, attacked: 0, first_attack, again: None, seeded, shown: Vec::new() }
    }

    /// Returns the tenant id.
    pub fn tenant(&self) -> Uuid {
        self.tenant
    }

    /// Publishes the events from `from` to `to`.
    pub fn publish(&mut self, world: &mut World, from: DateTime<Utc>, to: DateTime<Utc>) {
        let Some(tenant) = world.tenants.get_mut(&self.tenant) else { return };
        for _ in 0..self.seeded.range(0, 4) {
            let created = self.moment(from, to);
            if self.seeded.range(0, 5) == 0 {
                self.publish_directory(tenant, created);
            } else {
                self.publish_exchange(tenant, created);
            }
        }
    }

    /// Returns a time of the span, often the first or the last one.
    fn moment(&mut self, from: DateTime<Utc>, to: DateTime<Utc>) -> DateTime<Utc> {
        let span = u64::try_from((to - from).num_milliseconds()).unwrap_or_default();
        match self.seeded.range(0, 8) {
            0 => from,
            1 => to,
            _ => from + milliseconds(self.seeded.range(0, span)),
        }
    }

    fn publish_directory(&mut self, tenant: &mut Tenant, created: DateTime<Utc>) {
        let count = self.seeded.range(1, 6);
        let records: Vec<Value> = (0..count)
            .map(|_| {
                let at = happened(created, &mut self.seeded);
                self.settled.directory_record(tenant, at, &mut self.seeded)
            })
            .collect();
        tenant.publish_at(DIRECTORY, created, &records);
    }

    fn publish_exchange(&mut self, tenant: &mut Tenant, created: DateTime<Utc>) {
        let mut records = Vec::new();
        for _ in 0..self.seeded.range(1, 8) {
            let at = happened(created, &mut self.seeded);
            records.push(self.settled.record(tenant, at, &mut self.seeded));
        }
        let mut shows = Vec::new();
        if let Some((record, attack)) = self.again.take() {
            records.push(record);
            shows.push(attack);
        }
        if self.attacked < VICTIMS && self.seeded.range(0, 2) == 0 {
            shows.extend(self.attack(tenant, created, &mut records));
        }
        self.seeded.shuffle(&mut records);
        let blob = tenant.publish_at(EXCHANGE, created, &records);
        for attack in shows {
            self.shown[attack].blobs.push(blob.clone());
        }
        self.make_unusual(tenant, created);
    }

    /// Adds an attack. The next blob repeats some of their records, because content overlaps.
    fn attack(&mut self, tenant: &mut Tenant, created: DateTime<Utc>, records: &mut Vec<Value>) -> Option<usize> {
        let attack = &ATTACKS[(self.first_attack + self.attacked) % ATTACKS.len()];
        let at = happened(created, &mut self.seeded);
        let (record, planted) = plant(tenant, self.attacked, attack, at, &mut self.seeded)?;
        self.attacked += 1;
        self.shown.push(Shown { planted, blobs: Vec::new() });
        let number = self.shown.len() - 1;
        if self.seeded.range(0, 3) == 0 {
            self.again = Some((record.clone(), number));
        }
        records.push(record);
        Some(number)
    }

    /// Lets the last blob appear late, be listed twice or expire early.
    fn make_unusual(&mut self, tenant: &mut Tenant, created: DateTime<Utc>) {
        let chance = self.seeded.range(0, 20);
        let late = TimeDelta::minutes(self.seeded.range(1, LATEST).try_into().unwrap_or(1));
        let Some(blob) = tenant.content.last_mut() else { return };
        match chance {
            0..5 => blob.appears = created + late,
            5..8 => {
                let twin = blob.clone();
                tenant.content.push(twin);
            }
            8 => blob.expires = created,
            9 => blob.expires = created + TimeDelta::hours(2),
            _ => {}
        }
    }
}

fn milliseconds(count: u64) -> TimeDelta {
    TimeDelta::milliseconds(count.try_into().unwrap_or_default())
}
