//! Generates numbers that look random and are always the same for a seed (SplitMix64).

use uuid::{Builder, Uuid};

/// A generator of numbers.
#[derive(Debug, Clone)]
pub struct Seeded(u64);

impl Seeded {
    /// Creates a generator that always returns the same numbers for `seed`.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns any number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Returns a GUID.
    pub fn guid(&mut self) -> Uuid {
        let bits = (u128::from(self.next()) << 64) | u128::from(self.next());
        Builder::from_random_bytes(bits.to_be_bytes()).into_uuid()
    }

    /// Returns a number from `low` up to, and without, `high`; `low` if there is none.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % high.saturating_sub(low).max(1)
    }

    /// Returns the id of a rule, which is never 0 and in half of all cases too large for a signed number.
    pub fn rule_id(&mut self) -> u64 {
        self.next() | 1
    }

    /// Returns one of `values`, or `None` if there is none.
    pub fn pick<'a, T>(&mut self, values: &'a [T]) -> Option<&'a T> {
        values.get(usize::try_from(self.range(0, values.len() as u64)).unwrap_or_default())
    }

    /// Shuffles `values`.
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, usize::try_from(self.range(0, last as u64 + 1)).unwrap_or_default());
        }
    }
}
