//! Hybrid logical time: 48 bits of Unix milliseconds and a 16-bit counter in one integer.
//!
//! Kulkarni et al., "Logical Physical Clocks" (OPODIS 2014). It never runs backwards on a node, is greater than
//! every time that the node has seen, and stays within the skew bound of the wall clock.

use minicbor::{Decode, Encode};

/// Largest difference between two nodes' clocks at which everything works, milliseconds. Events further in the future
/// are held until their time comes; a lease is granted again only after this much beyond its end.
pub const MAX_SKEW_MS: u64 = 30_000;

/// A hybrid logical timestamp.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Hlc(#[n(0)] pub u64);

impl Hlc {
    /// The smallest timestamp of a millisecond.
    pub const fn from_ms(ms: u64) -> Self {
        Hlc(ms << 16)
    }

    /// The wall-clock part, Unix milliseconds.
    pub const fn ms(self) -> u64 {
        self.0 >> 16
    }

    /// The next timestamp at wall-clock time `now_ms`, after everything seen so far.
    pub fn tick(self, now_ms: u64) -> Self {
        Hlc((self.0 + 1).max(Hlc::from_ms(now_ms).0))
    }

    /// Whether this time is too far ahead of `now_ms` to be acted on yet.
    pub const fn is_future(self, now_ms: u64) -> bool {
        self.ms() > now_ms + MAX_SKEW_MS
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_never_runs_backwards() {
        let a = Hlc::default().tick(1_000);
        let b = a.tick(900);
        let c = b.tick(2_000);
        assert!(a < b && b < c);
        assert_eq!((a.ms(), b.ms(), c.ms()), (1_000, 1_000, 2_000));
    }

    #[test]
    fn the_future_begins_beyond_the_skew() {
        assert!(!Hlc::from_ms(MAX_SKEW_MS).is_future(0));
        assert!(Hlc::from_ms(MAX_SKEW_MS + 1).is_future(0));
    }
}
