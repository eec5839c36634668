//! Creates worlds with people, ordinary days and attacks. All data is invented, and always the same for a seed.

mod attacks;
mod eventful;
mod ordinary;
mod publish;
mod story;
mod tenants;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use crate::records::{Envelope, Seeded};
use crate::world::{Consent, Tenant, World};

pub use attacks::SHAPES;
pub use eventful::{Eventful, Shown};
pub use tenants::tenant;

use attacks::{ATTACKS, Attack};
use publish::Drafts;

/// The content type of Exchange.
pub const EXCHANGE: &str = "Audit.Exchange";
/// The content type of Entra.
pub const DIRECTORY: &str = "Audit.AzureActiveDirectory";

/// The number of Exchange blobs of a demo tenant, and the minutes between two of them.
const BLOBS: u64 = 8;
const MINUTES_APART: u64 = 11;

/// The IP addresses of the attackers.
const ATTACKER_ADDRESSES: [&str; 4] = ["203.0.113.66", "198.51.100.23", "2001:db8:bad::7", "203.0.113.140"];

/// An attack that was put into a world.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planted {
    /// The customer.
    pub tenant_id: Uuid,
    /// Its default domain.
    pub tenant_domain: String,
    /// The mailbox that was taken over.
    pub mailbox: String,
    /// The id of the record that shows the attack.
    pub record_id: Uuid,
    /// The action of the attacker.
    pub shape: &'static str,
}

/// The shape of the attack on the customer whose Exchange rejects every change of a rule.
pub const REJECTED_SHAPE: &str = "New-InboxRule: forwards outside, Exchange rejects every change of a rule";

/// Creates four customers with two attacks each among thousands of ordinary records, one with an attack whose Exchange rejects every
/// change of a rule, one without events, one that has not consented, and a new one whose auditing is off and cannot be enabled before
/// `Enable-OrganizationCustomization` has had its effect.
pub fn demo(seed: u64, now: DateTime<Utc>) -> (World, Vec<Planted>) {
    let mut seeded = Seeded::new(seed);
    let mut world = provider(&mut seeded);
    let mut planted = Vec::new();
    let half = ATTACKS.len() / 2;
    for number in 0..half {
        let mut tenant = tenants::demo(number, &mut seeded);
        let mut drafts = ordinary_days(&mut tenant, now, &mut seeded);
        for (victim, attack) in [number, number + half].into_iter().enumerate() {
            let blob = usize::try_from(seeded.range(1, 6)).unwrap_or(1);
            let Some(created) = drafts.created(EXCHANGE, blob) else { continue };
            let at = happened(created, &mut seeded);
            let Some((record, told)) = plant(&mut tenant, victim, &ATTACKS[attack], at, &mut seeded) else { continue };
            drafts.put(EXCHANGE, blob, record.clone());
            if attack == 0 {
                let mut own = Seeded::new(seed ^ 1);
                for (content_type, record) in story::around(&tenant, &record, &told.mailbox, &mut own) {
                    drafts.put(content_type, 0, record);
                }
            }
            if attack == 2 {
                // Content overlaps, so the next blob contains the same record.
                drafts.put(EXCHANGE, blob - 1, record);
            }
            planted.push((attack, told));
        }
        drafts.publish(&mut tenant, &mut seeded);
        world.add(tenant);
    }
    world.add(tenants::demo(half, &mut seeded));
    let mut missing = tenants::demo(half + 1, &mut seeded);
    missing.consent = Consent::Missing;
    missing.subscriptions.clear();
    world.add(missing);
    let mut unaudited = tenants::demo(half + 2, &mut seeded).brand_new();
    // Nobody can start a subscription while auditing is off.
    unaudited.subscriptions.clear();
    world.add(unaudited);
    let mut rejecting = tenants::demo(half + 3, &mut seeded);
    rejecting.oddities.rejects_rule_changes = true;
    let mut drafts = ordinary_days(&mut rejecting, now, &mut seeded);
    let attack = Attack { shape: REJECTED_SHAPE, ..ATTACKS[0] };
    if let Some(created) = drafts.created(EXCHANGE, 2)
        && let Some((record, told)) = plant(&mut rejecting, 0, &attack, happened(created, &mut seeded), &mut seeded)
    {
        drafts.put(EXCHANGE, 2, record);
        planted.push((ATTACKS.len(), told));
    }
    drafts.publish(&mut rejecting, &mut seeded);
    world.add(rejecting);
    planted.sort_by_key(|(attack, _)| *attack);
    (world, planted.into_iter().map(|(_, told)| told).collect())
}

