//! Events: the numbered, signed entries of a feed.
//!
//! An event on the wire is `[signed part, signature]`. The signed part is canonical CBOR (see [`crate::codec`]):
//! `[version, project, node, incarnation, seq, prev, hlc, epoch, deps, kind, body]`. The event's hash and the
//! author's signature are over exactly these bytes, so nothing is ever re-encoded to be checked. The body is a byte string
//! of its own: an event of an unknown kind is verified, kept and relayed, and has no effect.

mod checked;

pub use checked::Checked;

use minicbor::bytes::ByteVec;
use minicbor::{Decode, Encode};

use crate::body::Body;
use crate::codec::{self, CodecError};
use crate::crypto::{self, Context, Hash, Keypair, PublicKey, Signature};
use crate::hlc::Hlc;

/// The version of the envelope.
pub const EVENT_VERSION: u8 = 1;
/// No event is longer on the wire: the largest panel with its endorsements fits four times.
pub const MAX_EVENT_BYTES: usize = 256 * 1024;
/// How many events an event may rest on.
pub const MAX_DEPS: usize = 64;

/// Which feed: the unit of order, of replication and of forks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize)]
#[cbor(array)]
pub struct FeedId {
    /// The node that writes it.
    #[n(0)]
    pub node: PublicKey,
    /// Which life of that node: a restored or re-installed node starts a new one.
    #[n(1)]
    pub incarnation: u64,
}

/// Names one event in a feed of the same project.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode, serde::Serialize)]
#[cbor(array)]
pub struct EventRef {
    /// The feed.
    #[n(0)]
    pub feed: FeedId,
    /// Its number in the feed, from 0.
    #[n(1)]
    pub seq: u64,
    /// Its hash.
    #[n(2)]
    pub hash: Hash,
}

/// Everything of an event but its signature, decoded.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(array)]
pub struct Header {
    /// [`EVENT_VERSION`].
    #[n(0)]
    pub version: u8,
    /// The project: the hash of its genesis event; zero in the genesis event itself.
    #[n(1)]
    pub project: Hash,
    /// Author and incarnation.
    #[n(2)]
    pub node: PublicKey,
    /// See [`FeedId::incarnation`].
    #[n(3)]
    pub incarnation: u64,
    /// Number in the feed, from 0.
    #[n(4)]
    pub seq: u64,
    /// Hash of the event before; zero for the first.
    #[n(5)]
    pub prev: Hash,
    /// When, by the author's hybrid clock.
    #[n(6)]
    pub hlc: Hlc,
    /// The roster epoch under which the author speaks.
    #[n(7)]
    pub epoch: u32,
    /// Events of other feeds that this one rests on: it waits for them.
    #[n(8)]
    pub deps: Vec<EventRef>,
    /// Kind of the body, see [`crate::body`].
    #[n(9)]
    pub kind: u16,
    /// The body's own encoding.
    #[n(10)]
    pub body: ByteVec,
}

/// A signed event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    header: Header,
    signed: Vec<u8>,
    signature: Signature,
    hash: Hash,
}

#[derive(Encode, Decode)]
#[cbor(array)]
struct Wire<'b> {
    #[cbor(b(0), with = "minicbor::bytes")]
    signed: &'b [u8],
    #[n(1)]
    signature: Signature,
}

/// Why bytes are not an acceptable event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Not the encoding of an event.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// A version that this build does not know.
    #[error("could not accept the event: version {0} is not known to this build (update bzzz)")]
    Version(u8),
    /// Something that the envelope's rules forbid.
    #[error("could not accept the event: {0}")]
    Rule(&'static str),
    /// The signature is not the author's.
    #[error("could not accept event {seq} of node {node}: its signature is not the author's")]
    Signature {
        /// Claimed author.
        node: PublicKey,
        /// Its number.
        seq: u64,
    },
}

/// What an author adds to a body to make an event.
#[derive(Debug, Clone)]
pub struct Draft {
    /// See [`Header::project`].
    pub project: Hash,
    /// See [`Header::incarnation`].
    pub incarnation: u64,
    /// See [`Header::seq`].
    pub seq: u64,
    /// See [`Header::prev`].
    pub prev: Hash,
    /// See [`Header::hlc`].
    pub hlc: Hlc,
    /// See [`Header::epoch`].
    pub epoch: u32,
    /// See [`Header::deps`].
    pub deps: Vec<EventRef>,
}

