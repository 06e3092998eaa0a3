//! One connection a peer, seen from the protocols.
//!
//! Two connections to one peer exist for a moment in two cases: both sides dialled at once, or the
//! peer restarted (or lost its route) and came back while the old connection still looks alive to
//! us. Gossipsub tells a peer its subscriptions on the *first* connection only, so a returning peer
//! that arrives as a second connection would never learn ours and could not publish to us until the
//! old connection times out. Refusing the newcomer instead would lock a restarted peer out for
//! exactly as long.
//!
//! [`SingleLink`] wraps the node's whole behaviour and settles the matter before any protocol
//! sees it: of two connections it picks one, closes the other, and shows the inner behaviour a strict
//! sequence: established, closed, established. What always holds: the inner behaviour knows at
//! most one connection a peer, and hears nothing from a handler of another one.
//!
//! The choice must be the same on both sides, or each closes the connection that the other one keeps:
//! - a simultaneous dial (opposite directions, the first younger than [`SIMULTANEOUS_DIAL`]): the
//!   connection dialled by the smaller peer id stays;
//! - otherwise the newcomer stays: a peer that dials us again does not hold the old connection any more.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use libp2p::{
    Multiaddr, PeerId,
    core::{ConnectedPoint, Endpoint, transport::PortUse},
    swarm::{
        CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler, THandlerInEvent,
        THandlerOutEvent, ToSwarm,
        behaviour::{ConnectionClosed, ConnectionEstablished},
    },
};

/// Two opposite dials within this time count as simultaneous. It covers a handshake over a slow link
/// (about four round trips of 300 ms) and stays below the time that a node needs to restart.
const SIMULTANEOUS_DIAL: Duration = Duration::from_millis(1_200);

/// Why a second connection to a connected peer was turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct AlreadyConnected(pub(crate) PeerId);

impl fmt::Display for AlreadyConnected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "already connected to {}", self.0)
    }
}

impl std::error::Error for AlreadyConnected {}

/// The connection that the inner behaviour knows.
#[derive(Debug)]
struct Link {
    connection: ConnectionId,
    /// What the swarm said when it was established; `None` until then.
    endpoint: Option<ConnectedPoint>,
    dialled_by_us: bool,
    since: Instant,
}

/// See the module documentation.
pub(crate) struct SingleLink<B> {
    inner: B,
    local: PeerId,
    links: HashMap<PeerId, Link>,
    /// Replaced connections that the swarm must close. Bounded by the connections there are.
    to_close: VecDeque<(PeerId, ConnectionId)>,
    waker: Option<Waker>,
}

/// Which of two connections to one peer stays.
#[derive(Debug, PartialEq, Eq)]
enum Keep {
    Old,
    New,
}

fn choose(
    local: &PeerId,
    remote: &PeerId,
    old_dialled_by_us: bool,
    new_dialled_by_us: bool,
    old_age: Duration,
) -> Keep {
    if old_dialled_by_us == new_dialled_by_us || old_age >= SIMULTANEOUS_DIAL {
        return Keep::New;
    }
    let smaller_is_us = local.to_bytes() < remote.to_bytes();
    if new_dialled_by_us == smaller_is_us {
        Keep::New
    } else {
        Keep::Old
    }
}

impl<B: NetworkBehaviour> SingleLink<B> {
    pub(crate) fn new(local: PeerId, inner: B) -> Self {
        Self {
            inner,
            local,
            links: HashMap::new(),
            to_close: VecDeque::new(),
            waker: None,
        }
    }

    pub(crate) fn inner(&self) -> &B {
        &self.inner
    }

    pub(crate) fn inner_mut(&mut self) -> &mut B {
        &mut self.inner
    }

    /// Makes room for a new connection to `peer`, or says that the present one stays.
    fn admit(&mut self, peer: PeerId, dialled_by_us: bool) -> Result<(), ConnectionDenied> {
        let Some(old) = self.links.get(&peer) else {
            return Ok(());
        };
        let age = old.since.elapsed();
        if choose(&self.local, &peer, old.dialled_by_us, dialled_by_us, age) == Keep::Old {
            return Err(ConnectionDenied::new(AlreadyConnected(peer)));
        }
        self.drop_link(peer);
        Ok(())
    }

