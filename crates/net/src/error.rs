//! Errors: what was attempted, why it failed, what to do.

use std::{io, time::Duration};

use libp2p::{Multiaddr, PeerId};

/// Why the network could not be started, or is gone.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// Somebody else listens there.
    #[error(
        "cannot listen on {address}: the port is in use; stop the other program, or choose another \
         port (port 0 picks a free one)"
    )]
    PortInUse {
        /// The address asked for.
        address: Multiaddr,
    },
    /// The address is not TCP over IPv4 or IPv6.
    #[error("cannot listen on {address}: give an address of the form /ip4/IP/tcp/PORT or /ip6/IP/tcp/PORT")]
    AddressNotSupported {
        /// The address asked for.
        address: Multiaddr,
    },
    /// The operating system refused the address.
    #[error("cannot listen on {address}: {source}; check that the address is one of this machine")]
    Listen {
        /// The address asked for.
        address: Multiaddr,
        /// The reason.
        source: io::Error,
    },
    /// No address came up in time.
    #[error("cannot listen on {address}: no address came up within {waited:?}; check the network interfaces")]
    ListenTimeout {
        /// The address asked for.
        address: Multiaddr,
        /// How long it was waited.
        waited: Duration,
    },
    /// A part of the protocol stack refused its settings.
    #[error("cannot set up the network: {what}: {reason}")]
    Setup {
        /// The part.
        what: &'static str,
        /// What it said.
        reason: String,
    },
    /// The network has been shut down.
    #[error("the network has been shut down")]
    Closed,
}

/// Why a message was not published.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum PublishError {
    /// The message is too long for gossip.
    #[error(
        "cannot publish {bytes} bytes: gossip carries at most {limit}; send a reference and let peers fetch the content"
    )]
    TooLarge {
        /// Length of the message.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The topic's name is empty or too long.
    #[error("cannot publish: the topic's name has {bytes} bytes, 1 to {limit} are allowed")]
    TopicName {
        /// Length of the name.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The protocol refused the message.
    #[error("cannot publish: {0}")]
    Refused(String),
    /// The network has been shut down.
    #[error("cannot publish: the network has been shut down")]
    Closed,
}

/// Why a subscription failed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SubscribeError {
    /// Too many topics.
    #[error(
        "cannot subscribe to {topic}: already following {limit} topics, the most that peers accept; unsubscribe from one first"
    )]
    TooMany {
        /// The topic asked for.
        topic: String,
        /// The limit.
        limit: usize,
    },
    /// The topic's name is empty or too long.
    #[error("cannot subscribe: the topic's name has {bytes} bytes, 1 to {limit} are allowed")]
    TopicName {
        /// Length of the name.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The protocol refused.
    #[error("cannot subscribe: {0}")]
    Refused(String),
    /// The network has been shut down.
    #[error("cannot subscribe: the network has been shut down")]
    Closed,
}

/// Why a request brought no answer. Except for [`RequestError::NotConnected`], [`RequestError::TooLarge`],
/// [`RequestError::Busy`] and [`RequestError::Unsupported`] the peer may have acted on it.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum RequestError {
    /// There is no connection to the peer.
    #[error("cannot ask {peer}: not connected")]
    NotConnected {
        /// The peer asked.
        peer: PeerId,
    },
    /// The request is too long.
    #[error("cannot ask {peer}: the request has {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// The peer asked.
        peer: PeerId,
        /// Length of the request.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Too many requests wait for this peer already.
    #[error("cannot ask {peer}: too many requests are waiting for it; try again later")]
    Busy {
        /// The peer asked.
        peer: PeerId,
    },
    /// No answer in time.
    #[error("{peer} did not answer within {waited:?}")]
    Timeout {
        /// The peer asked.
        peer: PeerId,
        /// How long it was waited.
        waited: Duration,
    },
    /// The peer's application let the request go without an answer.
    #[error("{peer} took the request and gave no answer")]
    Unanswered {
        /// The peer asked.
        peer: PeerId,
    },
    /// The peer's answer is longer than the protocol allows.
    #[error("the answer of {peer} is too large; ask for less at once")]
    AnswerTooLarge {
        /// The peer asked.
        peer: PeerId,
    },
    /// The peer has no capacity for requests now.
    #[error("{peer} is overloaded; try again later")]
    PeerBusy {
        /// The peer asked.
        peer: PeerId,
    },
    /// The peer does not speak the protocol.
    #[error("{peer} does not understand such requests; it is probably no bzzz node")]
    Unsupported {
        /// The peer asked.
        peer: PeerId,
    },
    /// The connection or the stream broke.
    #[error("the connection to {peer} broke before the answer: {reason}")]
    Broken {
        /// The peer asked.
        peer: PeerId,
        /// What happened.
        reason: String,
    },
    /// The network has been shut down.
    #[error("the network has been shut down")]
    Closed,
}

/// Why an answer was not sent.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReplyError {
    /// The answer is too long; the peer has been told so.
    #[error("cannot answer {peer}: {bytes} bytes, at most {limit} are allowed")]
    TooLarge {
        /// The peer that asked.
        peer: PeerId,
        /// Length of the answer.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The peer is gone, or has given up waiting.
    #[error("cannot answer {peer}: it is gone or has given up waiting")]
    Gone {
        /// The peer that asked.
        peer: PeerId,
    },
}

/// Why a dial failed.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum DialError {
    /// The dial was attempted and failed.
    #[error("cannot connect to {address}: {reason}")]
    Failed {
        /// The address dialled.
        address: Multiaddr,
        /// What happened.
        reason: String,
    },
    /// The network has been shut down.
    #[error("the network has been shut down")]
    Closed,
}