/// Fills the last 90 minutes of a customer with ordinary records, some of which come twice.
fn ordinary_days(tenant: &mut Tenant, now: DateTime<Utc>, seeded: &mut Seeded) -> Drafts {
    let settled = ordinary::settle(tenant, 2, seeded);
    let mut drafts = Drafts::default();
    for blob in 0..BLOBS {
        let created = minutes_before(now, 5 + blob * MINUTES_APART);
        let records =
            (0..seeded.range(150, 300)).map(|_| settled.record(tenant, happened(created, seeded), seeded)).collect();
        drafts.add(EXCHANGE, created, records);
    }
    for blob in 0..2 {
        let created = minutes_before(now, 9 + blob * 40);
        let records = (0..seeded.range(100, 180))
            .map(|_| settled.directory_record(tenant, happened(created, seeded), seeded))
            .collect();
        drafts.add(DIRECTORY, created, records);
    }
    drafts.repeat_some(EXCHANGE, 7);
    drafts
}

/// Creates subscribed customers with people and without events.
pub fn quiet(tenants: usize) -> World {
    let mut seeded = Seeded::new(1);
    let mut world = provider(&mut seeded);
    for number in 0..tenants {
        world.add(tenants::numbered(number));
    }
    world
}

/// Creates customers with one attack each among a few ordinary records of one blob. The attacks take all shapes in turn.
pub fn one_threat_each(tenants: usize, now: DateTime<Utc>) -> (World, Vec<Planted>) {
    let mut seeded = Seeded::new(2);
    let mut world = provider(&mut seeded);
    let mut planted = Vec::new();
    let created = minutes_before(now, 5);
    for (number, attack) in (0..tenants).zip(ATTACKS.iter().cycle()) {
        let mut tenant = tenants::numbered(number);
        let settled = ordinary::settle(&mut tenant, 1, &mut seeded);
        let at = happened(created, &mut seeded);
        let mut records: Vec<_> = (0..9).map(|_| settled.record(&tenant, at, &mut seeded)).collect();
        if let Some((record, told)) = plant(&mut tenant, 0, attack, at, &mut seeded) {
            records.push(record);
            planted.push(told);
        }
        let mut drafts = Drafts::default();
        drafts.add(EXCHANGE, created, records);
        drafts.publish(&mut tenant, &mut seeded);
        world.add(tenant);
    }
    (world, planted)
}

/// Creates customers with events at all times. Nothing is published before [`Eventful::publish`] is called.
pub fn eventful(tenants: usize, seed: u64) -> (World, Vec<Eventful>) {
    let mut world = provider(&mut Seeded::new(seed));
    let customers = (0..tenants).map(|number| Eventful::add(&mut world, number, seed)).collect();
    (world, customers)
}

fn provider(seeded: &mut Seeded) -> World {
    World::new(seeded.guid(), seeded.guid())
}

/// Attacks the mailbox of the tenant's person number `victim`: changes the mailbox and returns the record of the change.
fn plant(
    tenant: &mut Tenant,
    victim: usize,
    attack: &Attack,
    at: DateTime<Utc>,
    seeded: &mut Seeded,
) -> Option<(serde_json::Value, Planted)> {
    let upn = tenant.mailboxes.get(victim)?.upn.clone();
    let address = seeded.pick(&ATTACKER_ADDRESSES).copied().unwrap_or(ATTACKER_ADDRESSES[0]);
    let envelope = Envelope::new(tenant, &upn, at, seeded).from_ip(address);
    let record = (attack.plant)(tenant, &envelope, &upn, seeded)?;
    let (tenant_id, tenant_domain) = (tenant.id, tenant.default_domain.clone());
    Some((record, Planted { tenant_id, tenant_domain, mailbox: upn, record_id: envelope.id, shape: attack.shape }))
}

fn minutes_before(now: DateTime<Utc>, minutes: u64) -> DateTime<Utc> {
    now - TimeDelta::minutes(minutes.try_into().unwrap_or(i64::MAX / 100_000))
}

/// Returns a time two to nine minutes before content was published, in whole seconds as in records.
fn happened(published: DateTime<Utc>, seeded: &mut Seeded) -> DateTime<Utc> {
    let before = published.timestamp() - i64::try_from(seeded.range(120, 540)).unwrap_or(120);
    DateTime::from_timestamp(before, 0).unwrap_or(published)
}

#[cfg(test)]
mod tests;
