//! Signatures of Standard Webhooks: <https://github.com/standard-webhooks/standard-webhooks>, version 1.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use chrono::{DateTime, Utc};
use hmac::{Hmac, Mac as _};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::Sha256;

/// Returns the header `webhook-signature`: one signature for each key, so that a receiver that knows either of two accepts it.
pub fn signature(keys: &[SecretSlice<u8>], id: &str, timestamp: DateTime<Utc>, body: &[u8]) -> String {
    let signed: Vec<String> = keys.iter().filter_map(|key| signed_by(key, id, timestamp.timestamp(), body)).collect();
    signed.join(" ")
}

fn signed_by(key: &SecretSlice<u8>, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    // HMAC takes a key of any length; there is no error in practice.
    let mut mac = Hmac::<Sha256>::new_from_slice(key.expose_secret()).ok()?;
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    Some(format!("v1,{}", BASE64.encode(mac.finalize().into_bytes())))
}
