//! Rules for every stream of content, whoever reads it: one long record at a time in the process, and nothing but a whole array counts.

use tokio::sync::{Semaphore, SemaphorePermit};

/// The permit to read a record longer than [`LARGE_RECORD`]: only one of them is in memory at a time.
static LARGE: Semaphore = Semaphore::const_new(1);

/// Beyond this a record is large, in bytes. Exchange writes a few kilobytes, at most a few hundred.
const LARGE_RECORD: usize = 1024 * 1024;

/// The bytes of a UTF-8 byte order mark.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The permit of one stream to hold a large record, as long as it needs one.
#[derive(Debug, Default)]
pub struct LargeRecord(Option<SemaphorePermit<'static>>);

impl LargeRecord {
    /// Waits for the permit if a record of which so many bytes are held is large, and returns it otherwise.
    pub async fn hold(&mut self, kept_bytes: usize) {
        match kept_bytes > LARGE_RECORD {
            true if self.0.is_none() => self.0 = LARGE.acquire().await.ok(),
            true => {}
            false => self.release(),
        }
    }

    /// Returns the permit: nothing is held any more.
    pub fn release(&mut self) {
        self.0 = None;
    }
}

/// The first and the last byte of a blob, apart from white space and a byte order mark. An empty body, blanks or the start of an array
/// say nothing about its records, so such a blob is not read.
#[derive(Debug, Default)]
pub struct ArrayEnds {
    first: Option<u8>,
    last: Option<u8>,
}

impl ArrayEnds {
    /// Takes the next bytes of the blob.
    pub fn note(&mut self, chunk: &[u8]) {
        let is_content = |byte: &&u8| !byte.is_ascii_whitespace() && !BYTE_ORDER_MARK.contains(byte);
        self.first = self.first.or_else(|| chunk.iter().find(is_content).copied());
        self.last = chunk.iter().rev().find(is_content).copied().or(self.last);
    }

    /// Returns whether the blob began and ended as an array does.
    pub fn is_complete(&self) -> bool {
        (self.first, self.last) == (Some(b'['), Some(b']'))
    }
}
