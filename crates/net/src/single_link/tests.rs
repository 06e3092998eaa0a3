//! Tests of the choice of the one connection to a peer.

use super::*;
use crate::identity::Identity;

fn peers() -> (PeerId, PeerId) {
    let a = Identity::from_seed([1; 32]).peer_id();
    let b = Identity::from_seed([2; 32]).peer_id();
    if a.to_bytes() < b.to_bytes() { (a, b) } else { (b, a) }
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
        assert_eq!(choose(&local, &remote, false, false, Duration::ZERO), Keep::New);
        assert_eq!(choose(&local, &remote, true, false, SIMULTANEOUS_DIAL), Keep::New);
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

    fn on_connection_handler_event(&mut self, _: PeerId, _: ConnectionId, event: THandlerOutEvent<Self>) {
        match event {}
    }

    fn poll(&mut self, _: &mut Context<'_>) -> Poll<ToSwarm<Self::ToSwarm, THandlerInEvent<Self>>> {
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
        let handler = self
            .link
            .handle_established_inbound_connection(connection_id, peer_id, &addr, &addr);
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
        self.link.on_swarm_event(FromSwarm::ConnectionClosed(ConnectionClosed {
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
        while let Poll::Ready(ToSwarm::CloseConnection { connection, .. }) = self.link.poll(&mut cx) {
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
    assert_eq!(log[..], ["handler 1", "up 1", "down 1", "handler 2", "up 2", "down 2"]);
}

#[test]
fn closing_in_the_other_order_makes_no_difference() {
    let mut bench = Bench::new();
    assert!(bench.inbound(1, 0));
    assert!(bench.inbound(2, 1));
    bench.closed(2, 1);
    bench.closed(1, 0);
    assert!(bench.inbound(3, 0));
    assert_eq!(bench.link.inner().open, Some(ConnectionId::new_unchecked(3)));
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
    assert_eq!(bench.link.inner().log.last().map(String::as_str), Some("down 1"));
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
