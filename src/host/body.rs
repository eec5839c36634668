//! Reading request bodies within limits.

use axum::body::Body;
use bytes::{Bytes, BytesMut};
use futures::StreamExt as _;

/// What is read and thrown away beyond a limit, in bytes, so that the caller gets our answer and no reset connection.
const DISCARDED_AT_MOST: usize = 64 * 1024 * 1024;

/// Why there is no whole body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BodyError {
    /// Longer than the limit.
    TooLong,
    /// The connection ended first.
    CutOff,
}

/// The whole body, at most `limit` bytes.
pub(super) async fn whole(body: Body, limit: usize) -> Result<Bytes, BodyError> {
    let mut chunks = body.into_data_stream();
    let mut kept = BytesMut::new();
    let mut seen = 0_usize;
    while let Some(chunk) = chunks.next().await {
        let chunk = chunk.map_err(|_| BodyError::CutOff)?;
        seen = seen.saturating_add(chunk.len());
        if seen > DISCARDED_AT_MOST {
            break;
        }
        if seen <= limit {
            kept.extend_from_slice(&chunk);
        }
    }
    if seen > limit { Err(BodyError::TooLong) } else { Ok(kept.freeze()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_of_exactly_the_limit_is_read_and_one_byte_more_is_not() {
        assert_eq!(whole(Body::from("12345"), 5).await, Ok(Bytes::from_static(b"12345")));
        assert_eq!(whole(Body::from("123456"), 5).await, Err(BodyError::TooLong));
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_is_no_shorter_body() {
        let chunks = [Ok(Bytes::from_static(b"12")), Err(std::io::Error::other("gone"))];
        let body = Body::from_stream(futures::stream::iter(chunks));
        assert_eq!(whole(body, 5).await, Err(BodyError::CutOff));
    }
}
