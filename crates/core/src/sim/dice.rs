//! Chance, from the seed alone.

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// A stream of chances. Two dice of one seed and purpose give the same stream, here and in any other process.
#[derive(Debug)]
pub(super) struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice for a purpose: purposes do not disturb each other's streams.
    pub fn new(seed: u64, purpose: &str) -> Self {
        let mut material = seed.to_le_bytes().to_vec();
        material.extend_from_slice(purpose.as_bytes());
        Dice(ChaCha8Rng::from_seed(blake3::derive_key(
            "bzzz 2026 simulation dice v1",
            &material,
        )))
    }

    /// A number below `n`; 0 for 0.
    pub fn below(&mut self, n: u64) -> u64 {
        if n == 0 { 0 } else { self.0.next_u64() % n }
    }

    /// An index below `n`.
    pub fn index(&mut self, n: usize) -> usize {
        self.below(n as u64) as usize
    }

    /// A number from `low` to `high`, both included.
    pub fn range(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// Whether something happens that happens so many times in a thousand.
    pub fn chance(&mut self, permille: u32) -> bool {
        self.below(1000) < u64::from(permille)
    }

    /// One of them.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        if from.is_empty() {
            return None;
        }
        let i = self.index(from.len());
        from.get(i)
    }

    /// Thirty-two bytes.
    pub fn bytes(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        self.0.fill_bytes(&mut out);
        out
    }

    /// A waiting time around a mean: between half of it and one and a half.
    pub fn around(&mut self, mean: u64) -> u64 {
        self.range(mean / 2, mean + mean / 2).max(1)
    }
}
