//! Numbers that stand for texts: equal texts have equal numbers, and only very few others share one.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::net::IpAddr;

/// The bit by which small and capital letters of ASCII differ, in eight bytes.
const CASE: u64 = 0x2020_2020_2020_2020;

/// An odd number without a pattern.
const FACTOR: u64 = 0x9E37_79B9_7F4A_7C15;

/// Makes the numbers of one run. Nobody can choose texts that share one, because each run has a seed of its own.
#[derive(Debug, Clone, Copy)]
pub(super) struct Marks(u64);

impl Marks {
    pub(super) fn new() -> Self {
        Self(RandomState::new().hash_one(FACTOR))
    }

    /// The number of a text as JSON has it, each backslash twice. Letters of ASCII count without case. 0 is the number of no text.
    #[inline]
    pub(super) fn of(self, text: &[u8]) -> u64 {
        let mut mark = self.0 ^ text.len() as u64;
        let (words, rest) = text.as_chunks::<8>();
        for word in words {
            mark = mixed(mark ^ (u64::from_le_bytes(*word) | CASE));
        }
        if !rest.is_empty() {
            // The last eight bytes, some of which counted before, are read faster than fewer.
            let last = text.last_chunk().copied().unwrap_or_else(|| padded(rest));
            mark = mixed(mark ^ (u64::from_le_bytes(last) | CASE));
        }
        mark.max(1)
    }

    /// The number of a text that was read from JSON.
    pub(super) fn of_text(self, text: &str) -> u64 {
        match text.contains('\\') {
            true => self.of(text.replace('\\', "\\\\").as_bytes()),
            false => self.of(text.as_bytes()),
        }
    }

    pub(super) fn of_optional(self, text: Option<&[u8]>) -> u64 {
        text.map_or(0, |text| self.of(text))
    }

    pub(super) fn of_address(self, address: IpAddr) -> u64 {
        let bits = match address {
            IpAddr::V4(address) => u128::from(address.to_bits()) | 1 << 127,
            IpAddr::V6(address) => address.to_bits(),
        };
        #[expect(clippy::cast_possible_truncation, reason = "one half of it")]
        let (high, low) = ((bits >> 64) as u64, bits as u64);
        mixed(mixed(self.0 ^ high) ^ low).max(1)
    }
}

/// Fewer than eight bytes, with zeros behind them.
fn padded(rest: &[u8]) -> [u8; 8] {
    let mut word = [0; 8];
    word.iter_mut().zip(rest).for_each(|(into, byte)| *into = *byte);
    word
}

/// Both halves of the product.
#[inline]
fn mixed(word: u64) -> u64 {
    let product = u128::from(word) * u128::from(FACTOR);
    #[expect(clippy::cast_possible_truncation, reason = "one half of it")]
    let (high, low) = ((product >> 64) as u64, product as u64);
    high ^ low
}

/// The upper half of a number, which is enough where a wrong match costs only time. 0 stays 0, and nothing else becomes 0.
pub(super) fn short(mark: u64) -> u32 {
    let upper = (mark >> 32) as u32;
    if mark == 0 { 0 } else { upper.max(1) }
}

/// Hashes numbers that stand for texts: they are random already.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct MarkHasher(u64);

impl Hasher for MarkHasher {
    fn write(&mut self, bytes: &[u8]) {
        for part in bytes.chunks(8) {
            self.write_u64(u64::from_le_bytes(padded(part)));
        }
    }

    #[inline]
    fn write_u64(&mut self, number: u64) {
        self.0 = mixed(self.0.rotate_left(32) ^ number);
    }

    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }
}

/// A hash set of such numbers.
pub(super) type MarkHashSet<K> = HashSet<K, BuildHasherDefault<MarkHasher>>;

/// A set of numbers that is asked very often and seldom has the answer.
#[derive(Debug, Clone)]
pub(super) struct MarkSet {
    all: MarkHashSet<u64>,
    /// One bit for the last sixteen bits of each.
    bits: Vec<u64>,
}

impl MarkSet {
    pub(super) fn new(marks: impl IntoIterator<Item = u64>) -> Self {
        let mut set = Self { all: MarkHashSet::default(), bits: vec![0; 1024] };
        for mark in marks {
            set.insert(mark);
        }
        set
    }

    pub(super) fn insert(&mut self, mark: u64) -> bool {
        let (word, bit) = Self::place(mark);
        if let Some(word) = self.bits.get_mut(word) {
            *word |= bit;
        }
        self.all.insert(mark)
    }

    #[inline]
    pub(super) fn contains(&self, mark: u64) -> bool {
        let (word, bit) = Self::place(mark);
        self.bits.get(word).is_some_and(|word| word & bit != 0) && self.all.contains(&mark)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = u64> {
        self.all.iter().copied()
    }

    #[inline]
    fn place(mark: u64) -> (usize, u64) {
        ((mark & 0xFFFF) as usize / 64, 1 << (mark % 64))
    }
}

#[cfg(test)]
mod tests {
    use super::{MarkSet, Marks, short};

    #[test]
    fn marks_are_equal_without_case_and_differ_else() {
        let marks = Marks::new();
        assert_eq!(marks.of(b"Joey@Contoso.com"), marks.of_text("joey@contoso.com"));
        assert_ne!(marks.of(b"joey@contoso.com"), marks.of(b"joey@contoso.con"));
        assert_ne!(marks.of(b"a"), marks.of(b"a "));
        assert_eq!(marks.of(br"NT\\SYSTEM"), marks.of_text(r"nt\system"));
        let [four, six] = ["1.2.3.4", "::1.2.3.4"].map(|text| marks.of_address(text.parse().unwrap()));
        assert_ne!(four, six);
    }

    #[test]
    fn set_has_what_was_put_in() {
        let marks = Marks::new();
        let mark = |number: u32| marks.of(number.to_string().as_bytes());
        let set = MarkSet::new((0..500).map(mark));
        assert!((0..500).all(|number| set.contains(mark(number))));
        assert!((500..9_000).all(|number| !set.contains(mark(number))));
        assert_eq!((short(0), short(7)), (0, 1));
    }
}
