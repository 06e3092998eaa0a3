//! What nodes say to each other. The transport authenticates the sender by its node key.
//!
//! Gossip carries events as hints to whoever listens on the project's topic; blobs travel in directed messages to
//! members only. Heads, wants and ranges repair whatever gossip lost.

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::blob::Blob;
use crate::body::{JoinStatement, RosterChanged, Signed, Statement};
use crate::codec::{self, CodecError};
use crate::crypto::{self, Context, Hash, PublicKey};
use crate::event::FeedId;

/// No message between nodes is longer.
pub const MAX_MESSAGE_BYTES: usize = 32 * 1024 * 1024;
/// Events in one answer to a want: the next want follows at once.
pub const MAX_RANGE: u64 = 1024;

/// Heads in one message: some 50 KiB.
pub const HEADS_PAGE: usize = 512;

/// Roster changes in one message, at most.
pub const ROSTERS_PAGE: usize = 4_096;
/// Bytes of them, at most. One alone is no longer than an event.
pub const ROSTERS_PAGE_BYTES: usize = 1024 * 1024;

/// Addresses in a presence, at most.
pub const MAX_ADDRESSES: usize = 8;
/// Longest address, bytes.
pub const MAX_ADDRESS_BYTES: usize = 256;

/// How busy an agent is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, serde::Serialize)]
#[cbor(index_only)]
#[serde(rename_all = "snake_case")]
pub enum AgentStatus {
    /// Configured, not started.
    #[n(0)]
    Starting,
    /// Free.
    #[n(1)]
    Idle,
    /// At work.
    #[n(2)]
    Working,
    /// Finishes what it has and takes nothing new.
    #[n(3)]
    Draining,
    /// Takes nothing for the moment.
    #[n(4)]
    Paused,
    /// Broke down and will be restarted.
    #[n(5)]
    Failed,
    /// Stopped.
    #[n(6)]
    Stopped,
}

/// One agent in a presence.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct AgentPresence {
    /// Its key.
    #[n(0)]
    pub agent: PublicKey,
    /// How busy it is.
    #[n(1)]
    pub status: AgentStatus,
    /// Tasks that it has.
    #[n(2)]
    pub load: u32,
}

/// A node says: I am here, and so are these agents, for so long. Short-lived; never in a feed.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Presence {
    /// The project.
    #[n(0)]
    pub project: Hash,
    /// The node's incarnation.
    #[n(1)]
    pub incarnation: u64,
    /// When it was said, Unix milliseconds by the node's clock.
    #[n(2)]
    pub sent_ms: u64,
    /// How long it holds, milliseconds.
    #[n(3)]
    pub ttl_ms: u64,
    /// Its agents.
    #[n(4)]
    pub agents: Vec<AgentPresence>,
    /// Multiaddresses that it listens on, without its peer id, at most [`MAX_ADDRESSES`]: members dial each other by them, so
    /// that the loss of the one whom all dialled first does not part them.
    #[n(5)]
    pub addresses: Vec<String>,
}

impl Statement for Presence {
    const CONTEXT: Context = Context::Presence;
}

/// A feed and its length.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Encode, Decode)]
#[cbor(array)]
pub struct Head {
    /// The feed.
    #[n(0)]
    pub feed: FeedId,
    /// How many events of it the sender has.
    #[n(1)]
    pub len: u64,
    /// The hash of the last of them: with another one at the same place, two nodes believe two sides of a fork.
    #[n(2)]
    pub head: Hash,
    /// The number from which on the feed is excluded, if the sender knows of a fork or a cut.
    #[n(3)]
    pub end: Option<u64>,
}

