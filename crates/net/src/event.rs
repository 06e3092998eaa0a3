//! What the network tells the application.

use std::fmt;

use libp2p::{Multiaddr, PeerId, request_response::ResponseChannel};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use crate::{codec::Response, error::ReplyError, handle::Command};

/// Which of the two directed protocols a request travels on. They are framed alike and kept apart so
/// that a long catch-up never holds up a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Channel {
    /// `/bzzz/direct/1`: directed messages with acknowledgement.
    Direct,
    /// `/bzzz/sync/1`: anti-entropy.
    Sync,
}

/// Name of a gossip message: the author's peer id followed by its eight-byte big-endian sequence number,
/// as go-libp2p-pubsub names it. The same on every node, so it serves to recognise duplicates.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId(pub(crate) Vec<u8>);

impl MessageId {
    /// The raw bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MessageId({self})")
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The application's judgement of a gossip message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Valid: pass it on.
    Accept,
    /// Invalid: drop it, and count it against the peers that sent it.
    Reject,
    /// Neither: drop it in silence (too old, not of interest, could not be judged).
    Ignore,
}

/// An event for the application.
#[derive(Debug)]
pub enum NetEvent {
    /// The node listens on this address. The first ones come before [`crate::Net::start`] returns.
    Listening {
        /// The address, without the node's peer id.
        addr: Multiaddr,
    },
    /// A peer is connected. Comes again without a `PeerDisconnected` in between when the peer's
    /// connection was replaced by a newer one: the peer has probably restarted.
    PeerConnected {
        /// Who.
        peer: PeerId,
        /// Whether we dialled.
        outbound: bool,
        /// Where the peer is; for inbound connections the port is a passing one.
        remote_addr: Multiaddr,
        /// Whether the peer is on this machine and of the same user as this process, or of root: the address is loopback, and
        /// the kernel's table shows whose socket is at the other end ([`crate::local_user`]). False where there is no such table.
        loopback: bool,
    },
    /// A peer has no connection any more.
    PeerDisconnected {
        /// Who.
        peer: PeerId,
    },
    /// A gossip message. Its signature has been checked; it is passed on to other peers only after
    /// [`crate::Net::report_validation`] with [`Verdict::Accept`], within ten seconds.
    Gossip {
        /// The author, who signed it.
        source: PeerId,
        /// The neighbour that it came from.
        propagated_from: PeerId,
        /// The topic.
        topic: String,
        /// The payload.
        data: Vec<u8>,
        /// Its name.
        id: MessageId,
    },
    /// A request, to be answered through `reply`.
    Request {
        /// Who asks; the connection proves it.
        peer: PeerId,
        /// On which protocol.
        channel: Channel,
        /// The payload.
        data: Vec<u8>,
        /// The way back.
        reply: ReplyHandle,
    },
    /// Something that a person may want to know; nothing has to be done.
    Warning(Warning),
}

/// See [`NetEvent::Warning`]. Each says its own sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// A configured or discovered peer cannot be reached; told once until it succeeds again.
    #[error(
        "cannot connect to {address}: {reason}; it is tried again for as long as it takes: see that a node runs there and that its address is right"
    )]
    PeerUnreachable {
        /// The address dialled.
        address: Multiaddr,
        /// What happened.
        reason: String,
    },
    /// A configured peer has another identity than configured.
    #[error("the peer at {address} is {obtained}, not the one configured; check who listens there")]
    WrongPeer {
        /// The address dialled.
        address: Multiaddr,
        /// Who answered.
        obtained: PeerId,
    },
    /// The node does not listen on this address any more.
    #[error("no longer listening on {address}: {reason}")]
    ListenerClosed {
        /// The address; several are separated by spaces.
        address: String,
        /// What happened.
        reason: String,
    },
    /// Local discovery does not work.
    #[error("discovery on the local network is off: {reason}")]
    MdnsUnavailable {
        /// What happened.
        reason: String,
    },
    /// The application does not keep up.
    #[error("events are not taken fast enough: gossip is dropped and requests are refused")]
    Overloaded,
}

/// The way back to the peer that sent a request. Dropping it tells the peer that there will be no answer.
#[derive(Debug)]
pub struct ReplyHandle {
    pub(crate) peer: PeerId,
    pub(crate) channel: Channel,
    pub(crate) response: Option<ResponseChannel<Response>>,
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) max_bytes: usize,
    /// The request's share of the memory budget; given back with the handle.
    #[expect(dead_code, reason = "held for its Drop")]
    pub(crate) share: Option<OwnedSemaphorePermit>,
}

impl ReplyHandle {
    /// Sends the answer.
    ///
    /// # Errors
    /// When the answer is too long (the peer is told so), or the peer is gone or has stopped waiting.
    pub async fn reply(mut self, bytes: Vec<u8>) -> Result<(), ReplyError> {
        let peer = self.peer;
        let Some(response) = self.response.take() else {
            return Err(ReplyError::Gone { peer });
        };
        if !response.is_open() {
            return Err(ReplyError::Gone { peer });
        }
        let length = bytes.len();
        let too_large = length > self.max_bytes;
        let answer = if too_large {
            Response::AnswerTooLarge
        } else {
            Response::Answer(bytes.into())
        };
        let command = Command::Respond {
            channel: self.channel,
            response,
            answer,
        };
        self.commands
            .send(command)
            .await
            .map_err(|_| ReplyError::Gone { peer })?;
        if too_large {
            return Err(ReplyError::TooLarge {
                peer,
                bytes: length,
                limit: self.max_bytes,
            });
        }
        Ok(())
    }
}

impl Drop for ReplyHandle {
    fn drop(&mut self) {
        if let Some(response) = self.response.take() {
            let answer = Response::Unanswered;
            // When the queue is full the closed stream tells the peer the same, less politely.
            let _ = self.commands.try_send(Command::Respond {
                channel: self.channel,
                response,
                answer,
            });
        }
    }
}
