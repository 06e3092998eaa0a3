//! Events on their way to the application.
//!
//! The owner must never wait for the application, or the two could wait for each other. So events go
//! through this bounded queue. When the application falls behind, gossip is dropped (it is a hint) and
//! requests are refused (the asker is told), while connects and disconnects are always kept: there are
//! at most two of them for each connection that the limits allow, since a connect that finds the queue full
//! is answered by closing the connection.
//!
//! The events of a peer of which it is being found out whose it is are held behind the one that tells of its connection, and count
//! like those in the queue.

use std::collections::{HashMap, VecDeque};

use libp2p::PeerId;

use crate::{
    config::{EVENT_BACKLOG, EVENT_BACKLOG_BYTES},
    event::{NetEvent, Warning},
};

/// See the module documentation.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    queue: VecDeque<NetEvent>,
    held: HashMap<PeerId, Vec<NetEvent>>,
    /// Events held, of all peers.
    held_events: usize,
    bytes: usize,
    overloaded: bool,
}

fn size(event: &NetEvent) -> usize {
    match event {
        NetEvent::Gossip { data, .. } | NetEvent::Request { data, .. } => data.len(),
        _ => 0,
    }
}

impl Backlog {
    /// Whether an event with a payload of `bytes` must be turned away now. Warns once when that begins.
    pub(crate) fn is_full(&mut self, bytes: usize) -> bool {
        let full = self.events() >= EVENT_BACKLOG || (bytes > 0 && self.bytes + bytes > EVENT_BACKLOG_BYTES);
        if full && !self.overloaded {
            self.overloaded = true;
            tracing::warn!("{}", Warning::Overloaded);
            self.queue.push_back(NetEvent::Warning(Warning::Overloaded));
        }
        full
    }

    fn events(&self) -> usize {
        self.queue.len() + self.held_events
    }

    /// Appends an event that is of no peer, full or not.
    pub(crate) fn push_own(&mut self, event: NetEvent) {
        self.queue.push_back(event);
    }

    /// Appends an event of a peer, full or not: behind those of the peer that are held.
    pub(crate) fn push(&mut self, peer: PeerId, event: NetEvent) {
        self.bytes += size(&event);
        match self.held.get_mut(&peer) {
            Some(held) => {
                held.push(event);
                self.held_events += 1;
            }
            None => self.queue.push_back(event),
        }
    }

    /// Holds the peer's events from this one on, which tells of its connection.
    pub(crate) fn hold(&mut self, peer: PeerId, connected: NetEvent) {
        self.held.entry(peer).or_default();
        self.push(peer, connected);
    }

    /// Lets the peer's events go on. Of the connection it is known by now whether it is of this machine's own user.
    pub(crate) fn release(&mut self, peer: PeerId, is_ours: bool) {
        for mut event in self.held.remove(&peer).unwrap_or_default() {
            if let NetEvent::PeerConnected { loopback, .. } = &mut event {
                *loopback = is_ours;
            }
            self.held_events -= 1;
            self.queue.push_back(event);
        }
    }

    pub(crate) fn pop(&mut self) -> Option<NetEvent> {
        let event = self.queue.pop_front()?;
        self.bytes -= size(&event);
        if self.events() < EVENT_BACKLOG / 2 {
            self.overloaded = false;
        }
        Some(event)
    }

    /// Whether nothing can be handed out.
    pub(crate) fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connected(peer: PeerId) -> NetEvent {
        NetEvent::PeerConnected {
            peer,
            outbound: false,
            remote_addr: libp2p::Multiaddr::empty(),
            loopback: false,
        }
    }

    /// The order of what comes out: who, and whether told as ours.
    fn told(backlog: &mut Backlog) -> Vec<(PeerId, Option<bool>)> {
        let mut out = Vec::new();
        while let Some(event) = backlog.pop() {
            out.push(match event {
                NetEvent::PeerConnected { peer, loopback, .. } => (peer, Some(loopback)),
                NetEvent::PeerDisconnected { peer } => (peer, None),
                other => panic!("{other:?}"),
            });
        }
        out
    }

    #[test]
    fn what_a_held_peer_sends_waits_behind_its_connection_and_others_go_on() {
        let (a, b) = (PeerId::random(), PeerId::random());
        let mut backlog = Backlog::default();
        backlog.hold(a, connected(a));
        backlog.push(a, NetEvent::PeerDisconnected { peer: a });
        backlog.push(b, connected(b));
        assert_eq!(told(&mut backlog), [(b, Some(false))]);
        assert!(backlog.is_empty());
        backlog.release(b, true);
        backlog.release(a, true);
        backlog.push(a, connected(a));
        assert_eq!(told(&mut backlog), [(a, Some(true)), (a, None), (a, Some(false))]);
    }

    #[test]
    fn held_events_count() {
        let peer = PeerId::random();
        let mut backlog = Backlog::default();
        backlog.hold(peer, connected(peer));
        for _ in 1..EVENT_BACKLOG {
            assert!(!backlog.is_full(0));
            backlog.push(peer, NetEvent::PeerDisconnected { peer });
        }
        assert!(backlog.is_full(0));
        // The warning goes out at once.
        assert!(matches!(backlog.pop(), Some(NetEvent::Warning(Warning::Overloaded))));
        backlog.release(peer, false);
        assert!(backlog.is_full(0));
        assert_eq!(told(&mut backlog).len(), EVENT_BACKLOG);
        assert!(!backlog.is_full(0));
    }
}
