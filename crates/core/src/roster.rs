//! Rosters: who may vote with what weight, and the signed chain from the genesis to today.
//!
//! Weights are integers throughout. A pool's weight is split equally over its seats, a seat's weight equally over the panel's
//! agents on that node, always rounding down, so that anybody computes the same figures. A quorum is more than
//! two thirds of the *roster's* weight, never of those who happened to vote.
//!
//! A roster says only what is new against the one before: whom it removes, and where that feed ends. Who was removed earlier is known to
//! the chain. So a roster is as long as its members are many, however many have gone, and nothing about those can fill it.

mod chain;
mod change;
#[cfg(test)]
mod tests;
mod weights;

pub use chain::RosterChain;

use crate::body::Cut;
use crate::crypto::PublicKey;

/// A pool of weight 1 has this many units.
pub const UNITS_PER_WEIGHT: u64 = 1_000_000;

/// A signature in a [`RosterChanged`], encoded: a list of a key and a signature.
const SIGNATURE_BYTES: usize = 1 + 34 + 66;
/// What a roster grows by when a reader is removed, at most: its cut is longer than its key by this. The cut of the roster before is gone then.
const CUT_BYTES: usize = 19;
/// What an event has beside its body, at most: its header with all references that it may have, its signature, and the heads of lists.
pub(crate) const ENVELOPE_BYTES: usize = 8 * 1024;

/// Whether `weight` is more than two thirds of `total`.
pub fn is_quorum(weight: u64, total: u64) -> bool {
    u128::from(weight) * 3 > u128::from(total) * 2
}

/// Why a roster does not follow from the one before.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RosterError {
    /// Not the next epoch of this chain.
    #[error("could not accept the roster: epoch {got} does not follow epoch {have}")]
    NotNext {
        /// Its epoch.
        got: u32,
        /// The last known epoch.
        have: u32,
    },
    /// Its form breaks a rule: unsorted, too large, a node twice, a weight out of range.
    #[error("could not accept the roster of epoch {0}: its lists are unsorted, empty or too long")]
    Form(u32),
    /// Another roster has its epoch already: more than a third of the weight signed both.
    #[error("could not accept the roster: epoch {0} is another roster already")]
    Conflict(u32),
    /// A certificate carries a signature under it that does not count.
    #[error(
        "could not accept the roster of epoch {0}: a signature under it is wrong, repeated or not a voting member's"
    )]
    Signature(u32),
    /// Too little weight signed it.
    #[error("could not accept the roster: {weight} of {total} weight signed it, more than two thirds are needed")]
    NoQuorum {
        /// Weight of valid signatures.
        weight: u64,
        /// Weight of the roster before.
        total: u64,
    },
}

/// One step from a roster to the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A node came.
    Came(PublicKey),
    /// A node went, and its feed ends here.
    Went(Cut),
}
