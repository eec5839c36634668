//! Chooses how the technician signs in, and signs in.

use std::path::Path;

use m365::sign_in::{Interaction, Registration, SignIn};

use super::{App, OnboardError, report};

/// The way in which the technician signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// The Azure CLI, after `az login`
    Az,
    /// A browser on this machine
    Browser,
    /// A code that is entered in a browser on any machine
    Device,
}

/// Returns the way that was asked for, else the Azure CLI if it is installed.
pub(super) fn choose(asked: Option<Way>) -> Result<Way, OnboardError> {
    match asked {
        Some(way) => Ok(way),
        None if is_installed("az") => Ok(Way::Az),
        None => Err(OnboardError::NoWay),
    }
}

/// Returns whether a program is in a folder of `PATH`.
fn is_installed(name: &str) -> bool {
    let endings: &[&str] = if cfg!(windows) { &[".cmd", ".exe", ".bat"] } else { &[""] };
    let paths = std::env::var_os("PATH").unwrap_or_default();
    let has = |folder: &Path| endings.iter().any(|ending| folder.join(format!("{name}{ending}")).is_file());
    std::env::split_paths(&paths).any(|folder| has(&folder))
}

/// Signs the technician in. A browser or a device code asks once, for all tenants.
pub(super) async fn sign_in(app: &App, way: Way, http: &reqwest::Client) -> Result<SignIn, OnboardError> {
    if way == Way::Az {
        return Ok(SignIn::azure_cli());
    }
    let registration = Registration {
        client_id: app.settings.onboard_client_id.ok_or(OnboardError::NoRegistration)?,
        partner: app.settings.partner.tenant_id,
        hosts: app.settings.hosts.clone(),
    };
    let (interaction, lead) = match way {
        Way::Browser => (Interaction::Browser, "open this address to sign in: "),
        Way::Az | Way::Device => (Interaction::DeviceCode, ""),
    };
    let show = |instruction: &str| report(&format!("{lead}{instruction}"));
    Ok(SignIn::interactive(interaction, registration, http.clone(), &app.clock, show).await?)
}
