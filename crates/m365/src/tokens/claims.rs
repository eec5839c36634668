//! The claims of an app-only token that say what the app may do in a tenant.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;

/// The permissions and directory roles of a token. Microsoft promises no form of a token, so a claim that is absent proves nothing
/// unless the rest of the token could be read.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Claims {
    /// The values of the application permissions on the audience of the token. A token without a permission lacks the claim.
    #[serde(default)]
    pub roles: Vec<String>,
    /// The template ids of the directory roles; `None` if the token does not say it.
    #[serde(default)]
    pub wids: Option<Vec<String>>,
}

impl Claims {
    /// Reads the claims of a token, without a check of its signature: they only tell what the service will say. `None` if the text is
    /// no readable token.
    pub fn of(token: &SecretString) -> Option<Self> {
        let payload = token.expose_secret().split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::Claims;

    #[test]
    fn absent_roles_are_none_and_absent_wids_unknown() {
        // {"aud":"x"}
        let claims = Claims::of(&"h.eyJhdWQiOiJ4In0.s".to_owned().into()).unwrap();
        assert_eq!(claims, Claims { roles: Vec::new(), wids: None });
        assert_eq!(Claims::of(&"opaque".to_owned().into()), None);
        assert_eq!(Claims::of(&"h.!!.s".to_owned().into()), None);
    }
}
