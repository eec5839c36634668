//! Plays the attackers of docs/threat-model.md, one file for each.

mod table_writer;
mod token_holder;
