//! Detections, by what goes in (a record, and what is known of the tenant) and what comes out (a finding).

mod documentation;
mod fixtures;
mod judging;
mod properties;
mod related;
