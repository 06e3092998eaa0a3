//! The owner: one task that holds the Swarm and everything that goes with it.
//!
//! Handles send it commands; it sends events. All its inputs are gathered into one [`Input`] and handled
//! in one `match`; nothing in a handler waits. Time reaches the parts through a tick.

mod commands;
mod events;
mod messages;
mod start;
pub(crate) mod whose;

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use futures::StreamExt as _;
use libp2p::{
    Multiaddr, PeerId,
    request_response::OutboundRequestId,
    swarm::{ConnectionId, Swarm, SwarmEvent},
};
use tokio::{
    sync::mpsc,
    time::{Interval, timeout},
};

use crate::{
    backlog::Backlog,
    behaviour::{Protocols, ProtocolsEvent},
    config::{Limits, OUTBOX_BURST},
    dialer::Dialer,
    error::DialError,
    event::{Channel, NetEvent, Warning},
    handle::{Command, Reply},
    metrics::{Counters, count},
    outbox::Outbox,
    requests::Requests,
    single_link::SingleLink,
};

pub(crate) use start::start;

/// How often due dials and queued gossip are looked at. Half of the shortest redial pause.
const TICK: Duration = Duration::from_millis(100);
/// A gap between two ticks that says that this process slept (a stopped machine, a starved one), so that the
/// silence of peers says nothing about them.
const SLEPT: Duration = Duration::from_secs(1);
/// An orderly shutdown takes at most so long; what is not closed then is dropped.
const SHUTDOWN_LIMIT: Duration = Duration::from_secs(2);

/// What the owner knows of a connected peer.
struct Peer {
    connection: ConnectionId,
    remote_addr: Multiaddr,
    outbound: bool,
    agent_version: Option<String>,
    round_trip: Option<Duration>,
    answers_pings: bool,
    /// When something last came from the peer.
    alive_at: Instant,
}

/// A dial that a handle waits for.
struct AskedDial {
    address: Multiaddr,
    reply: Reply<Result<PeerId, DialError>>,
}

/// Everything that can happen to the owner.
enum Input {
    Swarm(Box<SwarmEvent<ProtocolsEvent>>),
    Command(Command),
    /// An event has been handed to the application.
    Delivered,
    /// A look-up has ended.
    Found(Option<whose::Found>),
    Tick,
    /// Nobody holds a handle, or nobody takes the events: there is no point in going on.
    Abandoned,
}

enum Flow {
    Continue,
    Stop(Option<Reply<()>>),
}

pub(crate) struct Owner {
    swarm: Swarm<SingleLink<Protocols>>,
    commands: mpsc::Receiver<Command>,
    /// For the reply handles of incoming requests; weak, so that the owner does not keep itself alive.
    own_commands: mpsc::WeakSender<Command>,
    events: mpsc::Sender<NetEvent>,
    backlog: Backlog,
    tick: Interval,
    last_tick: Instant,
    limits: Limits,
    /// Whether the network has a private key; only for better reasons of failed dials.
    private: bool,
    counters: Arc<Counters>,
    peers: HashMap<PeerId, Peer>,
    look_ups: whose::LookUps,
    dialer: Dialer,
    asked_dials: HashMap<ConnectionId, AskedDial>,
    outbox: Outbox,
    /// How many queued messages may still go out before the next tick.
    burst_left: usize,
    requests: Requests<(Channel, OutboundRequestId)>,
    topics: usize,
}

impl Owner {
    /// Runs until told to stop, or until nobody is interested any more.
    pub(crate) async fn run(mut self) {
        let stopped = loop {
            let flow = match self.next_input().await {
                Input::Swarm(event) => self.on_swarm_event(*event),
                Input::Command(command) => self.on_command(command),
                Input::Delivered => Flow::Continue,
                Input::Found(found) => {
                    self.on_found(found);
                    Flow::Continue
                }
                Input::Tick => self.on_tick(),
                Input::Abandoned => Flow::Stop(None),
            };
            if let Flow::Stop(reply) = flow {
                break reply;
            }
        };
        self.close(stopped).await;
    }

