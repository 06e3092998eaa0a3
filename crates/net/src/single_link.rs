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
        CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, THandler,
        THandlerInEvent, THandlerOutEvent, ToSwarm,
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
            self.inner
                .on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
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
        self.links
            .get(peer)
            .is_some_and(|link| link.connection == connection)
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
        let handler = self.inner.handle_established_inbound_connection(
            connection,
            peer,
            local_addr,
            remote_addr,
        )?;
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
        let handler = self.inner.handle_established_outbound_connection(
            connection,
            peer,
            addr,
            role_override,
            port_use,
        )?;
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
                self.inner.on_swarm_event(FromSwarm::ConnectionEstablished(
                    ConnectionEstablished {
                        other_established: 0,
                        ..established
                    },
                ));
            }
            FromSwarm::ConnectionClosed(closed) => {
                if !self.is_current(&closed.peer_id, closed.connection_id) {
                    return;
                }
                self.links.remove(&closed.peer_id);
                self.inner
                    .on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
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

    fn on_connection_handler_event(
        &mut self,
        peer: PeerId,
        connection: ConnectionId,
        event: THandlerOutEvent<Self>,
    ) {
        if self.is_current(&peer, connection) {
            self.inner
                .on_connection_handler_event(peer, connection, event);
        }
    }

    fn poll(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
        if let Some((peer_id, connection)) = self.to_close.pop_front() {
            let connection = CloseConnection::One(connection);
            return Poll::Ready(ToSwarm::CloseConnection {
                peer_id,
                connection,
            });
        }
        let polled = self.inner.poll(cx);
        if polled.is_pending() {
            self.waker = Some(cx.waker().clone());
        }
        polled
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Identity;

    fn peers() -> (PeerId, PeerId) {
        let a = Identity::from_seed([1; 32]).peer_id();
        let b = Identity::from_seed([2; 32]).peer_id();
        if a.to_bytes() < b.to_bytes() {
            (a, b)
        } else {
            (b, a)
        }
    }

    /// Both sides of a simultaneous dial, whatever order they saw the two connections in.
    #[test]
    fn a_simultaneous_dial_is_settled_alike_on_both_sides() {
        let (small, large) = peers();
        let young = Duration::from_millis(5);
        // The connection that `small` dialled must survive in all four views.
        assert_eq!(choose(&small, &large, true, false, young), Keep::Old);
        assert_eq!(choose(&small, &large, false, true, young), Keep::New);
        assert_eq!(choose(&large, &small, true, false, young), Keep::New);
        assert_eq!(choose(&large, &small, false, true, young), Keep::Old);
    }

    #[test]
    fn a_returning_peer_replaces_its_old_connection() {
        let (small, large) = peers();
        for (local, remote) in [(small, large), (large, small)] {
            assert_eq!(
                choose(&local, &remote, false, false, Duration::ZERO),
                Keep::New
            );
            assert_eq!(
                choose(&local, &remote, true, false, SIMULTANEOUS_DIAL),
                Keep::New
            );
        }
    }

    /// Writes down what it is told, and asserts that it knows at most one connection.
    #[derive(Default)]
    struct Recorder {
        log: Vec<String>,
        open: Option<ConnectionId>,
        refuse: bool,
    }

    impl NetworkBehaviour for Recorder {
        type ConnectionHandler = libp2p::swarm::dummy::ConnectionHandler;
        type ToSwarm = std::convert::Infallible;

        fn handle_established_inbound_connection(
            &mut self,
            connection: ConnectionId,
            _: PeerId,
            _: &Multiaddr,
            _: &Multiaddr,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            if self.refuse {
                return Err(ConnectionDenied::new("refused"));
            }
            self.log.push(format!("handler {connection}"));
            Ok(libp2p::swarm::dummy::ConnectionHandler)
        }

        fn handle_established_outbound_connection(
            &mut self,
            connection: ConnectionId,
            peer: PeerId,
            addr: &Multiaddr,
            _: Endpoint,
            _: PortUse,
        ) -> Result<THandler<Self>, ConnectionDenied> {
            self.handle_established_inbound_connection(connection, peer, addr, addr)
        }

        fn on_swarm_event(&mut self, event: FromSwarm) {
            match event {
                FromSwarm::ConnectionEstablished(up) => {
                    assert_eq!(self.open.replace(up.connection_id), None, "one at a time");
                    assert_eq!(up.other_established, 0);
                    self.log.push(format!("up {}", up.connection_id));
                }
                FromSwarm::ConnectionClosed(down) => {
                    assert_eq!(self.open.take(), Some(down.connection_id));
                    assert_eq!(down.remaining_established, 0);
                    self.log.push(format!("down {}", down.connection_id));
                }
                _ => {}
            }
        }

        fn on_connection_handler_event(
            &mut self,
            _: PeerId,
            _: ConnectionId,
            event: THandlerOutEvent<Self>,
        ) {
            match event {}
        }

        fn poll(
            &mut self,
            _: &mut Context<'_>,
        ) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
            Poll::Pending
        }
    }

    struct Bench {
        link: SingleLink<Recorder>,
        remote: PeerId,
        addr: Multiaddr,
    }

    impl Bench {
        fn new() -> Self {
            let (local, remote) = peers();
            let link = SingleLink::new(local, Recorder::default());
            Self {
                link,
                remote,
                addr: Multiaddr::empty(),
            }
        }

        fn endpoint(&self) -> ConnectedPoint {
            let addr = self.addr.clone();
            ConnectedPoint::Listener {
                local_addr: addr.clone(),
                send_back_addr: addr,
            }
        }

        /// The swarm reports an inbound connection; `others` are still open.
        fn inbound(&mut self, n: usize, others: usize) -> bool {
            let connection_id = ConnectionId::new_unchecked(n);
            let (peer_id, addr) = (self.remote, self.addr.clone());
            let handler = self.link.handle_established_inbound_connection(
                connection_id,
                peer_id,
                &addr,
                &addr,
            );
            if handler.is_err() {
                return false;
            }
            let endpoint = self.endpoint();
            self.link
                .on_swarm_event(FromSwarm::ConnectionEstablished(ConnectionEstablished {
                    peer_id,
                    connection_id,
                    endpoint: &endpoint,
                    failed_addresses: &[],
                    other_established: others,
                }));
            true
        }

        fn closed(&mut self, n: usize, remaining: usize) {
            let endpoint = self.endpoint();
            self.link
                .on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
                    peer_id: self.remote,
                    connection_id: ConnectionId::new_unchecked(n),
                    endpoint: &endpoint,
                    cause: None,
                    remaining_established: remaining,
                }));
        }

        fn closes(&mut self) -> Vec<ConnectionId> {
            let mut cx = Context::from_waker(Waker::noop());
            let mut closed = Vec::new();
            while let Poll::Ready(ToSwarm::CloseConnection { connection, .. }) =
                self.link.poll(&mut cx)
            {
                match connection {
                    CloseConnection::One(connection) => closed.push(connection),
                    CloseConnection::All => panic!("only the replaced one may go"),
                }
            }
            closed
        }
    }

    #[test]
    fn the_protocols_see_one_connection_after_the_other() {
        let mut bench = Bench::new();
        assert!(bench.inbound(1, 0));
        assert!(bench.inbound(2, 1));
        assert_eq!(bench.closes(), [ConnectionId::new_unchecked(1)]);
        bench.closed(1, 1);
        bench.closed(2, 0);
        let log = &bench.link.inner().log;
        assert_eq!(
            log[..],
            ["handler 1", "up 1", "down 1", "handler 2", "up 2", "down 2"]
        );
    }

    #[test]
    fn closing_in_the_other_order_makes_no_difference() {
        let mut bench = Bench::new();
        assert!(bench.inbound(1, 0));
        assert!(bench.inbound(2, 1));
        bench.closed(2, 1);
        bench.closed(1, 0);
        assert!(bench.inbound(3, 0));
        assert_eq!(
            bench.link.inner().open,
            Some(ConnectionId::new_unchecked(3))
        );
    }

    #[test]
    fn a_dropped_link_is_over_at_once_and_closed_once() {
        let mut bench = Bench::new();
        assert!(bench.inbound(1, 0));
        let remote = bench.remote;
        assert!(bench.link.drop_link(remote));
        assert!(!bench.link.drop_link(remote));
        assert_eq!(bench.link.inner().open, None);
        assert_eq!(bench.closes(), [ConnectionId::new_unchecked(1)]);
        bench.closed(1, 0);
        assert_eq!(
            bench.link.inner().log.last().map(String::as_str),
            Some("down 1")
        );
    }

    #[test]
    fn a_newcomer_that_is_refused_leaves_nothing_behind() {
        let mut bench = Bench::new();
        bench.link.inner_mut().refuse = true;
        assert!(!bench.inbound(1, 0));
        bench.link.inner_mut().refuse = false;
        assert!(bench.inbound(2, 0));
        assert_eq!(bench.link.inner().log[..], ["handler 2", "up 2"]);
    }
}
