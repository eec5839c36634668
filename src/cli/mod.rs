//! The command line: each subcommand in a file of its own, each a function that returns an exit code.

pub mod bootstrap;
mod cycle;
pub mod run;
pub mod scan;
pub mod serve;
pub mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use cycle::{Cycle, cycle};

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
    /// All three functions on this machine, without Azure: own timer, SQLite, HTTP on 127.0.0.1
    Run(run::RunArgs),
    /// Judge exported audit logs offline
    Scan(scan::ScanArgs),
    /// Mint an action token for a stored threat
    Token(token::TokenArgs),
}

/// One message on standard error; a closed pipe is no reason to panic.
fn report(message: &str) {
    use std::io::Write as _;
    let _ = writeln!(std::io::stderr(), "tenantwatch: {message}");
}

/// Runs a parsed command line.
pub async fn dispatch(line: CommandLine) -> ExitCode {
    match line.command {
        Command::Serve => serve::run().await,
        Command::Run(args) => run::run(args).await,
        Command::Scan(args) => scan::run(args, &mut std::io::stdout().lock(), &mut std::io::stderr()).into(),
        Command::Token(args) => token::run(args).await,
    }
}
