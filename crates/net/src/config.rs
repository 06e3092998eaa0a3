//! Settings of the network, each default with its reason.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use libp2p::{Multiaddr, PeerId, multiaddr::Protocol};

/// Everything that [`crate::Net::start`] needs to know.
#[derive(Clone)]
pub struct NetConfig {
    /// Ed25519 seed of the node (see [`crate::identity`]).
    pub secret_key: [u8; 32],
    /// Where to listen. Empty: the node only dials.
    pub listen: Vec<Multiaddr>,
    /// Static and bootstrap peers, redialled for ever. With `/p2p/<id>` at the end the peer's
    /// identity is checked as well.
    pub peers: Vec<Multiaddr>,
    /// Look for peers on the local network by mDNS. Without effect when every listen address is
    /// loopback, since nobody could reach what would be announced.
    pub mdns: bool,
    /// Key of a private network (libp2p pnet, version 1): nodes without it cannot even start a handshake.
    pub private_key: Option<[u8; 32]>,
    /// Only these peers may connect. `None`: everybody who is not denied.
    pub allow: Option<Vec<PeerId>>,
    /// These peers may not connect, even if allowed above, and gossip signed by them is dropped.
    pub deny: Vec<PeerId>,
    /// Bounds and timeouts.
    pub limits: Limits,
}

impl NetConfig {
    /// A node with this key that listens nowhere, knows nobody and has the default limits.
    #[must_use]
    pub fn new(secret_key: [u8; 32]) -> Self {
        Self {
            secret_key,
            listen: Vec::new(),
            peers: Vec::new(),
            mdns: false,
            private_key: None,
            allow: None,
            deny: Vec::new(),
            limits: Limits::default(),
        }
    }

    /// Whether mDNS makes sense: asked for, and at least one listen address that others can reach.
    #[must_use]
    pub fn mdns_in_effect(&self) -> bool {
        self.mdns && self.listen.iter().any(|address| !is_loopback(address))
    }
}

impl fmt::Debug for NetConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NetConfig")
            .field("secret_key", &"(secret)")
            .field("listen", &self.listen)
            .field("peers", &self.peers)
            .field("mdns", &self.mdns)
            .field("private_key", &self.private_key.map(|_| "(secret)"))
            .field("allow", &self.allow)
            .field("deny", &self.deny)
            .field("limits", &self.limits)
            .finish()
    }
}

/// Whether an address is one of this machine only.
#[must_use]
pub fn is_loopback(address: &Multiaddr) -> bool {
    match address.iter().next() {
        Some(Protocol::Ip4(ip)) => ip.is_loopback(),
        Some(Protocol::Ip6(ip)) => ip.is_loopback() || ip.to_ipv4_mapped().is_some_and(|ip| ip.is_loopback()),
        Some(Protocol::Dns(name) | Protocol::Dns4(name) | Protocol::Dns6(name)) => name == "localhost",
        _ => false,
    }
}

/// The socket addresses that an address may stand for: one, none when it has no TCP port or is a name, and both loopback
/// addresses for the name of this machine, which the system resolves.
pub(crate) fn sockets(address: &Multiaddr) -> Vec<SocketAddr> {
    let mut parts = address.iter();
    let (Some(host), Some(Protocol::Tcp(port))) = (parts.next(), parts.next()) else {
        return Vec::new();
    };
    let (v4, v6) = (Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into());
    let ips: Vec<IpAddr> = match host {
        Protocol::Ip4(ip) => vec![ip.into()],
        Protocol::Ip6(ip) => vec![ip.into()],
        _ if !is_loopback(address) => vec![],
        Protocol::Dns4(_) => vec![v4],
        Protocol::Dns6(_) => vec![v6],
        _ => vec![v4, v6],
    };
    ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect()
}

/// When new connections are refused for want of memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemoryLimit {
    /// The process may use so many percent of the machine's memory.
    Percent(u8),
    /// The process may use so many bytes of physical memory.
    Bytes(usize),
}

