//! Removes secrets from texts that come from outside: some services and gateways repeat what they were sent.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};

/// The text that takes the place of a secret.
const REMOVED: &str = "[removed]";

/// The secrets of one call.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scrubber(Vec<SecretString>);

impl Scrubber {
    /// Returns a scrubber that knows one secret more.
    #[must_use]
    pub(crate) fn and(&self, secret: &SecretString) -> Self {
        let mut secrets = self.0.clone();
        secrets.push(secret.clone());
        // A secret that contains another one has to go first.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.expose_secret().len()));
        Self(secrets)
    }

    /// Returns the text without the secrets, in plain form, as form data and in JSON, and without anything that looks like a token.
    pub(crate) fn scrub(&self, text: &str) -> String {
        let mut clean = text.to_owned();
        for secret in self.0.iter().map(|secret| secret.expose_secret()).filter(|secret| !secret.is_empty()) {
            let json = serde_json::Value::from(secret).to_string();
            let form = utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string();
            for written in [secret, form.as_str(), json.trim_matches('"')] {
                clean = clean.replace(written, REMOVED);
            }
        }
        without_tokens(&clean)
    }
}

/// Returns the text without JSON Web Tokens: assertions are made for one request and known nowhere else.
fn without_tokens(text: &str) -> String {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let is_token = |word: &str| word.starts_with("eyJ") && word.matches('.').count() >= 2;
    let mut clean = String::with_capacity(text.len());
    for piece in text.split_inclusive(|c| !is_part(c)) {
        let word = piece.trim_end_matches(|c| !is_part(c));
        clean.push_str(if is_token(word) { REMOVED } else { word });
        clean.push_str(piece.get(word.len()..).unwrap_or_default());
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secret_is_removed_in_every_form_it_is_written_in() {
        let scrubber = Scrubber::default().and(&r#"a"b+c~d"#.to_owned().into()).and(&"a".repeat(3).into());
        let text = r#"plain a"b+c~d, JSON a\"b+c~d, form a%22b%2Bc%7Ed, aaa, a"#;
        assert_eq!(scrubber.scrub(text), "plain [removed], JSON [removed], form [removed], [removed], a");
    }

    #[test]
    fn tokens_are_removed_and_versions_remain() {
        let text = "Authorization: Bearer eyJhbGciOi.eyJhdWQ.c2ln; OData 4.0.1 eyJ";
        assert_eq!(Scrubber::default().scrub(text), "Authorization: Bearer [removed]; OData 4.0.1 eyJ");
    }

    #[test]
    fn empty_secret_removes_nothing() {
        assert_eq!(Scrubber::default().and(&String::new().into()).scrub("text"), "text");
    }
}
