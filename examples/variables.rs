//! The variables that point the commands in a shell at the simulator.

use std::path::Path;

/// Returns one line for each variable, and one that puts the simulated Azure CLI before every other.
pub fn exports(variables: &[(String, String)], azure_cli: &Path) -> String {
    let lines = variables.iter().map(|(name, value)| format!("export {name}={}\n", quoted(value)));
    let path = format!("export PATH={}:\"$PATH\"\n", quoted(&azure_cli.to_string_lossy()));
    lines.chain([path]).collect()
}

fn quoted(value: &str) -> String {
    format!("'{}'", value.replace('\'', r"'\''"))
}
