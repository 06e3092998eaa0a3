//! The protocols of a node and their settings.

use std::{sync::Arc, time::Duration};

use libp2p::{
    PeerId, StreamProtocol, gossipsub, identify, identity, mdns, ping,
    request_response::{self, ProtocolSupport},
    swarm::{NetworkBehaviour, behaviour::toggle::Toggle},
};
use libp2p_allow_block_list::{self as lists, AllowedPeers, BlockedPeers};
use libp2p_connection_limits::{self as connection_limits, ConnectionLimits};
use libp2p_memory_connection_limits as memory_limits;
use tokio::sync::Semaphore;

use crate::{
    codec::FrameCodec,
    config::{Limits, MAX_TOPICS, MemoryLimit, NetConfig},
    error::NetError,
    event::{Channel, Warning},
};

/// Directed messages with acknowledgement.
pub const DIRECT_PROTOCOL: &str = "/bzzz/direct/1";
/// Anti-entropy.
pub const SYNC_PROTOCOL: &str = "/bzzz/sync/1";
/// Told to peers by identify; nobody filters on it (the Go node sends an empty one).
pub const PROTOCOL_VERSION: &str = "/bzzz/1";

/// A message is not forwarded twice within this time; the Go node's time.
const DUPLICATE_CACHE: Duration = Duration::from_secs(120);
/// The mesh forms at once after a start instead of after five seconds.
const FIRST_HEARTBEAT: Duration = Duration::from_millis(100);
/// Heartbeats (of one second) for which a message waits for the application's verdict.
const VALIDATION_HEARTBEATS: usize = 10;
/// Mesh degree and its bounds, as the Go node has them.
const MESH: usize = 6;
const MESH_LOW: usize = 5;
const MESH_HIGH: usize = 12;
/// Room for the envelope, the signature and the key around the longest payload.
pub(crate) const GOSSIP_OVERHEAD_BYTES: usize = 1_024;
/// A slow link gets so long to drain before gossip for it is thrown away.
const GOSSIP_QUEUE_TIME: Duration = Duration::from_secs(5);
/// Score lost by an invalid message, times the square of their number: the third within seconds takes
/// a peer below the threshold where gossip to it stops, the sixth silences it.
const INVALID_MESSAGE_WEIGHT: f64 = -5.0;
/// An invalid message is forgotten within about ten minutes (0.99 each second).
const INVALID_MESSAGE_DECAY: f64 = 0.99;

/// The type of the gossip protocol: every topic name is allowed, the number is bounded.
pub(crate) type Gossip = gossipsub::Behaviour<
    gossipsub::IdentityTransform,
    gossipsub::MaxCountSubscriptionFilter<gossipsub::AllowAllSubscriptionFilter>,
>;

/// All protocols together. The ones that can refuse a connection come first, so that none of the
/// others ever hears of a refused one.
#[derive(NetworkBehaviour)]
pub(crate) struct Protocols {
    pub(crate) blocked: lists::Behaviour<BlockedPeers>,
    pub(crate) allowed: Toggle<lists::Behaviour<AllowedPeers>>,
    pub(crate) connections: connection_limits::Behaviour,
    pub(crate) memory: Toggle<memory_limits::Behaviour>,
    pub(crate) ping: ping::Behaviour,
    pub(crate) identify: identify::Behaviour,
    pub(crate) gossip: Gossip,
    pub(crate) direct: request_response::Behaviour<FrameCodec>,
    pub(crate) sync: request_response::Behaviour<FrameCodec>,
    pub(crate) mdns: Toggle<mdns::tokio::Behaviour>,
}

impl Protocols {
    pub(crate) fn new(
        config: &NetConfig,
        keypair: &identity::Keypair,
        local: PeerId,
    ) -> Result<(Self, Option<Warning>), NetError> {
        let limits = &config.limits;
        let budget = Arc::new(Semaphore::new(limits.max_inflight_bytes.min(Semaphore::MAX_PERMITS)));
        let (mdns, warning) = discovery(config, local);
        let mut protocols = Self {
            blocked: lists::Behaviour::default(),
            allowed: config.allow.as_deref().map(allowed).into(),
            connections: connection_limits::Behaviour::new(connection_limits(limits)),
            memory: limits.memory.map(memory_limit).into(),
            ping: ping::Behaviour::new(
                ping::Config::new()
                    .with_interval(limits.ping_interval)
                    .with_timeout(limits.ping_timeout),
            ),
            identify: identify::Behaviour::new(
                identify::Config::new(PROTOCOL_VERSION.to_owned(), keypair.public())
                    .with_agent_version(format!("bzzz/{}", env!("CARGO_PKG_VERSION"))),
            ),
            gossip: gossip(limits, keypair)?,
            direct: directed(DIRECT_PROTOCOL, limits, &budget),
            sync: directed(SYNC_PROTOCOL, limits, &budget),
            mdns: mdns.into(),
        };
        for peer in &config.deny {
            protocols.ban(*peer);
        }
        Ok((protocols, warning))
    }

    /// Neither connections with the peer nor gossip by it, whoever passes that on. Returns whether
    /// this was new.
    pub(crate) fn ban(&mut self, peer: PeerId) -> bool {
        self.gossip.blacklist_peer(&peer);
        self.blocked.block_peer(peer)
    }

    /// Lifts a ban. Returns whether there was one.
    pub(crate) fn unban(&mut self, peer: PeerId) -> bool {
        self.gossip.remove_blacklisted_peer(&peer);
        self.blocked.unblock_peer(peer)
    }

