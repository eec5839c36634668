//! The sentences of the reasons, as the documented records of `tests/fixtures/records` give them.

use std::collections::BTreeMap;

use tenantwatch::detection::{ReasonName, judge};

use super::Catalogue;
use crate::detection::fixtures::situations;

/// The most sentences that are shown of one reason.
const SHOWN: usize = 3;

#[test]
fn sentences_of_reasons_are_in_the_catalogue() {
    let mut sentences: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (_, situation) in situations() {
        let Some(finding) = judge(&situation.record(), &situation.knowledge()) else { continue };
        for reason in finding.reasons {
            let known = sentences.entry(reason.name.as_str()).or_default();
            if !known.contains(&reason.sentence) {
                known.push(reason.sentence);
            }
        }
    }
    let mut catalogue = Catalogue::default();
    for name in ReasonName::ALL {
        // Reasons that need several records have no sentence here.
        let Some(known) = sentences.get(name.as_str()) else { continue };
        catalogue.situation(name.as_str());
        known.iter().take(SHOWN).for_each(|sentence| catalogue.message(sentence));
    }
    assert!(sentences.len() > 40, "{:?}", sentences.keys());
    catalogue.compare("reasons");
}