/// Bounds and timeouts. The defaults suit a node in a network of up to a few hundred nodes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Connections that others opened.
    pub max_inbound: u32,
    /// Connections that we opened. Apart from inbound ones, so that callers cannot crowd them out.
    pub max_outbound: u32,
    /// Connections in all.
    pub max_connections: u32,
    /// Handshakes in progress, for each direction.
    pub max_pending: u32,
    /// New connections are refused above this.
    pub memory: Option<MemoryLimit>,
    /// Longest gossip message on the wire, in bytes; the payload may have 1 KiB less, which is kept for the
    /// topic, the author, the signature and the framing.
    pub max_gossip_bytes: usize,
    /// Longest request and longest response, in bytes.
    pub max_message_bytes: usize,
    /// Memory for requests and responses that are being received or wait for the application, in bytes.
    pub max_inflight_bytes: usize,
    /// Requests to one peer on one channel at the same time; more wait their turn.
    pub max_requests_per_peer: usize,
    /// A request fails after this time, waiting and transport included.
    pub request_timeout: Duration,
    /// A handshake fails after this time.
    pub handshake_timeout: Duration,
    /// How often a connection is probed.
    pub ping_interval: Duration,
    /// A probe without an answer for so long closes the connection.
    pub ping_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_inbound: DEFAULT_MAX_INBOUND,
            max_outbound: DEFAULT_MAX_OUTBOUND,
            max_connections: DEFAULT_MAX_INBOUND + DEFAULT_MAX_OUTBOUND,
            max_pending: DEFAULT_MAX_PENDING,
            memory: Some(DEFAULT_MEMORY),
            max_gossip_bytes: DEFAULT_MAX_GOSSIP_BYTES,
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            max_inflight_bytes: DEFAULT_MAX_INFLIGHT_BYTES,
            max_requests_per_peer: DEFAULT_MAX_REQUESTS_PER_PEER,
            request_timeout: DEFAULT_REQUEST_TIMEOUT,
            handshake_timeout: DEFAULT_HANDSHAKE_TIMEOUT,
            ping_interval: DEFAULT_PING_INTERVAL,
            ping_timeout: DEFAULT_PING_TIMEOUT,
        }
    }
}

/// A full mesh of 200 nodes fits; each connection costs some 100 KiB.
const DEFAULT_MAX_INBOUND: u32 = 192;
/// A third of the inbound ones: enough to stay well connected when strangers fill the others.
const DEFAULT_MAX_OUTBOUND: u32 = 64;
/// A burst of nodes that restart together gets in within a few rounds.
const DEFAULT_MAX_PENDING: u32 = 64;
/// Half the machine is for the models and the stores that live beside the node.
const DEFAULT_MEMORY: MemoryLimit = MemoryLimit::Percent(50);
/// What the Go node accepts (go-libp2p-pubsub `DefaultMaxMessageSize`).
const DEFAULT_MAX_GOSSIP_BYTES: usize = 1024 * 1024;
/// A page of feed events with their blobs, or a large file of a change.
const DEFAULT_MAX_MESSAGE_BYTES: usize = 8 * 1024 * 1024;
/// Eight of the longest messages at once.
const DEFAULT_MAX_INFLIGHT_BYTES: usize = 64 * 1024 * 1024;
/// Saturates a loopback link (measured: more than 32 in flight brings nothing).
const DEFAULT_MAX_REQUESTS_PER_PEER: usize = 32;
/// Answers come from disk or memory, not from a model; the longest message needs 7 s at 10 Mbit/s.
const DEFAULT_REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Five round trips over a very slow link.
const DEFAULT_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// With the timeout below a dead peer is noticed within 8 s, at 0.3 probes a second and peer.
const DEFAULT_PING_INTERVAL: Duration = Duration::from_secs(3);
/// Well above a loaded machine's hiccups.
const DEFAULT_PING_TIMEOUT: Duration = Duration::from_secs(5);

