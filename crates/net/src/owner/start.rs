//! From settings to a running owner that listens.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId, TransportError,
    core::transport::ListenerId,
    multiaddr::Protocol,
    swarm::{self, Swarm, SwarmEvent},
};
use socket2::{Domain, Protocol as IpProtocol, Socket, Type};
use tokio::{
    sync::mpsc,
    time::{MissedTickBehavior, interval, timeout_at},
};

use super::{
    Owner, TICK,
    whose::{LookUp, LookUps},
};
use crate::{
    backlog::Backlog,
    behaviour::{Protocols, ProtocolsEvent},
    config::{COMMAND_QUEUE, EVENT_QUEUE, NetConfig},
    dialer::Dialer,
    error::NetError,
    event::{NetEvent, Warning},
    handle::Net,
    identity,
    metrics::Counters,
    outbox::Outbox,
    requests::Requests,
    single_link::SingleLink,
    transport,
};

/// A listener that has no address after so long will not get one.
const LISTEN_LIMIT: Duration = Duration::from_secs(5);
/// The addresses of a listener on all interfaces are collected for so long.
const INTERFACES_LIMIT: Duration = Duration::from_millis(50);
/// Connections stay while both sides live; the ping finds the dead ones.
const IDLE_LIMIT: Duration = Duration::from_secs(10 * 365 * 24 * 3600);
/// Streams of one connection in negotiation at once: room for a burst of requests on both channels.
const NEGOTIATING_STREAMS: usize = 256;

/// See [`Net::start`]. `look_up` says whose a loopback connection is.
pub(crate) async fn start(config: NetConfig, look_up: LookUp) -> Result<(Net, mpsc::Receiver<NetEvent>), NetError> {
    let keypair = identity::keypair(config.secret_key);
    let local = keypair.public().to_peer_id();
    let limits = config.limits.clone();
    let transport = transport::build(&keypair, config.private_key, limits.handshake_timeout)?;
    let (protocols, warning) = Protocols::new(&config, &keypair, local)?;
    let settings = swarm::Config::with_tokio_executor()
        .with_idle_connection_timeout(IDLE_LIMIT)
        .with_max_negotiating_inbound_streams(NEGOTIATING_STREAMS);
    let mut swarm = Swarm::new(transport, SingleLink::new(local, protocols), local, settings);

    let mut backlog = Backlog::default();
    if let Some(warning) = warning {
        tracing::warn!("{warning}");
        backlog.push_own(NetEvent::Warning(warning));
    }
    let early = listen(&mut swarm, &config.listen).await?;

    let seed = getrandom::u64().map_err(|error| NetError::Setup {
        what: "randomness",
        reason: error.to_string(),
    })?;
    let (commands, command_queue) = mpsc::channel(COMMAND_QUEUE);
    let (events, event_queue) = mpsc::channel(EVENT_QUEUE);
    let counters = Arc::new(Counters::default());
    let mut tick = interval(TICK);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let net = Net {
        commands: commands.clone(),
        counters: Arc::clone(&counters),
        local,
        request_timeout: limits.request_timeout,
    };
    let mut owner = Owner {
        swarm,
        commands: command_queue,
        own_commands: commands.downgrade(),
        events,
        backlog,
        tick,
        last_tick: Instant::now(),
        requests: Requests::new(limits.max_requests_per_peer),
        limits,
        private: config.private_key.is_some(),
        counters,
        peers: HashMap::new(),
        look_ups: LookUps::new(look_up),
        dialer: Dialer::new(local, &config.peers, seed, Instant::now()),
        asked_dials: HashMap::new(),
        outbox: Outbox::default(),
        burst_left: 0,
        topics: 0,
    };
    for event in early {
        owner.on_swarm_event(event);
    }
    tokio::spawn(owner.run());
    Ok((net, event_queue))
}

