//! The command line: one file per subcommand, each a function that returns an exit code.

pub mod bootstrap;
pub mod check;
mod choice;
mod cycle;
mod data_folder;
mod health;
pub mod investigate;
mod moment;
pub mod onboard;
mod output;
mod page;
pub mod run;
pub mod scan;
pub mod serve;
mod settings_args;
pub mod status;
pub mod token;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use cycle::{Cycle, MAX_CONCURRENT_TENANTS, cycle};
pub use data_folder::DataError;
pub use settings_args::{SettingsArgs, Tables};

/// The exit code for wrong usage or configuration.
pub const EXIT_USAGE: u8 = 2;

/// Monitors the Microsoft 365 audit logs of a provider's customer tenants for compromised mailboxes, and secures them.
#[derive(Debug, Parser)]
#[command(version, about, arg_required_else_help = true)]
pub struct CommandLine {
    /// The subcommand.
    #[command(subcommand)]
    pub command: Command,
}

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run the Azure Functions custom handler (host.json starts it)
    Serve,
    /// Run all three functions on this machine, without Azure: built-in timer, SQLite, HTTP on 127.0.0.1
    Run(run::RunArgs),
    /// Evaluate exported audit logs offline
    Scan(scan::ScanArgs),
    /// Try what monitoring and remediation need, change nothing, and name the command or page that corrects what is missing
    Check(check::CheckArgs),
    /// Give the app in customer tenants what it needs, with your own sign-in
    Onboard(onboard::OnboardArgs),
    /// Report what was seen, notified and done, from the tables alone
    Status(status::StatusArgs),
    /// Tell what an attacker did in an account, from the tenant's feed or offline from exported audit logs
    Investigate(investigate::InvestigateArgs),
    /// Create an action token for a stored threat
    Token(token::TokenArgs),
}

/// Writes one message to standard error. A closed pipe is ignored.
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
        Command::Check(args) => check::run(args).await,
        Command::Onboard(args) => onboard::run(args).await,
        Command::Status(args) => status::run(args).await,
        Command::Investigate(args) => investigate::run(args).await.into(),
        Command::Token(args) => token::run(args).await,
    }
}
