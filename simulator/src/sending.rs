//! Sends a reply, with the faults that happen to its bytes on the way.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode};
use bytes::Bytes;
use chrono::{DateTime, Utc};
use futures::stream;

use crate::faults::{FaultKind, Nothing};
use crate::reply::Reply;
use crate::world::BlobBody;

/// The number of pieces of a repeated blob in one chunk.
const PIECES_AT_ONCE: u64 = 64;

/// The time between two blanks of a dripping blob.
const BETWEEN_BLANKS: Duration = Duration::from_millis(20);

/// The time that half of a cut answer has to leave.
const FLUSH: Duration = Duration::from_millis(50);

/// Returns the response, with `date` in its `Date` header.
pub(crate) fn response(reply: Reply, fault: Option<&FaultKind>, date: DateTime<Utc>) -> Response<Body> {
    let body = match (reply.blob, fault) {
        (Some(blob), fault) => repeated(blob, matches!(fault, Some(FaultKind::Cut))),
        (None, Some(FaultKind::Cut)) => cut(reply.body),
        (None, Some(FaultKind::Corrupt)) => Body::from(corrupt(reply.body)),
        // The length of a stream is unknown, so the answer is chunked.
        (None, Some(FaultKind::Nothing(Nothing::NoChunks))) => Body::from_stream(stream::empty::<io::Result<Bytes>>()),
        (None, _) => Body::from(reply.body),
    };
    let mut response = Response::new(body);
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let headers = reply.headers.into_iter().chain([("date".to_owned(), date)]);
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn cut(body: Vec<u8>) -> Body {
    let half = Bytes::from(body).split_to_half();
    let end = stream::once(async {
        // The first half has to be on its way before the connection ends.
        tokio::time::sleep(FLUSH).await;
        Err(io::Error::from(io::ErrorKind::ConnectionReset))
    });
    Body::from_stream(futures::StreamExt::chain(stream::once(async { Ok(half) }), end))
}

trait Half {
    fn split_to_half(self) -> Bytes;
}

impl Half for Bytes {
    fn split_to_half(mut self) -> Bytes {
        let half = self.len() / 2;
        self.split_to(half)
    }
}

/// Replaces a few bytes in the middle by a control character that JSON does not allow.
fn corrupt(mut body: Vec<u8>) -> Vec<u8> {
    let middle = body.len() / 2;
    for byte in body.iter_mut().skip(middle).take(8) {
        *byte = 0x01;
    }
    if body.is_empty() { b"\x01".to_vec() } else { body }
}

/// Returns the body of a blob that is sent in pieces. If `is_cut`, the connection ends before the last records.
fn repeated(blob: BlobBody, is_cut: bool) -> Body {
    let (piece, times, last) = match blob {
        BlobBody::Whole(bytes) => return Body::from(bytes.to_vec()),
        BlobBody::Dripping(bytes) => return dripping(bytes),
        BlobBody::Repeated { piece, times, last } => (piece, times, last),
    };
    let chunks = times.div_ceil(PIECES_AT_ONCE);
    let chunk = move |number: u64| {
        let count = PIECES_AT_ONCE.min(times - number * PIECES_AT_ONCE);
        Ok(several(&piece, count, number == 0))
    };
    let middle = stream::iter((0..chunks).map(chunk));
    let before = if times == 0 { b"[".as_slice() } else { b",".as_slice() };
    let end = match is_cut {
        true => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
        false => Ok(Bytes::from([before, &last, b"]"].concat())),
    };
    let end = stream::iter([end]);
    Body::from_stream(futures::StreamExt::chain(middle, end))
}

fn dripping(bytes: Arc<[u8]>) -> Body {
    let begin = stream::iter([Ok::<_, io::Error>(Bytes::from(bytes.to_vec()))]);
    let blanks = stream::unfold((), |()| async {
        tokio::time::sleep(BETWEEN_BLANKS).await;
        Some((Ok(Bytes::from_static(b" ")), ()))
    });
    Body::from_stream(futures::StreamExt::chain(begin, blanks))
}

fn several(piece: &Arc<[u8]>, count: u64, is_first: bool) -> Bytes {
    let mut bytes = Vec::new();
    for number in 0..count {
        bytes.push(if is_first && number == 0 { b'[' } else { b',' });
        bytes.extend_from_slice(piece);
    }
    Bytes::from(bytes)
}