    async fn next_input(&mut self) -> Input {
        tokio::select! {
            event = self.swarm.select_next_some() => Input::Swarm(Box::new(event)),
            command = self.commands.recv() => command.map_or(Input::Abandoned, Input::Command),
            slot = self.events.reserve(), if !self.backlog.is_empty() => match slot {
                Ok(slot) => {
                    if let Some(event) = self.backlog.pop() {
                        slot.send(event);
                    }
                    Input::Delivered
                }
                Err(_) => Input::Abandoned,
            },
            () = self.events.closed() => Input::Abandoned,
            found = self.look_ups.next(), if self.look_ups.is_busy() => Input::Found(found),
            _ = self.tick.tick() => Input::Tick,
        }
    }

    fn on_tick(&mut self) -> Flow {
        self.drop_silent_peers();
        self.release_impatient(Instant::now());
        self.dial_due();
        self.burst_left = OUTBOX_BURST;
        self.flush_outbox();
        Flow::Continue
    }

    /// A peer is probed every interval, so a live one is never silent for longer than the interval and
    /// the time for an answer. (The ping protocol itself lets the first failure pass, and would
    /// need some 20 seconds.)
    fn drop_silent_peers(&mut self) {
        let now = Instant::now();
        if now.duration_since(self.last_tick) > SLEPT {
            self.peers.values_mut().for_each(|peer| peer.alive_at = now);
        }
        self.last_tick = now;
        let patience = self.limits.ping_interval + self.limits.ping_timeout;
        let silent = |peer: &Peer| peer.answers_pings && now.duration_since(peer.alive_at) > patience;
        let dead: Vec<PeerId> = self
            .peers
            .iter()
            .filter(|(_, peer)| silent(peer))
            .map(|(id, _)| *id)
            .collect();
        for peer in dead {
            tracing::debug!(%peer, "silent for too long; the connection is closed");
            count(&self.counters.ping_timeouts);
            self.drop_peer(peer);
        }
    }

    fn protocols(&mut self) -> &mut Protocols {
        self.swarm.behaviour_mut().inner_mut()
    }

    fn warn(&mut self, warning: Warning) {
        // Whoever takes the events tells it, once.
        if self.backlog.is_full(0) {
            tracing::warn!("{warning}");
        } else {
            self.backlog.push_own(NetEvent::Warning(warning));
        }
    }

    /// Forgets the peer's connection at once, and closes it. The closing of a dead link can take
    /// long; nobody has to wait for it.
    fn drop_peer(&mut self, peer: PeerId) -> bool {
        let link = self.swarm.behaviour_mut().drop_link(peer);
        let known = self.peers.contains_key(&peer);
        if known {
            self.peer_is_gone(peer);
        }
        link || known
    }

    fn peer_is_gone(&mut self, peer: PeerId) {
        if self.peers.remove(&peer).is_none() {
            return;
        }
        self.set_peer_gauge();
        count(&self.counters.connections_closed);
        self.requests.disconnected(peer);
        self.dialer.disconnected(peer, Instant::now());
        self.release(peer, false);
        self.backlog.push(peer, NetEvent::PeerDisconnected { peer });
    }

    fn set_peer_gauge(&self) {
        let connected = self.peers.len() as u64;
        self.counters
            .peers_connected
            .store(connected, std::sync::atomic::Ordering::Relaxed);
    }

    /// Closes all connections and frees the ports before it answers.
    async fn close(mut self, reply: Option<Reply<()>>) {
        let peers: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in peers {
            // An error says that the peer is gone already.
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        let closing = async {
            while self.swarm.connected_peers().next().is_some() {
                self.swarm.select_next_some().await;
            }
        };
        if timeout(SHUTDOWN_LIMIT, closing).await.is_err() {
            tracing::debug!("some connections did not close in time and were dropped");
        }
        self.counters
            .peers_connected
            .store(0, std::sync::atomic::Ordering::Relaxed);
        drop(self);
        if let Some(reply) = reply {
            // Whoever asked may have gone.
            let _ = reply.send(());
        }
    }
}