/// A message between two nodes, or on a project's topic.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum Wire {
    /// Events, in no particular order, and blobs that belong to them.
    #[n(0)]
    Events {
        /// The project.
        #[n(0)]
        project: Hash,
        /// Wire forms.
        #[n(1)]
        events: Vec<ByteVec>,
        /// Short blobs.
        #[n(2)]
        blobs: Vec<Blob>,
    },
    /// Who is here.
    #[n(1)]
    Presence(#[n(0)] Signed<Presence>),
    /// A hash over everything that the sender has: equal on both sides when there is nothing to do.
    #[n(2)]
    Digest {
        /// The project.
        #[n(0)]
        project: Hash,
        /// [`heads_digest`].
        #[n(1)]
        digest: Hash,
    },
    /// What the sender has of the feeds from one on and up to another: all of it, in their order.
    #[n(3)]
    Heads {
        /// The project.
        #[n(0)]
        project: Hash,
        /// Feed by feed, at most [`HEADS_PAGE`].
        #[n(1)]
        heads: Vec<Head>,
        /// Whether the receiver's own heads of the same feeds are asked for.
        #[n(2)]
        answer: bool,
        /// The first feed that it is about; absent: the first of all.
        #[n(3)]
        from: Option<FeedId>,
        /// The first feed that it is not about any more; absent: it goes on to the last.
        #[n(4)]
        upto: Option<FeedId>,
    },
    /// Asks for a range of a feed.
    #[n(4)]
    Want {
        /// The project.
        #[n(0)]
        project: Hash,
        /// The feed.
        #[n(1)]
        feed: FeedId,
        /// First number.
        #[n(2)]
        from: u64,
        /// How many, at most [`MAX_RANGE`].
        #[n(3)]
        count: u64,
    },
    /// Asks for a blob.
    #[n(5)]
    WantBlob {
        /// The project.
        #[n(0)]
        project: Hash,
        /// Its salted hash.
        #[n(1)]
        hash: Hash,
    },
    /// A blob.
    #[n(6)]
    Blob {
        /// The project.
        #[n(0)]
        project: Hash,
        /// Salt and bytes.
        #[n(1)]
        blob: Blob,
    },
    /// Two signed events with one number: the proof of a fork.
    #[n(7)]
    Fork {
        /// The project.
        #[n(0)]
        project: Hash,
        /// One.
        #[n(1)]
        a: ByteVec,
        /// The other.
        #[n(2)]
        b: ByteVec,
    },
    /// Asks for a seat.
    #[n(8)]
    Join(#[n(0)] Signed<JoinStatement>),
    /// The answer to a request for a seat: which project, and whether it is being arranged.
    #[n(9)]
    Welcome {
        /// The project.
        #[n(0)]
        project: Hash,
        /// Whether the seat was refused, or waits for a person.
        #[n(1)]
        granted: bool,
    },
    /// The owner of a lease asks its acknowledger for more time.
    #[n(10)]
    Renew {
        /// The project.
        #[n(0)]
        project: Hash,
        /// The task.
        #[n(1)]
        task: Hash,
        /// The owner's token.
        #[n(2)]
        token: u64,
    },
    /// The roster changes, for somebody who waits for a roster, or for events that were cut off and will not come any more.
    /// They prove themselves: who said them does not matter, nor whether that feed was excluded since.
    #[n(11)]
    Rosters {
        /// The project.
        #[n(0)]
        project: Hash,
        /// Epoch after epoch, as many as fit into a page ([`ROSTERS_PAGE`], [`ROSTERS_PAGE_BYTES`]).
        #[n(1)]
        changes: Vec<RosterChanged>,
        /// The last epoch that the sender knows.
        #[n(2)]
        latest: u32,
    },
    /// Asks for the roster changes: events wait for a roster that is not known, or a page was not the last.
    #[n(12)]
    WantRosters {
        /// The project.
        #[n(0)]
        project: Hash,
        /// The first epoch whose change is asked for.
        #[n(1)]
        from: u32,
    },
}

impl Wire {
    /// Encodes a message.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(self)
    }

    /// Decodes a message from outside.
    pub fn decode(bytes: &[u8]) -> Result<Wire, CodecError> {
        codec::decode_bounded("message", bytes, MAX_MESSAGE_BYTES)
    }
}

/// A hash over all heads and ends, in the order of feeds: equal where two nodes have the same events and exclude the same.
pub fn heads_digest(heads: &[Head]) -> Hash {
    let mut bytes = Vec::with_capacity(heads.len() * 96);
    for head in heads {
        bytes.extend_from_slice(&codec::encode(head));
    }
    crypto::hash(Context::Heads, &bytes)
}

/// The first of some roster changes, as many as one message carries.
pub fn rosters_page(changes: &[RosterChanged]) -> &[RosterChanged] {
    let mut bytes = 0;
    let fits = changes.iter().take(ROSTERS_PAGE).take_while(|change| {
        bytes += codec::encode(*change).len();
        bytes <= ROSTERS_PAGE_BYTES
    });
    &changes[..fits.count()]
}

/// The gossip topic of a project.
pub fn topic(project: &Hash) -> String {
    format!("bzzz/project/v1/{project}")
}
