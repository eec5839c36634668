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
        self.mask(0, byte)
    }

    /// Whether one of the two is there. Much cheaper than to tell where.
    #[inline(always)]
    pub(super) fn has_either(&self, byte: u8, other: u8) -> bool {
        self.any(0, byte, other)
    }

    /// Where braces and brackets open and where they close: the ASCII codes of the two kinds differ in one bit only.
    #[inline(always)]
    pub(super) fn brackets(&self) -> (u64, u64) {
        const KIND: u8 = b'{' ^ b'[';
        if self.any(KIND, b'{', b'}') { (self.mask(KIND, b'{'), self.mask(KIND, b'}')) } else { (0, 0) }
    }

    /// Whether a byte, with these bits set, is one of two.
    #[inline(always)]
    fn any(&self, set: u8, byte: u8, other: u8) -> bool {
        let mut found = 0;
        for one in self.0 {
            found |= u8::from(one | set == byte) | u8::from(one | set == other);
        }
        found != 0
    }

    /// Which bytes, with these bits set, are this one.
    #[inline(always)]
    fn mask(&self, set: u8, byte: u8) -> u64 {
        // One bit for each row of eight bytes, so that the rows can be laid on each other: byte `c` of the result holds column `c`.
        const ROW: [u8; BYTES] = row_bits();
        let mut found = [0; BYTES];
        let mut at = 0;
        while at < BYTES {
            found[at] = if self.0[at] | set == byte { ROW[at] } else { 0 };
            at += 1;
        }
        let (rows, _) = found.as_chunks::<8>();
        transposed(rows.iter().fold(0, |columns, row| columns | u64::from_le_bytes(*row)))
    }
}

const fn row_bits() -> [u8; BYTES] {
    let mut bits = [0; BYTES];
    let mut at = 0;
    while at < BYTES {
        bits[at] = 1 << (at / 8);
        at += 1;
    }
    bits
}

/// Makes rows of the columns of 8 times 8 bits: swaps two halves, then the halves of these, and so on (Hacker's Delight, 7-3).
#[inline(always)]
fn transposed(bits: u64) -> u64 {
    let swap = |bits: u64, distance: u32, which: u64| {
        let differing = (bits ^ (bits >> distance)) & which;
        bits ^ differing ^ (differing << distance)
    };
    let bits = swap(bits, 7, 0x00AA_00AA_00AA_00AA);
    let bits = swap(bits, 14, 0x0000_CCCC_0000_CCCC);
    swap(bits, 28, 0x0000_0000_F0F0_F0F0)
}
