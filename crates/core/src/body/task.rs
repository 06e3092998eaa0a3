//! Tasks: announced, claimed, acknowledged as leases with fencing tokens, completed.

use minicbor::{Decode, Encode};

use super::{MAX_LIST, name_ok};
use crate::blob::BlobRef;
use crate::crypto::{Hash, PublicKey};
use crate::event::FeedId;

/// No lease is longer, milliseconds: thirty days.
pub const MAX_LEASE_MS: u64 = 30 * 24 * 60 * 60_000;

/// Announces a task. The event's hash is the task's id; its author is the task's home.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TaskAnnounced {
    /// The thread that it serves, if any.
    #[n(0)]
    pub thread: Option<Hash>,
    /// What to do.
    #[n(1)]
    pub title: BlobRef,
    /// The role that is asked; empty: any.
    #[n(2)]
    pub role: String,
    /// What the agent must be able to do.
    #[n(3)]
    pub capabilities: Vec<String>,
    /// Length of a lease, milliseconds.
    #[n(4)]
    pub lease_ms: u64,
    /// 1 is the most urgent, 5 the least.
    #[n(5)]
    pub priority: u8,
}

impl TaskAnnounced {
    pub(super) fn is_bounded(&self) -> bool {
        (self.role.is_empty() || name_ok(&self.role))
            && self.capabilities.len() <= MAX_LIST
            && self.capabilities.iter().all(|c| name_ok(c))
            && (1..=MAX_LEASE_MS).contains(&self.lease_ms)
    }
}

/// An agent asks for a task. Provisional until it is acknowledged.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TaskClaimed {
    /// The task.
    #[n(0)]
    pub task: Hash,
    /// The agent.
    #[n(1)]
    pub agent: PublicKey,
    /// How many tasks it has: the acknowledger prefers the least loaded.
    #[n(2)]
    pub load: u32,
}

/// The authority grants a claim: a lease with a fencing token.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct ClaimAcked {
    /// The task.
    #[n(0)]
    pub task: Hash,
    /// The agent.
    #[n(1)]
    pub agent: PublicKey,
    /// The feed that claimed: a later incarnation of the node does not hold the lease.
    #[n(2)]
    pub owner: FeedId,
    /// 1, 2, 3, …
    #[n(3)]
    pub token: u64,
    /// End of the lease, Unix milliseconds by the acknowledger's clock.
    #[n(4)]
    pub until_ms: u64,
}

/// The authority extends a lease.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct LeaseExtended {
    /// The task.
    #[n(0)]
    pub task: Hash,
    /// The token that goes on.
    #[n(1)]
    pub token: u64,
    /// The new end.
    #[n(2)]
    pub until_ms: u64,
}

/// The owner gives a task back.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TaskReleased {
    /// The task.
    #[n(0)]
    pub task: Hash,
    /// The owner's token.
    #[n(1)]
    pub token: u64,
}

/// The owner has done a task.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TaskCompleted {
    /// The task.
    #[n(0)]
    pub task: Hash,
    /// The owner's token.
    #[n(1)]
    pub token: u64,
    /// Whether it succeeded.
    #[n(2)]
    pub ok: bool,
    /// What came of it.
    #[n(3)]
    pub result: Option<BlobRef>,
}

/// The home takes a task back for good.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct TaskCancelled {
    /// The task.
    #[n(0)]
    pub task: Hash,
}

/// The owner is about to touch the outside world for a task, with the current token.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct OutsideActed {
    /// The task.
    #[n(0)]
    pub task: Hash,
    /// The owner's token.
    #[n(1)]
    pub token: u64,
    /// What, in words: `comment`, `merge-request`.
    #[n(2)]
    pub action: String,
}
