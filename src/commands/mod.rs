//! The command line: each subcommand in a file of its own, each a function that returns an exit code.

pub mod scan;
