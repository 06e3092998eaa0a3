//! What the Swarm reports about connections, peers and addresses.

use std::{error::Error as _, time::Instant};

use libp2p::{
    PeerId,
    core::ConnectedPoint,
    identify, mdns, ping,
    swarm::{ConnectionId, DialError as SwarmDialError, SwarmEvent},
};

use super::{Flow, Owner, Peer, start::listener_closed, whose::question};
use crate::{
    behaviour::ProtocolsEvent,
    dialer::split_peer,
    error::DialError,
    event::{Channel, NetEvent, Warning},
    metrics::count,
    single_link::AlreadyConnected,
};

/// Peers may say of themselves what they like; only so much of it is kept.
const MAX_AGENT_VERSION_CHARS: usize = 64;

impl Owner {
    pub(super) fn on_swarm_event(&mut self, event: SwarmEvent<ProtocolsEvent>) -> Flow {
        match event {
            SwarmEvent::Behaviour(event) => self.on_protocol_event(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                connection_id,
                endpoint,
                ..
            } => {
                self.on_connected(peer_id, connection_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                peer_id, connection_id, ..
            } => {
                self.forget_question(connection_id);
                let known = self.peers.get(&peer_id);
                if known.is_some_and(|peer| peer.connection == connection_id) {
                    self.peer_is_gone(peer_id);
                }
            }
            SwarmEvent::OutgoingConnectionError {
                connection_id, error, ..
            } => {
                self.on_dial_failed(connection_id, &error);
            }
            SwarmEvent::IncomingConnectionError {
                error, send_back_addr, ..
            } => {
                count(&self.counters.connections_refused);
                tracing::debug!(%error, %send_back_addr, "an incoming connection was refused");
            }
            SwarmEvent::NewListenAddr { address, .. } => {
                self.backlog.push_own(NetEvent::Listening { addr: address });
            }
            SwarmEvent::ListenerClosed { addresses, reason, .. } => {
                self.warn(listener_closed(&addresses, reason));
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::debug!(%error, "a listener had a passing error");
            }
            _ => {}
        }
        Flow::Continue
    }

    fn on_connected(&mut self, peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) {
        // Without the peer's id, which a dialled address carries and an incoming one does not.
        let (remote_addr, _) = split_peer(endpoint.get_remote_address());
        let outbound = endpoint.is_dialer();
        if let Some(asked) = self.asked_dials.remove(&connection) {
            let _ = asked.reply.send(Ok(peer));
        }
        let now = Instant::now();
        self.dialer.connected(connection, peer, now);
        if !self.swarm.behaviour().is_current(&peer, connection) {
            return;
        }
        count(&self.counters.connections_opened);
        let known = Peer {
            connection,
            remote_addr: remote_addr.clone(),
            outbound,
            agent_version: None,
            round_trip: None,
            answers_pings: true,
            alive_at: now,
        };
        let replaced = self.peers.insert(peer, known).is_some();
        if replaced {
            count(&self.counters.connections_replaced);
        }
        self.set_peer_gauge();
        if self.backlog.is_full(0) && !replaced {
            // The application is far behind; it never hears of this connection, so it must not last.
            self.peers.remove(&peer);
            self.set_peer_gauge();
            self.swarm.behaviour_mut().drop_link(peer);
            self.dialer.disconnected(peer, now);
            return;
        }
        let connected = NetEvent::PeerConnected {
            peer,
            outbound,
            remote_addr,
            loopback: false,
        };
        match question(peer, connection, endpoint) {
            Some(question) => self.find_out(question, connected),
            None => {
                // What waited for its connection before this one.
                self.release(peer, false);
                self.backlog.push(peer, connected);
            }
        }
    }

    fn on_dial_failed(&mut self, connection: ConnectionId, error: &SwarmDialError) {
        let asked = self.asked_dials.remove(&connection);
        if let Some(peer) = already_connected(error) {
            self.dialer.already_connected(connection, peer);
            if let Some(asked) = asked {
                let _ = asked.reply.send(Ok(peer));
            }
            return;
        }
        count(&self.counters.dials_failed);
        let mut reason = explain(error);
        if is_handshake(error, &reason) {
            // A wrong key is not told from noise; the remedy must not depend on guessing it.
            reason.push_str(if self.private {
                "; is it in the same private network (same key)?"
            } else {
                "; is it a bzzz node, without a private network key?"
            });
        }
        if let Some(asked) = asked {
            let error = DialError::Failed {
                address: asked.address,
                reason: reason.clone(),
            };
            let _ = asked.reply.send(Err(error));
        }
        if matches!(error, SwarmDialError::LocalPeerId { .. }) {
            self.dialer.is_ourselves(connection);
            return;
        }
        if let SwarmDialError::WrongPeerId { obtained, .. } = error {
            self.dialer.occupied(connection, *obtained);
        }
        let Some(failed) = self.dialer.failed(connection, Instant::now()) else {
            return;
        };
        if !failed.first {
            // The first one is told as a warning, once.
            tracing::debug!(address = %failed.address, reason, retry_in = ?failed.retry_in, "dial failed again");
            return;
        }
        let address = failed.address;
        self.warn(match error {
            SwarmDialError::WrongPeerId { obtained, .. } => Warning::WrongPeer {
                address,
                obtained: *obtained,
            },
            _ => Warning::PeerUnreachable { address, reason },
        });
    }

    fn on_protocol_event(&mut self, event: ProtocolsEvent) {
        match event {
            ProtocolsEvent::Gossip(event) => self.on_gossip(event),
            ProtocolsEvent::Direct(event) => self.on_request_event(Channel::Direct, event),
            ProtocolsEvent::Sync(event) => self.on_request_event(Channel::Sync, event),
            ProtocolsEvent::Ping(event) => self.on_ping(event),
            ProtocolsEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                if let Some(peer) = self.peers.get_mut(&peer_id) {
                    let printable = info.agent_version.chars().filter(|c| !c.is_control());
                    peer.agent_version = Some(printable.take(MAX_AGENT_VERSION_CHARS).collect());
                }
            }
            ProtocolsEvent::Mdns(event) => self.on_mdns(event),
            _ => {}
        }
    }

