//! What handles ask for.

use std::time::Instant;

use libp2p::{
    Multiaddr, PeerId, gossipsub,
    swarm::{
        ConnectionId,
        dial_opts::{DialOpts, PeerCondition},
    },
};

use super::{AskedDial, Flow, Owner, start::expected_peer};
use crate::{
    behaviour::{GOSSIP_OVERHEAD_BYTES, topic_score},
    config::MAX_TOPICS,
    dialer::split_peer,
    error::{DialError, PublishError, RequestError, SubscribeError},
    event::{Channel, MessageId, Verdict},
    handle::{Command, PeerInfo, Published, Reply},
    metrics::{add, count},
    outbox::{Attempt, Outbox},
    requests::{Answer, Ready},
};

impl Owner {
    /// Replies go to callers that may have given up; a lost reply is theirs to lose.
    pub(super) fn on_command(&mut self, command: Command) -> Flow {
        match command {
            Command::Publish { topic, data, reply } => {
                if let Err(Err(error)) = reply.send(self.publish(topic, data)) {
                    tracing::debug!(%error, "a message that nobody waits for was not published");
                }
            }
            Command::Subscribe { topic, reply } => {
                let _ = reply.send(self.subscribe(topic));
            }
            Command::Unsubscribe { topic, reply } => {
                let _ = reply.send(self.unsubscribe(topic));
            }
            Command::Request {
                peer,
                channel,
                data,
                reply,
            } => {
                self.request(peer, channel, data, reply);
            }
            Command::Respond {
                channel,
                response,
                answer,
            } => {
                // An error says that the peer has stopped waiting; its own event counts it.
                let _ = self.protocols().directed(channel).send_response(response, answer);
            }
            Command::Dial { address, reply } => self.dial(address, reply),
            Command::Disconnect { peer, reply } => {
                let _ = reply.send(self.drop_peer(peer));
            }
            Command::Ban { peer, reply } => {
                let new = self.protocols().ban(peer);
                self.drop_peer(peer);
                let _ = reply.send(new);
            }
            Command::Unban { peer, reply } => {
                let _ = reply.send(self.protocols().unban(peer));
            }
            Command::Validated {
                id,
                propagated_from,
                verdict,
            } => {
                self.report(&id, propagated_from, verdict);
            }
            Command::Peers { reply } => {
                let _ = reply.send(self.peer_infos());
            }
            Command::Listeners { reply } => {
                let _ = reply.send(self.swarm.listeners().cloned().collect());
            }
            Command::Shutdown { reply } => return Flow::Stop(Some(reply)),
        }
        Flow::Continue
    }

    fn publish(&mut self, topic: String, data: Vec<u8>) -> Result<Published, PublishError> {
        let limit = self.limits.max_gossip_bytes.saturating_sub(GOSSIP_OVERHEAD_BYTES);
        if data.len() > limit {
            return Err(PublishError::TooLarge {
                bytes: data.len(),
                limit,
            });
        }
        if self.outbox.holds(&topic) {
            // Behind the ones that wait, so that the order of a topic is kept.
            self.enqueue(topic, data);
            self.flush_outbox();
            return Ok(Published::Queued);
        }
        match self.try_publish(&topic, &data) {
            Ok(id) => Ok(Published::Sent(MessageId(id.0))),
            Err(error) if is_passing(&error) => {
                self.enqueue(topic, data);
                Ok(Published::Queued)
            }
            Err(error) => Err(PublishError::Refused(error.to_string())),
        }
    }

    fn enqueue(&mut self, topic: String, data: Vec<u8>) {
        count(&self.counters.gossip_queued);
        let dropped = self.outbox.push(topic, data);
        add(&self.counters.gossip_queue_dropped, dropped);
    }

    fn try_publish(&mut self, topic: &str, data: &[u8]) -> Result<gossipsub::MessageId, gossipsub::PublishError> {
        let id = self
            .protocols()
            .gossip
            .publish(gossipsub::IdentTopic::new(topic), data)?;
        count(&self.counters.gossip_published);
        add(&self.counters.gossip_published_bytes, data.len() as u64);
        Ok(id)
    }

    /// Offers the waiting gossip again.
    pub(super) fn flush_outbox(&mut self) {
        if self.outbox.is_empty() || self.peers.is_empty() {
            return;
        }
        let mut outbox: Outbox = std::mem::take(&mut self.outbox);
        outbox.flush(|topic, data| {
            if self.burst_left == 0 {
                return Attempt::Enough;
            }
            match self.try_publish(topic, data) {
                Err(error) if is_passing(&error) => return Attempt::NoPeers,
                Err(error) => tracing::warn!(topic, %error, "a queued message was dropped"),
                Ok(_) => self.burst_left -= 1,
            }
            Attempt::Done
        });
        self.outbox = outbox;
    }

    fn subscribe(&mut self, topic: String) -> Result<bool, SubscribeError> {
        let hash = gossipsub::IdentTopic::new(&topic);
        let known = self
            .protocols()
            .gossip
            .topics()
            .any(|followed| *followed == hash.hash());
        if known {
            return Ok(false);
        }
        if self.topics >= MAX_TOPICS {
            return Err(SubscribeError::TooMany {
                topic,
                limit: MAX_TOPICS,
            });
        }
        let gossip = &mut self.protocols().gossip;
        gossip
            .set_topic_params(hash.clone(), topic_score())
            .map_err(|error| SubscribeError::Refused(error.to_owned()))?;
        let new = gossip
            .subscribe(&hash)
            .map_err(|error| SubscribeError::Refused(error.to_string()))?;
        self.topics += usize::from(new);
        Ok(new)
    }

