//! Sixty-four bytes at a time, as bit masks.
//!
//! The crate `wide` compares sixteen bytes in one instruction where every processor of the kind has one (SSE2, NEON), and in plain
//! code elsewhere. `cargo bench --bench select` shows what that is worth.

use wide::u8x16;

/// Number of bytes in a block: one for each bit of a mask.
pub(super) const BYTES: usize = u64::BITS as usize;

/// Number of bytes that one instruction compares.
const ROW: usize = 16;

/// The bytes that are looked at together; bit `n` of a mask is about byte `n`.
#[derive(Clone, Copy)]
pub(super) struct Block([u8x16; BYTES / ROW]);

impl Block {
    #[inline(always)]
    pub(super) fn new(bytes: &[u8; BYTES]) -> Self {
        let (rows, _) = bytes.as_chunks::<ROW>();
        Self(std::array::from_fn(|row| u8x16::new(rows[row])))
    }

    /// Returns a mask of the positions of `byte`.
    #[inline(always)]
    pub(super) fn equal(self, byte: u8) -> u64 {
        self.mask(|row| row.simd_eq(u8x16::splat(byte)))
    }

    /// Returns whether the block contains one of the two bytes. This is much cheaper than finding its position.
    #[inline(always)]
    pub(super) fn has_either(self, byte: u8, other: u8) -> bool {
        self.any(|row| row.simd_eq(u8x16::splat(byte)) | row.simd_eq(u8x16::splat(other)))
    }

    /// Returns the masks of opening and of closing braces and brackets. One comparison finds both kinds, because their ASCII
    /// codes differ in one bit only.
    #[inline(always)]
    pub(super) fn brackets(self) -> (u64, u64) {
        const KIND: u8 = b'{' ^ b'[';
        let kinds = Self(self.0.map(|row| row | u8x16::splat(KIND)));
        (kinds.equal(b'{'), kinds.equal(b'}'))
    }

    #[inline(always)]
    fn any(self, is_one: impl Fn(u8x16) -> u8x16) -> bool {
        let [a, b, c, d] = self.0.map(is_one);
        ((a | b) | (c | d)).any()
    }

    #[inline(always)]
    fn mask(self, is_one: impl Fn(u8x16) -> u8x16) -> u64 {
        let [a, b, c, d] = self.0.map(|row| u64::from(is_one(row).to_bitmask()));
        a | b << ROW | c << (2 * ROW) | d << (3 * ROW)
    }
}

/// Returns the position of the first quote, backslash or line break. Most texts end before a search with `memchr` would pay off,
/// so the first bytes are compared here.
#[inline]
pub(super) fn end_of_plain(bytes: &[u8]) -> Option<usize> {
    const SHORT: usize = 3;
    let (rows, _) = bytes.as_chunks::<ROW>();
    for (number, row) in rows.iter().take(SHORT).enumerate() {
        let is_end = |byte| u8x16::new(*row).simd_eq(u8x16::splat(byte));
        let ends = (is_end(b'"') | is_end(b'\\') | is_end(b'\n')).to_bitmask();
        if ends != 0 {
            return Some(number * ROW + ends.trailing_zeros() as usize);
        }
    }
    let seen = rows.len().min(SHORT) * ROW;
    memchr::memchr3(b'"', b'\\', b'\n', &bytes[seen..]).map(|more| seen + more)
}
