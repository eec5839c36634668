use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::*;
use crate::world::BlobBody;

fn now() -> DateTime<Utc> {
    "2026-11-22T10:00:00Z".parse().unwrap()
}

/// Returns all records of a tenant with the time of publication.
fn records(tenant: &Tenant) -> Vec<(DateTime<Utc>, Value)> {
    let mut records = Vec::new();
    for blob in &tenant.content {
        let BlobBody::Whole(bytes) = &blob.body else { continue };
        let list: Vec<Value> = serde_json::from_slice(bytes).unwrap();
        records.extend(list.into_iter().map(|record| (blob.created, record)));
    }
    records
}

fn found(world: &World, planted: &Planted) -> Vec<(DateTime<Utc>, Value)> {
    let id = planted.record_id.to_string();
    records(&world.tenants[&planted.tenant_id]).into_iter().filter(|(_, record)| record["Id"] == id.as_str()).collect()
}

#[test]
fn same_seed_gives_same_world() {
    let (one, planted) = demo(7, now());
    let (other, again) = demo(7, now());
    assert_eq!(planted, again);
    assert_eq!(format!("{one:?}"), format!("{other:?}"));
    assert_ne!(planted, demo(8, now()).1);
}

#[test]
fn attacks_are_in_one_blob_and_one_of_them_in_two() {
    for seed in [7, 20_261_123] {
        let (world, planted) = demo(seed, now());
        let shapes: Vec<&str> = SHAPES.into_iter().chain([REJECTED_SHAPE]).collect();
        assert_eq!(planted.iter().map(|planted| planted.shape).collect::<Vec<_>>(), shapes);
        let mailboxes: BTreeSet<&str> = planted.iter().map(|planted| planted.mailbox.as_str()).collect();
        assert_eq!(mailboxes.len(), planted.len());
        for (number, planted) in planted.iter().enumerate() {
            let found = found(&world, planted);
            assert_eq!(found.len(), if number == 2 { 2 } else { 1 }, "{}", planted.shape);
            for (published, record) in found {
                let happened =
                    format!("{}Z", record["CreationTime"].as_str().unwrap()).parse::<DateTime<Utc>>().unwrap();
                assert!(happened < published && happened >= now() - TimeDelta::minutes(100), "{happened}");
                assert!(published <= now() && published >= now() - TimeDelta::minutes(90), "{published}");
                let actor = record["UserId"].as_str().unwrap();
                assert!(world.tenants[&planted.tenant_id].user(actor).is_some(), "{actor}");
                assert_eq!(actor == planted.mailbox, number != 2);
            }
        }
    }
}

#[test]
fn records_agree_with_mailboxes() {
    let (world, planted) = demo(7, now());
    for planted in &planted {
        let tenant = &world.tenants[&planted.tenant_id];
        let mailbox = tenant.mailbox(&planted.mailbox).unwrap();
        let (_, record) = found(&world, planted).remove(0);
        let text = record.to_string();
        if record["Operation"] == "Set-Mailbox" {
            let target = mailbox.forwarding_smtp_address.as_ref().or(mailbox.forwarding_address.as_ref()).unwrap();
            assert!(text.contains(target.as_str()), "{text}");
            assert_eq!(record["ObjectId"], mailbox.identity);
            continue;
        }
        let [rule] = mailbox.rules.iter().filter(|rule| !rule.hidden).collect::<Vec<_>>()[..] else { panic!("{text}") };
        match record["Operation"].as_str().unwrap() {
            "UpdateInboxRules" => assert!(text.contains(&rule.id.cast_signed().to_string()), "{text}"),
            _ => assert_eq!(record["ObjectId"], format!("{}\\{}", mailbox.identity, rule.name)),
        }
    }
}

#[test]
fn ordinary_records_are_many_and_some_come_twice() {
    let (world, planted) = demo(7, now());
    assert_eq!(world.tenants.len(), 8);
    let mut operations: BTreeMap<String, usize> = BTreeMap::new();
    let (mut all, mut ids) = (0, BTreeSet::new());
    for tenant in world.tenants.values() {
        assert!(tenant.users.len() >= 5);
        let ours = records(tenant);
        assert!(ours.is_empty() || ours.len() >= 100 * tenant.content.len());
        for (_, record) in ours {
            all += 1;
            ids.insert(record["Id"].as_str().unwrap().to_owned());
            *operations.entry(record["Operation"].as_str().unwrap().to_owned()).or_default() += 1;
        }
    }
    assert!(ids.len() >= 5_000 + planted.len() && ids.len() < all, "{} of {all}", ids.len());
    assert!(operations["Set-Mailbox"] * 4 > all, "{operations:?}");
    assert!(operations["UserLoggedIn"] > 100, "{operations:?}");
    let of = |has: fn(&Tenant) -> bool| world.tenants.values().filter(|tenant| has(tenant)).count();
    assert_eq!(of(|tenant| tenant.consent == Consent::Missing), 1);
    assert_eq!(of(|tenant| !tenant.auditing && tenant.oddities.dehydrated), 1);
    assert_eq!(of(|tenant| tenant.oddities.rejects_rule_changes && !tenant.content.is_empty()), 1);
}

#[test]
fn small_worlds_have_the_documented_content() {
    let world = quiet(3);
    assert_eq!(world.tenants.len(), 3);
    assert!(world.tenants.values().all(|tenant| tenant.content.is_empty() && !tenant.subscriptions.is_empty()));
    let (world, planted) = one_threat_each(9, now());
    assert_eq!((world.tenants.len(), planted.len()), (9, 9));
    for planted in &planted {
        assert_eq!(found(&world, planted).len(), 1, "{}", planted.shape);
    }
}