    fn unsubscribe(&mut self, topic: String) -> bool {
        let left = self.protocols().gossip.unsubscribe(&gossipsub::IdentTopic::new(topic));
        self.topics -= usize::from(left);
        left
    }

    fn request(&mut self, peer: PeerId, channel: Channel, data: Vec<u8>, answer: Answer) {
        let limit = self.limits.max_message_bytes;
        if data.len() > limit {
            let bytes = data.len();
            let _ = answer.send(Err(RequestError::TooLarge { peer, bytes, limit }));
            return;
        }
        if !self.peers.contains_key(&peer) {
            let _ = answer.send(Err(RequestError::NotConnected { peer }));
            return;
        }
        let ready = self.requests.submit(Ready {
            peer,
            channel,
            data,
            answer,
        });
        self.send_request(ready);
    }

    pub(super) fn send_request(&mut self, ready: Option<Ready>) {
        let Some(Ready {
            peer,
            channel,
            data,
            answer,
        }) = ready
        else {
            return;
        };
        count(&self.counters.requests_sent);
        let id = self.protocols().directed(channel).send_request(&peer, data.into());
        self.requests.sent((channel, id), peer, channel, answer);
    }

    fn dial(&mut self, address: Multiaddr, reply: Reply<Result<PeerId, DialError>>) {
        if let Some(peer) = expected_peer(&address).filter(|peer| self.peers.contains_key(peer)) {
            let _ = reply.send(Ok(peer));
            return;
        }
        let (bare, peer) = split_peer(&address);
        match self.start_dial(peer, vec![bare]) {
            Ok(connection) => {
                self.asked_dials.insert(connection, AskedDial { address, reply });
            }
            Err(error) => {
                let reason = super::events::explain(&error);
                let _ = reply.send(Err(DialError::Failed { address, reason }));
            }
        }
    }

    fn start_dial(
        &mut self,
        peer: Option<PeerId>,
        mut addresses: Vec<Multiaddr>,
    ) -> Result<ConnectionId, libp2p::swarm::DialError> {
        // A new port for each dial: leaving from the listening port, a restarted node would run into the
        // remains of its old connections, and two nodes that dial each other would meet in one socket.
        let opts: DialOpts = match (peer, addresses.pop()) {
            (None, Some(address)) => DialOpts::unknown_peer_id().address(address).allocate_new_port().build(),
            (None, None) => return Err(libp2p::swarm::DialError::NoAddresses),
            (Some(peer), last) => {
                addresses.extend(last);
                DialOpts::peer_id(peer)
                    // Whether the peer is connected is ours to judge: the swarm still counts dead links.
                    .condition(PeerCondition::NotDialing)
                    .addresses(addresses)
                    .allocate_new_port()
                    .build()
            }
        };
        let connection = opts.connection_id();
        self.swarm.dial(opts)?;
        Ok(connection)
    }

    /// Starts the dials that are due.
    pub(super) fn dial_due(&mut self) {
        let now = Instant::now();
        let due = self.dialer.due(now, |peer| self.peers.contains_key(peer));
        for dial in due {
            match self.start_dial(dial.peer, dial.addresses) {
                Ok(connection) => self.dialer.started(dial.entry, connection),
                // The swarm leaves out the addresses that it listens on, and none was left.
                Err(libp2p::swarm::DialError::NoAddresses) => self.dialer.skip(dial.entry),
                Err(error) => {
                    tracing::debug!(%error, "a dial was postponed");
                    self.dialer.postponed(dial.entry, now);
                }
            }
        }
    }

    pub(super) fn report(&mut self, id: &MessageId, propagated_from: PeerId, verdict: Verdict) {
        let acceptance = match verdict {
            Verdict::Accept => gossipsub::MessageAcceptance::Accept,
            Verdict::Reject => gossipsub::MessageAcceptance::Reject,
            Verdict::Ignore => gossipsub::MessageAcceptance::Ignore,
        };
        if verdict == Verdict::Reject {
            count(&self.counters.gossip_rejected);
        }
        let id = gossipsub::MessageId::new(id.as_bytes());
        let gossip = &mut self.protocols().gossip;
        gossip.report_message_validation_result(&id, &propagated_from, acceptance);
    }

    fn peer_infos(&self) -> Vec<PeerInfo> {
        let gossip = &self.swarm.behaviour().inner().gossip;
        let mut topics: std::collections::HashMap<PeerId, Vec<String>> = gossip
            .all_peers()
            .map(|(peer, topics)| (*peer, topics.iter().map(|t| t.to_string()).collect()))
            .collect();
        let mut infos: Vec<PeerInfo> = self
            .peers
            .iter()
            .map(|(peer, known)| {
                let mut topics = topics.remove(peer).unwrap_or_default();
                topics.sort_unstable();
                PeerInfo {
                    peer: *peer,
                    remote_addr: known.remote_addr.clone(),
                    outbound: known.outbound,
                    agent_version: known.agent_version.clone(),
                    round_trip: known.round_trip,
                    topics,
                }
            })
            .collect();
        infos.sort_by_key(|info| info.peer.to_bytes());
        infos
    }
}

/// Whether the message may go out later.
fn is_passing(error: &gossipsub::PublishError) -> bool {
    use gossipsub::PublishError::{AllQueuesFull, NoPeersSubscribedToTopic};
    matches!(error, NoPeersSubscribedToTopic | AllQueuesFull(_))
}
