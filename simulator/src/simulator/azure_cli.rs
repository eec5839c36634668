//! Writes the stand-in of the Azure CLI: a script that prints the technician's tokens as `az account get-access-token` does.
//!
//! Source of the output: azure_identity 1.0.0, `azure_cli_credential.rs`; `expires_on` came with Azure CLI 2.54.0.

use std::path::Path;

use super::shared::CLI_PATH;

/// Writes the script `az` into a folder.
pub(super) fn write(folder: &Path, identity: &str) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("az");
    std::fs::write(&path, script(&format!("{identity}{CLI_PATH}")))?;
    make_executable(&path)
}

fn script(url: &str) -> String {
    format!(
        r#"#!/bin/sh
tenant= scope=
while [ $# -gt 0 ]; do
  case "$1" in
    --tenant) tenant=$2; shift ;;
    --scope) scope=$2; shift ;;
  esac
  shift
done
answer=$(curl --silent --get --write-out '\n%{{http_code}}' --data-urlencode "tenant=$tenant" --data-urlencode "scope=$scope" {url}) || exit 1
body=$(printf '%s' "$answer" | sed '$d')
if [ "$(printf '%s' "$answer" | tail -n 1)" = 200 ]; then
  printf '%s\n' "$body"
else
  printf '%s\n' "$body" >&2
  exit 1
fi
"#
    )
}

#[cfg(unix)]
fn make_executable(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755))
}

#[cfg(not(unix))]
fn make_executable(_: &Path) -> std::io::Result<()> {
    Ok(())
}
