//! Reads a file in another thread, so that reading and evaluating happen at the same time.

use std::io::{self, BufRead, Read};
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;

/// Bytes that are read at once. The threads wait for each other once a chunk.
const CHUNK: usize = 1024 * 1024;
/// Chunks that are read before they are asked for.
const AHEAD: usize = 2;

/// An input that is read ahead in full chunks. Dropping it ends the thread after its next chunk.
#[derive(Debug)]
pub(in crate::cli) struct ReadAhead {
    full: Receiver<io::Result<Vec<u8>>>,
    empty: Sender<Vec<u8>>,
    chunk: Vec<u8>,
    at: usize,
}

impl ReadAhead {
    /// # Errors
    /// Returns an error if the thread cannot be started.
    pub(in crate::cli) fn new(input: impl Read + Send + 'static) -> io::Result<Self> {
        let (full, receiver) = sync_channel(AHEAD);
        let (empty, emptied) = channel();
        thread::Builder::new().name("read-ahead".to_owned()).spawn(move || read(input, &full, &emptied))?;
        Ok(Self { full: receiver, empty, chunk: Vec::new(), at: 0 })
    }
}

/// Reads to the end, to the first error, or until nobody wants more.
fn read(mut input: impl Read, full: &SyncSender<io::Result<Vec<u8>>>, emptied: &Receiver<Vec<u8>>) {
    loop {
        let mut chunk = emptied.try_recv().unwrap_or_else(|_| Vec::with_capacity(CHUNK));
        chunk.clear();
        // The chunk holds the bytes before an error.
        let outcome = input.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
        let is_last = chunk.is_empty() || outcome.is_err();
        let is_wanted = full.send(Ok(chunk)).is_ok();
        if let Err(error) = outcome {
            let _ = full.send(Err(error));
        }
        if is_last || !is_wanted {
            return;
        }
    }
}

impl BufRead for ReadAhead {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.at >= self.chunk.len() {
            // The thread ends after an empty chunk or an error.
            let Ok(chunk) = self.full.recv() else { return Ok(&[]) };
            let chunk = chunk?;
            let _ = self.empty.send(std::mem::replace(&mut self.chunk, chunk));
            self.at = 0;
        }
        Ok(self.chunk.get(self.at..).unwrap_or_default())
    }

    fn consume(&mut self, amount: usize) {
        self.at += amount;
    }
}

impl Read for ReadAhead {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.fill_buf()?.read(buffer)?;
        self.consume(length);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{self, Read};

    use super::{CHUNK, ReadAhead};

    /// Gives its bytes a few at a time, then fails.
    struct Broken(Vec<u8>);

    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let part: Vec<u8> = self.0.drain(..self.0.len().min(1000).min(buffer.len())).collect();
            match part.len() {
                0 => Err(io::Error::other("the disk is gone")),
                length => {
                    buffer[..length].copy_from_slice(&part);
                    Ok(length)
                }
            }
        }
    }

    #[test]
    fn all_bytes_arrive_in_order_and_the_error_after_them() {
        let bytes: Vec<u8> = (0..CHUNK * 7 + 13).map(|at| (at / 3) as u8).collect();
        let mut read = Vec::new();
        ReadAhead::new(io::Cursor::new(bytes.clone())).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == bytes);
        let mut before = Vec::new();
        let error = ReadAhead::new(Broken(bytes.clone())).unwrap().read_to_end(&mut before).unwrap_err();
        assert_eq!((error.to_string().as_str(), before == bytes), ("the disk is gone", true));
    }

    #[test]
    fn input_without_end_may_be_left() {
        let mut first = [0; 3];
        ReadAhead::new(io::repeat(7)).unwrap().read_exact(&mut first).unwrap();
        assert_eq!(first, [7; 3]);
    }
}
