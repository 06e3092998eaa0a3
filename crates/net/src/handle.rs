//! The handle: what everybody but the owner task holds.

use std::{fmt, sync::Arc, time::Duration};

use libp2p::{Multiaddr, PeerId, request_response::ResponseChannel};
use tokio::sync::{mpsc, oneshot};

use crate::{
    codec::Response,
    config::MAX_TOPIC_BYTES,
    error::{DialError, NetError, PublishError, RequestError, SubscribeError},
    event::{Channel, MessageId, Verdict},
    metrics::{Counters, Metrics},
};

/// The sender of a command's result.
pub(crate) type Reply<T> = oneshot::Sender<T>;

/// What handles ask of the owner.
#[derive(Debug)]
pub(crate) enum Command {
    Publish {
        topic: String,
        data: Vec<u8>,
        reply: Reply<Result<Published, PublishError>>,
    },
    Subscribe {
        topic: String,
        reply: Reply<Result<bool, SubscribeError>>,
    },
    Unsubscribe {
        topic: String,
        reply: Reply<bool>,
    },
    Request {
        peer: PeerId,
        channel: Channel,
        data: Vec<u8>,
        reply: Reply<Result<Vec<u8>, RequestError>>,
    },
    Respond {
        channel: Channel,
        response: ResponseChannel<Response>,
        answer: Response,
    },
    Dial {
        address: Multiaddr,
        reply: Reply<Result<PeerId, DialError>>,
    },
    Disconnect {
        peer: PeerId,
        reply: Reply<bool>,
    },
    Ban {
        peer: PeerId,
        reply: Reply<bool>,
    },
    Unban {
        peer: PeerId,
        reply: Reply<bool>,
    },
    Validated {
        id: MessageId,
        propagated_from: PeerId,
        verdict: Verdict,
    },
    Peers {
        reply: Reply<Vec<PeerInfo>>,
    },
    Listeners {
        reply: Reply<Vec<Multiaddr>>,
    },
    Shutdown {
        reply: Reply<()>,
    },
}

/// What became of a published message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Published {
    /// Handed to at least one peer, under this name.
    Sent(MessageId),
    /// Nobody listens to the topic yet; it goes out when somebody does, unless newer messages push it
    /// out of the bounded queue first.
    Queued,
}

/// A connected peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerInfo {
    /// Who.
    pub peer: PeerId,
    /// Where.
    pub remote_addr: Multiaddr,
    /// Whether we dialled.
    pub outbound: bool,
    /// What software the peer says it is, once known.
    pub agent_version: Option<String>,
    /// Round-trip time of the last ping, once known.
    pub round_trip: Option<Duration>,
    /// Topics that the peer follows, sorted.
    pub topics: Vec<String>,
}

/// A cheap handle to the network. When the last one is dropped the network shuts down.
#[derive(Clone)]
pub struct Net {
    pub(crate) commands: mpsc::Sender<Command>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) local: PeerId,
    pub(crate) request_timeout: Duration,
}

impl fmt::Debug for Net {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Net")
            .field("local", &self.local)
            .finish_non_exhaustive()
    }
}

impl Net {
    /// The node's own peer id.
    #[must_use]
    pub fn local_peer_id(&self) -> PeerId {
        self.local
    }

    /// Publishes `data` on `topic`. Gossip is a hint: it is not promised that it arrives.
    ///
    /// # Errors
    /// When the message or the topic's name is too long, or the network is shut down. Having nobody
    /// to send to is no error, see [`Published::Queued`].
    pub async fn publish(&self, topic: impl Into<String>, data: Vec<u8>) -> Result<Published, PublishError> {
        let topic = topic.into();
        if let Some(bytes) = bad_topic(&topic) {
            return Err(PublishError::TopicName {
                bytes,
                limit: MAX_TOPIC_BYTES,
            });
        }
        self.ask(|reply| Command::Publish { topic, data, reply })
            .await
            .unwrap_or(Err(PublishError::Closed))
    }

    /// Publishes in the order of the calls, without waiting for what comes of it: for hints, whose loss is repaired elsewhere. A
    /// failure is told in the log. Waits only while the queue to the network is full.
    pub async fn publish_hint(&self, topic: impl Into<String>, data: Vec<u8>) {
        let (topic, (reply, _)) = (topic.into(), oneshot::channel());
        if bad_topic(&topic).is_none() {
            // After a shutdown there is nobody to tell.
            let _ = self.commands.send(Command::Publish { topic, data, reply }).await;
        }
    }