    fn on_ping(&mut self, event: ping::Event) {
        let Some(peer) = self.peers.get_mut(&event.peer) else {
            return;
        };
        if peer.connection != event.connection {
            return;
        }
        match event.result {
            Ok(round_trip) => {
                peer.round_trip = Some(round_trip);
                peer.alive_at = Instant::now();
            }
            // Such a peer is judged by its connection alone.
            Err(ping::Failure::Unsupported) => peer.answers_pings = false,
            // The protocol reports failures late and not all of them: silence is what counts.
            Err(error) => tracing::debug!(peer = %event.peer, %error, "a ping failed"),
        }
    }

    fn on_mdns(&mut self, event: mdns::Event) {
        match event {
            mdns::Event::Discovered(found) => {
                let now = Instant::now();
                for (peer, address) in found {
                    if self.dialer.discovered(peer, &address, now) {
                        tracing::debug!(%peer, %address, "found on the local network");
                    }
                }
            }
            mdns::Event::Expired(gone) => {
                for (peer, address) in gone {
                    self.dialer.expired(peer, &address);
                }
            }
        }
    }
}

fn already_connected(error: &SwarmDialError) -> Option<PeerId> {
    match error {
        SwarmDialError::Denied { cause } => cause.downcast_ref::<AlreadyConnected>().map(|connected| connected.0),
        _ => None,
    }
}

/// Whether somebody was there and the handshake failed, as opposed to the operating system's refusals.
fn is_handshake(error: &SwarmDialError, reason: &str) -> bool {
    // A side that has waited long enough for bytes that make sense closes: then the other one sees a reset, which is of the system.
    let began = ["Multistream", "reset by peer"]
        .iter()
        .any(|word| reason.contains(word));
    matches!(error, SwarmDialError::Transport(_)) && (began || !reason.contains("os error"))
}

/// What the library writes before a list of reasons, each on a line of its own behind a dash.
const LIST_OF_REASONS: &str = "Multiple dial errors occurred:";

/// The reasons in one line, each once, without the library's headings.
fn one_line(reasons: &[String]) -> String {
    let mut once: Vec<&str> = Vec::new();
    for line in reasons
        .iter()
        .flat_map(|reason| reason.split(LIST_OF_REASONS))
        .flat_map(str::lines)
    {
        let line = line
            .trim_matches(|c: char| c.is_whitespace() || c == ':')
            .trim_start_matches("- ");
        if !line.is_empty() && !once.contains(&line) {
            once.push(line);
        }
    }
    once.join("; ")
}

/// The reason of a failed dial in one line, with the causes that the library keeps behind it.
pub(super) fn explain(error: &SwarmDialError) -> String {
    match error {
        SwarmDialError::Transport(attempts) => {
            let reasons: Vec<String> = attempts
                .iter()
                .map(|(_, error)| {
                    let mut reason = error.to_string();
                    let mut cause = error.source();
                    while let Some(next) = cause {
                        let text = next.to_string();
                        if !reason.contains(&text) {
                            reason = format!("{reason}: {text}");
                        }
                        cause = next.source();
                    }
                    reason
                })
                .collect();
            one_line(&reasons)
        }
        SwarmDialError::Denied { cause } => cause.source().map_or_else(|| cause.to_string(), ToString::to_string),
        SwarmDialError::LocalPeerId { .. } => "this is the node itself".to_owned(),
        SwarmDialError::WrongPeerId { obtained, .. } => {
            format!("the peer there is {obtained}, not the expected one")
        }
        SwarmDialError::DialPeerConditionFalse(_) => "a dial to this peer is already under way".into(),
        // The swarm leaves out the addresses that it listens on, and none was left.
        SwarmDialError::NoAddresses => "this is the node itself".to_owned(),
        SwarmDialError::Aborted => "the attempt was given up".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::one_line;

    #[test]
    fn reasons_are_told_in_one_line_and_once() {
        let listed = ": Multiple dial errors occurred:\n - Connection refused (os error 111)\n - Connection refused (os error 111)\n";
        assert_eq!(one_line(&[listed.to_owned()]), "Connection refused (os error 111)");
        let several = ["timed out".to_owned(), listed.to_owned()];
        assert_eq!(one_line(&several), "timed out; Connection refused (os error 111)");
        assert_eq!(
            one_line(&["Handshake failed: x: y".to_owned()]),
            "Handshake failed: x: y"
        );
    }
}
