//! The network of a bzzz node: discovery, gossip and directed messages over libp2p.
//!
//! This is the only crate that knows libp2p. It moves opaque bytes between authenticated peers and decides
//! nothing about them: the application judges each gossip message before it is passed on, and answers each
//! request. One owner task holds the Swarm; everybody else holds a [`Net`], a cheap handle that sends
//! typed commands, and one receiver takes the [`NetEvent`]s.
//!
//! What always holds:
//! - every event's peer is authenticated by its key; a gossip message is signed by its `source`;
//! - one connection a peer: a peer that returns replaces its old connection at once ([`NetEvent::PeerConnected`]
//!   comes again), so that a restart with the same identity works from the first second;
//! - gossip is a hint: it may be lost, and arrives at most once within two minutes; a request is either
//!   answered or fails within a bound;
//! - every queue is bounded ([`config`] says by how much and why); the owner never waits for the application.
//!
//! `docs/network.md` lists the protocol ids, limits and settings on the wire.

pub mod bare;
pub mod config;
pub mod error;
pub mod identity;
pub mod local_user;

mod backlog;
mod behaviour;
mod codec;
mod dialer;
mod event;
mod handle;
mod metrics;
mod outbox;
mod owner;
mod requests;
mod single_link;
mod transport;

pub use behaviour::{DIRECT_PROTOCOL, PROTOCOL_VERSION, SYNC_PROTOCOL};
pub use config::{Limits, MemoryLimit, NetConfig};
pub use error::{DialError, NetError, PublishError, ReplyError, RequestError, SubscribeError};
pub use event::{Channel, MessageId, NetEvent, ReplyHandle, Verdict, Warning};
pub use handle::{Net, PeerInfo, Published};
pub use identity::{Identity, IdentityError};
pub use libp2p::{Multiaddr, PeerId};
pub use metrics::Metrics;

use tokio::sync::mpsc;

impl Net {
    /// Starts the network. Returns when the node listens on every configured address.
    ///
    /// Must be called within a tokio runtime. The network ends with [`Net::shutdown`], or when all handles
    /// or the receiver of the events are dropped.
    ///
    /// # Errors
    /// When an address is in use, not of this machine or not supported, or a part cannot be set up.
    pub async fn start(config: NetConfig) -> Result<(Net, mpsc::Receiver<NetEvent>), NetError> {
        owner::start(config, local_user::other_end).await
    }
}
