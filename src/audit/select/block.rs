//! Sixty-four bytes at a time, as bit masks.
//!
//! The loops are written so that the compiler makes vector instructions of them on every processor: over whole arrays, folding
//! numbers and not truth values. `cargo bench --bench select` shows when it no longer does: the selector is then no faster than serde.

/// How many bytes are looked at together.
pub(super) const BYTES: usize = u64::BITS as usize;

/// The bytes that are looked at together; bit `n` of a mask is about byte `n`.
pub(super) struct Block<'a>(pub(super) &'a [u8; BYTES]);

impl Block<'_> {
    /// Where this byte stands.
    #[inline(always)]
    pub(super) fn equal(&self, byte: u8) -> u64 {
        self.mask(|one| one == byte)
    }

    /// Whether one of the two is there. Much cheaper than to tell where.
    #[inline(always)]
    pub(super) fn has_either(&self, byte: u8, other: u8) -> bool {
        self.any(|one| (one == byte) | (one == other))
    }

    /// Where braces and brackets open and where they close: the ASCII codes of the two kinds differ in one bit only.
    #[inline(always)]
    pub(super) fn brackets(&self) -> (u64, u64) {
        const CASE: u8 = 0x20;
        let (opens, closes) = (|one: u8| one | CASE == b'{', |one: u8| one | CASE == b'}');
        if self.any(|one| opens(one) | closes(one)) { (self.mask(opens), self.mask(closes)) } else { (0, 0) }
    }

    #[inline(always)]
    fn any(&self, is: impl Fn(u8) -> bool) -> bool {
        self.0.iter().fold(0, |found, byte| found | u8::from(is(*byte))) != 0
    }

    #[inline(always)]
    fn mask(&self, is: impl Fn(u8) -> bool) -> u64 {
        // The product moves the lowest bits of eight bytes next to each other into the highest byte.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        let found: [u8; BYTES] = std::array::from_fn(|at| u8::from(is(self.0[at])));
        let (eights, _) = found.as_chunks::<8>();
        eights.iter().enumerate().fold(0, |mask, (number, eight)| {
            mask | (u64::from_le_bytes(*eight).wrapping_mul(GATHER) >> 56) << (8 * number)
        })
    }
}