    /// The protocol behind a channel.
    pub(crate) fn directed(&mut self, channel: Channel) -> &mut request_response::Behaviour<FrameCodec> {
        match channel {
            Channel::Direct => &mut self.direct,
            Channel::Sync => &mut self.sync,
        }
    }
}

fn allowed(allow: &[PeerId]) -> lists::Behaviour<AllowedPeers> {
    let mut list = lists::Behaviour::default();
    for peer in allow {
        list.allow_peer(*peer);
    }
    list
}

fn connection_limits(limits: &Limits) -> ConnectionLimits {
    ConnectionLimits::default()
        .with_max_pending_incoming(Some(limits.max_pending))
        .with_max_pending_outgoing(Some(limits.max_pending))
        .with_max_established_incoming(Some(limits.max_inbound))
        .with_max_established_outgoing(Some(limits.max_outbound))
        .with_max_established(Some(limits.max_connections))
        .with_max_established_per_peer(Some(1))
}

fn memory_limit(limit: MemoryLimit) -> memory_limits::Behaviour {
    match limit {
        MemoryLimit::Percent(percent) => {
            memory_limits::Behaviour::with_max_percentage(f64::from(percent.min(100)) / 100.0)
        }
        MemoryLimit::Bytes(bytes) => memory_limits::Behaviour::with_max_bytes(bytes),
    }
}

fn directed(
    protocol: &'static str,
    limits: &Limits,
    budget: &Arc<Semaphore>,
) -> request_response::Behaviour<FrameCodec> {
    // Both directions count against the streams of a connection: ours, which are gated, and the
    // peer's, which gates alike. The rest is for streams that linger after a caller gave up.
    let streams = limits.max_requests_per_peer.saturating_mul(3).max(8);
    request_response::Behaviour::with_codec(
        FrameCodec::new(limits.max_message_bytes, Arc::clone(budget)),
        [(StreamProtocol::new(protocol), ProtocolSupport::Full)],
        request_response::Config::default()
            .with_request_timeout(limits.request_timeout)
            .with_max_concurrent_streams(streams),
    )
}

fn discovery(config: &NetConfig, local: PeerId) -> (Option<mdns::tokio::Behaviour>, Option<Warning>) {
    if !config.mdns_in_effect() {
        return (None, None);
    }
    match mdns::tokio::Behaviour::new(mdns::Config::default(), local) {
        Ok(behaviour) => (Some(behaviour), None),
        // A node without multicast still reaches its configured peers.
        Err(error) => (
            None,
            Some(Warning::MdnsUnavailable {
                reason: error.to_string(),
            }),
        ),
    }
}

/// The raw bytes of the author's id, then the sequence number: go-libp2p-pubsub's name of a message.
/// With another one a mixed mesh would ask for each message again and again.
fn message_id(message: &gossipsub::Message) -> gossipsub::MessageId {
    let mut id = message.source.map(|peer| peer.to_bytes()).unwrap_or_default();
    id.extend_from_slice(&message.sequence_number.unwrap_or_default().to_be_bytes());
    gossipsub::MessageId::from(id)
}

fn gossip(limits: &Limits, keypair: &identity::Keypair) -> Result<Gossip, NetError> {
    let refused = |reason: String| NetError::Setup { what: "gossip", reason };
    let config = gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(limits.max_gossip_bytes)
        .duplicate_cache_time(DUPLICATE_CACHE)
        .heartbeat_initial_delay(FIRST_HEARTBEAT)
        .history_length(VALIDATION_HEARTBEATS)
        .mesh_n(MESH)
        .mesh_n_low(MESH_LOW)
        .mesh_n_high(MESH_HIGH)
        // Our own messages go to every subscribed neighbour: a mesh is small, and its publisher
        // should not depend on how far the mesh has formed.
        .flood_publish(true)
        .publish_queue_duration(GOSSIP_QUEUE_TIME)
        .forward_queue_duration(GOSSIP_QUEUE_TIME)
        .build()
        .map_err(|error| refused(error.to_string()))?;
    let filter = gossipsub::MaxCountSubscriptionFilter {
        filter: gossipsub::AllowAllSubscriptionFilter {},
        max_subscribed_topics: MAX_TOPICS,
        // One message may leave all old topics and enter as many new ones.
        max_subscriptions_per_request: 2 * MAX_TOPICS,
    };
    let signing = gossipsub::MessageAuthenticity::Signed(keypair.clone());
    let mut gossip =
        Gossip::new_with_subscription_filter(signing, config, filter).map_err(|error| refused(error.to_owned()))?;
    gossip
        .with_peer_score(peer_score(), gossipsub::PeerScoreThresholds::default())
        .map_err(refused)?;
    Ok(gossip)
}

fn peer_score() -> gossipsub::PeerScoreParams {
    gossipsub::PeerScoreParams {
        // Many nodes on one machine or behind one router are the normal case here, not an attack;
        // who may take part is a matter of keys and lists.
        ip_colocation_factor_weight: 0.0,
        ..gossipsub::PeerScoreParams::default()
    }
}

/// Scoring of one topic. Only what a peer does wrong counts: the topics are quiet for minutes, so
/// expecting a rate of deliveries (P3) would punish honest peers.
pub(crate) fn topic_score() -> gossipsub::TopicScoreParams {
    gossipsub::TopicScoreParams {
        topic_weight: 1.0,
        time_in_mesh_weight: 0.0,
        first_message_deliveries_weight: 0.0,
        mesh_message_deliveries_weight: 0.0,
        mesh_failure_penalty_weight: 0.0,
        invalid_message_deliveries_weight: INVALID_MESSAGE_WEIGHT,
        invalid_message_deliveries_decay: INVALID_MESSAGE_DECAY,
        ..gossipsub::TopicScoreParams::default()
    }
}