#[cfg(feature = "sim")]
impl Event {
    /// An event in another node's name: its signature does not hold. For the simulator's liars.
    pub(crate) fn forge(key: &Keypair, node: PublicKey, draft: Draft, body: &Body) -> Event {
        let mut event = Event::sign(key, draft, body);
        event.header.node = node;
        event.signed = codec::encode(&event.header);
        event.signature = key.sign(Context::Event, &event.signed);
        event.hash = crypto::hash(Context::Event, &event.signed);
        event
    }
}

impl Event {
    /// Signs a new event.
    pub fn sign(key: &Keypair, draft: Draft, body: &Body) -> Event {
        let (kind, body) = body.to_kind_and_bytes();
        let header = Header {
            version: EVENT_VERSION,
            project: draft.project,
            node: key.public(),
            incarnation: draft.incarnation,
            seq: draft.seq,
            prev: draft.prev,
            hlc: draft.hlc,
            epoch: draft.epoch,
            deps: draft.deps,
            kind,
            body: body.into(),
        };
        let signed = codec::encode(&header);
        let signature = key.sign(Context::Event, &signed);
        let hash = crypto::hash(Context::Event, &signed);
        Event {
            header,
            signed,
            signature,
            hash,
        }
    }

    /// Decodes an event and checks its form, without the signature (for what our own disk already holds verified).
    pub fn decode_trusted(bytes: &[u8]) -> Result<Event, EventError> {
        let wire: Wire<'_> = codec::decode_bounded("event", bytes, MAX_EVENT_BYTES)?;
        let header: Header = codec::decode("event header", wire.signed)?;
        if header.version != EVENT_VERSION {
            return Err(EventError::Version(header.version));
        }
        if header.deps.len() > MAX_DEPS {
            return Err(EventError::Rule("it rests on too many events"));
        }
        if (header.seq == 0) != (header.prev == Hash::ZERO) {
            return Err(EventError::Rule(
                "only the first event of a feed has no event before it",
            ));
        }
        let hash = crypto::hash(Context::Event, wire.signed);
        Ok(Event {
            header,
            signed: wire.signed.to_vec(),
            signature: wire.signature,
            hash,
        })
    }

    /// Decodes an event from outside: form and signature.
    pub fn decode(bytes: &[u8]) -> Result<Event, EventError> {
        let event = Event::decode_trusted(bytes)?;
        event.verify()?;
        Ok(event)
    }

    /// Checks the author's signature.
    pub fn verify(&self) -> Result<(), EventError> {
        if self.header.node.verify(Context::Event, &self.signed, &self.signature) {
            Ok(())
        } else {
            Err(EventError::Signature {
                node: self.header.node,
                seq: self.header.seq,
            })
        }
    }

    /// The wire form.
    pub fn encode(&self) -> Vec<u8> {
        codec::encode(&Wire {
            signed: &self.signed,
            signature: self.signature,
        })
    }

    /// Length of the signed part, bytes.
    pub fn signed_len(&self) -> usize {
        self.signed.len()
    }

    /// The decoded signed part.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// The event's hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// The author.
    pub fn node(&self) -> PublicKey {
        self.header.node
    }

    /// Which feed it is in.
    pub fn feed(&self) -> FeedId {
        FeedId {
            node: self.header.node,
            incarnation: self.header.incarnation,
        }
    }

    /// Its name for others to rest on.
    pub fn reference(&self) -> EventRef {
        EventRef {
            feed: self.feed(),
            seq: self.header.seq,
            hash: self.hash,
        }
    }

    /// The project that it belongs to: its own hash for a genesis event.
    pub fn project(&self) -> Hash {
        if self.header.project == Hash::ZERO {
            self.hash
        } else {
            self.header.project
        }
    }

    /// Its place in the order of all folds.
    pub fn order(&self) -> OrderKey {
        OrderKey {
            hlc: self.header.hlc,
            node: self.header.node,
            incarnation: self.header.incarnation,
            seq: self.header.seq,
        }
    }

    /// The decoded body; `None` for a kind or form that this build does not know.
    pub fn body(&self) -> Option<Body> {
        Body::from_kind_and_bytes(self.header.kind, &self.header.body)
    }
}

/// The total order of events in every fold: hybrid time, author, incarnation, number. Two events never have the same key,
/// unless they are the halves of a fork, so a map keyed by it loses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderKey {
    /// Hybrid time.
    pub hlc: Hlc,
    /// Author.
    pub node: PublicKey,
    /// The author's life: a restored node may reach the same time and number again.
    pub incarnation: u64,
    /// Number in the feed.
    pub seq: u64,
}
