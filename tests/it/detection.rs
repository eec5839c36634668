//! Detections, by what goes in (a record, and what is known of the tenant) and what comes out (a finding).

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up should fail")]

mod both_doors;
mod correlation;
mod documentation;
mod families;
pub mod fixtures;
mod judging;
pub mod kinds;
mod ordinary_week;
mod properties;
mod related;
mod related_records;
