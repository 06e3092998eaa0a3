//! Whom to dial, and when: static peers for ever, discovered peers while they are announced.
//!
//! A pure state machine: time comes in as an argument and jitter from a seed, so the tests need neither
//! sleeps nor sockets. What always holds: an entry has at most one dial in flight, the pause between two
//! dials of one entry is at least [`FIRST_RETRY`] / 2 and at most [`LAST_RETRY`] × 1.5, and the table
//! never grows above [`MAX_DISCOVERED`] discovered peers.

use std::time::{Duration, Instant};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol, swarm::ConnectionId};

/// Pause after the first failure. Short, since most first failures are peers that start together.
pub(crate) const FIRST_RETRY: Duration = Duration::from_millis(200);
/// Longest pause: a peer that was away for a day is back within half a minute of its return.
pub(crate) const LAST_RETRY: Duration = Duration::from_secs(30);
/// A connection that lived so long was a good one; a shorter one counts as a failure, so that a peer
/// which refuses us after the handshake is not dialled several times a second.
const STABLE_AFTER: Duration = Duration::from_secs(5);
/// The peer with the larger id waits so much longer, so that the two do not dial each other at once.
const LARGER_ID_WAITS: Duration = Duration::from_millis(300);
/// Discovered peers kept. A local network with more members than this needs configured peers.
pub(crate) const MAX_DISCOVERED: usize = 256;
/// Addresses kept of a discovered peer: both IP versions on a few interfaces.
const MAX_ADDRESSES: usize = 8;

/// How a peer came into the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    Static,
    Discovered,
}

#[derive(Debug)]
struct Entry {
    source: Source,
    addresses: Vec<Multiaddr>,
    /// Given in the address or by discovery.
    pinned: Option<PeerId>,
    /// Who answered last at the address; tells whether an unpinned entry is connected.
    seen: Option<PeerId>,
    /// Another peer than the pinned one answered there. While that one is connected a further dial
    /// is pointless, and would cost it the connection it has.
    occupant: Option<PeerId>,
    failures: u32,
    due: Instant,
    in_flight: Option<ConnectionId>,
    connected_at: Option<Instant>,
    /// The address is our own.
    ourselves: bool,
}

impl Entry {
    fn peer(&self) -> Option<PeerId> {
        self.pinned.or(self.seen)
    }
}

/// A dial that is due.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) entry: usize,
    pub(crate) peer: Option<PeerId>,
    pub(crate) addresses: Vec<Multiaddr>,
}

/// What a failed dial means to the one who reads the log.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    pub(crate) address: Multiaddr,
    /// The first failure since the last success: worth a warning, the next ones are not.
    pub(crate) first: bool,
    pub(crate) retry_in: Duration,
}

/// See the module documentation.
#[derive(Debug)]
pub(crate) struct Dialer {
    local: PeerId,
    entries: Vec<Entry>,
    jitter: u64,
}

/// Splits `/…/p2p/<id>` into the address and the id.
pub(crate) fn split_peer(address: &Multiaddr) -> (Multiaddr, Option<PeerId>) {
    let mut bare = address.clone();
    match bare.pop() {
        Some(Protocol::P2p(peer)) => (bare, Some(peer)),
        _ => (address.clone(), None),
    }
}

impl Dialer {
    /// `seed` feeds the jitter; it need not be secret.
    pub(crate) fn new(local: PeerId, static_peers: &[Multiaddr], seed: u64, now: Instant) -> Self {
        let mut dialer = Self {
            local,
            entries: Vec::new(),
            jitter: seed,
        };
        for address in static_peers {
            let (bare, peer) = split_peer(address);
            let same_peer = |entry: &&mut Entry| peer.is_some() && entry.pinned == peer;
            match dialer.entries.iter_mut().find(same_peer) {
                Some(entry) => entry.addresses.push(bare),
                None => dialer.push(Source::Static, bare, peer, now),
            }
        }
        dialer
    }

    fn push(&mut self, source: Source, address: Multiaddr, peer: Option<PeerId>, due: Instant) {
        self.entries.push(Entry {
            source,
            addresses: vec![address],
            pinned: peer,
            seen: None,
            occupant: None,
            failures: 0,
            due,
            in_flight: None,
            connected_at: None,
            ourselves: peer == Some(self.local),
        });
    }

    /// The dials due now. The caller starts each and reports it by [`Dialer::started`].
    pub(crate) fn due(&self, now: Instant, connected: impl Fn(&PeerId) -> bool) -> Vec<Due> {
        let waiting = |entry: &&Entry| !entry.ourselves && entry.in_flight.is_none() && entry.due <= now;
        let away = |entry: &&Entry| {
            let there = entry.peer().into_iter().chain(entry.occupant);
            !there.into_iter().any(|peer| connected(&peer))
        };
        let indexed = self.entries.iter().enumerate();
        indexed
            .filter(|(_, entry)| waiting(entry) && away(entry))
            .map(|(index, entry)| Due {
                entry: index,
                peer: entry.pinned,
                addresses: entry.addresses.clone(),
            })
            .collect()
    }

