//! Plays the attackers of docs/threat-model.md, one file for each.

mod administrator;
mod table_writer;
mod token_holder;
