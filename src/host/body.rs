//! Reads request bodies within limits.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

/// The bytes that are read and discarded beyond a limit, so that the caller gets a response instead of a reset connection.
const MAX_DISCARDED_BYTES: usize = 64 * 1024 * 1024;

/// Why a body is not complete.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Longer than the limit.
    TooLong,
    /// The connection ended before the body did.
    CutOff,
}

/// Reads the whole body, at most `limit` bytes.
///
/// # Errors
/// Returns [`BodyError`] if the body is longer or was cut off.
pub(super) async fn whole(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut chunks = body.into_data_stream();
    let mut body = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::CutOff)?;
        seen = seen.saturating_add(chunk.len());
        if seen > MAX_DISCARDED_BYTES {
            break;
        }
        if seen <= limit {
            body.extend_from_slice(&chunk);
        }
    }
    if seen > limit { Err(BodyError::TooLong) } else { Ok(body.freeze()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn body_is_read_up_to_the_limit_and_not_beyond() {
        assert_eq!(whole(Body::from("12345"), 5).await, Ok(Bytes::from_static(b"12345")));
        assert_eq!(whole(Body::from("123456"), 5).await, Err(BodyError::TooLong));
    }

    #[tokio::test]
    async fn cut_off_body_is_not_taken_for_a_shorter_one() {
        let chunks = [Ok(Bytes::from_static(b"12")), Err(std::io::Error::other("gone"))];
        let body = Body::from_stream(futures::stream::iter(chunks));
        assert_eq!(whole(body, 5).await, Err(BodyError::CutOff));
    }
}
