//! The binary: parses the command line and calls the library.

use std::process::ExitCode;

use clap::Parser as _;
use tenantwatch::cli::{CommandLine, dispatch};

#[tokio::main]
async fn main() -> ExitCode {
    let line = match CommandLine::try_parse() {
        Ok(line) => line,
        // Help and version go to standard output with 0, wrong usage to standard error with 2.
        Err(error) => error.exit(),
    };
    tenantwatch::logging::start();
    dispatch(line).await
}