/// Listens on all addresses, and returns everything that the swarm reported meanwhile: the addresses that
/// came up, and perhaps a first peer, quick as they are when they have waited for us.
async fn listen(
    swarm: &mut Swarm<SingleLink<Protocols>>,
    addresses: &[Multiaddr],
) -> Result<Vec<SwarmEvent<ProtocolsEvent>>, NetError> {
    let mut waiting: HashMap<ListenerId, Multiaddr> = HashMap::new();
    for address in addresses {
        ensure_free(address)?;
        let id = swarm.listen_on(address.clone()).map_err(|error| match error {
            TransportError::MultiaddrNotSupported(address) => NetError::AddressNotSupported { address },
            TransportError::Other(source) => refused(address.clone(), source),
        })?;
        waiting.insert(id, address.clone());
    }
    let mut early = Vec::new();
    let deadline = Instant::now() + LISTEN_LIMIT;
    while let Some(address) = waiting.values().next().cloned() {
        let next = timeout_at(deadline.into(), swarm.select_next_some()).await;
        let waited = LISTEN_LIMIT;
        let event = next.map_err(|_| NetError::ListenTimeout {
            address: address.clone(),
            waited,
        })?;
        match event {
            SwarmEvent::ListenerClosed {
                listener_id, reason, ..
            } => {
                let address = waiting.remove(&listener_id).unwrap_or(address);
                let closed = || io::Error::other("it was closed");
                return Err(refused(address, reason.err().unwrap_or_else(closed)));
            }
            event => {
                if let SwarmEvent::NewListenAddr { listener_id, .. } = &event {
                    waiting.remove(listener_id);
                }
                early.push(event);
            }
        }
    }
    if addresses.iter().any(is_wildcard) {
        // One listener, several addresses: they come one after the other at once.
        let settled = Instant::now() + INTERFACES_LIMIT;
        while let Ok(event) = timeout_at(settled.into(), swarm.select_next_some()).await {
            early.push(event);
        }
    }
    Ok(early)
}

fn is_wildcard(address: &Multiaddr) -> bool {
    socket_address(address).is_some_and(|socket| socket.ip().is_unspecified())
}

fn refused(address: Multiaddr, source: io::Error) -> NetError {
    if source.kind() == io::ErrorKind::AddrInUse {
        NetError::PortInUse { address }
    } else {
        NetError::Listen { address, source }
    }
}

/// The transport listens with SO_REUSEPORT, by which a second node would share the port in silence and get
/// every other connection. An ordinary bind finds out first.
fn ensure_free(address: &Multiaddr) -> Result<(), NetError> {
    let Some(socket) = socket_address(address).filter(|socket| socket.port() != 0) else {
        return Ok(());
    };
    try_bind(socket).map_err(|error| refused(address.clone(), error))
}

/// Binds as the transport does (IPv6 apart from IPv4, so that both may use one port number), only without
/// sharing, and lets go again.
fn try_bind(address: SocketAddr) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(IpProtocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Remains of closed connections do not count.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1)
}

fn socket_address(address: &Multiaddr) -> Option<SocketAddr> {
    let mut parts = address.iter();
    let ip: IpAddr = match parts.next()? {
        Protocol::Ip4(ip) => ip.into(),
        Protocol::Ip6(ip) => ip.into(),
        _ => return None,
    };
    match parts.next()? {
        Protocol::Tcp(port) => Some(SocketAddr::new(ip, port)),
        _ => None,
    }
}

/// A warning for an address of which the listener says that it is gone.
pub(super) fn listener_closed(addresses: &[Multiaddr], reason: Result<(), io::Error>) -> Warning {
    let address: Vec<String> = addresses.iter().map(Multiaddr::to_string).collect();
    let reason = reason
        .err()
        .map_or_else(|| "it was closed".to_owned(), |e| e.to_string());
    Warning::ListenerClosed {
        address: address.join(" "),
        reason,
    }
}

/// Who `address` says it is, if it says so.
pub(super) fn expected_peer(address: &Multiaddr) -> Option<PeerId> {
    crate::dialer::split_peer(address).1
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, Ipv6Addr, TcpListener};

    #[test]
    fn a_port_is_taken_for_its_own_ip_version_only() {
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let port = taken.local_addr().expect("bound").port();
        let v4 = try_bind((Ipv4Addr::LOCALHOST, port).into()).expect_err("taken");
        assert_eq!(v4.kind(), io::ErrorKind::AddrInUse);
        match try_bind((Ipv6Addr::UNSPECIFIED, port).into()) {
            // A machine without IPv6 has nothing to tell apart.
            Err(error) if error.kind() != io::ErrorKind::AddrInUse => {}
            bound => bound.expect("free for IPv6"),
        }
        drop(taken);
        try_bind((Ipv4Addr::LOCALHOST, port).into()).expect("free again");
    }
}