    /// Follows `topic`. Returns whether this was new.
    ///
    /// # Errors
    /// When [`crate::config::MAX_TOPICS`] are followed already, the name is too long, or the network is
    /// shut down.
    pub async fn subscribe(&self, topic: impl Into<String>) -> Result<bool, SubscribeError> {
        let topic = topic.into();
        if let Some(bytes) = bad_topic(&topic) {
            return Err(SubscribeError::TopicName {
                bytes,
                limit: MAX_TOPIC_BYTES,
            });
        }
        self.ask(|reply| Command::Subscribe { topic, reply })
            .await
            .unwrap_or(Err(SubscribeError::Closed))
    }

    /// Stops following `topic`. Returns whether it was followed.
    pub async fn unsubscribe(&self, topic: impl Into<String>) -> bool {
        let topic = topic.into();
        self.ask(|reply| Command::Unsubscribe { topic, reply })
            .await
            .unwrap_or(false)
    }

    /// Sends a directed message and waits for the answer. Beyond
    /// [`crate::config::Limits::max_requests_per_peer`] at once, requests wait for their turn.
    ///
    /// # Errors
    /// See [`RequestError`]. Whatever happens, the call ends within
    /// [`crate::config::Limits::request_timeout`].
    pub async fn request(&self, peer: PeerId, channel: Channel, data: Vec<u8>) -> Result<Vec<u8>, RequestError> {
        let asked = self.ask(|reply| Command::Request {
            peer,
            channel,
            data,
            reply,
        });
        match tokio::time::timeout(self.request_timeout, asked).await {
            Ok(answer) => answer.unwrap_or(Err(RequestError::Closed)),
            Err(_) => Err(RequestError::Timeout {
                peer,
                waited: self.request_timeout,
            }),
        }
    }

    /// Dials once and waits for the outcome. Static peers of the configuration need no call.
    ///
    /// # Errors
    /// When nobody answers there, the handshake fails, or the peer is not allowed.
    pub async fn dial(&self, address: Multiaddr) -> Result<PeerId, DialError> {
        self.ask(|reply| Command::Dial { address, reply })
            .await
            .unwrap_or(Err(DialError::Closed))
    }

    /// Closes the connection to a peer. A static peer is dialled again; use [`Net::ban`] to keep it away.
    /// Returns whether it was connected.
    pub async fn disconnect(&self, peer: PeerId) -> bool {
        self.ask(|reply| Command::Disconnect { peer, reply })
            .await
            .unwrap_or(false)
    }

    /// Closes the connection to a peer, lets it in no more, and drops gossip signed by it, whoever passes
    /// that on. Returns whether this was new.
    pub async fn ban(&self, peer: PeerId) -> bool {
        self.ask(|reply| Command::Ban { peer, reply }).await.unwrap_or(false)
    }

    /// Lifts a ban, also one from the configuration. Returns whether there was one.
    pub async fn unban(&self, peer: PeerId) -> bool {
        self.ask(|reply| Command::Unban { peer, reply }).await.unwrap_or(false)
    }

    /// Says what is to become of a gossip message: once for each [`crate::NetEvent::Gossip`].
    pub async fn report_validation(&self, id: MessageId, propagated_from: PeerId, verdict: Verdict) {
        // After a shutdown there is nobody to pass it on to.
        let _ = self
            .commands
            .send(Command::Validated {
                id,
                propagated_from,
                verdict,
            })
            .await;
    }

    /// The connected peers, sorted by id. Empty after a shutdown.
    pub async fn peers(&self) -> Vec<PeerInfo> {
        self.ask(|reply| Command::Peers { reply }).await.unwrap_or_default()
    }

    /// The addresses listened on. Empty after a shutdown.
    pub async fn listeners(&self) -> Vec<Multiaddr> {
        self.ask(|reply| Command::Listeners { reply }).await.unwrap_or_default()
    }

    /// The counters, without a round trip.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        self.counters.read()
    }

    /// Closes all connections in an orderly way and frees the ports. Idempotent.
    pub async fn shutdown(&self) {
        let _ = self.ask(|reply| Command::Shutdown { reply }).await;
        self.commands.closed().await;
    }

    async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, NetError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| NetError::Closed)?;
        answer.await.map_err(|_| NetError::Closed)
    }
}

/// The length of a topic name that is not allowed.
fn bad_topic(topic: &str) -> Option<usize> {
    (topic.is_empty() || topic.len() > MAX_TOPIC_BYTES).then_some(topic.len())
}
