//! Signs in with a device code: the technician enters a short code in a browser on any machine.

use std::sync::Arc;
use std::time::Duration;

use base::clock::Clock;
use secrecy::SecretString;
use serde::Deserialize;

use super::Registration;
use super::session::{Answer, SignInError, endpoint, post, scope};

/// The grant type of a device code.
const DEVICE_CODE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// The longest time that a device code is polled, whatever Entra says.
const LONGEST: u64 = 30 * 60;

#[derive(Deserialize)]
struct Started {
    #[serde(default)]
    device_code: String,
    #[serde(default)]
    message: String,
    #[serde(default = "five")]
    interval: u64,
    #[serde(default)]
    expires_in: u64,
    #[serde(default)]
    error: String,
    #[serde(default)]
    error_description: String,
}

const fn five() -> u64 {
    5
}

/// Signs in and returns the refresh token.
pub(super) async fn sign_in(
    registration: &Registration,
    http: &reqwest::Client,
    clock: &Arc<dyn Clock>,
    show: impl Fn(&str),
) -> Result<SecretString, SignInError> {
    let (client_id, scope) = (registration.client_id.to_string(), scope(registration));
    let url = endpoint(registration, &registration.partner, "devicecode");
    let started: Started = post(http, url, &[("client_id", &client_id), ("scope", &scope)]).await?;
    if started.device_code.is_empty() {
        let line = started.error_description.lines().next().unwrap_or(&started.error).to_owned();
        return Err(SignInError::Refused(line));
    }
    show(&started.message);
    let form = [
        ("grant_type", DEVICE_CODE),
        ("client_id", &client_id),
        ("device_code", &started.device_code),
        ("scope", &scope),
    ];
    let (mut interval, mut waited) = (started.interval.max(1), 0);
    while waited < started.expires_in.min(LONGEST) {
        clock.sleep(Duration::from_secs(interval)).await;
        waited += interval;
        let answer: Answer = post(http, endpoint(registration, &registration.partner, "token"), &form).await?;
        match answer.error.as_str() {
            "authorization_pending" => {}
            "slow_down" => interval += 5,
            "authorization_declined" | "access_denied" => {
                return Err(SignInError::NotCompleted("the technician declined".to_owned()));
            }
            "expired_token" => break,
            _ => return answer.signed_in(),
        }
    }
    Err(SignInError::NotCompleted("the code has expired; run the command again".to_owned()))
}
