//! Look-ups that take long, with real connections.

use std::{
    sync::{
        Condvar, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::mpsc, time::timeout};

use super::*;
use crate::{Channel, Net, NetConfig, local_user::this_user, owner};

/// Long enough for a slow machine; nothing waits for it to pass.
const LONG: Duration = Duration::from_secs(30);

async fn node(seed: u8, look_up: LookUp, peers: &[Multiaddr]) -> (Net, mpsc::Receiver<NetEvent>) {
    let mut config = NetConfig::new([seed; 32]);
    config.listen = vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")];
    config.peers = peers.to_vec();
    owner::start(config, look_up).await.expect("the network starts")
}

/// Tells nobody, at once.
fn nobody(_: &[SocketAddr], _: Option<SocketAddr>) -> OtherEnd {
    OtherEnd::Unseen
}

/// The next event that is about a peer.
async fn next(events: &mut mpsc::Receiver<NetEvent>) -> NetEvent {
    loop {
        match timeout(LONG, events.recv()).await.expect("in time").expect("an event") {
            NetEvent::Listening { .. } | NetEvent::Warning(_) => {}
            event => return event,
        }
    }
}

fn is_connected(event: &NetEvent, ours: bool) -> bool {
    matches!(event, NetEvent::PeerConnected { loopback, .. } if *loopback == ours)
}

/// Has a peer that asks something as soon as it is connected.
async fn asker(seed: u8, to: &Net) -> Net {
    let at = to.listeners().await;
    let (net, mut events) = node(seed, nobody, &at).await;
    let (asker, peer) = (net.clone(), to.local_peer_id());
    tokio::spawn(async move {
        while let Some(event) = events.recv().await {
            if matches!(event, NetEvent::PeerConnected { .. }) {
                // Answered or not: what counts is that it arrives.
                let _ = asker.request(peer, Channel::Direct, b"let me in".to_vec()).await;
            }
        }
    });
    net
}

static GATE: (Mutex<bool>, Condvar) = (Mutex::new(false), Condvar::new());

/// Ours, once the gate is open.
fn gated(_: &[SocketAddr], _: Option<SocketAddr>) -> OtherEnd {
    let open = GATE.0.lock().expect("no panic while held");
    drop(GATE.1.wait_while(open, |open| !*open).expect("no panic while held"));
    OtherEnd::User(this_user())
}

#[tokio::test]
async fn nobody_is_trusted_before_it_is_known_and_nothing_else_waits() {
    let (net, mut events) = node(1, gated, &[]).await;
    let started = Instant::now();
    let _peer = asker(2, &net).await;
    // The owner goes on, and knows the peer, while nothing is told of it.
    while net.peers().await.is_empty() {
        assert!(started.elapsed() < LONG, "the peer connects");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // After a time it is told as a stranger, and only then what it said.
    let first = next(&mut events).await;
    assert!(is_connected(&first, false), "{first:?}");
    assert!(started.elapsed() >= PATIENCE);
    let NetEvent::Request { data, reply, .. } = next(&mut events).await else {
        panic!("its request");
    };
    assert_eq!(data, b"let me in");
    drop(reply);
    *GATE.0.lock().expect("no panic while held") = true;
    GATE.1.notify_all();
    let again = next(&mut events).await;
    assert!(is_connected(&again, true), "{again:?}");
}

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

/// Ours, after some time, in which others are counted that look as well.
fn slow(_: &[SocketAddr], _: Option<SocketAddr>) -> OtherEnd {
    MOST.fetch_max(NOW.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
    // The time that it takes is what is tested.
    std::thread::sleep(Duration::from_millis(30));
    NOW.fetch_sub(1, Ordering::SeqCst);
    OtherEnd::User(this_user())
}

#[tokio::test]
async fn few_are_looked_up_at_a_time_and_each_ones_request_waits_for_the_answer() {
    const PEERS: u8 = 6;
    let (net, mut events) = node(1, slow, &[]).await;
    let mut peers = Vec::new();
    for seed in 0..PEERS {
        peers.push(asker(10 + seed, &net).await);
    }
    let (mut known, mut asked) = (Vec::new(), Vec::new());
    while asked.len() < usize::from(PEERS) {
        match next(&mut events).await {
            NetEvent::PeerConnected { peer, loopback, .. } => {
                assert!(loopback, "told when it was known");
                known.push(peer);
            }
            NetEvent::Request { peer, reply, .. } => {
                assert!(known.contains(&peer), "not before it is told who asks");
                asked.push(peer);
                drop(reply);
            }
            other => panic!("{other:?}"),
        }
    }
    assert!((1..=MAX_LOOK_UPS).contains(&MOST.load(Ordering::SeqCst)));
}

#[tokio::test]
async fn who_goes_before_it_is_known_is_told_as_come_and_gone() {
    /// Broken.
    fn breaks(_: &[SocketAddr], _: Option<SocketAddr>) -> OtherEnd {
        panic!("a look-up that breaks down")
    }
    let (net, mut events) = node(1, breaks, &[]).await;
    let peer = asker(2, &net).await;
    let started = Instant::now();
    while net.peers().await.is_empty() {
        assert!(started.elapsed() < LONG, "the peer connects");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    peer.shutdown().await;
    let first = next(&mut events).await;
    assert!(is_connected(&first, false), "{first:?}");
    loop {
        match next(&mut events).await {
            NetEvent::Request { .. } => {}
            NetEvent::PeerDisconnected { .. } => break,
            other => panic!("{other:?}"),
        }
    }
}
