//! Shares the parts of all pages: the base of their style, and functions that make text of an attacker's choice harmless.

use std::io::{self, Write};

use askama::Template;
use base::marks::turns_or_hides;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

/// Returns the source expression of the Content Security Policy that allows exactly this text.
pub(super) fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

/// Returns a text of an attacker's choice without marks that turn or hide text.
pub(super) fn readable(text: &str) -> String {
    let is_shown = |c: &char| !turns_or_hides(*c) && (!c.is_control() || matches!(c, '\n' | '\t'));
    text.chars().filter(is_shown).collect()
}

/// Writes a rendered template.
pub(super) fn put(out: &mut dyn Write, template: &impl Template) -> io::Result<()> {
    let page = template.render().map_err(io::Error::other)?;
    out.write_all(page.as_bytes())
}
