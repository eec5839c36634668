//! Plays the attackers of docs/threat-model.md, one file for each.

mod administrator;
mod investigated;
mod mailbox;
mod network;
mod table_writer;
mod token_holder;
