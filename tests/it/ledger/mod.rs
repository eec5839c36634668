//! Rows as types: what is stored comes back, and two writers never undo each other.

mod claims;
mod coverage;
mod documented;
mod first_version;
mod round_trip;
mod row_fixture;
mod versions;