    /// Tells the inner behaviour that the connection to `peer` is over, and has the swarm close it.
    /// Returns whether there was one.
    pub(crate) fn drop_link(&mut self, peer: PeerId) -> bool {
        let Some(old) = self.links.remove(&peer) else {
            return false;
        };
        if let Some(endpoint) = &old.endpoint {
            self.inner.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
                peer_id: peer,
                connection_id: old.connection,
                endpoint,
                cause: None,
                remaining_established: 0,
            }));
        }
        self.to_close.push_back((peer, old.connection));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        true
    }

    fn link(&mut self, peer: PeerId, connection: ConnectionId, dialled_by_us: bool) {
        let link = Link {
            connection,
            endpoint: None,
            dialled_by_us,
            since: Instant::now(),
        };
        self.links.insert(peer, link);
    }

    /// Whether `connection` is the one that stands for `peer` (a replaced one is not).
    pub(crate) fn is_current(&self, peer: &PeerId, connection: ConnectionId) -> bool {
        self.links.get(peer).is_some_and(|link| link.connection == connection)
    }
}

impl<B: NetworkBehaviour> NetworkBehaviour for SingleLink<B> {
    type ConnectionHandler = B::ConnectionHandler;
    type ToSwarm = B::ToSwarm;

    fn handle_pending_inbound_connection(
        &mut self,
        connection: ConnectionId,
        local_addr: &Multiaddr,
        remote_addr: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        self.inner
            .handle_pending_inbound_connection(connection, local_addr, remote_addr)
    }

    fn handle_established_inbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        local_addr: &Multiaddr,
        remote_addr: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(peer, false)?;
        let handler = self
            .inner
            .handle_established_inbound_connection(connection, peer, local_addr, remote_addr)?;
        self.link(peer, connection, false);
        Ok(handler)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        effective_role: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        self.inner
            .handle_pending_outbound_connection(connection, peer, addresses, effective_role)
    }

    fn handle_established_outbound_connection(
        &mut self,
        connection: ConnectionId,
        peer: PeerId,
        addr: &Multiaddr,
        role_override: Endpoint,
        port_use: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(peer, true)?;
        let handler =
            self.inner
                .handle_established_outbound_connection(connection, peer, addr, role_override, port_use)?;
        self.link(peer, connection, true);
        Ok(handler)
    }

    fn on_swarm_event(&mut self, event: FromSwarm) {
        match event {
            FromSwarm::ConnectionEstablished(established) => {
                let Some(link) = self.links.get_mut(&established.peer_id) else {
                    return;
                };
                if link.connection != established.connection_id {
                    return;
                }
                link.endpoint = Some(established.endpoint.clone());
                self.inner
                    .on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
                        other_established: 0,
                        ..established
                    }));
            }
            FromSwarm::ConnectionClosed(closed) => {
                if !self.is_current(&closed.peer_id, closed.connection_id) {
                    return;
                }
                self.links.remove(&closed.peer_id);
                self.inner.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
                    remaining_established: 0,
                    ..closed
                }));
            }
            FromSwarm::AddressChange(change) => {
                if self.is_current(&change.peer_id, change.connection_id) {
                    self.inner.on_swarm_event(event);
                }
            }
            other => self.inner.on_swarm_event(other),
        }
    }

    fn on_connection_handler_event(&mut self, peer: PeerId, connection: ConnectionId, event: THandlerOutEvent<Self>) {
        if self.is_current(&peer, connection) {
            self.inner.on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, connection)) = self.to_close.pop_front() {
            let connection = CloseConnection::One(connection);
            return Poll::Ready(ToSwarm::CloseConnection { peer_id, connection });
        }
        let polled = self.inner.poll(cx);
        if polled.is_pending() {
            self.waker = Some(cx.waker().clone());
        }
        polled
    }
}

#[cfg(test)]
mod tests;
