//! The command line: each subcommand in a file of its own, each a function that returns an exit code.

pub mod serve;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Wrong usage or configuration.
pub const EXIT_USAGE: u8 = 2;

/// Watches the Microsoft 365 audit logs of a provider's customer tenants for taken-over mailboxes, and secures them.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct CommandLine {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// The Azure Functions custom handler (what host.json starts)
    Serve,
}

/// Runs a parsed command line.
pub async fn dispatch(line: CommandLine) -> ExitCode {
    match line.command {
        Command::Serve => serve::run().await,
    }
}
