//! Figures over generated incidents: how many of the attacker's acts are attributed, and of everybody else's none.

use std::collections::BTreeMap;

use super::generator::{Incident, Truth, incident};
use super::report_of;

#[derive(Debug, Default, Clone, Copy)]
struct Figures {
    attacks: u64,
    attributed: u64,
    hidden_attributed: u64,
    wrong: u64,
    looked_at: u64,
    seconds: u64,
    found: u64,
    records: u64,
}

fn of(incident: &Incident) -> Figures {
    let report = report_of(&incident.records, &incident.victim, &[]);
    let mut figures = Figures { records: incident.records.len() as u64, ..Figures::default() };
    let rows = report.0["Activities"].as_array().unwrap();
    let mut attributed: BTreeMap<&str, &str> = BTreeMap::new();
    for row in rows {
        let (id, whose) = (row["Id"].as_str().unwrap(), row["Attribution"].as_str().unwrap());
        figures.looked_at += 1;
        if ["Proven", "Linked", "Likely"].contains(&whose) {
            attributed.insert(id, whose);
            figures.wrong += u64::from(incident.truth(id) == Truth::Others);
            figures.hidden_attributed += u64::from(incident.truth(id) == Truth::Hidden);
        }
    }
    for id in incident.attacks() {
        figures.attacks += 1;
        figures.attributed += u64::from(attributed.contains_key(id.as_str()));
    }
    let found: Vec<&str> =
        report.others().into_iter().filter(|(_, kind)| *kind == "SignedIn").map(|(who, _)| who).collect();
    figures.seconds = incident.seconds.len() as u64;
    figures.found = incident.seconds.iter().filter(|who| found.contains(&who.as_str())).count() as u64;
    figures
}

/// `INCIDENT_SEEDS=200` prints the figures of that many.
#[test]
fn acts_of_attackers_are_attributed_and_no_others() {
    let seeds: u64 = std::env::var("INCIDENT_SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(8);
    let (mut all, mut by_kind) = (Figures::default(), BTreeMap::<String, (u64, u64)>::new());
    for seed in 0..seeds {
        let incident = incident(seed);
        let one = of(&incident);
        assert_eq!(one.wrong, 0, "seed {seed}, {:?}: {one:?}", incident.kind);
        assert_eq!(one.found, one.seconds, "seed {seed}, {:?}: {one:?}", incident.kind);
        let kind = by_kind.entry(format!("{:?}", incident.kind)).or_default();
        (kind.0, kind.1) = (kind.0 + one.attacks, kind.1 + one.attributed);
        all.attacks += one.attacks;
        all.attributed += one.attributed;
        all.hidden_attributed += one.hidden_attributed;
        all.looked_at += one.looked_at;
        all.seconds += one.seconds;
        all.found += one.found;
        all.records += one.records;
    }
    println!("seeds {seeds}: {all:?}");
    println!("attacks and attributed of them by kind: {by_kind:?}");
    assert!(all.attributed * 100 >= all.attacks * 99, "{all:?} {by_kind:?}");
    assert!(all.attacks > seeds * 5, "{all:?}");
}