    /// The dial of `entry` runs as `connection`.
    pub(crate) fn started(&mut self, entry: usize, connection: ConnectionId) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.in_flight = Some(connection);
        }
    }

    /// The dial of `entry` could not even start (another one to that peer runs, or limits).
    pub(crate) fn postponed(&mut self, entry: usize, now: Instant) {
        let pause = self.vary(FIRST_RETRY);
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.due = now + pause;
        }
    }

    /// A dial failed. `None` when it was not one of ours.
    pub(crate) fn failed(&mut self, connection: ConnectionId, now: Instant) -> Option<Failed> {
        let index = self.in_flight(connection)?;
        let failures = self.entries[index].failures.saturating_add(1);
        let pause = self.pause(failures);
        let entry = &mut self.entries[index];
        entry.in_flight = None;
        entry.failures = failures;
        entry.due = now + pause;
        let address = entry.addresses.first()?.clone();
        Some(Failed {
            address,
            first: failures == 1,
            retry_in: pause,
        })
    }

    /// The address of this dial belongs to `occupant`, not to the peer that we expect there.
    pub(crate) fn occupied(&mut self, connection: ConnectionId, occupant: PeerId) {
        if let Some(index) = self.in_flight(connection) {
            self.entries[index].occupant = Some(occupant);
        }
    }

    /// The address of this dial is our own: never again.
    pub(crate) fn is_ourselves(&mut self, connection: ConnectionId) {
        if let Some(index) = self.in_flight(connection) {
            self.entries[index].in_flight = None;
            self.entries[index].ourselves = true;
        }
    }

    /// The addresses of `entry` are our own: never again.
    pub(crate) fn skip(&mut self, entry: usize) {
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.ourselves = true;
        }
    }

    /// A dial ended at a peer that was connected already.
    pub(crate) fn already_connected(&mut self, connection: ConnectionId, peer: PeerId) {
        if let Some(index) = self.in_flight(connection) {
            self.entries[index].in_flight = None;
            self.entries[index].seen = Some(peer);
        }
    }

    /// `peer` is connected, by `connection`, whoever dialled.
    pub(crate) fn connected(&mut self, connection: ConnectionId, peer: PeerId, now: Instant) {
        for entry in &mut self.entries {
            if entry.in_flight == Some(connection) {
                entry.in_flight = None;
                entry.seen = Some(peer);
            }
            if entry.peer() == Some(peer) {
                entry.connected_at = Some(now);
            }
        }
    }

    /// `peer` has no connection any more.
    pub(crate) fn disconnected(&mut self, peer: PeerId, now: Instant) {
        for index in 0..self.entries.len() {
            if self.entries[index].peer() != Some(peer) {
                continue;
            }
            let since = self.entries[index].connected_at.take();
            let stable = since.is_some_and(|at| now.duration_since(at) >= STABLE_AFTER);
            let failures = if stable {
                0
            } else {
                self.entries[index].failures.saturating_add(1)
            };
            let mut pause = self.pause(failures.max(1));
            if self.local.to_bytes() > peer.to_bytes() {
                pause += LARGER_ID_WAITS;
            }
            let entry = &mut self.entries[index];
            entry.failures = failures;
            entry.due = now + pause;
        }
    }

    /// Discovery announced `peer` at `address`. Returns whether this was news.
    pub(crate) fn discovered(&mut self, peer: PeerId, address: &Multiaddr, now: Instant) -> bool {
        if peer == self.local {
            return false;
        }
        let (address, _) = split_peer(address);
        if let Some(entry) = self.entries.iter_mut().find(|entry| entry.pinned == Some(peer)) {
            if entry.addresses.contains(&address) || entry.addresses.len() >= MAX_ADDRESSES {
                return false;
            }
            entry.addresses.push(address);
            return true;
        }
        let discovered = self.entries.iter().filter(|entry| entry.source == Source::Discovered);
        if discovered.count() >= MAX_DISCOVERED {
            return false;
        }
        let wait = if self.local.to_bytes() > peer.to_bytes() {
            LARGER_ID_WAITS
        } else {
            Duration::ZERO
        };
        self.push(Source::Discovered, address, Some(peer), now + wait);
        true
    }

    /// Discovery says that `peer` is not at `address` any more. Static entries stay.
    pub(crate) fn expired(&mut self, peer: PeerId, address: &Multiaddr) {
        let (address, _) = split_peer(address);
        self.entries.retain_mut(|entry| {
            if entry.source == Source::Static || entry.pinned != Some(peer) {
                return true;
            }
            entry.addresses.retain(|known| *known != address);
            !entry.addresses.is_empty()
        });
    }

    fn in_flight(&self, connection: ConnectionId) -> Option<usize> {
        self.entries
            .iter()
            .position(|entry| entry.in_flight == Some(connection))
    }

    fn pause(&mut self, failures: u32) -> Duration {
        let doublings = failures.saturating_sub(1).min(16);
        let pause = FIRST_RETRY.saturating_mul(1 << doublings).min(LAST_RETRY);
        self.vary(pause)
    }

    /// Half to one and a half of `pause`, by splitmix64 (Steele et al., 2014).
    fn vary(&mut self, pause: Duration) -> Duration {
        self.jitter = self.jitter.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.jitter;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        let percent = 50 + ((z ^ (z >> 31)) % 101) as u32;
        pause * percent / 100
    }
}

#[cfg(test)]
mod tests;
