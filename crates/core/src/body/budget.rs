//! Money: shares of the network's budget, chunks drawn from a share, and what calls cost. Integer micro-dollars.

use minicbor::{Decode, Encode};

use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;

/// A node gives a part of its share of the network's budget to another.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ShareMoved {
    /// Who gets it, in which life: a later incarnation does not hold it. The author gives it.
    #[n(0)]
    pub to: FeedId,
    /// Micro-dollars.
    #[n(1)]
    pub amount_microusd: u64,
}

/// The author takes a chunk of its share to spend in memory. What it does not spend before a crash is forfeited.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ChunkDrawn {
    /// Micro-dollars.
    #[n(0)]
    pub amount_microusd: u64,
}

/// The author gives back what it did not spend of its chunks, at an orderly stop.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ChunkReturned {
    /// Micro-dollars.
    #[n(0)]
    pub amount_microusd: u64,
}

/// A model was called: one event for every attempt, whatever came of it.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ModelCalled {
    /// The thread, if any.
    #[n(0)]
    pub thread: Option<Hash>,
    /// The agent.
    #[n(1)]
    pub agent: PublicKey,
    /// The model's name.
    #[n(2)]
    pub model: String,
    /// Reserved before the call, micro-dollars.
    #[n(3)]
    pub reserved_microusd: u64,
    /// Charged after it, micro-dollars.
    #[n(4)]
    pub charged_microusd: u64,
    /// Whether an answer came.
    #[n(5)]
    pub ok: bool,
}