/// Topics that one node may follow. Peers refuse the subscriptions of a node with more, so our
/// own are held to it too. 100 fits the Go node, which opens a topic per issue.
pub const MAX_TOPICS: usize = 100;
/// Longest topic name, in bytes: bounds what a hundred subscriptions of a peer can cost.
pub const MAX_TOPIC_BYTES: usize = 256;
/// Commands from handles that wait for the owner. Beyond it callers wait.
pub(crate) const COMMAND_QUEUE: usize = 1_024;
/// Events in the application's channel.
pub(crate) const EVENT_QUEUE: usize = 1_024;
/// Events kept by the owner while that channel is full; after it gossip is dropped, requests are refused.
pub(crate) const EVENT_BACKLOG: usize = 1_024;
/// Gossip bytes in that backlog.
pub(crate) const EVENT_BACKLOG_BYTES: usize = 32 * 1024 * 1024;
/// Gossip messages that wait for a peer to send them to; the oldest is dropped first.
pub(crate) const OUTBOX_MESSAGES: usize = 1_024;
/// Their bytes.
pub(crate) const OUTBOX_BYTES: usize = 16 * 1024 * 1024;
/// So many of them go out at each tick of a tenth of a second: a Go subscriber buffers 32 messages and loses
/// the rest of a burst.
pub(crate) const OUTBOX_BURST: usize = 32;
/// Requests to one peer that wait for their turn; beyond it they fail as busy.
pub(crate) const WAITING_REQUESTS: usize = 256;
/// Bytes of all waiting requests.
pub(crate) const WAITING_BYTES: usize = 64 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_addresses_are_known() {
        let check = |text: &str, expected: bool| {
            let address = text.parse().expect("an address");
            assert_eq!(is_loopback(&address), expected, "{text}");
        };
        check("/ip4/127.0.0.1/tcp/0", true);
        check("/ip4/127.9.9.9/tcp/1", true);
        check("/ip6/::1/tcp/1", true);
        check("/ip6/::ffff:127.0.0.1/tcp/1", true);
        check("/dns4/localhost/tcp/1", true);
        check("/ip4/0.0.0.0/tcp/1", false);
        check("/ip4/192.168.1.2/tcp/1", false);
        check("/dns/example.org/tcp/1", false);
    }

    #[test]
    fn an_address_is_one_socket_and_the_name_of_this_machine_may_be_two() {
        let check = |text: &str, expected: &[&str]| {
            let sockets = sockets(&text.parse().expect("an address"));
            let expected: Vec<SocketAddr> = expected.iter().map(|s| s.parse().expect("a socket address")).collect();
            assert_eq!(sockets, expected, "{text}");
        };
        check("/ip4/127.0.0.2/tcp/7", &["127.0.0.2:7"]);
        check("/ip6/::1/tcp/7", &["[::1]:7"]);
        check("/dns/localhost/tcp/7", &["127.0.0.1:7", "[::1]:7"]);
        check("/dns6/localhost/tcp/7", &["[::1]:7"]);
        check("/ip4/192.0.2.1/tcp/7", &["192.0.2.1:7"]);
        check("/dns/example.org/tcp/7", &[]);
        check("/ip4/127.0.0.1/udp/7", &[]);
        check("/ip4/127.0.0.1", &[]);
    }

    #[test]
    fn mdns_is_off_when_only_loopback_is_configured() {
        let mut config = NetConfig::new([1; 32]);
        config.mdns = true;
        assert!(!config.mdns_in_effect());
        config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
        assert!(!config.mdns_in_effect());
        config.listen.push("/ip4/0.0.0.0/tcp/0".parse().expect("an address"));
        assert!(config.mdns_in_effect());
    }

    #[test]
    fn secrets_do_not_show() {
        let mut config = NetConfig::new([0xAB; 32]);
        config.private_key = Some([0xCD; 32]);
        let shown = format!("{config:?}");
        assert!(!shown.contains("171") && !shown.contains("205"), "{shown}");
    }
}
