//! Whose a loopback connection is, found out beside the owner's loop.
//!
//! The look-up reads the kernel's tables and blocks for up to a tenth of a second, so it is done on threads for blocking work, a few at a time:
//! a user of this machine who connects again and again keeps those busy, and not the owner. Until the answer is there nobody is trusted, and
//! what the peer sends waits behind the event that says who it is ([`crate::backlog`]). That takes at most [`PATIENCE`]: then the peer is
//! told as a stranger, and once more when the answer comes and is better.

use std::{
    collections::VecDeque,
    net::SocketAddr,
    time::{Duration, Instant},
};

use libp2p::{Multiaddr, PeerId, core::ConnectedPoint, swarm::ConnectionId};
use tokio::task::JoinSet;

use super::Owner;
use crate::{
    config::{is_loopback, sockets},
    dialer::split_peer,
    event::NetEvent,
    local_user::OtherEnd,
};

/// Look-ups at the same time; the others wait in a queue that is as long as there are connections.
pub(super) const MAX_LOOK_UPS: usize = 2;
/// So long a peer's messages wait for the answer. Ten times what the slowest look-up was seen to take.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);

/// How it is looked up ([`crate::local_user::other_end`]).
pub(crate) type LookUp = fn(&[SocketAddr], Option<SocketAddr>) -> OtherEnd;

/// A connection of which it is not known yet.
#[derive(Debug)]
pub(super) struct Question {
    peer: PeerId,
    connection: ConnectionId,
    theirs: Vec<SocketAddr>,
    ours: Option<SocketAddr>,
    since: Instant,
}

/// What was found.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found {
    peer: PeerId,
    connection: ConnectionId,
    is_ours: bool,
}

/// Look-ups under way and waiting.
#[derive(Debug)]
pub(super) struct LookUps {
    look_up: LookUp,
    waiting: VecDeque<Question>,
    running: JoinSet<Found>,
    /// Since when the messages of a connection wait, oldest first.
    held: VecDeque<(PeerId, ConnectionId, Instant)>,
}

impl LookUps {
    pub(super) fn new(look_up: LookUp) -> Self {
        Self {
            look_up,
            waiting: VecDeque::new(),
            running: JoinSet::new(),
            held: VecDeque::new(),
        }
    }

    /// Whether an answer can come.
    pub(super) fn is_busy(&self) -> bool {
        !self.running.is_empty()
    }

    /// The next answer; none for a look-up that broke down, and for that one nobody is trusted.
    pub(super) async fn next(&mut self) -> Option<Found> {
        self.running.join_next().await.and_then(Result::ok)
    }

    fn ask(&mut self, question: Question) {
        self.held
            .push_back((question.peer, question.connection, question.since));
        self.waiting.push_back(question);
        self.fill();
    }

    fn fill(&mut self) {
        while self.running.len() < MAX_LOOK_UPS
            && let Some(next) = self.waiting.pop_front()
        {
            let look_up = self.look_up;
            self.running.spawn_blocking(move || Found {
                peer: next.peer,
                connection: next.connection,
                is_ours: look_up(&next.theirs, next.ours).is_ours(),
            });
        }
    }

    /// Whether messages of this peer wait. Forgets it: it is no longer so.
    fn release(&mut self, peer: PeerId) -> bool {
        let before = self.held.len();
        self.held.retain(|(held, ..)| *held != peer);
        self.held.len() < before
    }
}

/// What has to be looked up for a connection; none when its other end is not on this machine, or cannot be in the tables.
pub(super) fn question(peer: PeerId, connection: ConnectionId, endpoint: &ConnectedPoint) -> Option<Question> {
    // Without the peer's id, which a dialled address carries and an incoming one does not.
    let (address, _): (Multiaddr, _) = split_peer(endpoint.get_remote_address());
    if !is_loopback(&address) {
        return None;
    }
    let ours = match endpoint {
        ConnectedPoint::Listener { local_addr, .. } => Some(sockets(local_addr).first().copied()?),
        // Our port in it is not told.
        ConnectedPoint::Dialer { .. } => None,
    };
    Some(Question {
        peer,
        connection,
        theirs: sockets(&address),
        ours,
        since: Instant::now(),
    })
}

impl Owner {
    /// Holds back what the peer sends until it is known whose it is.
    pub(super) fn find_out(&mut self, question: Question, connected: NetEvent) {
        self.release(question.peer, false);
        self.backlog.hold(question.peer, connected);
        self.look_ups.ask(question);
    }

    /// The answer of a look-up.
    pub(super) fn on_found(&mut self, found: Option<Found>) {
        self.look_ups.fill();
        let Some(found) = found else { return };
        let current = self.peers.get(&found.peer);
        let Some(known) = current.filter(|known| known.connection == found.connection) else {
            return;
        };
        let event = NetEvent::PeerConnected {
            peer: found.peer,
            outbound: known.outbound,
            remote_addr: known.remote_addr.clone(),
            loopback: found.is_ours,
        };
        let in_time = self.release(found.peer, found.is_ours);
        if !in_time && found.is_ours {
            // It was told as a stranger meanwhile.
            self.backlog.push(found.peer, event);
        }
    }

    /// Lets the peer's messages go on; whether they had waited.
    pub(super) fn release(&mut self, peer: PeerId, is_ours: bool) -> bool {
        let held = self.look_ups.release(peer);
        if held {
            self.backlog.release(peer, is_ours);
        }
        held
    }

    /// Whoever has waited for too long is told as a stranger.
    pub(super) fn release_impatient(&mut self, now: Instant) {
        while let Some((peer, _, since)) = self.look_ups.held.front().copied()
            && now.duration_since(since) > PATIENCE
        {
            self.release(peer, false);
        }
    }

    /// A connection has gone: nobody needs its answer.
    pub(super) fn forget_question(&mut self, connection: ConnectionId) {
        self.look_ups
            .waiting
            .retain(|question| question.connection != connection);
    }
}

#[cfg(test)]
mod tests;
