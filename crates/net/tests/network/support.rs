//! A node under test: collects what its network tells it, judges gossip and answers requests.

use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU8, Ordering},
    },
    time::{Duration, Instant},
};

use bzzz_net::{
    Channel, Identity, MessageId, Multiaddr, Net, NetConfig, NetEvent, PeerId, Published, ReplyHandle, Verdict, Warning,
};

/// Long enough for a machine under load; a passing test does not come near it.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// How a node treats requests.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Answers {
    /// Sends the request back.
    Echo,
    /// Keeps the request and never answers.
    Never,
    /// Drops the request.
    Drop,
    /// Answers with this many bytes.
    Zeros(usize),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    pub source: PeerId,
    pub topic: String,
    pub data: Vec<u8>,
    pub id: MessageId,
}

#[derive(Default)]
pub struct Seen {
    pub connects: Vec<(PeerId, bool, bool)>,
    pub disconnects: Vec<PeerId>,
    pub heard: Vec<Heard>,
    pub warnings: Vec<Warning>,
    pub requests: usize,
    pub in_progress_max: usize,
    kept: Vec<ReplyHandle>,
}

pub struct Node {
    pub net: Net,
    pub peer: PeerId,
    pub seen: Arc<Mutex<Seen>>,
    pub verdict: Arc<AtomicU8>,
    pub addr: Multiaddr,
}

pub fn seed(n: u8) -> [u8; 32] {
    [n; 32]
}

pub fn peer(n: u8) -> PeerId {
    Identity::from_seed(seed(n)).peer_id()
}

pub fn loopback() -> Multiaddr {
    "/ip4/127.0.0.1/tcp/0".parse().expect("an address")
}

/// A node that listens on a free loopback port.
pub fn config(n: u8, peers: &[&Multiaddr]) -> NetConfig {
    let mut config = NetConfig::new(seed(n));
    config.listen = vec![loopback()];
    config.peers = peers.iter().copied().cloned().collect();
    config
}

pub async fn node(n: u8, peers: &[&Multiaddr]) -> Node {
    start(config(n, peers), Answers::Echo).await
}

pub async fn start(config: NetConfig, answers: Answers) -> Node {
    let (net, mut events) = Net::start(config).await.expect("the network starts");
    let seen: Arc<Mutex<Seen>> = Arc::default();
    let verdict = Arc::new(AtomicU8::new(0));
    let addr = net
        .listeners()
        .await
        .into_iter()
        .next()
        .unwrap_or_else(Multiaddr::empty);
    let node = Node {
        peer: net.local_peer_id(),
        net: net.clone(),
        seen: Arc::clone(&seen),
        verdict: Arc::clone(&verdict),
        addr,
    };
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            let reply = record(&seen, event, answers, &net, &verdict).await;
            if let Some((handle, bytes)) = reply {
                let _ = handle.reply(bytes).await;
            }
        }
    });
    node
}

async fn record(
    seen: &Mutex<Seen>,
    event: NetEvent,
    answers: Answers,
    net: &Net,
    verdict: &AtomicU8,
) -> Option<(ReplyHandle, Vec<u8>)> {
    let lock = || seen.lock().expect("no panic while held");
    match event {
        NetEvent::Listening { .. } => {}
        NetEvent::PeerConnected {
            peer,
            outbound,
            loopback,
            ..
        } => {
            lock().connects.push((peer, outbound, loopback));
        }
        NetEvent::PeerDisconnected { peer } => lock().disconnects.push(peer),
        NetEvent::Warning(warning) => lock().warnings.push(warning),
        NetEvent::Gossip {
            source,
            propagated_from,
            topic,
            data,
            id,
        } => {
            lock().heard.push(Heard {
                source,
                topic,
                data,
                id: id.clone(),
            });
            let verdict = match verdict.load(Ordering::SeqCst) {
                0 => Verdict::Accept,
                1 => Verdict::Reject,
                _ => Verdict::Ignore,
            };
            net.report_validation(id, propagated_from, verdict).await;
        }
        NetEvent::Request { data, reply, .. } => {
            lock().requests += 1;
            match answers {
                Answers::Echo => return Some((reply, data)),
                Answers::Zeros(n) => return Some((reply, vec![0; n])),
                Answers::Drop => drop(reply),
                Answers::Never => {
                    let mut seen = lock();
                    seen.kept.push(reply);
                    seen.in_progress_max = seen.in_progress_max.max(seen.kept.len());
                }
            }
        }
    }
    None
}

impl Node {
    /// The address with the identity.
    pub fn full_addr(&self) -> Multiaddr {
        format!("{}/p2p/{}", self.addr, self.peer).parse().expect("an address")
    }

    pub fn read<T>(&self, look: impl FnOnce(&Seen) -> T) -> T {
        look(&self.seen.lock().expect("no panic while held"))
    }

    pub async fn is_connected(&self, peer: PeerId) -> bool {
        self.net.peers().await.iter().any(|info| info.peer == peer)
    }

    pub async fn wait_connected(&self, peer: PeerId) {
        until("connected", async || self.is_connected(peer).await).await;
    }

    pub async fn wait_subscribed(&self, peer: PeerId, topic: &str) {
        until("subscribed", async || {
            let peers = self.net.peers().await;
            peers
                .iter()
                .any(|p| p.peer == peer && p.topics.iter().any(|t| t == topic))
        })
        .await;
    }

    pub async fn echo(&self, to: PeerId, data: &[u8]) {
        let answer = self
            .net
            .request(to, Channel::Direct, data.to_vec())
            .await
            .expect("an answer");
        assert_eq!(answer, data);
    }

    pub async fn publish_sent(&self, topic: &str, data: &[u8]) -> MessageId {
        match self.net.publish(topic, data.to_vec()).await.expect("published") {
            Published::Sent(id) => id,
            Published::Queued => panic!("there was nobody to send to"),
        }
    }

    pub fn has_heard(&self, data: &[u8]) -> bool {
        self.read(|seen| seen.heard.iter().any(|heard| heard.data == data))
    }

    /// How many different messages came, after asserting that none came twice.
    pub fn heard_once_each(&self) -> usize {
        self.read(|seen| {
            let ids: HashSet<_> = seen.heard.iter().map(|heard| &heard.id).collect();
            assert_eq!(ids.len(), seen.heard.len(), "a message was delivered twice");
            ids.len()
        })
    }
}

/// Waits until `condition` holds.
pub async fn until(what: &str, mut condition: impl AsyncFnMut() -> bool) {
    within(DEADLINE, what, &mut condition).await;
}

/// Waits until `condition` holds, at most for `limit`. Returns how long it took.
pub async fn within(limit: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) -> Duration {
    let start = Instant::now();
    loop {
        if condition().await {
            return start.elapsed();
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
