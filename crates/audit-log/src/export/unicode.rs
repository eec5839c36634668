//! UTF-16, as Windows PowerShell writes files.

use std::io::{self, BufRead, Read};

/// The order of the bytes of a unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// Recognises UTF-16 by its byte order mark, or by the zeros beside the first characters. `None`: it is another encoding.
    pub(super) fn of(head: &[u8]) -> Option<Self> {
        match head {
            [0xFF, 0xFE, ..] => Some(Self::Little),
            [0xFE, 0xFF, ..] => Some(Self::Big),
            [first, 0, second, 0, ..] if *first != 0 && *second != 0 => Some(Self::Little),
            [0, first, 0, second, ..] if *first != 0 && *second != 0 => Some(Self::Big),
            _ => None,
        }
    }

    fn unit(self, pair: [u8; 2]) -> u16 {
        match self {
            Self::Little => u16::from_le_bytes(pair),
            Self::Big => u16::from_be_bytes(pair),
        }
    }
}

/// Turns UTF-16 into UTF-8. Halves of pairs become U+FFFD.
pub(super) struct FromUtf16<R> {
    input: R,
    order: Order,
    first_half: Option<u16>,
    pending: Vec<u8>,
    sent: usize,
}

impl<R: BufRead> FromUtf16<R> {
    pub(super) fn new(input: R, order: Order) -> Self {
        Self { input, order, first_half: None, pending: Vec::new(), sent: 0 }
    }

    /// Decodes the next part of the input into `pending`; leaves it empty at the end.
    fn refill(&mut self) -> io::Result<()> {
        self.pending.clear();
        self.sent = 0;
        let mut bytes = Vec::with_capacity(16 * 1024);
        (&mut self.input).take(16 * 1024).read_to_end(&mut bytes)?;
        let units = bytes.chunks(2).map(|pair| match pair {
            [first, second] => self.order.unit([*first, *second]),
            _ => 0xFFFD,
        });
        let mut units: Vec<u16> = self.first_half.take().into_iter().chain(units).collect();
        let is_more_to_come = !bytes.is_empty();
        if is_more_to_come && units.last().is_some_and(|unit| (0xD800..0xDC00).contains(unit)) {
            self.first_half = units.pop();
        }
        for decoded in char::decode_utf16(units) {
            let c = decoded.unwrap_or(char::REPLACEMENT_CHARACTER);
            self.pending.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        if self.pending.is_empty() && is_more_to_come { self.refill() } else { Ok(()) }
    }
}

impl<R: BufRead> Read for FromUtf16<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.sent == self.pending.len() {
            self.refill()?;
        }
        let rest = self.pending.get(self.sent..).unwrap_or_default();
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        self.sent += length;
        Ok(length)
    }
}
